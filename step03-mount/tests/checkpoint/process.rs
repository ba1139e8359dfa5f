//! What the command begins with: directory, environment, descriptors.

use anyhow::{Context, Result};
use conformance::{Rootfs, Run, Sandbox, expect};
use serde_json::{Value, json};

use crate::{STEP03, step03};

pub fn the_working_directory_is_made(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    for dir in ["/srv/new/dir", "/etc"] {
        let run = step03(sandbox).rootfs(&rootfs).args(["--workdir", dir]);
        let seen = run.report()?;
        expect::equal("the working directory", &seen["cwd"], dir, "chdir(2)")?;
    }
    let seen = step03(sandbox).args(["-w", "/usr/bin"]).report()?;
    expect::equal("one in the host's root", &seen["cwd"], "/usr/bin", "chdir(2)")
}

pub fn the_environment_is_clean(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let env = |run: Run<'_>| -> Result<Value> {
        let run = run.env("SECRET", "s").env("PASSED", "on").env("TERM", "vt100");
        Ok(run.report()?["env"].clone())
    };
    let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

    let seen = env(step03(sandbox).rootfs(&rootfs))?;
    let wanted = json!({"PATH": path, "HOME": "/root", "TERM": "vt100"});
    expect::equal("the environment", &seen, wanted, "environ(7)")?;

    let asked = ["-e", "A=b=c", "--env", "PASSED", "-e", "ABSENT", "-e", "HOME=/home", "-e", "E="];
    let seen = env(step03(sandbox).args(["--hostname", "box"]).args(asked).rootfs(&rootfs))?;
    let wanted = json!({
        "PATH": path, "HOME": "/home", "TERM": "vt100", "HOSTNAME": "box",
        "A": "b=c", "PASSED": "on", "E": "",
    });
    expect::equal("the environment asked for", &seen, wanted, "environ(7)")?;

    // In the host's own root the caller's programs run, with the caller's environment.
    let seen = env(step03(sandbox).args(["-e", "A=b"]))?;
    let wanted = json!(["s", "b"]);
    expect::equal("with the host's root", &json!([seen["SECRET"], seen["A"]]), wanted, "environ(7)")
}

/// Starts it from a shell that has the host's root directory open as some descriptors.
fn with_open_directories(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run("sh").args(["-c", "exec 3</ 4</ 7</ 9</; exec \"$0\" \"$@\"", STEP03])
}

pub fn no_descriptor_is_inherited(sandbox: &Sandbox) -> Result<()> {
    for rootfs in [None, Some(Rootfs::new()?)] {
        let run = with_open_directories(sandbox);
        let run = rootfs.iter().fold(run, |run, rootfs| run.rootfs(rootfs));
        let seen = run.report()?;
        let fds = seen["fds"].as_object().context("no descriptors were seen")?;
        let numbers: Vec<_> = fds.keys().map(String::as_str).collect();
        expect::equal("the open descriptors", &numbers, ["0", "1", "2"], "close_range(2)")?;
    }
    Ok(())
}

/// CVE-2024-21626.
pub fn no_working_directory_leads_outside(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let mut refused = 0;
    for number in 3..24 {
        for path in [format!("/proc/self/fd/{number}"), format!("/proc/self/fd/{number}/etc")] {
            let run = with_open_directories(sandbox).rootfs(&rootfs).args(["-w", &path]);
            let line = run.probe(["cat", "secret"]).output()?.error_line(125)?;
            expect::contains("the error", &line, &format!("directory {path}: "), "getcwd(2)")?;
            refused += u32::from(line.ends_with("it is outside of the container"));
        }
    }
    expect::that("some did lead outside", refused >= 4, &refused, "proc_pid_fd(5)")
}
