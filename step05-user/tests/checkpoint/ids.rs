//! Which ids the container has, and of whom they are. See user_namespaces(7), newuidmap(1).

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};
use conformance::{Rootfs, Run, Sandbox, checkpoint::Test, expect, unprivileged};
use serde_json::{Value, json};

use super::scene::{STEP05, all_three, step05, told};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        one_id_makes_the_caller_root_inside: [UserNamespaces],
        without_newuidmap_there_is_one_id: [UserNamespaces],
        ranges_are_mapped_as_they_are_given: [Root],
        a_privileged_caller_has_the_hosts_ids_unless_it_asks,
        subordinate_ids_are_mapped_by_newuidmap: [
            Root, Command("newuidmap"), Command("newgidmap"), Path("/etc/subuid"), Path("/etc/subgid")
        ],
        what_the_caller_may_not_write_is_asked_of_newuidmap: [UserNamespaces],
        no_new_privs_leaves_one_id: [Root, Command("newuidmap"), Path("/etc/subuid"), Path("/etc/subgid")],
        auto_makes_root_somebody_else: [Root, Path("/etc/subuid"), Path("/etc/subgid")],
    }
}

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
    let inside = step05(sandbox).args(["--userns", "single"]).report();
    let inside = inside.context("the container has no user namespace to be given a map")?;
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

/// By a newuidmap that only tells what it was asked for.
fn what_the_caller_may_not_write_is_asked_of_newuidmap() -> Result<()> {
    unprivileged(|sandbox| {
        let program = sandbox.dir().join("newuidmap");
        fs::write(
            &program,
            "#!/bin/sh\nshift\necho newuidmap: it is asked for \"$*\" >&2\nexit 1\n",
        )?;
        fs::set_permissions(&program, fs::Permissions::from_mode(0o755))?;
        let path = format!("{}:/usr/bin:/bin", sandbox.dir().display());
        let run = step05(sandbox).env("PATH", path).args(["--userns", "0:100000:9,9:1000:1"]);
        let line = run.probe(["exit", "0"]).output()?.error_line(125)?;
        let asked = "running newuidmap: it is asked for 0 100000 9 9 1000 1";
        expect::contains("what the runtime says", &line, asked, "newuidmap(1)")
    })
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
