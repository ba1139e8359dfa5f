//! Root inside is not root outside: whose files are whose.

use std::{
    fs::{self},
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
};

use anyhow::{Context, Result};
use conformance::{Rootfs, Sandbox, checkpoint::Test, expect, unprivileged};
use serde_json::{Value, json};

use super::scene::{CAPS, IDMAPPED, STEP05, all_three, no_id_mapped_mounts, own_rootfs, step05};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        files_made_inside_are_the_callers: [UserNamespaces],
        root_inside_has_no_right_to_roots_files: [UserNamespaces, Path("/etc/shadow")],
        the_rootfs_is_shifted: [Root, Other(no_id_mapped_mounts)],
        a_rootfs_of_the_containers_ids_is_not_shifted: [Root],
        an_ordinary_user_may_have_anothers_rootfs: [UserNamespaces],
        the_container_is_set_up_by_root_inside: [
            Root, Command("setpriv"), Other(no_id_mapped_mounts)
        ],
        root_inside_cannot_go_where_it_is_nobody: [
            Root, Command("setpriv"), Other(no_id_mapped_mounts)
        ],
        an_ordinary_user_has_all_layers: [UserNamespaces],
    }
}

fn files_made_inside_are_the_callers() -> Result<()> {
    unprivileged(|sandbox| {
        let home = sandbox.dir().join("home");
        let volume = format!("{}:/home", home.display());
        let rootfs = own_rootfs(sandbox)?;
        let probe = |args: &[&str]| {
            let flags = ["--userns", "single", "--volume", &volume];
            step05(sandbox).args(flags).rootfs(&rootfs).probe(args).output()
        };
        probe(&["write", "/home/file", "text"])?.success()?;
        let inside = probe(&["report", "stat:/home/file"])?.json()?;
        let owner = &inside["stat:/home/file"]["uid"];
        expect::equal("the owner inside", owner, 0, "user_namespaces(7)")?;
        let (made, dir) = (home.join("file").metadata()?, home.metadata()?);
        let ids = |meta: &fs::Metadata| (meta.uid(), meta.gid());
        expect::equal("the owner outside", &ids(&made), ids(&dir), "user_namespaces(7)")?;

        let refused = probe(&["chown", "/home/file", "1", "1"])?;
        let refused = refused.code(1)?.stderr();
        expect::contains("giving a file to nobody", &refused, "EINVAL", "chown(2)")?;
        fs::remove_file(home.join("file"))?;
        Ok(())
    })
}

/// On the host `/etc/shadow` is for root and its group to read, `/etc/passwd` for all.
fn root_inside_has_no_right_to_roots_files() -> Result<()> {
    unprivileged(|sandbox| {
        let rootfs = own_rootfs(sandbox)?;
        let flags = ["--userns", "single", "--cap-add", "ALL"];
        let run = step05(sandbox).args(flags).rootfs(&rootfs).args([
            "--volume",
            "/etc/shadow:/etc/group",
            "--volume",
            "/etc/passwd:/etc/passwd",
        ]);
        let tries = ["try", "read=/etc/group", "open-write=/etc/passwd", "read=/etc/passwd"];
        let tried = run.probe(tries).output()?.json()?;
        expect::equal("reading /etc/shadow", &tried["read=/etc/group"], "EACCES", CAPS)?;
        expect::equal("writing /etc/passwd", &tried["open-write=/etc/passwd"], "EACCES", CAPS)?;
        expect::equal("reading /etc/passwd", &tried["read=/etc/passwd"], "ok", CAPS)?;

        let run = step05(sandbox).args(flags).rootfs(&rootfs);
        let run = run.args(["--volume", "/etc/passwd:/etc/passwd"]);
        let refused = run.probe(["chown", "/etc/passwd", "0", "0"]).output()?;
        expect::contains("taking a file", &refused.code(1)?.stderr(), "EPERM", "chown(2)")
    })
}

/// To root of a container with other ids, the owners of the rootfs are shifted, and those of a
/// volume are not.
fn the_rootfs_is_shifted(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let secret = rootfs.outside().join("secret");
    fs::write(&secret, "secret")?;
    fs::set_permissions(&secret, fs::Permissions::from_mode(0o600))?;
    rootfs.file("etc/secret", "")?;
    let volume = format!("{}:/etc/secret", secret.display());
    let outcome = step05(sandbox)
        .args(["--userns", "0:100000:65536", "--volume", &volume])
        .rootfs(&rootfs)
        .probe([
            "seq", "write", "/etc/new", "", "--", "chown", "/etc/new", "5", "6", "--", "report",
        ])
        .output()?;
    let inside = outcome.json().context("the container's root has no right to its own rootfs")?;
    expect::equal("the user inside", &inside["uid"], all_three(0), "setresuid(2)")?;

    let tries = ["try", "create=/etc/file", "read=/etc/secret", "open-write=/etc/passwd"];
    let run = step05(sandbox).args(["--userns", "0:100000:65536", "--volume", &volume]);
    let tried = run.rootfs(&rootfs).probe(tries).output()?.json()?;
    let wanted = json!({
        "create=/etc/file": "ok",
        "read=/etc/secret": "EACCES",
        "open-write=/etc/passwd": "ok",
    });
    expect::equal("what the container's root may do", &tried, wanted, IDMAPPED)?;

    let parts = ["report", "stat:/", "stat:/etc/passwd", "stat:/etc/secret", "mounts"];
    let run = step05(sandbox).args(["--userns", "0:100000:65536", "--volume", &volume]);
    let seen = run.rootfs(&rootfs).probe(parts).output()?.json()?;
    let owner = |path: &str| seen[format!("stat:{path}")]["uid"].clone();
    expect::equal("the owner of /", &owner("/"), 0, IDMAPPED)?;
    expect::equal("the owner of a file", &owner("/etc/passwd"), 0, IDMAPPED)?;
    expect::equal("the owner of the host's file", &owner("/etc/secret"), 65534, IDMAPPED)?;

    let new = rootfs.at("etc/new").metadata()?;
    expect::equal("the owner on disk", &(new.uid(), new.gid()), (5, 6), IDMAPPED)
}

/// A rootfs whose owners were shifted on disk is left as it is.
fn a_rootfs_of_the_containers_ids_is_not_shifted(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    for file in ["", "bin", "bin/probe", "etc"] {
        chown(rootfs.at(file), Some(100_000), Some(100_000))?;
    }
    let run = step05(sandbox).args(["--userns", "0:100000:65536"]).rootfs(&rootfs);
    let seen = run.probe(["report", "stat:/", "stat:/etc/passwd"]).output()?.json()?;
    expect::equal("the owner of /", &seen["stat:/"]["uid"], 0, IDMAPPED)?;
    let other = &seen["stat:/etc/passwd"]["uid"];
    expect::equal("the owner of what was not shifted", other, 65534, IDMAPPED)
}

/// Nobody but root may shift owners: in a rootfs of somebody else's they have no names.
fn an_ordinary_user_may_have_anothers_rootfs() -> Result<()> {
    unprivileged(|sandbox| {
        let rootfs = Rootfs::new()?;
        for file in ["etc/hosts", "etc/hostname", "etc/resolv.conf"] {
            rootfs.file(file, "")?;
        }
        let run = step05(sandbox).args(["--userns", "single"]).rootfs(&rootfs);
        let seen = run.probe(["report", "stat:/etc/passwd"]).output()?.json()?;
        let owner = if rootfs.path().metadata()?.uid() == 0 { 65534 } else { 0 };
        expect::equal("the owner", &seen["stat:/etc/passwd"]["uid"], owner, IDMAPPED)
    })
}

/// Neither as a user or group that has no number inside, nor with the doors open that the caller's
/// groups open.
fn the_container_is_set_up_by_root_inside(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let inside = room_of_group_27(&rootfs)?;
    let run = || {
        let run = sandbox.run("setpriv").args(["--groups=27", STEP05]);
        run.args(["--userns", "0:100000:9"])
    };
    let outcome = run().probe(["exit", "0"]).output()?;
    outcome.success().context("the container is not set up by root inside")?;
    let outcome = run().args(["--rootfs", &inside]).probe(["exit", "0"]).output()?;
    let line = outcome.error_line(125);
    let line = line.context("the container is set up with the groups of the caller")?;
    expect::contains("what the runtime says", &line, "EACCES", "setgroups(2)")
}

/// A directory in another that lets none but root and this group through.
fn room_of_group_27(rootfs: &Rootfs) -> Result<String> {
    let room = rootfs.outside().join("room");
    fs::create_dir_all(room.join("inside"))?;
    chown(&room, Some(0), Some(27))?;
    fs::set_permissions(&room, fs::Permissions::from_mode(0o750))?;
    Ok(format!("{}/inside", room.display()))
}

/// Not while it is set up, either: what the caller or its groups may enter, root inside may not.
fn root_inside_cannot_go_where_it_is_nobody(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let inside = room_of_group_27(&rootfs)?;
    let line = |flags: &[&str]| {
        let run = sandbox.run("setpriv").args(["--groups=27", STEP05, "--userns", "0:100000:9"]);
        let line = run.args(flags).probe(["exit", "0"]).output()?.error_line(125)?;
        anyhow::Ok(line.replace(&inside, "ROOM/inside"))
    };
    let (volume, path) = (format!("{inside}:/mnt"), rootfs.path().display().to_string());
    insta::assert_snapshot!(line(&["--rootfs", &path, "--volume", &volume])?, @r"step05: mount: mounting ROOM/inside on /mnt: EACCES: Permission denied (outside, the container's root is an ordinary user, and some directory above does not let it through)");
    insta::assert_snapshot!(line(&["--rootfs", &inside])?, @r"step05: mount: opening the rootfs ROOM/inside: EACCES: Permission denied (outside, the container's root is an ordinary user, and some directory above does not let it through)");
    Ok(())
}

fn an_ordinary_user_has_all_layers() -> Result<()> {
    unprivileged(|sandbox| {
        let outside = sandbox.probe(["report"]).output()?.json()?;
        let rootfs = own_rootfs(sandbox)?;
        let flags = ["--hostname", "box", "--init", "--tmpfs", "/tmp", "--read-only"];
        let inside = step05(sandbox).args(flags).rootfs(&rootfs).report()?;
        for kind in ["uts", "ipc", "pid", "mnt", "net"] {
            let of = |report: &Value| report["namespaces"][kind].clone();
            expect::differs(kind, &of(&inside), &of(&outside), "namespaces(7)")?;
        }
        // An ordinary user of the sandbox may be in one of its own, whose number is free by now.
        let host = fs::read_link("/proc/self/ns/user")?.display().to_string();
        expect::differs("user", &inside["namespaces"]["user"], &host, "namespaces(7)")?;
        expect::equal("the host name", &inside["hostname"], "box", "uts_namespaces(7)")?;
        expect::equal("the command's number", &inside["pid"], 2, "pid_namespaces(7)")?;
        let interfaces: Vec<_> = inside["interfaces"].as_object().into_iter().flatten().collect();
        expect::equal("the number of interfaces", &interfaces.len(), 1, "network_namespaces(7)")?;
        for device in ["null", "zero", "full", "random", "urandom", "tty"] {
            let kind = &inside["dev"][device]["type"];
            expect::equal(device, kind, "char", "null(4)")?;
        }
        let flags = ["--volume", "/etc:/mnt:ro", "--tmpfs", "/tmp"];
        let tries =
            ["try", "read=/proc/self/status", "read=/sys", "create=/tmp/x", "create=/etc/x"];
        rootfs.dir("mnt")?;
        let run = step05(sandbox).args(flags).arg("--read-only").rootfs(&rootfs);
        let tried = run.probe(tries).output()?.json()?;
        for (what, how) in
            [(tries[1], "ok"), (tries[2], "ok"), (tries[3], "ok"), (tries[4], "EROFS")]
        {
            expect::equal(what, &tried[what], how, "mount_namespaces(7)")?;
        }
        Ok(())
    })
}
