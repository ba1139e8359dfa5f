//! What cannot be, and how that is told.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test, expect, unprivileged};

use super::scene::{STEP05, step05, without_pid};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        bad_values_are_refused_in_one_line,
        what_one_id_does_not_allow_is_told_in_one_line: [UserNamespaces],
        newuidmap_refuses_what_is_not_lent: [UserNamespaces, Command("newuidmap")],
        ids_that_do_not_exist_are_told: [UserNamespaces, Command("unshare")],
        a_map_of_root_without_the_right_to_it_is_told: [Root, Command("setpriv")],
        a_forbidden_namespace_is_told_with_the_setting: [UserNamespaces, Command("unshare")],
    }
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
