//! What root of a container may still do. See capabilities(7).

use std::{
    fs::{self},
    os::unix::fs::PermissionsExt,
};

use anyhow::{Context, Result, anyhow};
use conformance::{Rootfs, Sandbox, checkpoint::Test, expect, unprivileged};
use serde_json::{Value, json};
use step05::{CapSet, CapSets};

use super::scene::{CAPS, STEP05, all_three, own_rootfs, step05};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        root_has_what_docker_leaves_it,
        another_user_has_no_capabilities_unless_ambient: [Root],
        what_is_dropped_cannot_be_had_again: [Root],
        each_set_is_what_was_asked_for: [Root],
        power_is_given_away_in_the_right_order: [Root],
        an_ordinary_users_container_has_the_same_set: [UserNamespaces],
        nothing_is_inherited_from_the_caller: [Root, Command("setpriv")],
        init_has_no_more_than_the_command: [Root],
        what_is_not_to_be_ambient_is_not: [Root],
        roots_power_over_the_machine_is_gone: [Root],
        without_any_capability_root_is_an_ordinary_user: [Root],
        every_capability_of_an_ordinary_users_container_is_power_over_itself_only: [UserNamespaces],
        no_program_gives_privileges: [Root],
    }
}

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

/// Be it of root or of another user, and of the last capability as of the first.
fn what_is_dropped_cannot_be_had_again(sandbox: &Sandbox) -> Result<()> {
    for (flags, expected) in
        [(&[][..], DEFAULT), (&["--cap-drop", "ALL"], 0), (&["--user", "1000:1000"], DEFAULT)]
    {
        let run = step05(sandbox).args(flags);
        let inside = run.report().context("dropping from the bounding set did not go well")?;
        let bounding = inside["capabilities"]["bounding"].as_u64().unwrap_or_default();
        let what = format!("the bounding set with {flags:?}");
        let (seen, expected) = (CapSet::from_bits(bounding), CapSet::from_bits(expected));
        expect::equal(&what, &seen, expected, "capabilities(7), \"Capability bounding set\"")?;
    }
    Ok(())
}

/// Low and high numbers, and those that are kept by one who is not root.
fn each_set_is_what_was_asked_for(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let all = outside["capabilities"]["permitted"].as_u64().unwrap_or_default();
    let kept = ["--user", "1000:1000", "--cap-drop", "ALL", "--cap-ambient", "kill"];
    for (flags, expected) in [
        (&[][..], sets(DEFAULT, 0, DEFAULT)),
        (&["--cap-add", "ALL"], sets(all, 0, all)),
        (&kept, sets(KILL, KILL, KILL)),
    ] {
        let run = step05(sandbox).args(flags);
        let inside = run.report().context("setting the capability sets did not go well")?;
        let what = format!("the five sets with {flags:?}");
        expect::equal(&what, &inside["capabilities"], expected, CAPS)?;
    }
    Ok(())
}

/// Of everything that takes power there is something to do here, and afterwards hardly any is left.
fn power_is_given_away_in_the_right_order(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--user", "1000:50", "--group-add", "7", "--cap-drop=ALL", "--cap-ambient=kill"];
    let inside = step05(sandbox).args(flags).report();
    let inside = inside.context("some power was given away before what takes it was done")?;
    expect::equal("the user", &inside["uid"], all_three(1000), "credentials(7)")?;
    expect::equal("the groups", &inside["groups"], json!([7]), "credentials(7)")?;
    expect::equal("the capabilities", &inside["capabilities"], sets(KILL, KILL, KILL), CAPS)?;
    expect::equal("no_new_privs", &inside["no_new_privs"], 1, "PR_SET_NO_NEW_PRIVS(2const)")
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
