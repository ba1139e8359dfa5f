//! The checkpoint of step 2: processes of its own, an init, and an end that takes all along.

use std::{
    fs,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail};
use conformance::{End, Run, Running, Sandbox, expect, unprivileged};
use nix::{
    sys::signal::{Signal, kill},
    unistd::Pid,
};
use serde_json::{Value, json};

const PID: &str = "pid_namespaces(7)";
const INIT: &str = "pid_namespaces(7), \"The namespace init process\"; step02-pid/src/init.rs";

fn step02(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step02"))
}

/// Once for the command as process 1, once with an init there.
fn both<'a>(sandbox: &'a Sandbox) -> [(&'static str, Run<'a>); 2] {
    [("without --init", step02(sandbox)), ("with --init", step02(sandbox).arg("--init"))]
}

fn outside(sandbox: &Sandbox) -> Result<Value> {
    sandbox.probe(["report"]).output()?.json()
}

// The namespace.

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

// Orphans and zombies.

fn a_process_1_that_does_not_wait_is_left_with_zombies(sandbox: &Sandbox) -> Result<()> {
    let seen = step02(sandbox).probe(["orphans", "5"]).output()?.json()?;
    let zombies = seen["zombies"].as_array().map(Vec::len);
    expect::equal("the number of zombies", &zombies, Some(5), PID)?;
    expect::equal("how many orphans became its children", &seen["adopted"], 5, PID)
}

fn init_reaps_orphans(sandbox: &Sandbox) -> Result<()> {
    let seen = step02(sandbox).arg("--init").probe(["orphans", "50"]).output()?.json()?;
    expect::same("zombies", &seen["zombies"], &json!([]), INIT)?;
    expect::equal("how many orphans became the command's children", &seen["adopted"], 0, INIT)
}

fn init_survives_orphans_that_die_of_any_signal(sandbox: &Sandbox) -> Result<()> {
    for signal in ["1", "9", "15", "34", "64"] {
        let words = ["seq", "orphan", "signal", signal, "--", "nap", "0.2", "--", "exit", "9"];
        let run = step02(sandbox).arg("--init").probe(words);
        run.output()?.code(9).with_context(|| format!("an orphan has died of signal {signal}"))?;
    }
    Ok(())
}

fn init_cannot_be_killed_from_inside(sandbox: &Sandbox) -> Result<()> {
    let words = ["seq", "try", "kill=1,9", "--", "nap", "0.1", "--", "exit", "8"];
    step02(sandbox).arg("--init").probe(words).output()?.code(8).map(drop)
}

/// As other inits do: who tells process 1 to end means the container.
fn init_passes_on_what_comes_from_inside_too(sandbox: &Sandbox) -> Result<()> {
    let words = ["seq", "try", "kill=1,15", "--", "nap", "10"];
    step02(sandbox).arg("--init").probe(words).output()?.code(143).map(drop)
}

fn init_holds_nothing_open_but_the_callers_three(sandbox: &Sandbox) -> Result<()> {
    let mut running =
        step02(sandbox).arg("--init").descriptor(40).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    let init = container(&running)?;
    let mut others = Vec::new();
    for entry in fs::read_dir(format!("/proc/{init}/fd"))? {
        let path = entry?.path();
        let number = path.file_name().and_then(|name| name.to_str()).unwrap_or_default();
        let target = fs::read_link(&path)?.display().to_string();
        if !["0", "1", "2"].contains(&number) && target != "anon_inode:[signalfd]" {
            others.push(target);
        }
    }
    expect::equal("what else init has open", &others, Vec::<String>::new(), INIT)
}

// How it ends.

fn exit_codes_pass_through(sandbox: &Sandbox) -> Result<()> {
    for code in [0, 1, 2, 77, 124, 125, 126, 127, 128, 129, 200, 254, 255] {
        for (_, run) in both(sandbox) {
            run.probe(["exit", &code.to_string()]).output()?.code(code)?;
        }
    }
    Ok(())
}

fn death_by_signal_n_is_exit_code_128_plus_n(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 6, 9, 11, 13, 14, 15, 31, 34, 64] {
        let words = ["exec", "/bin/sh", "-c", &format!("ulimit -c 0; kill -{signal} $$")];
        step02(sandbox).arg("--init").probe(words).output()?.code(128 + signal)?;
    }
    Ok(())
}

fn process_1_does_not_hear_what_it_has_no_handler_for(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 9, 10, 15] {
        let outcome = step02(sandbox).probe(["signal", &signal.to_string()]).output()?;
        outcome.assert().code(0).stdout("survived\n");
    }
    Ok(())
}

fn signals_reach_the_command(sandbox: &Sandbox) -> Result<()> {
    for number in [1, 2, 3, 10, 12, 15, 18, 28, 34, 64] {
        for (how, run) in both(sandbox) {
            let mut running = run.probe(["trap"]).spawn()?;
            running.line()?;
            running.signal_number(number)?;
            let outcome = running.wait()?;
            let wanted = format!("ready\ngot {number}\n");
            expect::equal(&format!("what arrived {how}"), &outcome.stdout(), wanted, INIT)?;
            outcome.code(40 + number)?;
        }
    }
    Ok(())
}

/// This is what an init is for: `sleep` handles no signal, and as process 1 would hear none.
fn with_init_a_command_without_handlers_hears_signals(sandbox: &Sandbox) -> Result<()> {
    let mut running = step02(sandbox).arg("--init").probe(["sleep", "60"]).spawn()?;
    running.line()?;
    running.signal(Signal::SIGTERM)?;
    running.wait()?.code(143)?;

    let mut running = step02(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    running.signal(Signal::SIGTERM)?;
    sleep(Duration::from_millis(200));
    let command = container(&running)?;
    expect::that("process 1 goes on", kill(command, None).is_ok(), &command, PID)?;
    kill(command, Signal::SIGKILL)?; // which it cannot refuse from outside
    running.wait()?.code(137).map(drop)
}

fn many_signals_arrive(sandbox: &Sandbox) -> Result<()> {
    let script = "n=0; trap 'n=$((n+1)); echo $n' USR1; echo ready; while [ $n -lt 20 ]; do sleep 0.01; done";
    for (_, run) in both(sandbox) {
        let mut running = run.args(["--", "/bin/sh", "-c", script]).spawn()?;
        running.line()?;
        for number in 1..=20 {
            running.signal(Signal::SIGUSR1)?;
            expect::equal(
                "how many have arrived",
                &running.line()?,
                number.to_string().as_str(),
                "",
            )?;
        }
        running.wait()?.success()?;
    }
    Ok(())
}

fn ctrl_c_arrives_once(sandbox: &Sandbox) -> Result<()> {
    for (how, run) in both(sandbox) {
        let mut running = run.probe(["count-signals", "0.4"]).terminal().spawn()?;
        running.line()?;
        running.type_in("\x03")?;
        let outcome = running.wait()?;
        outcome.success()?;
        let what = format!("what arrived after Ctrl-C, which the terminal sends to all, {how}");
        expect::equal(&what, &outcome.stdout().lines().last(), Some("^C[2]"), "termios(3)")?;
    }
    Ok(())
}

fn the_container_dies_with_its_runtime(sandbox: &Sandbox) -> Result<()> {
    for (_, run) in both(sandbox) {
        let words = ["seq", "background", "sleep", "60", "--", "sleep", "60"];
        let mut running = run.probe(words).spawn()?;
        let lines = [running.line()?, running.line()?, running.line()?];
        expect::equal("the number of lines", &lines.len(), 3, "")?;
        running.signal(Signal::SIGKILL)?;
        // A process that outlives its run is an error of `wait`.
        expect::equal("its end", &running.wait()?.end, End::Signal(9), "PR_SET_PDEATHSIG(2const)")?;
    }
    Ok(())
}

fn killed_at_any_moment_nothing_is_left(sandbox: &Sandbox) -> Result<()> {
    for moment in 0..40 {
        for (_, run) in both(sandbox) {
            let words = ["seq", "background", "sleep", "60", "--", "sleep", "60"];
            let running = run.probe(words).spawn()?;
            sleep(Duration::from_micros(moment * 100));
            running.signal(Signal::SIGKILL)?;
            running.wait()?;
        }
    }
    Ok(())
}

fn an_init_that_is_killed_takes_all_along(sandbox: &Sandbox) -> Result<()> {
    let mut running = step02(sandbox).arg("--init").probe(["sleep", "60"]).spawn()?;
    running.line()?;
    kill(container(&running)?, Signal::SIGKILL)?;
    running.wait()?.code(137).map(drop)
}

fn what_cannot_be_executed_is_told_through_init_too(sandbox: &Sandbox) -> Result<()> {
    for (_, run) in both(sandbox) {
        let line = run.args(["--", "no-such-command"]).output()?.error_line(127)?;
        expect::contains("the line", &line, "step02: exec: no-such-command: no such command", "")?;
    }
    for (_, run) in both(sandbox) {
        let line = run.args(["--", "/etc"]).output()?.error_line(126)?;
        expect::equal("the line", &line, "step02: exec: /etc: is a directory", "")?;
    }
    Ok(())
}

/// The container's first process, which descends directly from the runtime.
fn container(running: &Running) -> Result<Pid> {
    let begun = Instant::now();
    while begun.elapsed() < Duration::from_secs(5) {
        if let Some(first) = running.descendants().first() {
            return Ok(*first);
        }
    }
    bail!("the runtime has no child")
}

// What it says of itself.

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step02(sandbox).arg("--help").output()?;
    help.success()?;
    insta::assert_snapshot!("help", help.stdout());
    Ok(())
}

fn explain_tells_each_act_as_a_command(sandbox: &Sandbox) -> Result<()> {
    let run = step02(sandbox).args(["--explain", "--init", "--hostname", "box", "--", "true"]);
    let outcome = run.output()?;
    outcome.success()?;
    insta::assert_snapshot!("explain", outcome.stderr());
    Ok(())
}

conformance::checkpoint! {
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
    a_process_1_that_does_not_wait_is_left_with_zombies,
    init_reaps_orphans,
    init_survives_orphans_that_die_of_any_signal,
    init_cannot_be_killed_from_inside,
    init_passes_on_what_comes_from_inside_too,
    init_holds_nothing_open_but_the_callers_three,
    exit_codes_pass_through,
    death_by_signal_n_is_exit_code_128_plus_n,
    process_1_does_not_hear_what_it_has_no_handler_for,
    signals_reach_the_command,
    with_init_a_command_without_handlers_hears_signals,
    many_signals_arrive,
    ctrl_c_arrives_once,
    the_container_dies_with_its_runtime,
    killed_at_any_moment_nothing_is_left,
    an_init_that_is_killed_takes_all_along,
    what_cannot_be_executed_is_told_through_init_too,
    help_reads_well,
    explain_tells_each_act_as_a_command,
}
