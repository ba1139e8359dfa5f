//! `linux.resources`, `update` and `events`: what a container is held to, and what it uses. See
//! "Control groups" in config-linux.md of the runtime specification.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use conformance::{
    Need::{CgroupV1, CgroupV2},
    Sandbox, expect,
};
use serde_json::{Value, json};

use crate::{
    bundle::Bundle,
    lifecycle::{says, sleeper},
};

const READ: &str = "\"Control groups\" in config-linux.md of the runtime specification";

/// What a file of the container's group says, in the hierarchy of version 1 that has `controller`.
fn file(bundle: &Bundle, controller: &str, file: &str) -> Result<String> {
    let group = bundle.config["linux"]["cgroupsPath"].as_str().context("a group")?;
    let path = format!("/sys/fs/cgroup/{controller}{group}/{file}");
    Ok(fs::read_to_string(&path).with_context(|| path.clone())?.trim().to_string())
}

pub fn a_container_is_held_to_its_resources(sandbox: &Sandbox) -> Result<()> {
    let resources = json!({
        "memory": {
            "limit": 64 << 20, "reservation": 32 << 20, "kernelTCP": 16 << 20, "swappiness": 7,
        },
        "cpu": { "shares": 512, "quota": 50_000, "period": 100_000, "cpus": "0", "mems": "0" },
        "pids": { "limit": 77 },
    });
    let bundle = sleeper(sandbox)?.set("linux.resources", resources);
    let _running = bundle.create(&[])?;
    for (controller, name, wanted) in [
        ("memory", "memory.limit_in_bytes", "67108864"),
        ("memory", "memory.soft_limit_in_bytes", "33554432"),
        ("memory", "memory.kmem.tcp.limit_in_bytes", "16777216"),
        ("memory", "memory.swappiness", "7"),
        ("cpu", "cpu.shares", "512"),
        ("cpu", "cpu.cfs_quota_us", "50000"),
        ("cpu", "cpu.cfs_period_us", "100000"),
        ("cpuset", "cpuset.cpus", "0"),
        ("pids", "pids.max", "77"),
    ] {
        expect::equal(name, &file(&bundle, controller, name)?, wanted, READ)?;
    }
    bundle.delete()
}

/// Absolute is below the root of each hierarchy; all else is for the runtime to choose, but the name is
/// the container's own.
pub fn the_group_is_where_its_path_says(sandbox: &Sandbox) -> Result<()> {
    let group = |bundle: &Bundle| -> Result<String> {
        let _running = bundle.create(&[])?;
        let file = format!("/proc/{}/cgroup", bundle.state()?["pid"]);
        let groups = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
        let of_pids = groups.lines().find_map(|line| line.split_once(":pids:"));
        let (_, path) = of_pids.context("its group of the controller pids")?;
        bundle.delete()?;
        let dir = format!("/sys/fs/cgroup/pids{path}");
        expect::that("the group is gone", !Path::new(&dir).exists(), &dir, READ)?;
        Ok(path.to_string())
    };
    let bundle = sleeper(sandbox)?;
    let absolute = bundle.config["linux"]["cgroupsPath"].as_str().context("a path")?.to_string();
    expect::equal("the group of an absolute path", &group(&bundle)?, absolute.clone(), READ)?;
    let relative = absolute.trim_start_matches('/');
    let seen = group(&bundle.set("linux.cgroupsPath", relative))?;
    let ends = seen.ends_with(&absolute);
    expect::that(&format!("the group of {relative} is one of that name"), ends, &seen, READ)?;
    let bundle = sleeper(sandbox)?.set("linux.cgroupsPath", Value::Null);
    let seen = group(&bundle)?;
    expect::that("without a path the id is the name", seen.ends_with(&bundle.id), &seen, READ)
}

/// Of this machine, in the words of `lsblk`: its numbers.
fn a_disk() -> Result<(u64, u64)> {
    for disk in fs::read_dir("/sys/block").context("looking for disks")? {
        let numbers = fs::read_to_string(disk?.path().join("dev"))?;
        if let Some((major, minor)) = numbers.trim().split_once(':') {
            return Ok((major.parse()?, minor.parse()?));
        }
    }
    anyhow::bail!("this machine has no disk")
}

pub fn disks_are_limited(sandbox: &Sandbox) -> Result<()> {
    let (major, minor) = a_disk()?;
    let rate = |rate: u64| json!([{ "major": major, "minor": minor, "rate": rate }]);
    let bundle = sleeper(sandbox)?.set(
        "linux.resources.blockIO",
        json!({
            "throttleReadBpsDevice": rate(1 << 20), "throttleWriteBpsDevice": rate(2 << 20),
            "throttleReadIOPSDevice": rate(300), "throttleWriteIOPSDevice": rate(400),
        }),
    );
    let _running = bundle.create(&[])?;
    for (name, wanted) in [
        ("blkio.throttle.read_bps_device", 1 << 20),
        ("blkio.throttle.write_bps_device", 2 << 20),
        ("blkio.throttle.read_iops_device", 300),
        ("blkio.throttle.write_iops_device", 400),
    ] {
        let wanted = format!("{major}:{minor} {wanted}");
        expect::equal(name, &file(&bundle, "blkio", name)?, wanted, READ)?;
    }
    bundle.delete()
}

/// Why nobody counts huge pages here.
pub fn without_hugetlb() -> Option<String> {
    CgroupV1("hugetlb").missing().and_then(|_| CgroupV2("hugetlb").missing())
}

pub fn huge_pages_are_limited(sandbox: &Sandbox) -> Result<()> {
    let limit = json!([{ "pageSize": "2MB", "limit": 4 << 20 }]);
    let bundle = sleeper(sandbox)?.set("linux.resources.hugepageLimits", limit);
    let _running = bundle.create(&[])?;
    let seen = match CgroupV1("hugetlb").missing() {
        None => file(&bundle, "hugetlb", "hugetlb.2MB.limit_in_bytes"),
        Some(_) => file(&bundle, "unified", "hugetlb.2MB.max")
            .or_else(|_| file(&bundle, "", "hugetlb.2MB.max")),
    };
    expect::equal("the limit of pages of 2 MB", &seen?, "4194304", READ)?;
    bundle.delete()
}

/// Less memory than is in use. What was written before that is put back.
pub fn what_the_kernel_refuses_changes_nothing(sandbox: &Sandbox) -> Result<()> {
    let before = json!({
        "memory": { "limit": 64 << 20, "swap": 64 << 20 }, "pids": { "limit": 77 },
        "cpu": { "shares": 512 },
    });
    let bundle =
        Bundle::new(sandbox, &["eat-memory", "20", "1000"])?.set("linux.resources", before);
    let _running = bundle.start()?;
    says(&bundle.dir().join("output"), "ate 20\n")?;
    let less = json!({
        "memory": { "limit": 8 << 20 }, "pids": { "limit": 88 }, "cpu": { "shares": 99 },
    });
    let run = bundle.verb(&["update", "--resources", "-", &bundle.id]);
    let line = run.stdin(less.to_string()).output()?.error_line(125)?;
    expect::contains("what is said", &line, "Device or resource busy", READ)?;
    for (controller, name, wanted) in [
        ("memory", "memory.limit_in_bytes", "67108864"),
        ("pids", "pids.max", "77"),
        ("cpu", "cpu.shares", "512"),
    ] {
        expect::equal(name, &file(&bundle, controller, name)?, wanted, READ)?;
    }
    bundle.delete()
}

pub fn resources_change_by_update(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?.set("linux.resources", json!({ "pids": { "limit": 77 } }));
    let _running = bundle.start()?;
    let update = |resources: &Value| {
        let run = bundle.verb(&["update", "--resources", "-", &bundle.id]);
        run.stdin(resources.to_string()).output()
    };
    update(&json!({ "pids": { "limit": 88 }, "memory": { "limit": 64 << 20 } }))?.success()?;
    expect::equal("pids.max", &file(&bundle, "pids", "pids.max")?, "88", READ)?;
    let limit = file(&bundle, "memory", "memory.limit_in_bytes")?;
    expect::equal("the memory", &limit, "67108864", READ)?;
    let path = sandbox.dir().join("resources.json");
    fs::write(&path, json!({ "pids": { "limit": -1 } }).to_string())?;
    let run = bundle.verb(&["update", "--resources"]).arg(&path).arg(&bundle.id);
    run.output()?.success()?;
    expect::equal("pids.max", &file(&bundle, "pids", "pids.max")?, "max", READ)?;
    let limit = file(&bundle, "memory", "memory.limit_in_bytes")?;
    expect::equal("the memory", &limit, "67108864", READ)?;
    let flags =
        ["--memory", "32M", "--pids-limit", "44", "--cpu-share", "512", "--cpu-quota", "-1"];
    bundle.verb(&["update"]).args(flags).arg(&bundle.id).output()?.success()?;
    for (controller, name, wanted) in [
        ("memory", "memory.limit_in_bytes", "33554432"),
        ("pids", "pids.max", "44"),
        ("cpu", "cpu.shares", "512"),
        ("cpu", "cpu.cfs_quota_us", "-1"),
    ] {
        expect::equal(name, &file(&bundle, controller, name)?, wanted, READ)?;
    }
    bundle.delete()
}

pub fn an_update_is_made_as_a_whole_or_not_at_all(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?.set("linux.resources", json!({ "pids": { "limit": 77 } }));
    let _running = bundle.start()?;
    let update = |resources: &str| {
        let run = bundle.verb(&["update", "--resources", "-", &bundle.id]);
        run.stdin(resources).output()?.error_line(125)
    };
    let mut lines = Vec::new();
    for resources in [
        r#"{"cpu": {"shares": 99, "cpus": "4096"}, "pids": {"limit": 88}}"#,
        r#"{"pids": {"limit": "88"}}"#,
        r#"{"pids": {"limit": 88}"#,
        r#"{"unified": {"../cgroup.procs": "1"}}"#,
        r#"{"cpu": {"shares": 99}, "pids": {"limit": 88}, "memory": {"limit": 4096}}"#,
    ] {
        let line = update(resources)?;
        let line = line.split(": this machine has").next().unwrap_or_default();
        lines.push(line.replace(&bundle.id, "ID").replace(&sandbox.cgroup_parent(), "PARENT"));
        let limit = file(&bundle, "pids", "pids.max")?;
        expect::equal("pids.max", &limit, "77", READ)?;
        let shares = file(&bundle, "cpu", "cpu.shares")?;
        expect::equal("cpu.shares", &shares, "1024", READ)?;
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: cgroup: --cpuset-cpus 4096
    final-runtime: spec: standard input: pids.limit: invalid type: string "88", expected i64 at line 1 column 23
    final-runtime: spec: standard input: EOF while parsing an object at line 1 column 22
    final-runtime: cgroup: linux.resources.unified: "../cgroup.procs" is no file of a controller of cgroup v2
    final-runtime: cgroup: --memory "4096": expected at least 512k, or nothing can start in it
    "#);
    bundle.delete()
}

pub fn files_of_v2_are_refused_where_the_controller_is_in_v1(sandbox: &Sandbox) -> Result<()> {
    let unified = json!({ "unified": { "memory.high": "1000000" } });
    let line = Bundle::new(sandbox, &["exit", "0"])?.set("linux.resources", unified).refusal()?;
    insta::assert_snapshot!(
        line,
        @"final-runtime: cgroup: linux.resources: memory.high is a file of cgroup v2, and memory is in v1"
    );
    Ok(())
}

pub fn files_of_v2_are_written_as_they_are_named(sandbox: &Sandbox) -> Result<()> {
    let unified = json!({ "unified": { "pids.max": "33" } });
    let bundle = sleeper(sandbox)?.set("linux.resources", unified);
    let _running = bundle.create(&[])?;
    expect::equal("pids.max", &file(&bundle, "", "pids.max")?, "33", READ)?;
    bundle.delete()
}

pub fn a_later_rule_for_devices_overrides_an_earlier_one(sandbox: &Sandbox) -> Result<()> {
    let zero = json!({ "path": "/z", "type": "c", "major": 1, "minor": 5, "fileMode": 0o666 });
    let kmsg = json!({ "path": "/k", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666 });
    let read = |path: &str, rules: Value| -> Result<bool> {
        let bundle = Bundle::new(sandbox, &["head", path, "0"])?
            .add("process.capabilities.bounding", "CAP_SYSLOG")
            .add("process.capabilities.permitted", "CAP_SYSLOG")
            .add("process.capabilities.effective", "CAP_SYSLOG")
            .set("linux.devices", json!([zero, kmsg]))
            .set("linux.resources", json!({ "devices": rules }));
        Ok(bundle.output()?.success().is_ok())
    };
    let none = json!({ "allow": false, "access": "rwm" });
    let all = json!({ "allow": true, "access": "rwm" });
    let rule = |allow: bool, access: &str| json!({ "allow": allow, "type": "c", "major": 1, "minor": 11, "access": access });
    for (path, rules, wanted) in [
        ("/z", json!([none]), true), // every container has it
        ("/k", json!([none]), false),
        ("/k", json!([none, rule(true, "rwm")]), true),
        ("/k", json!([rule(true, "rwm"), none]), false),
        ("/k", json!([none, rule(true, "rwm"), rule(false, "r")]), false),
        ("/k", json!([none, rule(true, "w"), rule(true, "r")]), true),
        ("/k", json!([all]), true),
        ("/k", json!([all, rule(false, "w")]), true),
        ("/k", json!([all, rule(false, "r")]), false),
        ("/k", json!([all, rule(false, "rw"), rule(true, "r")]), true),
        ("/z", json!([all, rule(false, "r")]), true),
    ] {
        let what = format!("whether {path} can be read with {rules}");
        expect::equal(&what, &read(path, rules)?, wanted, READ)?;
    }
    Ok(())
}

/// What is denied may change while the container runs.
pub fn all_devices_but_one_are_allowed_later(sandbox: &Sandbox) -> Result<()> {
    let denied = |minor: u64| json!({ "allow": false, "type": "c", "major": 1, "minor": minor });
    let update = |bundle: &Bundle, rules: Value| {
        let run = bundle.verb(&["update", "--resources", "-", &bundle.id]);
        run.stdin(json!({ "devices": rules }).to_string()).output()
    };
    let kmsg = json!({ "path": "/k", "type": "c", "major": 1, "minor": 11, "fileMode": 0o666 });
    let bundle = sleeper(sandbox)?
        .set("linux.devices", json!([kmsg]))
        .set("linux.resources", json!({ "devices": [{ "allow": true }, denied(1)] }));
    let _running = bundle.start()?;
    let read = || -> Result<bool> {
        let run = bundle.verb(&["exec", "--cap", "CAP_SYSLOG", &bundle.id]);
        Ok(run.args(["/bin/probe", "head", "/k", "0"]).output()?.success().is_ok())
    };
    expect::equal("whether it can be read", &read()?, true, READ)?;
    update(&bundle, json!([{ "allow": true }, denied(11)]))?.success()?;
    expect::equal("whether it can be read when it is denied", &read()?, false, READ)?;
    update(&bundle, json!([{ "allow": true }, denied(2)]))?.success()?;
    expect::equal("whether it can be read when another is", &read()?, true, READ)?;
    update(&bundle, json!([{ "allow": false }]))?.success()?;
    expect::equal("whether it can be read when all are", &read()?, false, READ)?;
    bundle.delete()
}

pub fn one_device_out_of_a_drivers_is_too_much_for_v1(sandbox: &Sandbox) -> Result<()> {
    let rules = json!([
        { "allow": true, "type": "c", "major": 9, "access": "rw" },
        { "allow": false, "type": "c", "major": 9, "minor": 1, "access": "w" },
    ]);
    let bundle = Bundle::new(sandbox, &["exit", "0"])?;
    let line = bundle.set("linux.resources", json!({ "devices": rules })).refusal()?;
    insta::assert_snapshot!(
        line,
        @"final-runtime: cgroup: linux.resources.devices: c 9:1 w is denied out of c 9:* rw, which is allowed before: cgroup v1 has no such list"
    );
    Ok(())
}

pub fn events_tell_what_is_used(sandbox: &Sandbox) -> Result<()> {
    let limits = json!({ "memory": { "limit": 64 << 20 }, "pids": { "limit": 77 } });
    let bundle = Bundle::new(sandbox, &["sleep", "1000"])?.set("linux.resources", limits);
    let _running = bundle.start()?;
    says(&bundle.dir().join("output"), "ready\n")?;
    let outcome = bundle.verb(&["events", "--stats", &bundle.id]).output()?;
    let event = outcome.json()?;
    expect::equal("the type", &event["type"], "stats", READ)?;
    expect::equal("the id", &event["id"], bundle.id.as_str(), READ)?;
    let data = &event["data"];
    let number = |place: &str| data.pointer(place).and_then(Value::as_u64).unwrap_or(0);
    for place in ["/cpu/usage/total", "/memory/usage/usage"] {
        expect::that(&format!("{place} is told"), number(place) > 0, &event, READ)?;
    }
    expect::equal("the memory's limit", &number("/memory/usage/limit"), 64 << 20, READ)?;
    expect::equal("processes", &number("/pids/current"), 1, READ)?;
    expect::equal("their limit", &number("/pids/limit"), 77, READ)?;
    bundle.delete()
}

/// It ends by itself when the container does.
pub fn events_end_with_the_container(sandbox: &Sandbox) -> Result<()> {
    let bundle = sleeper(sandbox)?;
    let _running = bundle.start()?;
    let mut events = bundle.verb(&["events", "--interval", "1s", &bundle.id]).spawn()?;
    let first: Value = serde_json::from_str(&events.line()?)?;
    expect::equal("the type", &first["type"], "stats", READ)?;
    bundle.said("kill", &["KILL"])?;
    events.wait()?.success()?;
    bundle.delete()
}
