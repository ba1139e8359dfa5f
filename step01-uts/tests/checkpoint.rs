//! The checkpoint of step 1: host name, message queues, and the skeleton that runs a command.

use std::{
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    thread,
    time::Duration,
};

use anyhow::{Context, Result};
use conformance::{End, Run, Sandbox, expect, unprivileged};
use nix::sys::signal::{Signal, kill};
use serde_json::{Value, json};

const UTS: &str = "uts_namespaces(7), sethostname(2)";
const IPC: &str = "ipc_namespaces(7), sysvipc(7), mq_overview(7)";
const SIGNALS: &str = "signal(7), pidfd_send_signal(2)";
const EXEC: &str = "execve(2)";

fn step01(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step01"))
}

/// What a process sees that is in no container.
fn outside(sandbox: &Sandbox) -> Result<Value> {
    sandbox.probe(["report"]).output()?.json()
}

// The two namespaces.

fn the_names_are_its_own(sandbox: &Sandbox) -> Result<()> {
    let inside = step01(sandbox).args(["--hostname", "box", "--domainname", "yard"]).report()?;
    expect::equal("the host name inside", &inside["hostname"], "box", UTS)?;
    expect::equal("the domain name inside", &inside["domainname"], "yard", UTS)
}

fn without_flags_the_names_are_the_hosts(sandbox: &Sandbox) -> Result<()> {
    let (host, inside) = (outside(sandbox)?, step01(sandbox).report()?);
    expect::same("the host name inside", &inside["hostname"], &host["hostname"], UTS)?;
    expect::same("the domain name inside", &inside["domainname"], &host["domainname"], UTS)
}

// ANCHOR: two-namespaces
fn two_namespaces_are_new_and_no_more(sandbox: &Sandbox) -> Result<()> {
    let (host, inside) = (outside(sandbox)?, step01(sandbox).report()?);
    let (host, inside) = (&host["namespaces"], &inside["namespaces"]);
    for kind in ["uts", "ipc"] {
        expect::differs(&format!("the {kind} namespace"), &inside[kind], &host[kind], "clone(2)")?;
    }
    for kind in ["cgroup", "mnt", "net", "pid", "user"] {
        let what = format!("the {kind} namespace, which a later step makes,");
        expect::same(&what, &inside[kind], &host[kind], "namespaces(7)")?;
    }
    Ok(())
}
// ANCHOR_END: two-namespaces

fn a_name_changed_on_one_side_stays_there(sandbox: &Sandbox) -> Result<()> {
    let host = outside(sandbox)?;
    let words = ["seq", "try", "sethostname=inside", "--", "wait", "--", "report", "hostname"];
    // `try` works in a child, whose UTS namespace is the container's too.
    let mut running = step01(sandbox).probe(words).spawn()?;
    expect::equal("the attempt", &running.line()?, r#"{"sethostname=inside":"ok"}"#, UTS)?;
    expect::equal("the next line", &running.line()?, "ready", "the probe's `wait`")?;
    let meanwhile = outside(sandbox)?;
    expect::same("the host name outside", &meanwhile["hostname"], &host["hostname"], UTS)?;

    let rename = |name: &str| sandbox.probe(["try", &format!("sethostname={name}")]).output();
    rename("outside")?.success()?;
    running.descendants().first().map(|pid| kill(*pid, Signal::SIGUSR1)).context("no child")??;
    let seen = running.line()?;
    rename(host["hostname"].as_str().context("the host has no name")?)?.success()?;
    running.wait()?.success()?;
    expect::equal("the host name inside", &seen, r#"{"hostname":"inside"}"#, UTS)
}

/// Each kind of object, with a name for one of it.
const OBJECTS: [(&str, &str); 4] =
    [("msg", "0x1a7e5"), ("sem", "0x1a7e5"), ("shm", "0x1a7e5"), ("mq", "/layers-test")];

fn ipc_objects_of_the_host_are_not_seen_inside(sandbox: &Sandbox) -> Result<()> {
    for (kind, name) in OBJECTS {
        sandbox.probe([&format!("{kind}-make"), name]).output()?.success()?;
        let look = step01(sandbox).probe([&format!("{kind}-look"), name]).output()?;
        sandbox.probe([&format!("{kind}-drop"), name]).output()?.success()?;
        expect::equal(&format!("the host's {kind}"), &look.stdout(), "not there\n", IPC)?;
    }
    Ok(())
}

fn ipc_objects_of_the_container_are_not_seen_outside(sandbox: &Sandbox) -> Result<()> {
    for (kind, name) in OBJECTS {
        let (make, look) = (format!("{kind}-make"), format!("{kind}-look"));
        let words = ["seq", &make, name, "--", &look, name, "--", "sleep", "60"];
        let mut running = step01(sandbox).probe(words).spawn()?;
        expect::equal(&format!("the container's own {kind}"), &running.line()?, "there", IPC)?;
        let seen = sandbox.probe([&look, name]).output()?.stdout();
        expect::equal(&format!("the container's {kind}"), &seen, "not there\n", IPC)?;
    }
    Ok(())
}

// The command: what it is given, and what it is not.

fn arguments_arrive_byte_for_byte(sandbox: &Sandbox) -> Result<()> {
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let words = ["", " ", "--", "-x", "--hostname", "a'b\"c\\", "\n", "é"];
    let run = step01(sandbox).probe(["report", "args", "hostname"]);
    let plain = run.output()?.json()?;
    expect::equal(
        "the number of arguments",
        &plain["args"].as_array().map(Vec::len),
        Some(4),
        EXEC,
    )?;

    let echo = step01(sandbox).probe(["show-args"]).args(words).arg(odd).output()?.json()?;
    let wanted: Vec<_> = words.into_iter().chain([r"\xff\xfe"]).collect();
    expect::equal("the arguments", &echo, json!(wanted), EXEC)
}

fn commands_are_found_by_path(sandbox: &Sandbox) -> Result<()> {
    for (dir, mode) in [("one", 0o644), ("two", 0o755), ("three", 0o755)] {
        let dir = sandbox.dir().join(dir);
        std::fs::create_dir(&dir)?;
        std::fs::write(dir.join("tool"), format!("#!/bin/sh\necho {}", dir.display()))?;
        std::fs::set_permissions(dir.join("tool"), PermissionsExt::from_mode(mode))?;
    }
    let dir = sandbox.dir().display().to_string();
    let run = || step01(sandbox).args(["--", "tool"]);
    let found =
        run().env("PATH", format!("{dir}/zero:{dir}/one:{dir}/two:{dir}/three")).output()?;
    found.assert().success().stdout(format!("{dir}/two\n"));
    run().env("PATH", format!("{dir}/one")).output()?.error_line(126)?;
    run().env_remove("PATH").output()?.error_line(127)?;
    let shell = step01(sandbox).args(["--", "sh", "-c", "exit 3"]).env_remove("PATH").output()?;
    shell.code(3).map(drop)
}

fn flags_after_the_command_are_the_commands(sandbox: &Sandbox) -> Result<()> {
    let probe = sandbox.probe_path();
    let run = step01(sandbox).arg(probe).args(["report", "hostname", "--hostname", "box"]);
    let line = run.output()?.stderr();
    expect::equal("the probe's complaint", &line, "probe: the report has no part --hostname\n", "")
}

fn environment_and_directory_are_the_callers(sandbox: &Sandbox) -> Result<()> {
    let run = || step01(sandbox).env("ODD", "a=b\nc").cwd("/usr");
    let inside = run().report()?;
    let host = sandbox.probe(["report"]).env("ODD", "a=b\nc").cwd("/usr").output()?.json()?;
    expect::same("the environment", &inside["env"], &host["env"], "environ(7)")?;
    expect::equal("the working directory", &inside["cwd"], "/usr", "chdir(2)")
}

fn input_and_output_are_the_callers(sandbox: &Sandbox) -> Result<()> {
    step01(sandbox)
        .probe(["cat", "/dev/stdin"])
        .stdin("in\0put")
        .output()?
        .assert()
        .success()
        .stdout("in\0put");
    let failure = step01(sandbox).probe(["cat", "/no/such"]).output()?;
    failure.assert().code(1).stdout("").stderr("probe: /no/such: ENOENT\n");
    Ok(())
}

fn without_a_command_there_is_a_shell(sandbox: &Sandbox) -> Result<()> {
    let run = step01(sandbox).args(["--hostname", "box"]).stdin("uname -n\nexit 3\n");
    run.output()?.assert().code(3).stdout("box\n").stderr("");
    Ok(())
}

fn only_three_descriptors_are_inherited(sandbox: &Sandbox) -> Result<()> {
    let inside = step01(sandbox).descriptor(40).descriptor(400).report()?;
    let fds: Vec<_> = inside["fds"].as_object().context("no descriptors")?.keys().collect();
    expect::equal("the open descriptors", &fds, ["0", "1", "2"], "close_range(2), CVE-2024-21626")
}

fn signals_are_blocked_and_ignored_as_the_caller_has_them(sandbox: &Sandbox) -> Result<()> {
    let parts = ["report", "signals_blocked", "signals_ignored"];
    let inside = step01(sandbox).probe(parts).output()?.json()?;
    let host = sandbox.probe(parts).output()?.json()?;
    expect::same("signals blocked and ignored", &inside, &host, "sigprocmask(2), execve(2)")?;
    let ask = |run: Run| run.blocked(Signal::SIGUSR2).ignored(Signal::SIGHUP).output()?.json();
    let (inside, host) = (ask(step01(sandbox).probe(parts))?, ask(sandbox.probe(parts))?);
    expect::same("signals blocked and ignored", &inside, &host, "sigprocmask(2), execve(2)")
}

fn a_command_dies_of_a_closed_pipe(sandbox: &Sandbox) -> Result<()> {
    // Rust programs ignore SIGPIPE; left so, the command would see an error where it should die.
    let script = r#"{ "$0" -- sh -c 'while echo y; do :; done'; echo $? >&2; } | head -n 1"#;
    let run = sandbox.run("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_step01")]);
    run.output()?.assert().success().stdout("y\n").stderr("141\n");
    Ok(())
}

// How it ends.

fn every_exit_code_passes_through(sandbox: &Sandbox) -> Result<()> {
    for code in 0..=255 {
        let outcome = step01(sandbox).probe(["exit", &code.to_string()]).output()?;
        outcome.code(code)?;
        expect::equal("what the runtime says of it", &outcome.stderr(), "", "exit_group(2)")?;
    }
    Ok(())
}

fn death_by_signal_n_is_exit_code_128_plus_n(sandbox: &Sandbox) -> Result<()> {
    for signal in [1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16, 24, 31, 34, 40, 64] {
        let words = ["exec", "/bin/sh", "-c", &format!("ulimit -c 0; kill -{signal} $$")];
        step01(sandbox).probe(words).output()?.code(128 + signal)?;
    }
    Ok(())
}

fn a_core_dump_is_death_by_signal_too(sandbox: &Sandbox) -> Result<()> {
    let words = ["exec", "/bin/sh", "-c", "ulimit -c unlimited; kill -3 $$"];
    step01(sandbox).probe(words).output()?.code(131).map(drop)
}

fn a_caller_that_ignores_its_children_still_gets_the_exit_code(sandbox: &Sandbox) -> Result<()> {
    let run = step01(sandbox).ignored(Signal::SIGCHLD).probe(["exit", "5"]);
    run.output()?.code(5).map(drop)
}

fn signals_reach_the_command(sandbox: &Sandbox) -> Result<()> {
    for number in [1, 2, 3, 10, 12, 13, 14, 15, 16, 18, 23, 28, 29, 30, 34, 64] {
        let mut running = step01(sandbox).probe(["trap"]).spawn()?;
        running.line()?;
        running.signal_number(number)?;
        let outcome = running.wait()?;
        expect::equal(
            "what arrived",
            &outcome.stdout(),
            format!("ready\ngot {number}\n"),
            SIGNALS,
        )?;
        outcome.code(40 + number)?;
    }
    Ok(())
}

fn ctrl_c_arrives_once(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["count-signals", "0.4"]).terminal().spawn()?;
    running.line()?;
    running.type_in("\x03")?;
    let outcome = running.wait()?;
    outcome.success()?;
    let seen = outcome.stdout();
    let what = "what arrived after Ctrl-C, which the terminal sends to both";
    expect::equal(what, &seen.lines().last(), Some("^C[2]"), "termios(3), \"INTR\"")
}

fn news_of_the_command_are_not_sent_to_it(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["count-signals", "0.4"]).spawn()?;
    running.line()?;
    let command = running.descendants()[0];
    kill(command, Signal::SIGSTOP)?; // of which the runtime is told by SIGCHLD
    thread::sleep(Duration::from_millis(50));
    kill(command, Signal::SIGCONT)?;
    let outcome = running.wait()?;
    expect::equal("what arrived", &outcome.stdout(), "ready\n[18]\n", SIGNALS)
}

fn the_container_dies_with_its_runtime(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    running.signal(Signal::SIGKILL)?;
    // A process that outlives its run is an error of `wait`.
    expect::equal("its end", &running.wait()?.end, End::Signal(9), "PR_SET_PDEATHSIG(2const)")
}

fn killed_at_any_moment_nothing_is_left(sandbox: &Sandbox) -> Result<()> {
    for moment in 0..60 {
        let running = step01(sandbox).args(["--hostname", "box"]).probe(["sleep", "60"]).spawn()?;
        thread::sleep(Duration::from_micros(moment * 50));
        running.signal(Signal::SIGKILL)?;
        running.wait()?;
    }
    Ok(())
}

fn a_container_that_is_killed_is_told_as_such(sandbox: &Sandbox) -> Result<()> {
    let mut running = step01(sandbox).probe(["sleep", "60"]).spawn()?;
    running.line()?;
    let command = running.descendants();
    expect::equal("the number of processes under the runtime", &command.len(), 1, "")?;
    kill(command[0], Signal::SIGKILL)?;
    let outcome = running.wait()?;
    outcome.code(137)?;
    expect::equal("what the runtime says of it", &outcome.stderr(), "", "")
}

// Bad input.

/// The one line, without the paths that differ from run to run.
fn error_line(sandbox: &Sandbox, code: i32, words: &[&str]) -> Result<String> {
    let line = step01(sandbox).args(words).output()?.error_line(code)?;
    Ok(line.replace(&sandbox.dir().display().to_string(), "DIR"))
}

fn what_cannot_be_executed_is_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let name = |name: &str| sandbox.dir().join(name).display().to_string();
    let script = |file: &str, text: &str, mode: u32| -> Result<String> {
        std::fs::write(name(file), text)?;
        std::fs::set_permissions(name(file), PermissionsExt::from_mode(mode))?;
        Ok(name(file))
    };
    let plain = script("plain", "", 0o644)?;
    let empty = script("empty", "", 0o755)?;
    let lost = script("lost", "#!/no/such/interpreter\n", 0o755)?;
    let lines = [
        error_line(sandbox, 127, &["--", "no-such-command"])?,
        error_line(sandbox, 127, &["--", "/no/such/file"])?,
        error_line(sandbox, 127, &["--", ""])?,
        error_line(sandbox, 127, &["--", &lost])?,
        error_line(sandbox, 126, &["--", &name("")])?,
        error_line(sandbox, 126, &["--", &plain])?,
        error_line(sandbox, 126, &["--", &empty])?,
        error_line(sandbox, 126, &["--", "/etc/passwd/below"])?,
    ];
    insta::assert_snapshot!("exec", lines.join("\n"));
    Ok(())
}

fn bad_flags_are_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let long = "x".repeat(65);
    let lines = [
        error_line(sandbox, 125, &["--no-such-flag"])?,
        error_line(sandbox, 125, &["--hostname"])?,
        error_line(sandbox, 125, &["--hostname", &long, "--", "true"])?,
        error_line(sandbox, 125, &["--domainname", &long, "--", "true"])?,
        error_line(sandbox, 125, &["--hostname", "a", "--hostname", "b"])?,
        step01(sandbox)
            .arg("--hostname")
            .arg(std::ffi::OsStr::from_bytes(b"\xff"))
            .output()?
            .error_line(125)?,
    ];
    insta::assert_snapshot!("flags", lines.join("\n"));
    Ok(())
}

fn any_other_refusal_is_told_by_its_name(sandbox: &Sandbox) -> Result<()> {
    let line = error_line(sandbox, 126, &["--", &format!("/{}", "x".repeat(300))])?;
    expect::contains("the line", &line, "cannot be executed: ENAMETOOLONG", EXEC)
}

fn the_longest_name_is_taken(sandbox: &Sandbox) -> Result<()> {
    let name = "x".repeat(64);
    let inside = step01(sandbox).args(["--hostname", &name]).report()?;
    expect::equal("the host name inside", &inside["hostname"], name.as_str(), UTS)
}

fn errors_keep_their_code_where_nobody_reads_them(sandbox: &Sandbox) -> Result<()> {
    let script = r#"
        "$0" -- no-such-command 2>/dev/full; echo $?
        "$0" -- no-such-command 2>&-; echo $?
        "$0" --explain -- sh -c 'exit 7' 2>/dev/full; echo $?
        "$0" --help >/dev/full; echo $?
    "#;
    let run = sandbox.run("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_step01")]);
    run.output()?.assert().stdout("127\n127\n7\n0\n").stderr("");
    Ok(())
}

fn without_the_right_to_make_namespaces_the_line_says_what_it_takes() -> Result<()> {
    unprivileged(|sandbox| {
        let line = step01(sandbox).probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(line, @"step01: namespaces: creating uts, ipc: EPERM: Operation not permitted (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)");
        Ok(())
    })
}

fn a_limit_on_namespaces_is_named(sandbox: &Sandbox) -> Result<()> {
    let limit = "/proc/sys/user/max_ipc_namespaces";
    let words = ["in-user-namespace", "seq", "write", limit, "0", "--", "exec"];
    let run = sandbox.probe(words).arg(env!("CARGO_BIN_EXE_step01")).args(["--", "true"]);
    let line = run.output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step01: namespaces: creating uts, ipc: ENOSPC: No space left on device (forbidden by /proc/sys/user/max_ipc_namespaces = 0)");
    Ok(())
}

// What it says of itself.

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step01(sandbox).arg("--help").output()?;
    help.success()?;
    expect::equal("what is on standard error", &help.stderr(), "", "")?;
    insta::assert_snapshot!("help", help.stdout());
    Ok(())
}

fn explain_tells_each_act_as_a_command(sandbox: &Sandbox) -> Result<()> {
    let run = step01(sandbox).args(["--explain", "--hostname", "my box", "--domainname", "yard"]);
    let outcome = run.args(["--", "uname", "-n"]).output()?;
    outcome.assert().success().stdout("my box\n");
    insta::assert_snapshot!("explain", outcome.stderr());
    Ok(())
}

fn the_commands_that_explain_tells_do_the_same(sandbox: &Sandbox) -> Result<()> {
    let script = "hostname box; domainname yard; exec \"$0\" report hostname domainname namespaces";
    let words = ["--fork", "--uts", "--ipc", "sh", "-c", script];
    let by_hand = sandbox.run("unshare").args(words).arg(sandbox.probe_path()).output()?.json()?;
    let run = step01(sandbox).args(["--hostname", "box", "--domainname", "yard"]);
    let by_step = run.probe(["report", "hostname", "domainname", "namespaces"]).output()?.json()?;
    for part in ["hostname", "domainname"] {
        expect::same(part, &by_step[part], &by_hand[part], UTS)?;
    }
    let host = outside(sandbox)?;
    for kind in ["uts", "ipc"] {
        expect::differs(
            kind,
            &by_hand["namespaces"][kind],
            &host["namespaces"][kind],
            "unshare(1)",
        )?;
    }
    Ok(())
}

conformance::checkpoint! {
    the_names_are_its_own,
    without_flags_the_names_are_the_hosts,
    two_namespaces_are_new_and_no_more,
    a_name_changed_on_one_side_stays_there,
    ipc_objects_of_the_host_are_not_seen_inside,
    ipc_objects_of_the_container_are_not_seen_outside,
    arguments_arrive_byte_for_byte,
    commands_are_found_by_path,
    flags_after_the_command_are_the_commands,
    environment_and_directory_are_the_callers,
    input_and_output_are_the_callers,
    without_a_command_there_is_a_shell,
    only_three_descriptors_are_inherited,
    signals_are_blocked_and_ignored_as_the_caller_has_them,
    a_command_dies_of_a_closed_pipe,
    every_exit_code_passes_through,
    death_by_signal_n_is_exit_code_128_plus_n,
    a_caller_that_ignores_its_children_still_gets_the_exit_code,
    signals_reach_the_command,
    a_core_dump_is_death_by_signal_too,
    ctrl_c_arrives_once,
    news_of_the_command_are_not_sent_to_it,
    the_container_dies_with_its_runtime,
    killed_at_any_moment_nothing_is_left,
    a_container_that_is_killed_is_told_as_such,
    what_cannot_be_executed_is_told_in_one_line,
    bad_flags_are_told_in_one_line,
    any_other_refusal_is_told_by_its_name,
    the_longest_name_is_taken,
    errors_keep_their_code_where_nobody_reads_them,
    without_the_right_to_make_namespaces_the_line_says_what_it_takes: [Sandbox],
    a_limit_on_namespaces_is_named,
    help_reads_well,
    explain_tells_each_act_as_a_command,
    the_commands_that_explain_tells_do_the_same: [Command("unshare"), Command("domainname")],
}
