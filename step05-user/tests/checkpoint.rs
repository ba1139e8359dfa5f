//! The checkpoint of step 5.

use std::{
    fs::{self, File},
    io::Read,
    os::unix::fs::{MetadataExt, PermissionsExt, chown},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, anyhow};
use conformance::{Outcome, Rootfs, Run, Sandbox, expect, unprivileged};
use nix::sys::signal::Signal;
use serde_json::{Value, json};
use step05::{CapSet, CapSets, mount_api};

const STEP05: &str = env!("CARGO_BIN_EXE_step05");

fn step05(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(STEP05)
}

/// A root file system of whoever runs the programs of this sandbox.
fn own_rootfs(sandbox: &Sandbox) -> Result<Rootfs> {
    let rootfs = Rootfs::new()?;
    let user = sandbox.dir().join("home").metadata()?.uid();
    for path in ["", "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var"] {
        chown(rootfs.at(path), Some(user), Some(user))?;
    }
    Ok(rootfs)
}

// ---- Ids ----------------------------------------------------------------------------------------

fn one_id_makes_the_caller_root_inside() -> Result<()> {
    unprivileged(|sandbox| {
        let inside = step05(sandbox).args(["--userns", "single"]).report()?;
        let read = "user_namespaces(7)";
        expect::equal("the uid map", &inside["uid_map"], json!([[0, 1000, 1]]), read)?;
        expect::equal("the gid map", &inside["gid_map"], json!([[0, 1000, 1]]), read)?;
        expect::equal("setgroups", &inside["setgroups"], "deny", read)?;
        expect::equal("the user inside", &inside["uid"], all_three(0), read)?;
        expect::equal("the group inside", &inside["gid"], all_three(0), read)
    })
}

fn without_newuidmap_there_is_one_id() -> Result<()> {
    unprivileged(|sandbox| {
        let run = step05(sandbox).env("PATH", "/nowhere").arg("--explain");
        let outcome = run.probe(["report", "uid_map"]).output()?;
        let map = json!({"uid_map": [[0, 1000, 1]]});
        expect::equal("the uid map", &outcome.json()?, map, "newuidmap(1)")?;
        let told = "host       user          # one id only: newuidmap is not installed\n";
        expect::contains("--explain", &outcome.stderr(), told, "newuidmap(1)")
    })
}

fn ranges_are_mapped_as_they_are_given(sandbox: &Sandbox) -> Result<()> {
    let read = "user_namespaces(7)";
    let inside = step05(sandbox).args(["--userns", "0:100000:65536"]).report()?;
    expect::equal("the uid map", &inside["uid_map"], json!([[0, 100_000, 65536]]), read)?;
    expect::equal("the gid map", &inside["gid_map"], json!([[0, 100_000, 65536]]), read)?;
    expect::equal("setgroups", &inside["setgroups"], "allow", read)?;
    expect::equal("the groups inside", &inside["groups"], json!([]), read)?;
    expect::equal("the user inside", &inside["uid"], all_three(0), read)?;

    let maps = "uid=0:100000:10,uid=10:200000:5,gid=0:300000:7";
    let inside = step05(sandbox).args(["--userns", maps]).report()?;
    let uids = json!([[0, 100_000, 10], [10, 200_000, 5]]);
    expect::equal("the uid map", &inside["uid_map"], uids, read)?;
    expect::equal("the gid map", &inside["gid_map"], json!([[0, 300_000, 7]]), read)
}

fn a_privileged_caller_has_the_hosts_ids_unless_it_asks(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let inside = step05(sandbox).report()?;
    let user = |report: &Value| report["namespaces"]["user"].clone();
    expect::same("the user namespace", &user(&inside), &user(&outside), "user_namespaces(7)")?;
    let inside = step05(sandbox).args(["--userns", "single"]).report()?;
    expect::differs("the user namespace", &user(&inside), &user(&outside), "user_namespaces(7)")
}

/// As user 1000 of a machine whose files lend that user ids, once by name and once by number.
/// The machine's own files are covered, in a mount namespace that only this run has.
fn lent<'a>(sandbox: &'a Sandbox, how: &str, dir: &Path, args: &[&str]) -> Result<Run<'a>> {
    const SCRIPT: &str = r#"
        mount -n --bind "$1/passwd" /etc/passwd &&
        mount -n --bind "$1/subid" /etc/subuid && mount -n --bind "$1/subid" /etc/subgid || exit 1
        shift
        exec setpriv --reuid=1000 --regid=1000 --groups=1000,27 "$@""#;
    fs::write(dir.join("passwd"), "root:x:0:0::/:/bin/sh\nlearner:x:1000:1000::/:/bin/sh\n")?;
    fs::write(dir.join("subid"), "other:1:2\nlearner:100000:65536\n1000:300000:10\n")?;
    let run = sandbox.run("unshare").args(["--mount", "sh", "-c", SCRIPT, "sh"]);
    Ok(run.arg(dir).arg(how).args([STEP05, "--explain"]).args(args))
}

fn subordinate_ids_are_mapped_by_newuidmap(sandbox: &Sandbox) -> Result<()> {
    let files = Rootfs::new()?; // for the directory around it
    let outcome =
        lent(sandbox, "--inh-caps=-all", files.outside(), &[])?.probe(["report"]).output()?;
    let inside = outcome.json()?;
    let map = json!([[0, 1000, 1], [1, 100_000, 65536], [65537, 300_000, 10]]);
    expect::same("the uid map", &inside["uid_map"], &map, "newuidmap(1)")?;
    expect::same("the gid map", &inside["gid_map"], &map, "newgidmap(1)")?;
    expect::equal("setgroups", &inside["setgroups"], "allow", "newgidmap(1)")?;
    expect::equal("the groups inside", &inside["groups"], json!([]), "setgroups(2)")?;
    insta::assert_snapshot!(told(&outcome, "user"), @r"
    host       user          newuidmap PID 0 1000 1 1 100000 65536 65537 300000 10
    host       user          newgidmap PID 0 1000 1 1 100000 65536 65537 300000 10
    container  user          exec setpriv --regid=0 --clear-groups --reuid=0 sh
    ");

    let args = ["--user", "7:8", "--group-add", "9"];
    let inside = lent(sandbox, "--inh-caps=-all", files.outside(), &args)?
        .probe(["report"])
        .output()?
        .json()?;
    expect::equal("the user inside", &inside["uid"], all_three(7), "setresuid(2)")?;
    expect::equal("the groups inside", &inside["groups"], json!([9]), "setgroups(2)")
}

/// A process of which no program may make more cannot call newuidmap either.
fn no_new_privs_leaves_one_id(sandbox: &Sandbox) -> Result<()> {
    let files = Rootfs::new()?;
    let outcome = lent(sandbox, "--no-new-privs", files.outside(), &[])?;
    let outcome = outcome.probe(["report", "uid_map"]).output()?;
    let map = json!({"uid_map": [[0, 1000, 1]]});
    expect::equal("the uid map", &outcome.json()?, map, "PR_SET_NO_NEW_PRIVS(2const)")?;
    let told = "# one id only: no_new_privs takes newuidmap's power away\n";
    expect::contains("--explain", &outcome.stderr(), told, "PR_SET_NO_NEW_PRIVS(2const)")
}

/// Root would be root outside too if it had the caller's id, so it has none of it.
fn auto_makes_root_somebody_else(sandbox: &Sandbox) -> Result<()> {
    let files = Rootfs::new()?;
    let subid = files.outside().join("subid");
    let auto = || {
        let script = r#"for name in subuid subgid; do mount -n --bind "$1" /etc/$name; done
            shift; exec "$@""#;
        let run = sandbox.run("unshare").args(["--mount", "sh", "-c", script, "sh"]);
        run.arg(&subid).args([STEP05, "--userns", "auto"])
    };
    fs::write(&subid, "root:500000:10\nlearner:100000:65536\n0:600000:5\n")?;
    let inside = auto().report()?;
    let map = json!([[0, 500_000, 10], [10, 600_000, 5]]);
    expect::same("the uid map", &inside["uid_map"], &map, "subuid(5)")?;
    expect::same("the gid map", &inside["gid_map"], &map, "subgid(5)")?;

    fs::write(&subid, "learner:100000:65536\n")?;
    let line = auto().probe(["exit", "0"]).output()?.error_line(125)?;
    insta::assert_snapshot!(line, @r"step05: user: --userns auto: /etc/subuid lends root no ids (usermod --add-subuids would add some)");
    Ok(())
}

// ---- Root inside is not root outside ------------------------------------------------------------

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

/// Tried on the file system of the temporary files, by a user namespace made for it.
fn no_id_mapped_mounts() -> Option<String> {
    let try_it = || -> Result<()> {
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        holder.stdout.as_mut().context("no output")?.read_exact(&mut [0])?;
        let namespace = File::open(format!("/proc/{}/ns/user", holder.id()))?;
        let tree = mount_api::copy(File::open(std::env::temp_dir())?, false)?;
        let mapped = mount_api::map_ids(tree, namespace);
        drop(holder.stdin.take());
        holder.wait()?;
        Ok(mapped?)
    };
    let error = try_it().err()?;
    Some(format!("needs id-mapped mounts where temporary files are: {error:#}"))
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
    let inside = outcome.json()?;
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

/// Not while it is set up, either: what the caller or its groups may enter, root inside may not.
fn root_inside_cannot_go_where_it_is_nobody(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let room = rootfs.outside().join("room");
    fs::create_dir_all(room.join("inside"))?;
    chown(&room, Some(0), Some(27))?;
    fs::set_permissions(&room, fs::Permissions::from_mode(0o750))?;
    let inside = format!("{}/inside", room.display());
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

// ---- Capabilities -------------------------------------------------------------------------------

const CAPS: &str = "capabilities(7)";
const IDMAPPED: &str = "mount_setattr(2), \"ID-mapped mounts\"";

/// Docker's list, as `CapBnd` shows it in a container of Docker's.
const DEFAULT: u64 = 0xa804_25fb;
const KILL: u64 = 1 << 5;
const NET_BIND_SERVICE: u64 = 1 << 10;
const SYS_ADMIN: u64 = 1 << 21;

/// The five sets of a process that has `now`, and may come by `bounding`.
fn sets(now: u64, ambient: u64, bounding: u64) -> Value {
    json!({
        "effective": now,
        "permitted": now,
        "inheritable": ambient,
        "ambient": ambient,
        "bounding": bounding,
    })
}

fn root_has_what_docker_leaves_it(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let all = outside["capabilities"]["permitted"].as_u64().unwrap_or_default();
    for (flags, expected) in [
        (&[][..], DEFAULT),
        (&["--cap-drop", "ALL"], 0),
        (&["--cap-drop=all", "--cap-add=kill,CAP_chown"], KILL | 1),
        (&["--cap-drop", "CHOWN", "--cap-drop", "cap_kill"], DEFAULT & !KILL & !1),
        (&["--cap-add", "Sys_Admin"], DEFAULT | SYS_ADMIN),
        (&["--cap-add", "ALL"], all),
        (&["--cap-add", "ALL", "--cap-drop", "SYS_ADMIN"], all & !SYS_ADMIN),
        (&["--cap-add", "KILL", "--cap-drop", "KILL"], DEFAULT),
    ] {
        let inside = step05(sandbox).args(flags).report()?;
        let what = format!("the capabilities with {flags:?}");
        let expected = sets(expected, 0, expected);
        expect::equal(&what, &inside["capabilities"], expected, CAPS)?;
    }
    Ok(())
}

fn another_user_has_no_capabilities_unless_ambient(sandbox: &Sandbox) -> Result<()> {
    for (flags, expected) in [
        (&[][..], sets(0, 0, DEFAULT)),
        (&["--cap-drop", "ALL"], sets(0, 0, 0)),
        (&["--cap-add", "SYS_ADMIN"], sets(0, 0, DEFAULT | SYS_ADMIN)),
        (
            &["--cap-drop", "ALL", "--cap-ambient", "net_bind_service"],
            sets(NET_BIND_SERVICE, NET_BIND_SERVICE, NET_BIND_SERVICE),
        ),
    ] {
        let inside = step05(sandbox).args(["--user", "1000:1000"]).args(flags).report()?;
        let what = format!("the capabilities of user 1000 with {flags:?}");
        expect::equal(&what, &inside["capabilities"], expected, CAPS)?;
    }
    Ok(())
}

fn an_ordinary_users_container_has_the_same_set() -> Result<()> {
    unprivileged(|sandbox| {
        for (flags, expected) in [(&[][..], DEFAULT), (&["--cap-drop", "ALL"], 0)] {
            let run = step05(sandbox).args(["--userns", "single"]).args(flags);
            let inside = run.report()?;
            let what = format!("the capabilities with {flags:?}");
            let expected = sets(expected, 0, expected);
            expect::equal(&what, &inside["capabilities"], expected, CAPS)?;
        }
        Ok(())
    })
}

fn nothing_is_inherited_from_the_caller(sandbox: &Sandbox) -> Result<()> {
    let caller = ["--inh-caps=+kill,+chown", "--ambient-caps=+kill,+chown", "--groups=4,27"];
    for flags in [&[][..], &["--userns", "single"], &["--userns", "0:100000:9"]] {
        let run = sandbox.run("setpriv").args(caller).arg(STEP05).args(flags);
        let inside = run.report()?;
        let what = format!("the capabilities with {flags:?}");
        let expected = sets(DEFAULT, 0, DEFAULT);
        expect::equal(&what, &inside["capabilities"], expected, "CVE-2022-29162")?;
        let what = format!("the groups with {flags:?}");
        expect::equal(&what, &inside["groups"], json!([]), "CVE-2022-36109")?;
    }
    Ok(())
}

/// With `--init` process 1 stays what it was when the command was executed; it must have given up
/// as much.
fn init_has_no_more_than_the_command(sandbox: &Sandbox) -> Result<()> {
    for (user, caps) in [("0", DEFAULT), ("1000", 0)] {
        let run = step05(sandbox).args(["--init", "--user", user]);
        let init = run.probe(["report", "file:/proc/1/status"]).output()?.json()?;
        let status = init["file:/proc/1/status"].as_str().unwrap_or_default().to_string();
        for (name, value) in [
            ("Uid", [user; 4].join("\t")),
            ("CapPrm", format!("{caps:016x}")),
            ("CapEff", format!("{caps:016x}")),
            ("CapBnd", format!("{DEFAULT:016x}")),
            ("NoNewPrivs", "1".to_string()),
        ] {
            let what = format!("the status of init of user {user}");
            expect::contains(&what, &status, &format!("{name}:\t{value}\n"), CAPS)?;
        }
    }
    Ok(())
}

/// Sets that no flag asks for, though a bundle may: inheritable, and yet not ambient.
fn what_is_not_to_be_ambient_is_not() -> Result<()> {
    let kill: CapSet = ["KILL".parse()?].into_iter().collect();
    let before = CapSets::current()?;
    let wanted = CapSets { inheritable: kill, ..before };
    // The sets are each thread's own.
    let thread = std::thread::spawn(move || {
        CapSets { ambient: kill, ..wanted }.apply()?;
        wanted.apply()?;
        CapSets::current()
    });
    let seen = thread.join().map_err(|_| anyhow!("the thread panicked"))??;
    expect::equal("the sets", &seen, wanted, CAPS)
}

/// Calls that act on the machine as a whole. Root of the sandbox could make all of them, and those
/// that would do harm have a second fault (see the probe).
fn roots_power_over_the_machine_is_gone(sandbox: &Sandbox) -> Result<()> {
    let wanted = [
        ("mount-tmpfs", "EPERM"),
        ("load-module", "EPERM"),
        ("settime", "EPERM"),
        ("reboot", "EPERM"),
        ("swapon", "EPERM"),
        ("kexec", "EPERM"),
        ("acct", "EPERM"),
        ("bpf", "EPERM"),
        ("nice", "EACCES"),
        ("unshare=mnt", "EPERM"),
        ("sethostname", "EPERM"),
    ];
    for user in ["0", "1000"] {
        let tries = wanted.iter().map(|(what, _)| *what);
        let run = step05(sandbox).args(["--user", user]);
        let tried = run.probe(["try"].into_iter().chain(tries)).output()?.json()?;
        for (what, how) in wanted {
            refused(what, &tried[what], how)?;
        }
    }
    Ok(())
}

/// What the default list allows is refused too when it is dropped.
fn without_any_capability_root_is_an_ordinary_user(sandbox: &Sandbox) -> Result<()> {
    let wanted = [
        ("mknod=/dev/memory", "EPERM"),
        ("setuid=5", "EPERM"),
        ("setgid=5", "EPERM"),
        ("setgroups=5", "EPERM"),
        ("socket-raw", "EPERM"),
        ("bind=80", "EACCES"),
        ("chroot-escape", "EPERM"),
    ];
    let tries = wanted.iter().map(|(what, _)| *what);
    let run = step05(sandbox).args(["--cap-drop", "ALL"]);
    let tried = run.probe(["try"].into_iter().chain(tries)).output()?.json()?;
    for (what, how) in wanted {
        refused(what, &tried[what], how)?;
    }
    Ok(())
}

/// Or the kernel was built without it.
fn refused(what: &str, seen: &Value, how: &str) -> Result<()> {
    let how = if seen == "ENOSYS" { "ENOSYS" } else { how };
    expect::equal(&format!("the answer to {what}"), seen, how, CAPS)
}

fn every_capability_of_an_ordinary_users_container_is_power_over_itself_only() -> Result<()> {
    unprivileged(|sandbox| {
        let rootfs = own_rootfs(sandbox)?;
        let expected = [
            ("load-module", "EPERM"),
            ("settime", "EPERM"),
            ("swapon", "EPERM"),
            ("kexec", "EPERM"),
            ("acct", "EPERM"),
            ("nice", "EACCES"),
            ("mknod=/dev/memory", "EPERM"),
            ("setuid=1", "EINVAL"),
            ("setgroups=0", "EPERM"),
            // Over what is its own it has power.
            ("mount-tmpfs=/dev", "ok"),
            ("unshare=mnt", "ok"),
            ("sethostname", "ok"),
        ];
        let run = step05(sandbox).args(["--userns", "single", "--cap-add", "ALL"]);
        let tries = expected.iter().map(|(what, _)| *what);
        let tried = run.rootfs(&rootfs).probe(["try"].into_iter().chain(tries)).output()?.json()?;
        for (what, how) in expected {
            refused(what, &tried[what], how)?;
        }
        Ok(())
    })
}

/// A set-user-ID root program is nothing to user 1000, unless it is asked for.
fn no_program_gives_privileges(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let program = rootfs.at("bin/probe");
    fs::set_permissions(&program, fs::Permissions::from_mode(0o4755))?;
    for (flags, no_new_privs, effective, caps) in
        [(&[][..], 1, 1000, 0), (&["--allow-new-privileges"], 0, 0, DEFAULT)]
    {
        let run = step05(sandbox).args(["--user", "1000:1000"]).args(flags).rootfs(&rootfs);
        let inside = run.report()?;
        let what = |name: &str| format!("{name} with {flags:?}");
        let read = "PR_SET_NO_NEW_PRIVS(2const)";
        expect::equal(&what("no_new_privs"), &inside["no_new_privs"], no_new_privs, read)?;
        expect::equal(&what("the user"), &inside["uid"]["effective"], effective, read)?;
        let seen = &inside["capabilities"]["effective"];
        expect::equal(&what("the capabilities"), seen, caps, read)?;
    }
    Ok(())
}

// ---- Users --------------------------------------------------------------------------------------

fn the_user_and_the_groups_are_those_that_were_asked_for(sandbox: &Sandbox) -> Result<()> {
    for (flags, uid, gid, groups) in [
        (&[][..], 0, 0, json!([])),
        (&["-u", "1000"], 1000, 0, json!([])),
        (&["--user", "1000:50"], 1000, 50, json!([])),
        (&["-u", "0:0", "--group-add", "7"], 0, 0, json!([7])),
        (
            &["--user=1:2", "--group-add", "30,20", "--group-add=2147483647"],
            1,
            2,
            json!([20, 30, 2_147_483_647]),
        ),
        (&["--user", "2147483647:2147483647"], 2_147_483_647, 2_147_483_647, json!([])),
    ] {
        // By way of a shell's caller that has groups itself.
        let run = sandbox.run("setpriv").args(["--groups=4,27", STEP05]).args(flags);
        let inside = run.report()?;
        let what = |name: &str| format!("{name} with {flags:?}");
        let read = "credentials(7)";
        expect::equal(&what("the user"), &inside["uid"], all_three(uid), read)?;
        expect::equal(&what("the group"), &inside["gid"], all_three(gid), read)?;
        expect::equal(&what("the groups"), &inside["groups"], groups, read)?;
    }
    Ok(())
}

fn all_three(id: u32) -> Value {
    json!({"real": id, "effective": id, "saved": id})
}

fn bad_values_are_refused_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let line =
        |args: &[&str]| step05(sandbox).args(args).probe(["exit", "0"]).output()?.error_line(125);
    let mut lines = String::new();
    for args in [
        &["-u", "-1"][..],
        &["-u", ""],
        &["-u", "2147483648"],
        &["-u", "4294967296"],
        &["-u", "18446744073709551616"],
        &["-u", "root"],
        &["--user", "1:-1"],
        &["--user", "1000:"],
        &["--group-add", "staff"],
        &["--group-add", "-1"],
        &["--group-add", "1,"],
        &["--cap-add", "SYS_ADMNI"],
        &["--cap-drop", ""],
        &["--cap-ambient", "ALL"],
        &["--userns", "private"],
        &["--userns", "0:1"],
        &["--userns", "0:-1:1"],
        &["--userns", "0:4294967294:2"],
        &["--userns", "0:0:4294967296"],
        &["--userns", "0:1000:0"],
        &["--userns", "1:1000:1"],
        &["--userns", "uid=0:1000:1"],
        &["--userns", "0:1000:10,5:2000:10"],
    ] {
        lines += &line(args)?;
        lines += "\n";
    }
    insta::assert_snapshot!(lines, @r#"
    step05: capabilities: --user "-1": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "2147483648": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "4294967296": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "18446744073709551616": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "root": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "1:-1": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --user "1000:": expected UID[:GID], numbers from 0 to 2147483647
    step05: capabilities: --group-add "staff": expected a number from 0 to 2147483647
    step05: capabilities: --group-add "-1": expected a number from 0 to 2147483647
    step05: capabilities: --group-add "": expected a number from 0 to 2147483647
    step05: capabilities: "SYS_ADMNI" is no capability's name
    step05: capabilities: "" is no capability's name
    step05: capabilities: "ALL" is no capability's name
    step05: user: --userns "private": expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…
    step05: user: --userns "0:1": expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…
    step05: user: --userns "0:-1:1": expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…
    step05: user: --userns "0:4294967294:2": "0:4294967294:2" goes beyond the last id, 4294967294
    step05: user: --userns "0:0:4294967296": expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…
    step05: user: --userns "0:1000:0": "0:1000:0" holds no ids
    step05: user: --userns "1:1000:1": the uid map has no container id 0, whose part it is to set the container up
    step05: user: --userns "uid=0:1000:1": the gid map has no container id 0, whose part it is to set the container up
    step05: user: --userns "0:1000:10,5:2000:10": ranges "0 1000 10" and "5 2000 10" of the uid map overlap
    "#);
    Ok(())
}

fn what_one_id_does_not_allow_is_told_in_one_line() -> Result<()> {
    unprivileged(|sandbox| {
        let line = |args: &[&str]| {
            let run = step05(sandbox).env("PATH", "/nowhere").args(args);
            run.probe(["exit", "0"]).output()?.error_line(125)
        };
        let mut lines = String::new();
        for args in [
            &["--user", "7"][..],
            &["--user", "0:7"],
            &["--group-add", "7"],
            &["--userns", "0:100000:65536"],
            &["--userns", "host"],
        ] {
            lines += &line(args)?;
            lines += "\n";
        }
        insta::assert_snapshot!(lines, @r"
        step05: capabilities: becoming user 7: EINVAL: Invalid argument (there is no such id in the user namespace: see --userns)
        step05: capabilities: becoming group 7: EINVAL: Invalid argument (there is no such id in the user namespace: see --userns)
        step05: capabilities: setting the groups [7]: EPERM: Operation not permitted (a user namespace of one id has no other groups)
        step05: user: running newuidmap: not found in PATH (it maps more than the caller's own id; Debian's package is uidmap)
        step05: namespaces: creating uts, ipc, pid, net, mount: EPERM: Operation not permitted (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)
        ");
        Ok(())
    })
}

fn newuidmap_refuses_what_is_not_lent() -> Result<()> {
    unprivileged(|sandbox| {
        let run = step05(sandbox).args(["--userns", "0:5:1"]);
        let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
        let told = "step05: user: running newuidmap: ";
        expect::that(
            "the program's own words are told",
            line.starts_with(told),
            &line,
            "newuidmap(1)",
        )
    })
}

/// Within a user namespace there are only its ids to give away.
fn ids_that_do_not_exist_are_told() -> Result<()> {
    unprivileged(|sandbox| {
        let run = sandbox.run("unshare").args(["--map-root-user", STEP05, "--userns", "0:5:3"]);
        let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(without_pid(&line), @r#"step05: user: writing "0 5 3" to /proc/PID/uid_map: EPERM: Operation not permitted (there are no such ids as 5 to 7 in the user namespace that this runs in: see /proc/self/uid_map)"#);
        Ok(())
    })
}

fn a_map_of_root_without_the_right_to_it_is_told(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run("setpriv").args(["--bounding-set=-setfcap", STEP05]);
    let run = run.args(["--userns", "0:0:1"]).probe(["exit", "0"]);
    let line = run.output()?.error_line(125)?;
    insta::assert_snapshot!(without_pid(&line), @r#"step05: user: writing "0 0 1" to /proc/PID/uid_map: EPERM: Operation not permitted (a map of host id 0 takes CAP_SETFCAP)"#);
    Ok(())
}

/// The limit is set in a user namespace around the run, not on the machine.
fn a_forbidden_namespace_is_told_with_the_setting() -> Result<()> {
    unprivileged(|sandbox| {
        let script = "echo 0 > /proc/sys/user/max_user_namespaces && exec \"$@\"";
        let run = sandbox.run("unshare").args(["--map-root-user", "sh", "-c", script, "sh"]);
        let run = run.args([STEP05, "--userns", "single"]);
        let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(line, @r"step05: namespaces: creating user, uts, ipc, pid, net, mount: ENOSPC: No space left on device (forbidden by /proc/sys/user/max_user_namespaces = 0)");
        Ok(())
    })
}

// ---- Words, and the end -------------------------------------------------------------------------

/// What `--explain` says of one layer, without the numbers that differ each time.
fn told(outcome: &Outcome, layer: &str) -> String {
    let stderr = outcome.stderr();
    let lines = stderr.lines().filter(|line| line.split_whitespace().nth(1) == Some(layer));
    lines.map(|line| without_pid(line) + "\n").collect()
}

fn without_pid(line: &str) -> String {
    let mut text = line.to_string();
    for before in ["/proc/", "--target=", "newuidmap ", "newgidmap "] {
        if let Some((_, after)) = line.split_once(before) {
            let pid: String = after.chars().take_while(char::is_ascii_digit).collect();
            text = text.replace(&format!("{before}{pid}"), &format!("{before}PID"));
        }
    }
    text
}

fn explain_tells_what_an_ordinary_user_could_do() -> Result<()> {
    unprivileged(|sandbox| {
        let run = step05(sandbox).args(["--explain", "--userns", "single", "--cap-drop", "ALL"]);
        let outcome = run.probe(["exit", "0"]).output()?;
        insta::assert_snapshot!(told(&outcome, "user"), @r"
        host       user          printf '%s\n' '0 1000 1' > /proc/PID/uid_map
        host       user          echo deny > /proc/PID/setgroups
        host       user          printf '%s\n' '0 1000 1' > /proc/PID/gid_map
        container  user          exec setpriv --regid=0 --keep-groups --reuid=0 sh
        ");
        insta::assert_snapshot!(told(&outcome, "capabilities"), @r"container  capabilities  exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --regid=0 --reuid=0 --keep-groups --no-new-privs sh");
        let namespaces = told(&outcome, "namespaces");
        expect::contains("--explain", &namespaces, "unshare --fork --user ", "unshare(1)")
    })
}

fn explain_tells_what_root_could_do(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let flags = ["--explain", "--userns", "0:100000:10,uid=10:200000:1,gid=10:300000:5"];
    let user = ["--user", "1:2", "--group-add", "3,4", "--cap-ambient", "KILL"];
    let run = step05(sandbox).args(flags).args(user).rootfs(&rootfs);
    let outcome = run.probe(["exit", "0"]).output()?;
    outcome.success()?;
    let rootfs = rootfs.path().display().to_string();
    insta::assert_snapshot!(told(&outcome, "user").replace(&rootfs, "ROOTFS"), @r"
    host       user          printf '%s\n' '0 100000 10' '10 200000 1' > /proc/PID/uid_map
    host       user          printf '%s\n' '0 100000 10' '10 300000 5' > /proc/PID/gid_map
    host       user          nsenter --mount --target=PID mount --rbind --options=X-mount.idmap=/proc/PID/ns/user ROOTFS ROOTFS
    container  user          exec setpriv --regid=0 --clear-groups --reuid=0 sh
    ");
    insta::assert_snapshot!(told(&outcome, "capabilities"), @r"container  capabilities  exec setpriv --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap --inh-caps=-all,+kill --ambient-caps=-all,+kill --regid=2 --reuid=1 --groups=3,4 --no-new-privs sh");
    Ok(())
}

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step05(sandbox).arg("--help").output()?.success()?.stdout();
    let own = help.find("User namespace:").map_or("", |at| &help[at..]);
    insta::assert_snapshot!(own, @r"
    User namespace:
          --userns <IDS>  Ids: `host`; `single`, only yours, as root; `auto`, as /etc/subuid lends you; or a list of [uid=|gid=]CONTAINER:HOST:COUNT with commas [default: host if you are privileged, else auto]

    Privileges:
      -u, --user <UID[:GID]>      Who the command is, by the container's numbers [default: 0:0]
          --group-add <GID>       Supplementary group; may be repeated, or a list with commas
          --cap-add <CAP>         Add a capability, or ALL, to Docker's default list; may be repeated, or a list
          --cap-drop <CAP>        Drop a capability, or ALL; may be repeated, or a list
          --cap-ambient <CAP>     Add a capability that the command has even if it is not root; may be repeated, or a list
          --allow-new-privileges  Let set-user-ID programs and file capabilities work: do not set no_new_privs
    ");
    Ok(())
}

/// A change of user makes the kernel forget that a process wants to die with its parent.
fn a_killed_runtime_leaves_no_container_of_another_user(sandbox: &Sandbox) -> Result<()> {
    for flags in [
        &["--user", "1000"][..],
        &["--user", "1000", "--init"],
        &["--userns", "0:100000:65536"],
        &["--userns", "0:100000:65536", "--user", "5", "--init"],
    ] {
        let mut running = step05(sandbox).args(flags).probe(["sleep", "60"]).spawn()?;
        running.line()?;
        running.signal(Signal::SIGKILL)?;
        running.wait()?; // fails if a process is left
    }
    // What is not tied to a process goes with the next run.
    step05(sandbox).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

conformance::checkpoint! {
    one_id_makes_the_caller_root_inside: [UserNamespaces],
    without_newuidmap_there_is_one_id: [UserNamespaces],
    ranges_are_mapped_as_they_are_given: [Root],
    a_privileged_caller_has_the_hosts_ids_unless_it_asks,
    subordinate_ids_are_mapped_by_newuidmap: [
        Root, Command("newuidmap"), Command("newgidmap"), Path("/etc/subuid"), Path("/etc/subgid")
    ],
    no_new_privs_leaves_one_id: [Root, Command("newuidmap"), Path("/etc/subuid"), Path("/etc/subgid")],
    auto_makes_root_somebody_else: [Root, Path("/etc/subuid"), Path("/etc/subgid")],
    files_made_inside_are_the_callers: [UserNamespaces],
    root_inside_has_no_right_to_roots_files: [UserNamespaces, Path("/etc/shadow")],
    the_rootfs_is_shifted: [Root, Other(no_id_mapped_mounts)],
    a_rootfs_of_the_containers_ids_is_not_shifted: [Root],
    root_inside_cannot_go_where_it_is_nobody: [
        Root, Command("setpriv"), Other(no_id_mapped_mounts)
    ],
    an_ordinary_user_may_have_anothers_rootfs: [UserNamespaces],
    an_ordinary_user_has_all_layers: [UserNamespaces],
    root_has_what_docker_leaves_it,
    another_user_has_no_capabilities_unless_ambient: [Root],
    an_ordinary_users_container_has_the_same_set: [UserNamespaces],
    nothing_is_inherited_from_the_caller: [Root, Command("setpriv")],
    init_has_no_more_than_the_command: [Root],
    what_is_not_to_be_ambient_is_not: [Root],
    roots_power_over_the_machine_is_gone: [Root],
    without_any_capability_root_is_an_ordinary_user: [Root],
    every_capability_of_an_ordinary_users_container_is_power_over_itself_only: [UserNamespaces],
    no_program_gives_privileges: [Root],
    the_user_and_the_groups_are_those_that_were_asked_for: [Root, Command("setpriv")],
    bad_values_are_refused_in_one_line,
    what_one_id_does_not_allow_is_told_in_one_line: [UserNamespaces],
    newuidmap_refuses_what_is_not_lent: [UserNamespaces, Command("newuidmap")],
    ids_that_do_not_exist_are_told: [UserNamespaces, Command("unshare")],
    a_map_of_root_without_the_right_to_it_is_told: [Root, Command("setpriv")],
    a_forbidden_namespace_is_told_with_the_setting: [UserNamespaces, Command("unshare")],
    explain_tells_what_an_ordinary_user_could_do: [UserNamespaces],
    explain_tells_what_root_could_do: [Root, Other(no_id_mapped_mounts)],
    help_reads_well,
    a_killed_runtime_leaves_no_container_of_another_user: [Root],
}
