//! `linux.namespaces`: those that are joined, and what is asked of those that are made.

use std::fs;

use anyhow::{Context, Result};
use conformance::{Running, Sandbox, expect};
use serde_json::json;

use crate::bundle::Bundle;

const READ: &str = "namespaces(7), setns(2)";

/// A container at its gate, whose namespaces others can join, and the number of its process.
fn host<'a>(sandbox: &'a Sandbox, user: bool) -> Result<(Bundle<'a>, Running, i64)> {
    let mut bundle = Bundle::new(sandbox, &["exit", "0"])?;
    if user {
        bundle = with_user_namespace(bundle);
    }
    let running = bundle.create(&[])?;
    let pid = bundle.state()?["pid"].as_i64().context("a pid")?;
    Ok((bundle, running, pid))
}

fn with_user_namespace(bundle: Bundle) -> Bundle {
    let ids = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    bundle
        .add("linux.namespaces", json!({ "type": "user" }))
        .set("linux.uidMappings", ids.clone())
        .set("linux.gidMappings", ids)
}

/// The names that a configuration, and that `/proc/PID/ns`, has for a kind.
const KINDS: [(&str, &str); 5] =
    [("network", "net"), ("ipc", "ipc"), ("uts", "uts"), ("pid", "pid"), ("cgroup", "cgroup")];

fn join<'a>(mut bundle: Bundle<'a>, pid: i64, kinds: &[(&str, &str)]) -> Bundle<'a> {
    for (kind, file) in kinds {
        bundle = bundle.joined(kind, &format!("/proc/{pid}/ns/{file}"));
    }
    bundle
}

fn compare(inside: &serde_json::Value, pid: i64, kinds: &[(&str, &str)]) -> Result<()> {
    for (_, file) in kinds {
        let theirs = fs::read_link(format!("/proc/{pid}/ns/{file}"))?;
        let theirs = theirs.to_string_lossy().into_owned();
        let what = format!("the {file} namespace");
        expect::equal(&what, &inside["namespaces"][*file], json!(theirs), READ)?;
    }
    Ok(())
}

pub fn namespaces_are_joined_by_path(sandbox: &Sandbox) -> Result<()> {
    let (first, _running, pid) = host(sandbox, false)?;
    let second = join(Bundle::new(sandbox, &["report"])?, pid, &KINDS).set("hostname", "other");
    let inside = second.report()?;
    compare(&inside, pid, &KINDS)?;
    expect::equal("the host name", &inside["hostname"], "other", READ)?;
    expect::differs("its number", &inside["pid"], &json!(1), "pid_namespaces(7)")?;
    first.delete()
}

pub fn a_user_namespace_of_its_own_is_no_hindrance(sandbox: &Sandbox) -> Result<()> {
    let (first, _running, pid) = host(sandbox, false)?;
    let joined = &KINDS[..3];
    let second = with_user_namespace(Bundle::new(sandbox, &["report"])?).set("hostname", "");
    let second = join(second, pid, joined).without_mount("/sys").without_mount("/dev/mqueue");
    let inside = second.report()?;
    compare(&inside, pid, joined)?;
    expect::equal("its ids", &inside["uid_map"], json!([[0, 100_000, 65_536]]), READ)?;
    first.delete()
}

pub fn a_user_namespace_is_joined(sandbox: &Sandbox) -> Result<()> {
    let (first, _running, pid) = host(sandbox, true)?;
    let joined = [("user", "user"), KINDS[0], KINDS[1]];
    let inside = join(Bundle::new(sandbox, &["report"])?, pid, &joined).report()?;
    compare(&inside, pid, &joined)?;
    expect::equal("its number", &inside["pid"], 1, "pid_namespaces(7)")?;
    expect::equal("its user", &inside["uid"]["effective"], 0, READ)?;
    expect::equal("its ids", &inside["uid_map"], json!([[0, 100_000, 65_536]]), READ)?;
    first.delete()
}

pub fn clocks_are_ahead(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report", "namespaces", "file:/proc/uptime"])?
        .add("linux.namespaces", json!({ "type": "time" }))
        .set("linux.timeOffsets", json!({ "boottime": { "secs": 1_000_000_000, "nanosecs": 1 } }));
    let inside = bundle.report()?;
    let uptime = inside["file:/proc/uptime"].as_str().context("an uptime")?;
    expect::that("the uptime", uptime.len() > "1000000000.00".len(), uptime, "time_namespaces(7)")?;
    let own = json!(fs::read_link("/proc/self/ns/time")?.to_string_lossy());
    expect::differs("the time namespace", &inside["namespaces"]["time"], &own, READ)
}

pub fn an_interface_moves_in_with_its_addresses(sandbox: &Sandbox) -> Result<()> {
    let ip = |words: &str| {
        let run = sandbox.run("/sbin/ip").args(words.split(' '));
        run.output()?.success().map(drop)
    };
    ip("link add outside0 type veth peer name other0")?;
    ip("addr add 10.9.8.7/24 dev outside0")?;
    let bundle = Bundle::new(sandbox, &["report", "interfaces"])?
        .set("linux.netDevices", json!({ "outside0": { "name": "inside0" } }));
    let report = bundle.report();
    let _ = ip("link del other0"); // unless the kernel has already removed both ends
    let report = report?;
    let inside = &report["interfaces"]["inside0"];
    expect::equal("it is on", &inside["up"], true, "ip-link(8)")?;
    let addresses = inside["addresses"].to_string();
    expect::contains("its addresses", &addresses, "10.9.8.7/24", "ip-address(8)")
}

pub fn what_cannot_be_joined_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for (kind, path) in [
        ("network", "/proc/self/ns/uts"),
        ("network", "/proc/self/status"),
        ("network", "/nowhere"),
        ("uts", "relative"),
    ] {
        lines.push(Bundle::new(sandbox, &["exit", "0"])?.joined(kind, path).refusal()?);
    }
    lines.push(Bundle::new(sandbox, &["exit", "0"])?.without_namespace("mount").refusal()?);
    let twice = Bundle::new(sandbox, &["exit", "0"])?;
    lines.push(twice.add("linux.namespaces", json!({ "type": "pid" })).refusal()?);
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: join: /proc/self/ns/uts is no net namespace
    final-runtime: join: /proc/self/status is no namespace: it is some other file
    final-runtime: join: opening /nowhere: No such file or directory (os error 2)
    final-runtime: spec: BUNDLE/config.json: linux.namespaces[5].path: it is not absolute
    final-runtime: spec: mounts: takes a mount namespace, and the container has the host's
    final-runtime: spec: BUNDLE/config.json: linux.namespaces[6].type: Pid is there twice
    "#);
    Ok(())
}
