//! The namespace. See pid_namespaces(7).

use std::fs;

use anyhow::{Context, Result};
use conformance::{End, Sandbox, checkpoint::Test, expect, unprivileged};
use nix::sys::signal::{Signal, kill};
use serde_json::json;

use super::scene::{INIT, PID, both, outside, step02};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_command_is_process_1,
        with_init_the_command_is_process_2,
        init_tells_nothing_of_the_runtime,
        three_namespaces_are_new_and_no_more,
        step_1_is_still_there,
        processes_of_the_host_cannot_be_reached,
        its_own_processes_have_small_numbers,
        the_end_of_the_command_is_the_end_of_all,
        proc_still_shows_the_host,
        namespaces_nest_up_to_a_limit,
        without_the_right_to_make_namespaces_the_line_says_what_it_takes: [Sandbox],
        a_limit_on_namespaces_is_named,
    }
}

fn the_command_is_process_1(sandbox: &Sandbox) -> Result<()> {
    let inside = step02(sandbox).report()?;
    expect::equal("the number of the command's process", &inside["pid"], 1, PID)?;
    expect::equal("the number of its parent, which is not in there", &inside["ppid"], 0, PID)
}

fn with_init_the_command_is_process_2(sandbox: &Sandbox) -> Result<()> {
    let inside = step02(sandbox).arg("--init").report()?;
    expect::equal("the number of the command's process", &inside["pid"], 2, INIT)?;
    expect::equal("the number of its parent, the init", &inside["ppid"], 1, INIT)
}

fn init_tells_nothing_of_the_runtime(sandbox: &Sandbox) -> Result<()> {
    let run = step02(sandbox).env("SECRET", "of the caller").arg("--init").probe(["trap"]);
    let mut runtime = run.spawn()?;
    runtime.line()?;
    let init = runtime.descendants()[0];
    let words = |file: &str| -> Result<Vec<String>> {
        let text = fs::read_to_string(format!("/proc/{init}/{file}"))?;
        Ok(text.split('\0').filter(|word| !word.is_empty()).map(str::to_string).collect())
    };
    expect::equal("its command line", &words("cmdline")?, ["init"], "proc_pid_cmdline(5)")?;
    expect::equal("its name", &words("comm")?, ["init\n"], "proc_pid_comm(5)")?;
    expect::equal("its environment", &words("environ")?, [""; 0], "proc_pid_environ(5)")?;
    runtime.signal(Signal::SIGTERM)?;
    runtime.wait().map(drop)
}

fn three_namespaces_are_new_and_no_more(sandbox: &Sandbox) -> Result<()> {
    let (host, inside) = (outside(sandbox)?, step02(sandbox).report()?);
    let (host, inside) = (&host["namespaces"], &inside["namespaces"]);
    for kind in ["uts", "ipc", "pid"] {
        expect::differs(&format!("the {kind} namespace"), &inside[kind], &host[kind], "clone(2)")?;
    }
    for kind in ["cgroup", "mnt", "net", "user"] {
        let what = format!("the {kind} namespace, which a later step makes,");
        expect::same(&what, &inside[kind], &host[kind], "namespaces(7)")?;
    }
    Ok(())
}

fn step_1_is_still_there(sandbox: &Sandbox) -> Result<()> {
    let inside = step02(sandbox).args(["--hostname", "box", "--domainname", "yard"]).report()?;
    expect::equal("the host name inside", &inside["hostname"], "box", "step 1")?;
    expect::equal("the domain name inside", &inside["domainname"], "yard", "step 1")
}

fn processes_of_the_host_cannot_be_reached(sandbox: &Sandbox) -> Result<()> {
    let mut victim = sandbox.probe(["sleep", "60"]).spawn()?;
    victim.line()?;
    let number = victim.pid();
    let (one, trace) = (format!("kill={number},9"), format!("ptrace={number}"));
    for (how, run) in both(sandbox) {
        let tried = run.probe(["try", &one, &trace]).output()?.json()?;
        let refused = json!({ one.clone(): "ESRCH", trace.clone(): "ESRCH" });
        expect::same(&format!("what was tried {how}"), &tried, &refused, PID)?;
    }
    for (_, run) in both(sandbox) {
        // Kills all that the command can see, which may be itself.
        run.probe(["try", "kill=-1,9"]).output()?;
    }
    expect::that("the host's process lives", kill(number, None).is_ok(), &number, PID)?;
    kill(number, Signal::SIGTERM)?;
    expect::equal("its end", &victim.wait()?.end, End::Signal(15), PID)
}

fn its_own_processes_have_small_numbers(sandbox: &Sandbox) -> Result<()> {
    for ((how, run), number) in both(sandbox).into_iter().zip(["2", "3"]) {
        let outcome = run.probe(["background", "nap", "60"]).output()?;
        let child = outcome.stdout();
        let what = format!("the number of the command's child {how}");
        expect::equal(&what, &child.lines().next(), Some(number), PID)?;
    }
    Ok(())
}

fn the_end_of_the_command_is_the_end_of_all(sandbox: &Sandbox) -> Result<()> {
    for (how, run) in both(sandbox) {
        let words =
            ["seq", "background", "sleep", "60", "--", "background", "trap", "--", "exit", "7"];
        let outcome = run.probe(words).output().with_context(|| how)?;
        outcome.code(7)?;
    }
    Ok(())
}

/// /proc is the host's until step 3 mounts one that belongs to the namespace.
fn proc_still_shows_the_host(sandbox: &Sandbox) -> Result<()> {
    let inside = step02(sandbox).report()?;
    let processes = inside["processes"].as_object().context("no processes")?;
    let test = std::process::id().to_string();
    expect::that("the test itself is shown", processes.contains_key(&test), &test, "proc(5)")
}

fn namespaces_nest_up_to_a_limit(sandbox: &Sandbox) -> Result<()> {
    let nested = |depth: usize| {
        let words = std::iter::repeat_n([env!("CARGO_BIN_EXE_step02"), "--"], depth).flatten();
        sandbox.run("/usr/bin/env").arg("--").args(words).arg("true").output()
    };
    nested(8)?.success()?;
    let line = nested(33)?.error_line(125)?;
    insta::assert_snapshot!(line, @"step02: namespaces: creating uts, ipc, pid: ENOSPC: No space left on device (a limit in /proc/sys/user/max_*_namespaces is reached, or they are nested 32 deep)");
    Ok(())
}

fn without_the_right_to_make_namespaces_the_line_says_what_it_takes() -> Result<()> {
    unprivileged(|sandbox| {
        let line = step02(sandbox).probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(line, @"step02: namespaces: creating uts, ipc, pid: EPERM: Operation not permitted (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)");
        Ok(())
    })
}

fn a_limit_on_namespaces_is_named(sandbox: &Sandbox) -> Result<()> {
    let limit = "/proc/sys/user/max_pid_namespaces";
    let words = ["in-user-namespace", "seq", "write", limit, "0", "--", "exec"];
    let run = sandbox.probe(words).arg(env!("CARGO_BIN_EXE_step02")).args(["--", "true"]);
    let line = run.output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step02: namespaces: creating uts, ipc, pid: ENOSPC: No space left on device (forbidden by /proc/sys/user/max_pid_namespaces = 0)");
    Ok(())
}
