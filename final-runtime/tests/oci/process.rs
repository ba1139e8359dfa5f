//! `process`: who the command is, where, and with what.

use std::{fs, path::Path};

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

pub fn limits_and_urgency_are_the_processs(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(
        sandbox,
        &["report", "rlimits", "umask", "oom_score_adj", "file:/proc/self/sched"],
    )?
    .set(
        "process.rlimits",
        json!([
            { "type": "RLIMIT_NOFILE", "soft": 100, "hard": 200 },
            { "type": "RLIMIT_CORE", "soft": 0, "hard": 0 },
        ]),
    )
    .set("process.user.umask", 0o027)
    .set("process.oomScoreAdj", 500)
    .set("process.scheduler", json!({ "policy": "SCHED_BATCH", "nice": 5 }))
    .set("process.ioPriority", json!({ "class": "IOPRIO_CLASS_IDLE", "priority": 0 }));
    let inside = bundle.report()?;
    expect::equal("open files", &inside["rlimits"]["nofile"], json!([100, 200]), "setrlimit(2)")?;
    expect::equal("core files", &inside["rlimits"]["core"], json!([0, 0]), "setrlimit(2)")?;
    expect::equal("its umask", &inside["umask"], "0027", "umask(2)")?;
    expect::equal("its score", &inside["oom_score_adj"], "500", "proc_pid_oom_score_adj(5)")?;
    let sched = inside["file:/proc/self/sched"].as_str().unwrap_or_default().to_string();
    let line = |name: &str| sched.lines().find(|line| line.starts_with(name)).map(str::to_string);
    let policy = line("policy").unwrap_or_default();
    expect::that("its policy", policy.ends_with(" 3"), &policy, "sched_setattr(2)")?;
    let nice = line("prio").unwrap_or_default();
    expect::that("its priority", nice.ends_with("125"), &nice, "sched_setattr(2)")
}

pub fn who_joins_has_limits_a_home_and_a_directory_too(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["nap", "30"])?;
    let _running = bundle.start()?;
    let process = json!({
        "args": ["/bin/probe", "report"],
        "cwd": "/home",
        "user": { "uid": 1000, "gid": 1000, "umask": 0o077 },
        "rlimits": [{ "type": "RLIMIT_NOFILE", "soft": 50, "hard": 60 }],
        "oomScoreAdj": 300,
        "capabilities": {},
        "execCPUAffinity": { "initial": "0", "final": "0" },
    });
    let file = bundle.dir().join("process.json");
    fs::write(&file, process.to_string())?;
    let run = bundle.verb(&["exec", "--process"]).arg(&file).arg(&bundle.id);
    let inside = run.output()?.json()?;
    expect::equal("open files", &inside["rlimits"]["nofile"], json!([50, 60]), "setrlimit(2)")?;
    expect::equal("its umask", &inside["umask"], "0077", "umask(2)")?;
    expect::equal("its score", &inside["oom_score_adj"], "300", "proc_pid_oom_score_adj(5)")?;
    expect::equal("its processors", &inside["affinity"], json!([0]), "sched_setaffinity(2)")?;
    expect::equal("its directory", &inside["cwd"], "/home", "chdir(2)")?;
    expect::equal("HOME", &inside["env"]["HOME"], "/home", "passwd(5)")?;
    expect::equal("its user", &inside["uid"]["effective"], 1000, "credentials(7)")?;
    bundle.delete()
}

pub fn its_home_is_in_passwd(sandbox: &Sandbox) -> Result<()> {
    for (uid, home) in [(0, "/root"), (1000, "/home"), (4321, "/")] {
        let bundle = Bundle::new(sandbox, &["report", "env"])?
            .set("process.env", json!(["PATH=/bin"]))
            .set("process.user.uid", uid);
        expect::equal("HOME", &bundle.report()?["env"]["HOME"], home, "passwd(5)")?;
    }
    Ok(())
}

pub fn its_directory_is_made_and_may_be_roots_alone(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report", "cwd"])?.set("process.cwd", "/not/there");
    expect::equal("its directory", &bundle.report()?["cwd"], "/not/there", "chdir(2)")?;
    for owner in [0, 1000] {
        let bundle = Bundle::in_private_directory(sandbox, owner)?;
        expect::equal("its directory", &bundle.report()?["cwd"], "/private", "chdir(2)")?;
    }
    Ok(())
}

pub fn settings_of_its_own_namespaces_are_its_own(sandbox: &Sandbox) -> Result<()> {
    let files =
        ["/proc/sys/kernel/msgmax", "/proc/sys/net/ipv4/ip_forward", "/proc/sys/fs/mqueue/msg_max"];
    let words: Vec<_> = files.iter().map(|file| format!("file:{file}")).collect();
    let words: Vec<_> = ["report"].into_iter().chain(words.iter().map(String::as_str)).collect();
    let inside = Bundle::new(sandbox, &words)?
        .set(
            "linux.sysctl",
            json!({
                "kernel.msgmax": "4321", "net.ipv4.ip_forward": "1", "fs/mqueue/msg_max": "12"
            }),
        )
        .report()?;
    for (file, value) in files.iter().zip(["4321\n", "1\n", "12\n"]) {
        expect::equal(file, &inside[format!("file:{file}")], value, "sysctl(8)")?;
    }
    Ok(())
}

pub fn what_the_kernel_or_the_host_does_not_have_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for (place, value) in [
        ("linux.sysctl", json!({ "kernel.core_pattern": "x" })),
        ("linux.sysctl", json!({ "kernel.hostname": "x" })),
        ("linux.sysctl", json!({ "net/../kernel/core_pattern": "x" })),
        ("process.rlimits", json!([{ "type": "RLIMIT_X", "hard": 1, "soft": 1 }])),
        ("process.oomScoreAdj", json!(1001)),
        ("process.scheduler", json!({ "policy": "SCHED_X" })),
        ("process.scheduler", json!({ "policy": "SCHED_BATCH", "flags": ["X"] })),
        ("process.ioPriority", json!({ "class": "IOPRIO_CLASS_BE", "priority": 9 })),
        ("linux.memoryPolicy", json!({ "mode": "MPOL_BIND", "nodes": "x" })),
        ("linux.timeOffsets", json!({ "monotonic": { "secs": 1 } })),
        ("process.cwd", json!("/proc/self/fd/7")),
        ("linux.netDevices", json!({ "a/b": {} })),
        ("linux.netDevices", json!({ "nosuch0": {} })),
    ] {
        lines.push(Bundle::new(sandbox, &["exit", "0"])?.set(place, value).refusal()?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: spec: linux.sysctl: "kernel.core_pattern": it is the whole machine's, and no namespace has its own
    final-runtime: spec: linux.sysctl: "kernel.hostname": that is what the property hostname is for
    final-runtime: spec: linux.sysctl: "net/../kernel/core_pattern": it is no setting's name
    final-runtime: spec: process.rlimits[0].type: "RLIMIT_X" is no limit's name
    final-runtime: spec: process.oomScoreAdj: 1001: expected -1000 to 1000
    final-runtime: spec: process.scheduler: policy: "SCHED_X" is no policy's name
    final-runtime: spec: process.scheduler: flags: "X" is no flag's name
    final-runtime: spec: process.ioPriority.priority: 9: expected 0 to 7
    final-runtime: spec: linux.memoryPolicy.nodes: "x": expected a list such as 0-3,7
    final-runtime: spec: BUNDLE/config.json: linux.timeOffsets: there is no time namespace
    final-runtime: cwd: entering /proc/self/fd/7: it is outside of the container
    final-runtime: spec: linux.netDevices: "a/b" is no interface's name
    final-runtime: net: reading the addresses of nosuch0: ENODEV: No such device
    "#);
    Ok(())
}

/// The need of a test of what becomes of labels that nobody would enforce.
pub fn without_labels() -> Option<String> {
    let apparmor = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
    let labels = apparmor.is_ok_and(|text| text.starts_with('Y'))
        || Path::new("/sys/fs/selinux/enforce").exists();
    let resctrl = Path::new("/sys/fs/resctrl/schemata").exists();
    (labels || resctrl).then(|| "needs a host without AppArmor, SELinux and resctrl".into())
}

pub fn what_nobody_would_enforce_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for (place, value) in [
        ("process.apparmorProfile", json!("profile")),
        ("process.selinuxLabel", json!("label")),
        ("linux.mountLabel", json!("label")),
        ("linux.intelRdt", json!({})),
    ] {
        lines.push(Bundle::new(sandbox, &["exit", "0"])?.set(place, value).refusal()?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: spec: process.apparmorProfile: "profile": this host has no AppArmor to enforce it
    final-runtime: spec: process.selinuxLabel: "label": this host has no SELinux to enforce it
    final-runtime: spec: linux.mountLabel: "label": this host has no SELinux
    final-runtime: spec: linux.intelRdt: resctrl is not mounted on /sys/fs/resctrl
    "#);
    Ok(())
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
