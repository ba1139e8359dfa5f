//! What the command is given, and what it is not. See execve(2).

use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};

use anyhow::{Context, Result};
use conformance::{Run, Sandbox, checkpoint::Test, expect};
use nix::sys::signal::Signal;
use serde_json::json;

use super::scene::{EXEC, step01};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        arguments_arrive_byte_for_byte,
        commands_are_found_by_path,
        flags_after_the_command_are_the_commands,
        environment_and_directory_are_the_callers,
        input_and_output_are_the_callers,
        without_a_command_there_is_a_shell,
        only_three_descriptors_are_inherited,
        signals_are_blocked_and_ignored_as_the_caller_has_them,
        a_command_dies_of_a_closed_pipe,
    }
}

fn arguments_arrive_byte_for_byte(sandbox: &Sandbox) -> Result<()> {
    let odd = std::ffi::OsStr::from_bytes(b"\xff\xfe");
    let words = ["", " ", "--", "-x", "--hostname", "a'b\"c\\", "\n", "é"];
    // The first word is the program's own name, and echo's arguments begin with the second.
    let echo = step01(sandbox).args(["--", "/bin/echo", "first", "second"]).output()?;
    let seen = echo.success()?.stdout();
    expect::equal("what echo got as its arguments", &seen, "first second\n", EXEC)?;

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
