//! The harness itself: it finds what it must find, and keeps tests away from the machine.

use std::{
    fs,
    panic::{self, AssertUnwindSafe},
    path::PathBuf,
    process::{Command, ExitCode, Stdio},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use conformance::{
    End, Rootfs, Sandbox,
    checkpoint::{self, Test},
    expect, unprivileged,
};
use nix::sys::signal::{Signal, kill};
use serde_json::json;

/// The error that a test gives: none is a failure of the test on it.
fn error_of(result: Result<()>) -> Result<String> {
    match result {
        Ok(()) => bail!("a fault was not found"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// A fresh sandbox in which this shell command is run, and what the check says then.
fn after_shell(command: &str) -> Result<String> {
    error_of(Sandbox::new()?.check(|sandbox| {
        sandbox.run("/bin/sh").args(["-c", command]).output()?.success().map(drop)
    }))
}

fn a_mount_is_found() -> Result<()> {
    let error = after_shell("mount -t tmpfs none /mnt")?;
    expect::contains("the error", &error, "tmpfs / on /mnt", "traces.rs")
}

fn a_second_mount_in_the_same_place_is_found() -> Result<()> {
    let error = after_shell("mount -t tmpfs none /run")?;
    expect::contains("the error", &error, "tmpfs / on /run", "traces.rs")
}

fn a_file_in_run_is_found() -> Result<()> {
    let error = after_shell("mkdir -p /run/layers/abc")?;
    expect::contains("the error", &error, "file /run/layers/abc", "traces.rs")
}

fn an_interface_is_found() -> Result<()> {
    let error = after_shell("ip link add leak0 type bridge")?;
    expect::contains("the error", &error, "interface leak0", "traces.rs")
}

fn a_firewall_rule_is_found() -> Result<()> {
    let nft = "nft 'table inet leak { chain one { type nat hook output priority 0; accept; }; }'";
    let error = after_shell(nft)?;
    for part in ["nftables table leak", "nftables chain leak", "nftables rule leak one"] {
        expect::contains("the error", &error, part, "view.rs")?;
    }
    Ok(())
}

fn a_changed_host_name_is_found() -> Result<()> {
    let error = after_shell("hostname leaked")?;
    expect::contains("the error", &error, "hostname leaked", "view.rs")
}

fn a_message_queue_is_found() -> Result<()> {
    let error = error_of(
        Sandbox::new()?
            .check(|sandbox| sandbox.probe(["msg-make", "0x4711"]).output()?.success().map(drop)),
    )?;
    expect::contains("the error", &error, "message queue with key 18193", "view.rs")
}

/// A group in the first hierarchy that is mounted, with another below it.
fn make_groups(sandbox: &Sandbox) -> Result<PathBuf> {
    let mounts = fs::read_to_string("/proc/self/mounts")?;
    let dir = mounts.lines().find_map(|line| {
        let words: Vec<_> = line.split(' ').collect();
        words[2].starts_with("cgroup").then(|| words[1].to_string())
    });
    let made = PathBuf::from(dir.context("no hierarchy is mounted")?).join(sandbox.cgroup_parent());
    fs::create_dir_all(made.join("below"))?;
    Ok(made)
}

fn a_cgroup_is_found_and_removed() -> Result<()> {
    let mut made = PathBuf::new();
    let error = error_of(Sandbox::new()?.check(|sandbox| {
        made = make_groups(sandbox)?;
        Ok(())
    }))?;
    expect::contains("the error", &error, &format!("cgroup {}", made.display()), "traces.rs")?;
    expect::that("the group was removed", !made.exists(), &made, "cgroups(7)")
}

fn a_cgroup_goes_with_a_test_that_panics() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let made = make_groups(&sandbox)?;
    let check = || sandbox.check(|_| panic!("as a snapshot does that differs"));
    let result = panic::catch_unwind(AssertUnwindSafe(check));
    expect::that("the test panicked", result.is_err(), &result, "panic")?;
    expect::that("the group was removed", !made.exists(), &made, "cgroups(7)")
}

fn a_process_that_outlives_its_run_is_found_and_killed(sandbox: &Sandbox) -> Result<()> {
    let begun = Instant::now();
    let run = sandbox.probe(["background", "sleep", "60"]);
    let error = error_of(run.output().map(drop))?;
    expect::contains("the error", &error, "has ended, but not", "minder.rs")?;
    expect::contains("the error", &error, "background sleep 60", "minder.rs")?;
    let pid = error.split("process ").nth(1).and_then(|rest| rest.split(':').next());
    let pid: i32 = pid.context("no process is named")?.parse()?;
    expect::that("the process was killed", !alive(pid), &pid, "minder.rs")?;
    expect::that("that took no minute", begun.elapsed().as_secs() < 30, &begun.elapsed(), "")
}

fn what_goes_on_in_the_background_lives_as_long_as_it_is_kept(sandbox: &Sandbox) -> Result<()> {
    let script = |script: &str| sandbox.run("/bin/sh").args(["-c", script]).detaching();
    let (outcome, kept) = script("sleep 60 >/dev/null 2>&1 & echo $!").spawn()?.leave()?;
    let process = PathBuf::from(format!("/proc/{}", outcome.success()?.stdout().trim()));
    expect::that("it lives", process.exists(), &process, "minder.rs")?;
    drop(kept);
    expect::that("it is killed", !process.exists(), &process, "minder.rs")?;
    let limit = Duration::from_secs(1);
    let error = error_of(script("sleep 60 & true").limit(limit).spawn()?.leave().map(drop))?;
    expect::contains("the error", &error, "somebody keeps its output open", "run/running.rs")
}

fn a_terminal_can_be_resized(sandbox: &Sandbox) -> Result<()> {
    let script = "trap 'stty size; exit' WINCH; echo ready; while :; do sleep 0.05; done";
    let mut run = sandbox.run("/bin/sh").args(["-c", script]).terminal().spawn()?;
    run.line()?;
    run.resize(33, 99)?;
    expect::contains("the size", &run.line()?, "33 99", "TIOCSWINSZ(2const)")?;
    run.wait()?.success().map(drop)
}

fn a_run_that_takes_too_long_is_killed(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.probe(["seq", "background", "sleep", "60", "--", "sleep", "60"]);
    let error = error_of(run.limit(Duration::from_millis(300)).output().map(drop))?;
    expect::contains("the error", &error, "did not end within 300ms", "run/running.rs")?;
    let child = error.split('"').find_map(|text| text.split("\\n").next()?.parse::<i32>().ok());
    let child = child.context("the output so far is not in the error")?;
    expect::that("its child was killed", !alive(child), &child, "minder.rs")
}

fn a_program_that_is_not_there_is_named(sandbox: &Sandbox) -> Result<()> {
    let error = error_of(sandbox.run("/no/such/program").output().map(drop))?;
    expect::contains("the error", &error, "/no/such/program", "minder.rs")
}

fn ends_and_output_are_told(sandbox: &Sandbox) -> Result<()> {
    let outcome = sandbox.run("/bin/sh").args(["-c", "echo out; echo err >&2; exit 7"]).output()?;
    outcome.assert().code(7).stdout("out\n").stderr("err\n");
    let outcome = sandbox.probe(["signal", "9"]).output()?;
    expect::equal("the end", &outcome.end, End::Signal(9), "wait(2)")?;
    let outcome = sandbox.probe(["cat", "/dev/stdin"]).stdin("in").output()?;
    outcome.assert().success().stdout("in");
    Ok(())
}

fn lines_and_signals_reach_a_running_program(sandbox: &Sandbox) -> Result<()> {
    let mut running = sandbox.probe(["trap"]).spawn()?;
    expect::equal("the first line", &running.line()?, "ready", "run/running.rs")?;
    running.signal(Signal::SIGUSR1)?;
    let outcome = running.wait()?;
    expect::equal("the end", &outcome.end, End::Code(50), "run/running.rs")?;
    expect::equal("the output", &outcome.stdout(), "ready\ngot 10\n", "run/running.rs")
}

fn signals_and_descriptors_are_as_asked(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.probe(["report", "signals_blocked", "signals_ignored", "fds"]);
    let run = run.blocked(Signal::SIGUSR2).ignored(Signal::SIGHUP).descriptor(9);
    let seen = run.output()?.json()?;
    expect::equal("the blocked signals", &seen["signals_blocked"], json!([12]), "start.rs")?;
    expect::equal("the first ignored signal", &seen["signals_ignored"][0], 1, "start.rs")?;
    expect::equal("descriptor 9", &seen["fds"]["9"], "/", "start.rs")
}

/// In version 1 it does not die of being killed.
fn a_frozen_process_is_killed(sandbox: &Sandbox) -> Result<()> {
    let group = PathBuf::from("/sys/fs/cgroup/freezer").join(sandbox.cgroup_parent());
    fs::create_dir(&group)?;
    let mut running = sandbox.probe(["sleep", "60"]).spawn()?;
    running.line()?;
    fs::write(group.join("cgroup.procs"), running.pid().to_string())?;
    fs::write(group.join("freezer.state"), "FROZEN")?;
    drop(running); // which waits for its death
    fs::remove_dir(&group)?;
    Ok(())
}

fn a_sandbox_is_not_the_machine(sandbox: &Sandbox) -> Result<()> {
    let seen =
        sandbox.probe(["report", "namespaces", "interfaces", "fds", "env"]).output()?.json()?;
    for kind in ["mnt", "net", "uts", "ipc"] {
        let ours = fs::read_link(format!("/proc/self/ns/{kind}"))?.display().to_string();
        expect::that(
            "the namespace differs",
            seen["namespaces"][kind] != ours,
            kind,
            "unshare(2)",
        )?;
    }
    let interfaces = seen["interfaces"].as_object().context("no interfaces")?;
    expect::equal("the only interface", &interfaces.keys().collect::<Vec<_>>(), ["lo"], "")?;
    expect::equal("whether lo is up", &seen["interfaces"]["lo"]["up"], true, "netdevice(7)")?;
    expect::equal(
        "the number of descriptors",
        &seen["fds"].as_object().map(|f| f.len()),
        Some(3),
        "",
    )?;
    let run = fs::read_dir(sandbox.root().join("run"))?.count();
    expect::that("/run is empty but for name servers", run <= 1, &run, "holder.rs")
}

fn an_unprivileged_sandbox_gives_no_capability() -> Result<()> {
    unprivileged(|sandbox| {
        let seen =
            sandbox.probe(["report", "uid", "gid", "groups", "capabilities"]).output()?.json()?;
        expect::equal("the user", &seen["uid"]["effective"], 1000, "credentials(7)")?;
        expect::equal("the group", &seen["gid"]["effective"], 1000, "credentials(7)")?;
        expect::equal(
            "the capabilities",
            &seen["capabilities"]["permitted"],
            0,
            "capabilities(7)",
        )?;
        let dir = sandbox.dir().join("runtime/file");
        sandbox.probe(["write", &dir.to_string_lossy(), "x"]).output()?.success()?;
        sandbox.probe(["rm", &dir.to_string_lossy()]).output()?.success()?;
        let tried = sandbox.probe(["try", "mount-tmpfs", "sethostname"]).output()?.json()?;
        let refused = json!({"mount-tmpfs": "EPERM", "sethostname": "EPERM"});
        expect::same("what was tried", &tried, &refused, "capabilities(7)")
    })
}

fn a_rootfs_goes_with_its_owner() -> Result<()> {
    let rootfs = Rootfs::new()?;
    let dir = rootfs.outside().to_owned();
    rootfs.symlink("dev", "/etc")?;
    fs::set_permissions(
        rootfs.dir("closed/below")?,
        std::os::unix::fs::PermissionsExt::from_mode(0o0),
    )?;
    drop(rootfs);
    expect::that("the directory is gone", !dir.exists(), &dir, "temp.rs")
}

/// A specimen: it needs what no machine has.
fn needs_the_impossible() -> Result<()> {
    bail!("this test ran")
}

fn a_missing_need_is_told_and_never_passes() -> Result<()> {
    let told = |args: &[&str]| -> Result<String> {
        let output = specimens().args(args).output()?;
        Ok(String::from_utf8_lossy(&output.stdout).into_owned())
    };
    let run = told(&["--exact", "needs_the_impossible"])?;
    expect::contains("the result", &run, "ignored (needs /no/such/path)", "checkpoint.rs")?;
    expect::contains("the result", &run, "0 passed; 0 failed; 1 ignored", "checkpoint.rs")?;
    let list = told(&["--list", "--ignored"])?;
    expect::contains(
        "the list of what is ignored",
        &list,
        "needs_the_impossible: test",
        "checkpoint.rs",
    )
}

/// A specimen: is killed while it runs.
fn hangs() -> Result<()> {
    let sandbox = Sandbox::new()?;
    let mut running = sandbox.probe(["sleep", "60"]).spawn()?;
    running.line()?;
    fs::write(std::env::var("CONFORMANCE_HANG")?, running.pid().to_string())?;
    running.wait().map(drop)
}

/// A test program that is killed leaves no process: its helpers notice.
fn nothing_survives_the_harness() -> Result<()> {
    let dir = conformance::TempDir::new("hang")?;
    let file = dir.path().join("pid");
    let mut harness = specimens()
        .args(["--exact", "hangs"])
        .env("CONFORMANCE_HANG", &file)
        .stdout(Stdio::null())
        .spawn()?;
    let pid = wait_for(|| fs::read_to_string(&file).ok()?.parse::<i32>().ok())?;
    expect::that("the program runs", alive(pid), &pid, "")?;
    harness.kill()?;
    harness.wait()?;
    wait_for(|| (!alive(pid)).then_some(())).context("the program has survived the harness")
}

fn wait_for<T>(mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(10) {
        if let Some(found) = look() {
            return Ok(found);
        }
        sleep(Duration::from_millis(10));
    }
    bail!("waited in vain")
}

fn alive(pid: i32) -> bool {
    kill(nix::unistd::Pid::from_raw(pid), None).is_ok()
}

/// The command that runs the specimens: tests of which other tests look how the harness takes them.
/// Of this program's own they are none, or it could never be said that all of them ran.
fn specimens() -> Command {
    let mut command = Command::new("/proc/self/exe");
    command.env(SPECIMENS, "");
    command
}

const SPECIMENS: &str = "CONFORMANCE_SPECIMENS";

fn main() -> ExitCode {
    let specimens = || {
        conformance::tests! {
            needs_the_impossible: [Path("/no/such/path")],
            hangs,
        }
    };
    checkpoint::main(if std::env::var_os(SPECIMENS).is_some() { specimens() } else { tests() })
}

fn tests() -> Vec<Test> {
    conformance::tests! {
        a_mount_is_found: [Sandbox, Command("mount")],
        a_second_mount_in_the_same_place_is_found: [Sandbox, Command("mount")],
        a_file_in_run_is_found: [Sandbox],
        an_interface_is_found: [Sandbox, Command("ip")],
        a_firewall_rule_is_found: [Sandbox, Command("nft")],
        a_changed_host_name_is_found: [Sandbox, Command("hostname")],
        a_message_queue_is_found: [Sandbox],
        a_cgroup_is_found_and_removed: [Root],
        a_cgroup_goes_with_a_test_that_panics: [Root],
        a_process_that_outlives_its_run_is_found_and_killed,
        what_goes_on_in_the_background_lives_as_long_as_it_is_kept,
        a_terminal_can_be_resized: [Command("stty")],
        a_run_that_takes_too_long_is_killed,
        a_program_that_is_not_there_is_named,
        ends_and_output_are_told,
        lines_and_signals_reach_a_running_program,
        signals_and_descriptors_are_as_asked,
        a_frozen_process_is_killed: [Root, CgroupV1("freezer")],
        a_sandbox_is_not_the_machine,
        an_unprivileged_sandbox_gives_no_capability: [Sandbox],
        a_rootfs_goes_with_its_owner,
        a_missing_need_is_told_and_never_passes,
        nothing_survives_the_harness: [Sandbox],
    }
}
