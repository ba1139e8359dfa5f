//! What cannot be done is told in one line, with the right code, and leaves nothing.

use std::fs;

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};

use crate::scene::{run, said, store, verb};

pub fn what_cannot_be_is_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    run(sandbox, &["--name", "a", "base", "/probe", "exit", "0"]).output()?.success()?;
    let mut lines = Vec::new();
    for args in [
        &["run", "nosuch", "true"][..],
        &["run", "--rm", "base", "nosuch"],
        &["run", "--name", "a", "base", "true"],
        &["run", "--name", "a/b", "base", "true"],
        &["exec", "nosuch", "true"],
        &["exec", "a", "true"],
        &["logs", "nosuch"],
        &["rm", "nosuch"],
        &["kill", "--signal", "NOPE", "a"],
        &["inspect", "nosuch"],
    ] {
        let outcome = verb(sandbox, args).output()?;
        let code = if args.last() == Some(&"nosuch") && args[0] == "run" { 127 } else { 125 };
        lines.push(outcome.error_line(code)?);
    }
    let id = said(sandbox, &["ps", "-aq"])?;
    let text = lines.join("\n").replace(id.trim(), "ID");
    insta::assert_snapshot!(text, @r#"
    final-runtime: image: no such image: nosuch (there is always `base`, made of this host's tools)
    final-runtime: exec: nosuch: executable file not found in PATH (/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin)
    final-runtime: store: the name "a" is in use by container ID
    final-runtime: store: bad container name "a/b": expected a letter or digit, then letters, digits, '_', '.' or '-'
    final-runtime: store: no such container: nosuch
    final-runtime: container a is not running
    final-runtime: store: no such container: nosuch
    final-runtime: store: no such container: nosuch
    final-runtime: kill: --signal "NOPE": no such signal
    final-runtime: inspect: no such container or image: nosuch
    "#);
    said(sandbox, &["rm", "a"]).map(drop)
}

pub fn a_start_that_fails_in_the_background_is_told(sandbox: &Sandbox) -> Result<()> {
    let line = run(sandbox, &["--detach", "base", "nosuch"]).output()?.error_line(127)?;
    expect::contains("the line", &line, "exec: nosuch: executable file not found", "")?;
    expect::equal("what is left", &said(sandbox, &["ps", "-aq"])?, "", "")
}

pub fn bad_flags_are_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for args in [
        &["nosuch"][..],
        &["run"],
        &["run", "-m", "x", "base"],
        &["run", "-u", "-1", "base"],
        &["run", "-v", "x", "base"],
        &["run", "-p", "x", "base"],
        &["stop", "--time", "x", "a"],
        &["logs", "--tail", "-1", "a"],
    ] {
        lines.push(verb(sandbox, args).output()?.error_line(125)?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: unrecognized subcommand 'nosuch'
    final-runtime: the following required arguments were not provided: <IMAGE>
    final-runtime: cgroup: --memory "x": expected bytes, or a number with k, m, g or t as in 64m
    final-runtime: user: --user "-1": expected USER[:GROUP], each a name or a number
    final-runtime: mount: --volume "x": expected SRC:DST[:ro]
    final-runtime: net: --publish "x": expected [IP:]HOST:CONTAINER[/tcp|/udp], as in 8080:80
    final-runtime: invalid value 'x' for '--time <SECONDS>': invalid digit found in string
    final-runtime: unexpected argument '-1' found
    "#);
    Ok(())
}

pub fn a_damaged_record_is_told_and_can_be_removed(sandbox: &Sandbox) -> Result<()> {
    run(sandbox, &["--name", "a", "base", "/probe", "exit", "0"]).output()?.success()?;
    let id = said(sandbox, &["ps", "-aq"])?.trim().to_string();
    let record = store(sandbox).join("containers").join(&id).join("state.json");
    fs::write(&record, "{").with_context(|| record.display().to_string())?;
    let line = verb(sandbox, &["inspect", &id]).output()?.error_line(125)?;
    expect::contains("the line", &line, "damaged", "")?;
    said(sandbox, &["rm", "--force", &id]).map(drop)
}
