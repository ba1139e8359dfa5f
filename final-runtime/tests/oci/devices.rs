//! `linux.devices`, and the devices and links of every container.

use anyhow::Result;
use conformance::{Sandbox, expect};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use serde_json::json;

use crate::bundle::Bundle;

const READ: &str = "mknod(2); \"Devices\" in config-linux.md of the runtime specification";

pub fn devices_are_made_as_described(sandbox: &Sandbox) -> Result<()> {
    let looks = ["report", "dev", "stat:/dev/deep/fuse", "stat:/tmp/disk", "stat:/pipe"];
    let devices = json!([
        { "path": "/dev/deep/fuse", "type": "c", "major": 10, "minor": 229, "fileMode": 0o640,
          "uid": 7, "gid": 8 },
        { "path": "/tmp/disk", "type": "b", "major": 7, "minor": 3 },
        { "path": "/pipe", "type": "p", "fileMode": 0o600 },
    ]);
    let report = Bundle::new(sandbox, &looks)?.set("linux.devices", devices).report()?;
    let seen = |name: &str, what: &str| report[name][what].clone();
    for (name, what, wanted) in [
        ("stat:/dev/deep/fuse", "type", json!("char")),
        ("stat:/dev/deep/fuse", "rdev", json!("10:229")),
        ("stat:/dev/deep/fuse", "mode", json!("0640")),
        ("stat:/dev/deep/fuse", "uid", json!(7)),
        ("stat:/dev/deep/fuse", "gid", json!(8)),
        ("stat:/tmp/disk", "type", json!("block")),
        ("stat:/tmp/disk", "rdev", json!("7:3")),
        ("stat:/tmp/disk", "mode", json!("0666")),
        ("stat:/pipe", "type", json!("fifo")),
        ("stat:/pipe", "mode", json!("0600")),
    ] {
        expect::equal(&format!("{what} of {name}"), &seen(name, what), wanted, READ)?;
    }
    for (name, number) in [
        ("null", "1:3"),
        ("zero", "1:5"),
        ("full", "1:7"),
        ("random", "1:8"),
        ("urandom", "1:9"),
        ("tty", "5:0"),
    ] {
        expect::equal(name, &report["dev"][name]["rdev"], number, READ)?;
        expect::equal(name, &report["dev"][name]["mode"], "0666", READ)?;
    }
    for (name, target) in
        [("fd", "/proc/self/fd"), ("stdin", "/proc/self/fd/0"), ("ptmx", "pts/ptmx")]
    {
        expect::equal(name, &report["dev"][name]["target"], target, READ)?;
    }
    Ok(())
}

pub fn in_a_user_namespace_devices_are_the_hosts(sandbox: &Sandbox) -> Result<()> {
    let ids = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = Bundle::new(sandbox, &["report", "dev"])?
        .add("linux.namespaces", json!({ "type": "user" }))
        .set("linux.uidMappings", ids.clone())
        .set("linux.gidMappings", ids);
    let report = bundle.report()?;
    expect::equal("/dev/null", &report["dev"]["null"]["rdev"], "1:3", READ)?;
    expect::equal("/dev/tty", &report["dev"]["tty"]["rdev"], "5:0", READ)
}

pub fn the_hosts_dev_is_left_as_it_is(sandbox: &Sandbox) -> Result<()> {
    let dev = sandbox.dir().join("dev");
    std::fs::create_dir(&dev)?;
    // There are runtimes that cannot do without this one.
    let (everyone, number) = (Mode::from_bits_truncate(0o666), makedev(1, 3));
    mknod(&dev.join("null"), SFlag::S_IFCHR, everyone, number)?;
    let bundle = Bundle::new(sandbox, &["report", "dev"])?;
    let mount = json!({ "destination": "/dev", "source": dev, "options": ["rbind"] });
    let report = bundle.set("mounts.1", mount).without_mount("/dev/pts").without_mount("/dev/shm");
    let report = report.without_mount("/dev/mqueue").report()?;
    let names = report["dev"].as_object().map(|dev| dev.keys().cloned().collect::<Vec<_>>());
    expect::equal("what is in /dev", &names, Some(vec!["null".to_string()]), READ)
}

pub fn a_device_that_cannot_be_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for device in [
        json!({ "path": "/dev/x", "type": "x" }),
        json!({ "path": "dev/x", "type": "c", "major": 1, "minor": 3 }),
        json!({ "path": "/dev/x", "type": "c", "major": -1, "minor": 3 }),
        json!({ "path": "/etc/passwd", "type": "c", "major": 1, "minor": 3 }),
    ] {
        lines.push(Bundle::new(sandbox, &["exit", "0"])?.add("linux.devices", device).refusal()?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: spec: linux.devices[0]: type: 'x': expected c, u, b or p
    final-runtime: spec: linux.devices[0]: path: "dev/x" is not absolute
    final-runtime: spec: linux.devices[0]: major: -1 is no device's number
    final-runtime: devices: making the device /etc/passwd: another file is there
    "#);
    Ok(())
}
