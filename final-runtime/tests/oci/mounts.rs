//! `mounts` and what else is about files: options, binds, what is hidden and read-only.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, chown},
};

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use serde_json::{Value, json};

use crate::bundle::Bundle;

const READ: &str = "mount(8), mount_setattr(2)";

fn mounted(report: &Value, target: &str) -> Result<Value> {
    let all = report["mounts"].as_array().context("mounts")?;
    let found = all.iter().rfind(|mount| mount["target"] == target);
    found.cloned().with_context(|| format!("nothing is mounted on {target}"))
}

fn has(mount: &Value, list: &str, word: &str) -> Result<()> {
    let words = mount[list].as_array().cloned().unwrap_or_default();
    let found = words.iter().any(|one| one.as_str().is_some_and(|one| one.starts_with(word)));
    expect::that(&format!("{word} of {}", mount["target"]), found, &format!("{mount}"), READ)
}

pub fn options_are_as_in_fstab(sandbox: &Sandbox) -> Result<()> {
    let options = ["noatime", "nodiratime", "nosuid", "noexec", "sync", "size=1m", "silent"];
    let tmpfs = json!({
        "destination": "/t", "type": "tmpfs", "source": "me", "options": options
    });
    let report = Bundle::new(sandbox, &["report"])?.add("mounts", tmpfs).report()?;
    let mount = mounted(&report, "/t")?;
    for word in ["noatime", "nodiratime", "nosuid", "noexec"] {
        has(&mount, "options", word)?;
    }
    has(&mount, "super_options", "sync")?;
    has(&mount, "super_options", "size=1024k")?;
    expect::equal("its name", &mount["source"], "me", READ)
}

pub fn files_and_directories_are_bound(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report", "mounts", "file:/file", "file:/etc/data/in"])?;
    fs::write(bundle.dir().join("file"), "of the bundle")?;
    fs::create_dir(bundle.dir().join("data"))?;
    fs::write(bundle.dir().join("data/in"), "inside")?;
    let file = json!({ "destination": "/file", "source": "file", "options": ["bind", "ro"] });
    let dir = json!({
        "destination": "/etc/data", "type": "bind", "source": "data", "options": ["rbind", "rro"]
    });
    let report = bundle.add("mounts", file).add("mounts", dir).report()?;
    expect::equal("the file", &report["file:/file"], "of the bundle", READ)?;
    expect::equal("what is in the directory", &report["file:/etc/data/in"], "inside", READ)?;
    has(&mounted(&report, "/file")?, "options", "ro")?;
    has(&mounted(&report, "/etc/data")?, "options", "ro")
}

pub fn an_r_reaches_what_is_mounted_below(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report"])?;
    let dir = sandbox.dir().join("tree");
    fs::create_dir_all(dir.join("below"))?;
    let mount = |args: &[&str]| sandbox.run("/bin/mount").args(args).output()?.success().map(drop);
    let below = dir.join("below").display().to_string();
    mount(&["-n", "-t", "tmpfs", "tmpfs", &below])?;
    let bind = |destination: &str, option: &str| json!({ "destination": destination, "source": dir, "options": ["rbind", option] });
    let report = bundle.add("mounts", bind("/one", "ro")).add("mounts", bind("/all", "rro"));
    let report = report.report();
    sandbox.run("/bin/umount").args(["-n", &below]).output()?.success()?;
    let report = report?;
    has(&mounted(&report, "/one")?, "options", "ro")?;
    has(&mounted(&report, "/one/below")?, "options", "rw")?;
    has(&mounted(&report, "/all")?, "options", "ro")?;
    has(&mounted(&report, "/all/below")?, "options", "ro")
}

pub fn a_tmpfs_begins_with_what_it_covers(sandbox: &Sandbox) -> Result<()> {
    let tmpfs = json!({
        "destination": "/etc", "type": "tmpfs", "source": "tmpfs", "options": ["tmpcopyup"]
    });
    let bundle = Bundle::new(sandbox, &["report", "mounts", "file:/etc/group"])?;
    let report = bundle.add("mounts", tmpfs).report()?;
    expect::equal("its type", &mounted(&report, "/etc")?["type"], "tmpfs", READ)?;
    let group = report["file:/etc/group"].as_str().unwrap_or_default().to_string();
    expect::contains("/etc/group", &group, "extra:x:2000:user", READ)
}

pub fn ids_are_mapped(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["report", "stat:/data/mine"])?;
    fs::create_dir(bundle.dir().join("data"))?;
    fs::write(bundle.dir().join("data/mine"), "")?;
    chown(bundle.dir().join("data/mine"), Some(5), Some(6))?;
    let map = json!([{ "containerID": 0, "hostID": 1000, "size": 100 }]);
    let mount = json!({
        "destination": "/data", "source": "data", "options": ["bind", "idmap"],
        "uidMappings": map, "gidMappings": map
    });
    let report = bundle.add("mounts", mount).report()?;
    let stat = &report["stat:/data/mine"];
    expect::equal("its owner", &stat["uid"], 1005, READ)?;
    expect::equal("its group", &stat["gid"], 1006, READ)
}

pub fn what_only_the_hosts_root_can_reach_is_bound_for_a_user_namespace_too(
    sandbox: &Sandbox,
) -> Result<()> {
    let private = sandbox.dir().join("private");
    fs::create_dir_all(private.join("open"))?;
    fs::write(private.join("open/file"), "seen")?;
    fs::set_permissions(&private, fs::Permissions::from_mode(0o700))?;
    let ids = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = Bundle::new(sandbox, &["report", "file:/home/file"])?
        .add("linux.namespaces", json!({ "type": "user" }))
        .set("linux.uidMappings", ids.clone())
        .set("linux.gidMappings", ids)
        .add(
            "mounts",
            json!({
                "destination": "/home", "source": private.join("open"), "options": ["rbind", "ro"]
            }),
        );
    expect::equal("the file", &bundle.report()?["file:/home/file"], "seen", READ)
}

pub fn what_the_host_mounts_later_passes_as_asked_for(sandbox: &Sandbox) -> Result<()> {
    let own = |words: &[&str]| {
        json!({
            "destination": "/t", "type": "tmpfs", "source": "tmpfs", "options": words
        })
    };
    let bundle = || Bundle::new(sandbox, &["report", "mounts"]);
    let report = bundle()?.add("mounts", own(&["shared"])).report()?;
    has(&mounted(&report, "/t")?, "propagation", "shared")?;
    let report = bundle()?.set("linux.rootfsPropagation", "shared").report()?;
    has(&mounted(&report, "/")?, "propagation", "shared")?;
    let report = bundle()?.set("linux.rootfsPropagation", "unbindable").report()?;
    has(&mounted(&report, "/")?, "propagation", "unbindable")
}

pub fn the_host_loses_no_mount_to_a_shared_root(sandbox: &Sandbox) -> Result<()> {
    let before = sandbox.proc("mountinfo")?;
    let change =
        |how: &str| sandbox.run("/bin/mount").args(["-n", how, "/"]).output()?.success().map(drop);
    change("--make-rshared")?;
    let run =
        Bundle::new(sandbox, &["exit", "0"])?.set("linux.rootfsPropagation", "shared").output();
    change("--make-rprivate")?;
    run?.success()?;
    let count = |text: &str| text.lines().count();
    expect::equal("the host's mounts", &count(&sandbox.proc("mountinfo")?), count(&before), READ)
}

pub fn the_root_is_read_only_if_asked_for(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["write", "/file", "x"])?;
    let (bundle, attempt) = (bundle, "the root");
    let refused = bundle.set("root.readonly", true).output()?;
    expect::that(attempt, refused.success().is_err(), "it was written to", READ)?;
    let bundle = Bundle::new(sandbox, &["write", "/file", "x"])?;
    bundle.output()?.success()?;
    expect::equal("what was written", &fs::read_to_string(bundle.rootfs.at("file"))?, "x", READ)
}

pub fn what_must_not_be_mounted_is_told(sandbox: &Sandbox) -> Result<()> {
    let mut lines = Vec::new();
    for mount in [
        json!({ "destination": "/proc/sys", "type": "tmpfs", "source": "tmpfs" }),
        json!({ "destination": "/proc", "source": "/tmp", "options": ["bind"] }),
        json!({ "destination": "/x", "source": "/no/such", "options": ["bind"] }),
        json!({ "destination": "/x", "options": ["bind"] }),
        json!({ "destination": "/x", "type": "nosuchfs", "source": "none" }),
        json!({ "destination": "/x", "type": "tmpfs", "source": "none", "options": ["nosuch=1"] }),
        json!({ "destination": "/x", "type": "tmpfs", "source": "none", "options": ["idmap"] }),
        json!({ "destination": "/x", "source": "/tmp", "options": ["bind", "idmap"] }),
        json!({ "destination": "", "source": "/tmp", "options": ["bind"] }),
    ] {
        lines.push(Bundle::new(sandbox, &["exit", "0"])?.add("mounts", mount).refusal()?);
    }
    insta::assert_snapshot!(lines.join("\n"), @r#"
    final-runtime: mount: mounting tmpfs on /proc/sys: nothing may be mounted inside /proc
    final-runtime: mount: mounting /tmp on /proc: only a procfs may be mounted on /proc
    final-runtime: mount: mounting /no/such on /x: /no/such does not exist on the host
    final-runtime: spec: mounts[6]: source: it is missing
    final-runtime: mount: mounting nosuchfs on /x: ENODEV: No such device (this kernel has no such file system)
    final-runtime: mount: mounting tmpfs on /x: EINVAL: Invalid argument (tmpfs: Unknown parameter 'nosuch')
    final-runtime: spec: mounts[6]: options: only a bind mount can be id-mapped
    final-runtime: spec: mounts[6]: uidMappings: there are none, here or in linux.uidMappings
    final-runtime: spec: BUNDLE/config.json: mounts[6].destination: it is empty
    "#);
    Ok(())
}
