//! `run` in the foreground.

use std::fs;

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::scene::{run, said, verb};

const NAMESPACES: [&str; 6] = ["uts", "ipc", "pid", "mnt", "net", "cgroup"];

fn world(sandbox: &Sandbox, kinds: &[&str]) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let inside = run(sandbox, &["--rm", "base", "/probe", "report"]).output()?.json()?;
    for kind in kinds {
        let (inside, outside) = (&inside["namespaces"][*kind], &outside["namespaces"][*kind]);
        expect::differs(&format!("the {kind} namespace"), inside, outside, "namespaces(7)")?;
    }
    expect::equal("the process's number", &inside["pid"], 1, "pid_namespaces(7)")?;
    let hostname = inside["hostname"].as_str().context("a host name")?;
    expect::that("the host name", hostname.len() == 12, hostname, "uts_namespaces(7)")?;
    let mounts = inside["mounts"].as_array().context("mounts")?;
    let root = mounts.iter().find(|mount| mount["target"] == "/").context("a root")?;
    expect::equal("the root's file system", &root["type"], "overlay", "mount(8)")?;
    let left = said(sandbox, &["ps", "--all", "--quiet"])?;
    expect::equal("what --rm leaves", &left, "", "")
}

pub fn a_command_runs_in_a_world_of_its_own(sandbox: &Sandbox) -> Result<()> {
    world(sandbox, &NAMESPACES)
}

pub fn an_ordinary_user_runs_containers_too() -> Result<()> {
    unprivileged(|sandbox| world(sandbox, &[&NAMESPACES[..], &["user"]].concat()))
}

pub fn the_exit_code_is_the_commands(sandbox: &Sandbox) -> Result<()> {
    for code in [0, 1, 42, 255] {
        let run = run(sandbox, &["--rm", "base", "/probe", "exit", &code.to_string()]);
        run.output()?.code(code)?;
    }
    let killed = run(sandbox, &["--rm", "--init", "base", "/probe", "signal", "9"]);
    killed.output()?.code(137)?;
    run(sandbox, &["--rm", "base", "nosuch"]).output()?.code(127)?;
    run(sandbox, &["--rm", "base", "/etc/passwd"]).output()?.code(126)?;
    Ok(())
}

pub fn input_is_read_only_if_asked_for(sandbox: &Sandbox) -> Result<()> {
    let read = |args: &[&str]| -> Result<String> {
        let outcome =
            run(sandbox, args).args(["base", "sh", "-c", "cat"]).stdin("typed").output()?;
        Ok(outcome.success()?.stdout())
    };
    expect::equal("input with -i", &read(&["--rm", "-i"])?, "typed", "")?;
    expect::equal("input without", &read(&["--rm"])?, "", "")
}

pub fn output_and_errors_stay_apart(sandbox: &Sandbox) -> Result<()> {
    let outcome = run(sandbox, &["--rm", "base", "sh", "-c", "echo out; echo err >&2"]).output()?;
    expect::equal("standard output", &outcome.success()?.stdout(), "out\n", "")?;
    expect::equal("standard error", &outcome.stderr(), "err\n", "")
}

pub fn environment_directory_and_user_are_as_asked(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--rm", "-e", "A=b c", "-w", "/some/where", "--hostname", "box"];
    let user = ["-u", "7:8", "base", "/probe", "report"];
    let inside = run(sandbox, &flags).args(user).output();
    let inside = match sandbox.has_user_namespace() {
        true => run(sandbox, &flags).args(&user[2..]).output()?.json()?, // of one id
        false => inside?.json()?,
    };
    expect::equal("A", &inside["env"]["A"], "b c", "environ(7)")?;
    expect::equal("the working directory", &inside["cwd"], "/some/where", "chdir(2)")?;
    expect::equal("the host name", &inside["hostname"], "box", "uts_namespaces(7)")?;
    if !sandbox.has_user_namespace() {
        let (uid, gid) = (inside["uid"].to_string(), inside["gid"].to_string());
        expect::contains("the user", &uid, "7", "credentials(7)")?;
        expect::contains("the group", &gid, "8", "credentials(7)")?;
    }
    Ok(())
}

pub fn what_one_container_changes_no_other_sees(sandbox: &Sandbox) -> Result<()> {
    ["overlay", "vfs"].iter().try_for_each(|driver| changes_stay(sandbox, driver))
}

fn changes_stay(sandbox: &Sandbox, driver: &str) -> Result<()> {
    let change = "echo changed > /etc/passwd; touch /new; rm /etc/group";
    let driver = ["--storage-driver", driver];
    let run = |args: &[&str]| run(sandbox, &[&driver, args].concat()).output();
    run(&["--name", "a", "base", "sh", "-c", change])?.success()?;
    let other = run(&["--rm", "base", "sh", "-c", "cat /etc/passwd; ls /new /etc/group"])?;
    expect::contains("another's /etc/passwd", &other.stdout(), "root:x:0:0", "")?;
    expect::contains("another's /etc", &other.stdout(), "/etc/group", "")?;
    expect::contains("another's /", &other.stderr(), "/new", "")?;
    // It is found whatever driver is the default one.
    said(sandbox, &["rm", "a"]).map(drop)
}

pub fn volumes_and_a_read_only_root(sandbox: &Sandbox) -> Result<()> {
    let shared = sandbox.dir().join("tmp");
    let volume = format!("{}:/shared", shared.display());
    let script = "echo one > /shared/file; touch /new || echo refused";
    let flags = ["--rm", "--read-only", "-v", &volume, "base", "sh", "-c", script];
    let outcome = run(sandbox, &flags).output()?;
    expect::equal("the root", &outcome.success()?.stdout(), "refused\n", "mount(8)")?;
    expect::equal("the volume", &fs::read_to_string(shared.join("file"))?, "one\n", "mount(8)")?;
    Ok(fs::remove_file(shared.join("file"))?)
}

pub fn out_of_memory_is_written_down(sandbox: &Sandbox) -> Result<()> {
    let flags = ["--name", "a", "-m", "20m", "base", "/probe", "eat-memory", "100"];
    run(sandbox, &flags).output()?.code(137)?;
    let record = said(sandbox, &["inspect", "a"])?;
    expect::contains("its end", &record, "out of memory", "cgroups(7)")?;
    said(sandbox, &["rm", "a"]).map(drop)
}

/// CVE-2019-5736: the command is `/proc/self/exe`, which is the runtime itself; and process 1 with
/// `--init` is the runtime too.
pub fn the_runtime_cannot_be_overwritten_from_inside(sandbox: &Sandbox) -> Result<()> {
    let runtime = env!("CARGO_BIN_EXE_final-runtime");
    let before = fs::metadata(runtime)?.modified()?;
    let attack = "for p in /proc/1/exe /proc/self/exe; do ls -l $p; echo x > $p && echo written; \
                  done 2>&1; true";
    let outcome = run(sandbox, &["--rm", "--init", "base", "sh", "-c", attack]).output()?;
    let seen = outcome.success()?.stdout();
    let inits = seen.lines().next().unwrap_or_default();
    expect::that("process 1's program", !inits.contains(runtime), inits, "memfd_create(2)")?;
    expect::that("its writing", !seen.contains("written"), &seen, "memfd_create(2)")?;
    let itself = run(sandbox, &["--rm", "base", "/proc/self/exe", "--version"]).output()?;
    expect::that("the command", !itself.stdout().contains(runtime), &itself.stdout(), "")?;
    ensure!(fs::metadata(runtime)?.modified()? == before, "the runtime has been written to");
    verb(sandbox, &["ps"]).output()?.success().map(drop)
}
