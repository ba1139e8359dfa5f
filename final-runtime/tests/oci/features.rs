//! `features`: what a runtime says that it knows it does know. See features.md and features-linux.md
//! of the runtime specification.

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use serde_json::{Value, json};

use crate::bundle::Bundle;

const READ: &str = "features.md of the runtime specification";

fn features(sandbox: &Sandbox) -> Result<Value> {
    Bundle::new(sandbox, &[])?.verb(&["features"]).output()?.json()
}

/// The words of a list, none if there is no list.
fn words<'a>(features: &'a Value, place: &str) -> Vec<&'a str> {
    let list = features.pointer(place).and_then(Value::as_array);
    list.into_iter().flatten().filter_map(Value::as_str).collect()
}

pub fn mount_options_that_are_told_are_known(sandbox: &Sandbox) -> Result<()> {
    let features = features(sandbox)?;
    let mut bundle = Bundle::new(sandbox, &["exit", "0"])?;
    let source = sandbox.dir().join("source");
    std::fs::create_dir(&source)?;
    let ids = json!([{ "containerID": 0, "hostID": 0, "size": 65_536 }]);
    for option in words(&features, "/mountOptions") {
        let place = format!("/m/{option}");
        // Flags of file systems are of a new one, all others of one that is bound.
        let new = ["async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "sync"];
        let mount = match option {
            _ if new.contains(&option) || option == "tmpcopyup" => {
                json!({ "destination": place, "type": "tmpfs", "source": "t", "options": [option] })
            }
            "idmap" | "ridmap" => json!({
                "destination": place, "source": source, "options": ["rbind", option],
                "uidMappings": ids, "gidMappings": ids
            }),
            "remount" => json!({ "destination": "/dev/shm", "type": "tmpfs", "source": "shm",
                "options": ["remount", "nosuid", "nodev"] }),
            _ => json!({ "destination": place, "source": source, "options": ["bind", option] }),
        };
        bundle = bundle.add("mounts", mount);
    }
    expect::that("there are some", words(&features, "/mountOptions").len() > 20, &features, READ)?;
    bundle.output()?.success().map(drop)
}

pub fn what_else_is_told_is_known(sandbox: &Sandbox) -> Result<()> {
    let features = features(sandbox)?;
    let linux = |place: &str| words(&features, &format!("/linux/{place}"));
    let mut bundle = Bundle::new(sandbox, &["exit", "0"])?;
    for kind in linux("namespaces").into_iter().filter(|kind| *kind != "user") {
        bundle = bundle.without_namespace(kind).add("linux.namespaces", json!({ "type": kind }));
    }
    bundle = bundle.set("process.capabilities.bounding", linux("capabilities"));
    let on_host = json!([{ "path": sandbox.probe_path(), "args": ["probe", "exit", "0"] }]);
    let inside = json!([{ "path": "/bin/probe", "args": ["probe", "exit", "0"] }]);
    for moment in words(&features, "/hooks") {
        let hooks = if moment == "startContainer" { &inside } else { &on_host };
        bundle = bundle.set(&format!("hooks.{moment}"), hooks.clone());
    }
    bundle.output()?.success()?;

    // One that a call waits for an agent takes an agent.
    let actions = linux("seccomp/actions").into_iter().filter(|name| *name != "SCMP_ACT_NOTIFY");
    let mut calls = Vec::new();
    for (number, action) in actions.enumerate() {
        for op in linux("seccomp/operators") {
            let arg = json!({ "index": 0, "value": number, "valueTwo": 0, "op": op });
            calls.push(json!({ "names": ["acct"], "action": action, "args": [arg] }));
        }
    }
    expect::that("there are some", calls.len() > 10, &features, READ)?;
    let filter = json!({
        "defaultAction": "SCMP_ACT_ALLOW", "architectures": linux("seccomp/archs"),
        "flags": linux("seccomp/supportedFlags"), "syscalls": calls
    });
    let bundle = Bundle::new(sandbox, &["exit", "0"])?.set("linux.seccomp", filter);
    bundle.output()?.success().map(drop)
}

/// Nothing that engines ask for is forgotten.
pub fn features_are_told_as_specified(sandbox: &Sandbox) -> Result<()> {
    let features = features(sandbox)?;
    for place in ["/linux/cgroup/v1", "/linux/cgroup/v2", "/linux/seccomp/enabled"] {
        let told = features.pointer(place).and_then(Value::as_bool);
        expect::equal(place, &told, Some(true), READ)?;
    }
    for place in ["/hooks", "/mountOptions", "/linux/namespaces", "/linux/capabilities"] {
        let told = words(&features, place);
        expect::that(&format!("{place} is told"), told.len() > 5, &told, READ)?;
    }
    let least = features["ociVersionMin"].as_str().context("ociVersionMin")?;
    expect::that("it begins with 1.0", least.starts_with("1.0"), least, READ)
}

pub fn version_1_3_is_told_in_full(sandbox: &Sandbox) -> Result<()> {
    let features = features(sandbox)?;
    let linux = &features["linux"];
    let kinds = ["user", "pid", "network", "mount", "ipc", "uts", "cgroup", "time"];
    expect::equal("namespaces", &linux["namespaces"], json!(kinds), READ)?;
    let caps = words(&features, "/linux/capabilities");
    expect::equal(
        "capabilities",
        &(caps.len(), caps[0], caps[40]),
        (41, "CAP_CHOWN", "CAP_CHECKPOINT_RESTORE"),
        READ,
    )?;
    for place in [
        "cgroup/systemd",
        "cgroup/systemdUser",
        "cgroup/rdma",
        "apparmor/enabled",
        "selinux/enabled",
        "intelRdt/enabled",
        "intelRdt/monitoring",
        "mountExtensions/idmap/enabled",
        "netDevices/enabled",
    ] {
        let told = features.pointer(&format!("/linux/{place}"));
        expect::equal(place, &told, Some(&json!(true)), READ)?;
    }
    let modes = words(&features, "/linux/memoryPolicy/modes");
    expect::that("modes of memory policies", modes.contains(&"MPOL_BIND"), &modes, READ)?;
    let flags = words(&features, "/linux/seccomp/knownFlags");
    expect::equal("flags of seccomp", &flags.len(), 4, READ)?;
    let options = words(&features, "/mountOptions");
    for option in [
        "ro",
        "rro",
        "rprivate",
        "private",
        "idmap",
        "ridmap",
        "tmpcopyup",
        "sync",
        "rbind",
        "nosymfollow",
    ] {
        expect::that("the option is told", options.contains(&option), option, READ)?;
    }
    let odd: Vec<_> =
        options.iter().filter(|word| ["rdefaults", "rsync", "rrbind"].contains(word)).collect();
    expect::equal("words that are no options", &odd.len(), 0, READ)
}
