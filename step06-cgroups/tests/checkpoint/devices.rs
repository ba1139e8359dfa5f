//! Which devices a container may use.

use std::{path::PathBuf, thread::sleep, time::Duration};

use anyhow::{Context, Result};
use conformance::{Need::CgroupV1, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::{Controller, DeviceRule, Devices, Explain, Files, Version, bpf, device_program};

use super::scene::{groups, own_group, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        devices_of_v1: [Root, CgroupV1("devices")],
        devices_of_v2: [Root, CgroupV2(""), Other(no_devices_of_v2)],
        changing_devices_of_v1: [Root, CgroupV1("devices")],
        changing_devices_of_v2: [Root, CgroupV2(""), Other(no_device_programs)],
    }
}

fn devices_of_v1(sandbox: &Sandbox) -> Result<()> {
    default_devices(sandbox)
}

fn devices_of_v2(sandbox: &Sandbox) -> Result<()> {
    default_devices(sandbox)
}

/// Why the kernel takes no programs for devices.
fn no_device_programs() -> Option<String> {
    let error = bpf::Program::load(&device_program::assemble(&[])).err()?;
    Some(format!("needs eBPF programs for devices: {error}"))
}

/// Why a container is not held to a program here.
fn no_devices_of_v2() -> Option<String> {
    let v1 = CgroupV1("devices").missing().is_none();
    v1.then(|| "needs a machine without devices in v1".into()).or_else(no_device_programs)
}

/// What can be made in the container, and what of that can be opened. (That a device is not there
/// is an error of another name.)
fn default_devices(sandbox: &Sandbox) -> Result<()> {
    const SCRIPT: &str = "
        tell() { case $(eval \"$1\" 2>&1) in *permitted*) echo refused ;; *) echo ok ;; esac; }
        for device in 'c 1 3' 'b 7 99' 'c 10 229'; do
            made=$(tell \"mknod /dev/x $device\")
            echo $device: made $made, read $(tell 'true </dev/x'), written $(tell 'true >/dev/x')
            rm /dev/x
        done
        echo terminals: $(tell 'true </dev/ptmx')";
    let run = |rules: &[&str]| {
        let rules = rules.iter().flat_map(|rule| ["--device-cgroup-rule", rule]);
        let run = step06(sandbox).args(rules).args(["--", "/bin/sh", "-c", SCRIPT]);
        let outcome = run.output()?;
        outcome.success()?;
        Ok::<_, anyhow::Error>(outcome.stdout())
    };
    let nothing_more = "\
c 1 3: made ok, read ok, written ok
b 7 99: made ok, read refused, written refused
c 10 229: made ok, read refused, written refused
terminals: ok
";
    let read = "the kernel's admin-guide/cgroup-v1/devices";
    let what = "what the container may do with null, a loop device, fuse and terminals";
    expect::equal(what, &run(&[])?, nothing_more, read)?;
    let two_more = "\
c 1 3: made ok, read ok, written ok
b 7 99: made ok, read ok, written refused
c 10 229: made ok, read refused, written ok
terminals: ok
";
    let what = "the same with --device-cgroup-rule 'b 7:99 r' and 'a 10:* w'";
    expect::equal(what, &run(&["b 7:99 r", "a 10:* w"])?, two_more, read)
}

fn changing_devices_of_v1(sandbox: &Sandbox) -> Result<()> {
    assert_snapshot!(lists(sandbox, Version::V1)?, @"
    c 1:3 rwm
    c 99:0 r
    ");
    Ok(())
}

/// The kernel asks the programs of v2 also where v1 has the controller.
fn changing_devices_of_v2(sandbox: &Sandbox) -> Result<()> {
    lists(sandbox, Version::V2).map(drop)
}

/// Lists, and whether they let somebody make the device of the machine's memory, read from null, and
/// write to it.
const LISTS: [(&[&str], &str); 9] = [
    (&["c 1:* m", "c 1:3 w"], "ok refused ok"),
    (&["c 1:3 rwm"], "refused ok ok"),
    (&["c 1:1 rwm", "c 1:3 r"], "ok ok refused"),
    (&["b *:* rwm", "c 5:* rwm"], "refused refused refused"),
    (&["a *:* rwm"], "ok ok ok"),
    (&["a *:* rwm", "not c 1:3 w"], "ok ok refused"),
    (&["a *:* rwm", "not a 1:3 rm", "c 1:3 m"], "ok refused ok"),
    (&["c 1:* rwm", "not a *:* rwm", "c 1:3 rw", "not c 1:* r"], "refused refused ok"),
    (&["a *:* rwm"], "ok ok ok"),
];

/// The same that v1 cannot have: one device out of many.
const HOLES: [(&[&str], &str); 2] = [
    (&["c 1:* rwm", "not c 1:3 r"], "ok refused ok"),
    (&["a *:* rwm", "not a 1:* rm", "c 1:1 m"], "ok refused ok"),
];

/// Somebody is held to one list after another.
fn lists(sandbox: &Sandbox, version: Version) -> Result<String> {
    let explain = Explain::new(false);
    let mut group = own_group(sandbox, "devices", &[version])?;
    let is_it = |dir: &PathBuf| version == Version::V2 || dir.join("devices.list").exists();
    let dir = groups(sandbox)?.into_iter().find(is_it).context("there is no such group")?;
    let files = Files { version, dir };
    let hold = |rules: &[&str]| {
        let rules = rules.iter().map(|text| read(text)).collect::<Result<Vec<DeviceRule>>>()?;
        Devices { rules, asked: Some("the test") }.limit(&explain, &files)
    };

    let holes = HOLES.iter().filter(|_| version == Version::V2);
    for (rules, expected) in LISTS.iter().chain(holes) {
        hold(rules)?;
        let tried = tried_in(sandbox, &files)?;
        let what = format!("mknod, read and write under {rules:?}");
        expect::equal(&what, &tried.trim_end(), *expected, "cgroups(7)")?;
    }

    let first = bpf::attached(&files.dir).unwrap_or_default();
    for number in 0..100 {
        hold(&[&format!("c {number}:0 r"), "c 1:3 rwm"])?;
    }
    if version == Version::V2 {
        let now = bpf::attached(&files.dir)?;
        expect::that("there is one program", now.len() == 1, &now, "bpf(2)")?;
        expect::that("the first is gone", is_gone(first[0]), &first, "bpf(2)")?;
    }
    let list = files.read("devices.list")?.unwrap_or_default();
    group.remove(&explain)?;
    Ok(list)
}

/// One that denies has the word `not` before it.
fn read(text: &str) -> Result<DeviceRule> {
    let denied = text.strip_prefix("not ");
    Ok(DeviceRule { allow: denied.is_none(), ..denied.unwrap_or(text).parse()? })
}

/// The kernel lets go of a program a moment after the last who held it did.
fn is_gone(program: u32) -> bool {
    (0..200).any(|_| {
        sleep(Duration::from_millis(10));
        bpf::Program::by_id(program).is_err()
    })
}

/// What of it somebody in the group may do.
fn tried_in(sandbox: &Sandbox, files: &Files) -> Result<String> {
    const SCRIPT: &str = "
        echo 0 > $0/cgroup.procs || exit
        made=refused; mknod $1/memory c 1 1 2>&- && made=ok
        read=refused; ( true < /dev/null ) 2>&- && read=ok
        written=refused; ( true > /dev/null ) 2>&- && written=ok
        rm -f $1/memory
        echo $made $read $written";
    let run = sandbox.run("/bin/sh").args(["-c", SCRIPT]);
    let outcome = run.arg(&files.dir).arg(sandbox.dir()).output()?;
    outcome.success()?;
    Ok(outcome.stdout())
}
