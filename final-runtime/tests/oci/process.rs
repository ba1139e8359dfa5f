//! `process`: who the command is, where, and with what.

use anyhow::Result;
use conformance::{Sandbox, expect};
use serde_json::json;

use crate::bundle::Bundle;

pub fn the_process_is_as_described(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report"])?
        .set("process.cwd", "/tmp")
        .set("process.env", json!(["A=b c", "PATH=/bin"]))
        .set("process.user", json!({ "uid": 7, "gid": 8, "additionalGids": [9, 10] }));
    let inside = bundle.report()?;
    expect::equal("its directory", &inside["cwd"], "/tmp", "chdir(2)")?;
    expect::equal("A", &inside["env"]["A"], "b c", "environ(7)")?;
    expect::equal("its user", &inside["uid"]["effective"], 7, "credentials(7)")?;
    expect::equal("its group", &inside["gid"]["effective"], 8, "credentials(7)")?;
    expect::equal("its groups", &inside["groups"], json!([9, 10]), "credentials(7)")
}

pub fn what_does_not_fit_its_place_is_told_with_the_place(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for (place, value) in [
        ("process.args", json!([])),
        ("process.cwd", json!("relative")),
        ("process.user.uid", json!(-1)),
        ("process.rlimits", json!([{ "type": "RLIMIT_NOFILE", "hard": 1, "soft": 2 }])),
    ] {
        let line = Bundle::new(sandbox, &["exit", "0"])?.set(place, value).refusal()?;
        lines.push(line.split(" at line").next().unwrap_or_default().to_string());
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: spec: BUNDLE/config.json: process.args: it is empty: there is nothing to run
    final-runtime: spec: BUNDLE/config.json: process.cwd: "relative" is not absolute
    final-runtime: spec: BUNDLE/config.json: process.user.uid: invalid value: integer `-1`, expected u32
    final-runtime: spec: BUNDLE/config.json: process.rlimits[0]: the soft limit 2 is above the hard limit 1
    "#);
    Ok(())
}
