//! The first process, from the gate on, and the one that joins it. See fifo(7), chdir(2), setns(2).

use std::{
    fs::{self, read_link},
    path::Path,
};

use anyhow::{Context, Result, bail, ensure};
use conformance::{End, Sandbox};
use serde_json::json;

use crate::bundle::Bundle;

/// After the gate the first process has a hook to call, so that whoever does not wait is early.
pub fn start_ends_when_the_command_has_begun(sandbox: &Sandbox) -> Result<()> {
    let hook = json!({ "path": "/bin/probe", "args": ["probe", "nap", "0.3"] });
    let bundle = Bundle::new(sandbox, &["sleep", "1000"])?.add("hooks.startContainer", hook);
    let _running = bundle.create(&[])?;
    let started = bundle.verb(&["start", &bundle.id]).output()?;
    started.success().context("`start` has to open the gate and to wait behind it")?;
    let file = format!("/proc/{}/cmdline", bundle.state()?["pid"]);
    let command = fs::read_to_string(&file).with_context(|| format!("reading {file}"))?;
    ensure!(
        command.starts_with("/bin/probe\0sleep"),
        "`start` ended too early: the container's process is not its command yet, but {command:?}. \
         It is when nobody has `answer` open any more for writing"
    );
    bundle.delete()
}

pub fn start_tells_why_there_is_no_command(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &[])?.set("process.args", json!(["/bin/none"]));
    fs::copy(bundle.rootfs.at("bin/probe"), bundle.rootfs.at("bin/none"))?; // `create` looks for it
    let _running = bundle.create(&[])?;
    bundle.rootfs.remove("bin/none")?;
    let started = bundle.verb(&["start", &bundle.id]).output()?;
    let (end, said) = (started.end, started.stderr());
    ensure!(
        end != End::Code(0),
        "`start` says that all is well, but there is no /bin/none in the container: what the \
         container's process writes to `answer` was not read"
    );
    ensure!(
        said.contains("/bin/none"),
        "`start` does not say what was not found, but {said:?}: the text is in `answer`, behind the \
         exit code"
    );
    ensure!(
        end == End::Code(127),
        "`start` ended with {end}: expected exit code 127, which is the first byte in `answer`"
    );
    bundle.delete()
}

/// CVE-2024-21626: a descriptor of the host that was left open.
pub fn the_directory_is_inside(sandbox: &Sandbox) -> Result<()> {
    const LEFT_OPEN: i32 = 77;
    let cwd = format!("/proc/self/fd/{LEFT_OPEN}");
    let bundle = Bundle::new(sandbox, &["report", "cwd"])?.set("process.cwd", cwd);
    let run = bundle.making("run", &[])?.descriptor(LEFT_OPEN).output()?;
    ensure!(
        run.end != End::Code(0),
        "the command began outside of the container: its directory was a descriptor of the host's, \
         and it saw {}",
        run.stdout()
    );
    let said = run.stderr();
    ensure!(
        said.contains("it is outside of the container"),
        "that the directory is outside has to be told, not {said:?}"
    );
    let bundle = Bundle::new(sandbox, &["report", "cwd"])?.set("process.cwd", "/etc/passwd");
    let run = bundle.output()?;
    ensure!(
        run.end != End::Code(0),
        "the command began in another directory than was asked for: /etc/passwd is none, and \
         nobody said so; it saw {}",
        run.stdout()
    );
    Ok(())
}

/// Root's power is given up between the two layers: what was reached before needs no second try.
pub fn the_directory_is_entered_while_root_still_may(sandbox: &Sandbox) -> Result<()> {
    for owner in [0, 1000] {
        let bundle = Bundle::in_private_directory(sandbox, owner)?;
        let run = bundle.output()?;
        ensure!(
            run.end == End::Code(0),
            "a directory that is open to user {owner} alone was not entered, though root may enter \
             it before the command becomes user 1000: {}",
            run.stderr()
        );
        let seen = run.json()?["cwd"].clone();
        ensure!(seen == "/private", "the command began in {seen}, expected \"/private\"");
    }
    Ok(())
}

const KINDS: [&str; 7] = ["user", "cgroup", "ipc", "mnt", "net", "pid", "uts"];

pub fn exec_enters_all_that_the_container_is_in(sandbox: &Sandbox) -> Result<()> {
    let ids = json!([{ "containerID": 0, "hostID": 100_000, "size": 65_536 }]);
    let bundle = Bundle::new(sandbox, &["sleep", "1000"])?
        .add("linux.namespaces", json!({ "type": "user" }))
        .set("linux.uidMappings", ids.clone())
        .set("linux.gidMappings", ids);
    let _running = bundle.start()?;
    let of = format!("/proc/{}/ns", bundle.state()?["pid"]);
    let outcome = bundle.verb(&["exec", &bundle.id, "/bin/probe", "report"]).output()?;
    if outcome.end != End::Code(0) {
        bail!("`exec` did not come to its command in a container with a user namespace: {outcome}");
    }
    let joined = outcome.json()?;
    for kind in KINDS {
        let theirs = read_link(Path::new(&of).join(kind))?.display().to_string();
        let own = joined["namespaces"][kind].to_string();
        let inode = theirs.trim_start_matches(|letter: char| !letter.is_ascii_digit());
        ensure!(
            own.contains(inode.trim_end_matches(']')),
            "the {kind} namespace of `exec` is not the container's: expected {theirs}, seen {own}"
        );
    }
    let user = &joined["uid"]["effective"];
    ensure!(*user == 0, "`exec` is user {user} in the container's user namespace, expected 0");
    bundle.delete()
}

pub fn exec_is_in_the_groups_of_the_container(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["sleep", "1000"])?;
    let _running = bundle.start()?;
    let outcome = bundle.verb(&["exec", &bundle.id, "/bin/probe", "report", "cgroup"]).output()?;
    let joined = outcome.json()?;
    let groups = joined["cgroup"].as_array().context("its groups")?;
    let foreign =
        |line: &&serde_json::Value| !line.as_str().is_some_and(|line| line.ends_with(":/"));
    // The root of the container's cgroup namespace is the group that it was made in.
    if let Some(line) = groups.iter().find(foreign) {
        bail!(
            "`exec` is not in the container's groups, and so no limit holds for it: expected a line \
             that ends in \":/\", seen {line}"
        );
    }
    bundle.delete()
}
