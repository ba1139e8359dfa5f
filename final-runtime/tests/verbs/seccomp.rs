//! Which system calls a container may make: profiles, and the agent that decides about some calls.
//! See seccomp(2), seccomp_unotify(2).

use std::{fs, os::unix::net::UnixListener, path::PathBuf, thread};

use anyhow::{Result, anyhow, ensure};
use conformance::{Sandbox, expect};
use serde_json::Value;

use crate::{
    agent::{Answer, Filter},
    scene::{remove, run, start, verb},
};

/// What became of each attempt, inside a container with these flags.
fn attempts(sandbox: &Sandbox, flags: &[&str], attempts: &[&str]) -> Result<Value> {
    let command = [flags, &["--rm", "base", "/probe", "try"], attempts].concat();
    run(sandbox, &command).output()?.json()
}

fn became(seen: &Value, all: &[(&str, &str)]) -> Result<()> {
    all.iter().try_for_each(|(what, how)| expect::equal(what, &seen[*what], *how, "seccomp(2)"))
}

fn numbered(number: libc::c_long) -> String {
    format!("syscall={number}")
}

fn profile(sandbox: &Sandbox, json: &str) -> Result<(PathBuf, String)> {
    let file = sandbox.dir().join("tmp").join("profile.json");
    fs::write(&file, json)?;
    let flag = format!("seccomp={}", file.display());
    Ok((file, flag))
}

pub fn the_default_profile_keeps_calls_away(sandbox: &Sandbox) -> Result<()> {
    let (clone3, mount) = (numbered(libc::SYS_clone3), numbered(libc::SYS_mount));
    // -1 is no flag of unshare(2) and no address: who gets that far is told EINVAL or EFAULT.
    let unshare = numbered(libc::SYS_unshare);
    let calls = [&clone3, &mount, &unshare, "keyctl", "syscall=4000"];
    let refused = [
        (calls[0], "ENOSYS"),
        (calls[1], "EPERM"),
        (calls[2], "EPERM"),
        (calls[3], "EPERM"),
        (calls[4], "ENOSYS"),
    ];
    became(&attempts(sandbox, &[], &calls)?, &refused)?;
    became(&attempts(sandbox, &["--allow-new-privileges"], &calls)?, &refused)?;
    let all = attempts(sandbox, &["--security-opt", "seccomp=unconfined"], &calls)?;
    became(&all, &[(calls[2], "EINVAL"), ("keyctl", "ok")])?;
    // The calls come with the capability.
    let admin = attempts(sandbox, &["--cap-add", "SYS_ADMIN"], &calls)?;
    became(&admin, &[(calls[1], "EFAULT"), (calls[2], "EINVAL"), ("keyctl", "EPERM")])?;

    let (id, _running) = start(sandbox, &["base", "sleep", "1000"])?;
    let seen = verb(sandbox, &["exec", &id, "grep", "Seccomp:", "/proc/self/status"]).output()?;
    expect::equal("exec's mode", &seen.success()?.stdout(), "Seccomp:\t2\n", "proc_pid_status(5)")?;
    remove(sandbox, &id)
}

pub fn a_profile_is_what_its_file_says(sandbox: &Sandbox) -> Result<()> {
    let call = |name: &str, action: &str| {
        format!(r#"{{"names": ["{name}"], "action": "SCMP_ACT_{action}"}}"#)
    };
    let (file, flag) = profile(
        sandbox,
        &format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "flags": ["SECCOMP_FILTER_FLAG_LOG"], "syscalls": [
            {}, {}, {}, {}, {}, {{"names": ["dup"], "action": "SCMP_ACT_ERRNO", "errnoRet": 28}}]}}"#,
            call("acct", "KILL"),
            call("swapoff", "KILL_PROCESS"),
            call("quotactl", "TRAP"),
            call("mincore", "LOG"),
            call("getpriority", "TRACE"),
        ),
    )?;
    let names = [
        (libc::SYS_acct, "signal 31"),
        (libc::SYS_swapoff, "signal 31"),
        (libc::SYS_quotactl, "signal 31"),
        (libc::SYS_mincore, "EINVAL"),
        (libc::SYS_getpriority, "ENOSYS"), // nobody traces
        (libc::SYS_dup, "ENOSPC"),
    ];
    let names: Vec<_> = names.iter().map(|(number, how)| (numbered(*number), *how)).collect();
    let calls: Vec<_> = names.iter().map(|(name, _)| name.as_str()).collect();
    let seen = attempts(sandbox, &["--security-opt", &flag], &calls)?;
    let expected: Vec<_> = names.iter().map(|(name, how)| (name.as_str(), *how)).collect();
    became(&seen, &expected)?;
    Ok(fs::remove_file(file)?)
}

/// With `no_new_privs` all that the runtime itself has to do is done before.
pub fn a_filter_need_allow_nothing_but_the_command(sandbox: &Sandbox) -> Result<()> {
    let (file, flag) = profile(
        sandbox,
        r#"{"defaultAction": "SCMP_ACT_KILL_PROCESS", "syscalls": [{"action": "SCMP_ACT_ALLOW",
            "names": ["execve", "exit", "exit_group", "write", "brk", "mmap", "munmap", "mprotect",
            "arch_prctl", "set_tid_address", "set_robust_list", "rseq", "prlimit64", "getrandom",
            "readlink", "readlinkat", "poll", "rt_sigaction", "sigaltstack", "rt_sigprocmask",
            "gettid", "sched_getaffinity", "openat", "read", "pread64", "close", "fstat", "newfstatat"]}]}"#,
    )?;
    let flags = ["--rm", "--security-opt", &flag, "base", "/probe", "exit", "7"];
    run(sandbox, &flags).output()?.code(7)?;
    Ok(fs::remove_file(file)?)
}

/// The agent says that `quotactl` has failed with ENOTSUP, as no filter does.
pub fn an_agent_decides_about_calls(sandbox: &Sandbox) -> Result<()> {
    let socket = sandbox.dir().join("tmp").join("agent");
    let (file, flag) = profile(
        sandbox,
        &format!(
            r#"{{"defaultAction": "SCMP_ACT_ALLOW", "listenerPath": "{}", "listenerMetadata": "hello",
            "syscalls": [{{"names": ["quotactl"], "action": "SCMP_ACT_NOTIFY"}}]}}"#,
            socket.display()
        ),
    )?;
    let listener = UnixListener::bind(&socket)?;
    let agent = thread::spawn(move || serve(&listener));
    let call = numbered(libc::SYS_quotactl);
    let seen = attempts(sandbox, &["--security-opt", &flag], &[&call])?;
    let told = agent.join().map_err(|_| anyhow!("the agent panicked"))??;
    expect::equal("the metadata", &told["metadata"], "hello", "containerProcessState")?;
    expect::equal("the descriptors", &told["fds"][0], "seccompFd", "containerProcessState")?;
    expect::equal("the state", &told["state"]["status"], "creating", "containerProcessState")?;
    ensure!(told["pid"].as_i64().is_some_and(|pid| pid > 1), "a process: {told}");
    became(&seen, &[(&call, "EOPNOTSUPP")])?;
    fs::remove_file(socket)?;
    Ok(fs::remove_file(file)?)
}

/// Takes one connection, and answers one call.
fn serve(listener: &UnixListener) -> Result<Value> {
    let (filter, state) = Filter::accept(listener)?;
    filter.answer(&filter.asked()?, Answer::Error(libc::ENOTSUP))?;
    Ok(state)
}

pub fn bad_profiles_are_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let tell = |flag: &str| {
        run(sandbox, &["--rm", "--security-opt", flag, "base", "true"]).output()?.error_line(125)
    };
    let error = tell("apparmor=x")?;
    expect::contains("the line", &error, "expected seccomp=FILE or seccomp=unconfined", "")?;
    expect::contains("the line", &tell("seccomp=/no/such/file")?, "reading /no/such/file", "")?;
    let (file, flag) = profile(sandbox, r#"{"defaultAction": "SCMP_ACT_HUG"}"#)?;
    expect::contains("the line", &tell(&flag)?, "unknown variant `SCMP_ACT_HUG`", "")?;
    let entry = r#"{"names": ["read"], "action": "SCMP_ACT_NOTIFY"}"#;
    let json = format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{entry}]}}"#);
    let (_, flag) = profile(sandbox, &json)?;
    expect::contains("the line", &tell(&flag)?, "seccomp: listenerPath", "")?;
    Ok(fs::remove_file(file)?)
}
