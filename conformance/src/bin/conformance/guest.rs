//! Process 1 of a virtual machine: makes the machine fit for tests, runs them, and switches it off.
//!
//! See init(1), mount(2), finit_module(2), reboot(2).

use std::{
    fs::{self, File},
    os::{fd::AsRawFd, unix::fs::symlink},
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    mount::{MsFlags, mount},
    sys::reboot::{RebootMode, reboot},
    unistd::{chdir, chroot},
};

use crate::{
    plan::{Answer, Plan, Run, VARIABLE},
    results::{self, Verdict},
};

/// How many times as long as on a machine of its own things may take here.
const PATIENCE: u32 = 6;

/// Never returns: when a machine's process 1 ends, the kernel panics.
pub fn main() -> ! {
    if let Err(error) = carry_out() {
        println!("conformance: {error:#}");
    }
    // SAFETY: sync(2) takes nothing.
    unsafe { libc::sync() };
    let _ = reboot(RebootMode::RB_POWER_OFF);
    loop {
        std::thread::park();
    }
}

fn carry_out() -> Result<()> {
    let plan = std::env::var_os(VARIABLE).context("the kernel's command line names no plan")?;
    let plan = fs::read(plan).context("reading the plan")?;
    let plan: Plan = serde_json::from_slice(&plan).context("reading the plan")?;
    plan.modules.iter().for_each(|module| load(module));
    if Path::new("/init").exists() {
        leave_initramfs()?;
    }
    make_world(plan.workspace.as_deref())?;
    plan.layout.mount()?;
    let release = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    Answer::Booted(release.trim().to_string()).say();
    for run in &plan.runs {
        for test in &run.tests {
            Answer::Tested(run.name.clone(), test.clone(), verdict(run, test)).say();
        }
        Answer::Ran(run.name.clone()).say();
    }
    Answer::Done.say();
    Ok(())
}

/// An initramfs is the one file system that pivot_root(2) cannot move. A second mount of the same
/// files, on top of it, is like any other.
fn leave_initramfs() -> Result<()> {
    let act = || -> nix::Result<()> {
        mount(Some("/"), "/", None::<&str>, MsFlags::MS_BIND, None::<&str>)?;
        chdir("/..")?; // what is mounted on the root, where "/" is the root itself
        chroot(".")
    };
    act().context("leaving the initramfs")
}

/// What a system's own init would have mounted. A workspace that is in `/tmp` stays to be seen.
fn make_world(workspace: Option<&Path>) -> Result<()> {
    let kept = workspace.map(|dir| File::open(dir).map(|file| (dir, file))).transpose()?;
    for (kind, target, data) in [
        ("proc", "/proc", ""),
        ("sysfs", "/sys", ""),
        ("devtmpfs", "/dev", ""),
        ("devpts", "/dev/pts", "ptmxmode=0666"),
        ("tmpfs", "/dev/shm", "mode=1777"),
        ("mqueue", "/dev/mqueue", ""),
        ("tmpfs", "/run", "mode=755"),
        ("tmpfs", "/tmp", "mode=1777"),
    ] {
        let _ = fs::create_dir_all(target);
        match mount(Some(kind), target, Some(kind), MsFlags::empty(), Some(data)) {
            Ok(()) | Err(Errno::EBUSY) => {} // the kernel itself has mounted /dev
            Err(errno) => {
                return Err(errno).with_context(|| format!("mounting {kind} on {target}"));
            }
        }
    }
    if let Some((dir, file)) = kept.filter(|(dir, _)| !dir.exists()) {
        fs::create_dir_all(dir)?;
        let covered = format!("/proc/self/fd/{}", file.as_raw_fd());
        mount(Some(&covered[..]), dir, None::<&str>, MsFlags::MS_BIND, None::<&str>)
            .with_context(|| format!("showing {} again", dir.display()))?;
    }
    for (link, target) in [("fd", ""), ("stdin", "/0"), ("stdout", "/1"), ("stderr", "/2")] {
        let _ = symlink(format!("/proc/self/fd{target}"), Path::new("/dev").join(link));
    }
    Ok(())
}

/// One that this kernel has built in, or has no hardware for, is not missed until a test says so.
fn load(module: &Path) {
    let Ok(file) = File::open(module) else { return println!("no {}", module.display()) };
    // SAFETY: a descriptor, and an empty string of parameters.
    let loaded =
        unsafe { libc::syscall(libc::SYS_finit_module, file.as_raw_fd(), c"".as_ptr(), 0) };
    if let Err(errno) = Errno::result(loaded)
        && errno != Errno::EEXIST
    {
        println!("loading {}: {errno}", module.display());
    }
}

/// Each test is a process of its own: so whatever becomes of one, what the others found is known.
fn verdict(run: &Run, test: &str) -> Verdict {
    let mut command = Command::new(&run.path);
    command.args(["--test-threads=1", "--exact", test]);
    command.current_dir(&run.folder).stdin(Stdio::null());
    command.env("PATH", "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin");
    command.env("HOME", "/root").env_remove(VARIABLE);
    command.env("CONFORMANCE_PATIENCE", PATIENCE.to_string());
    let output = match command.output() {
        Ok(output) => output,
        Err(error) => return Verdict::Failed(error.to_string()),
    };
    let verdicts = results::all(&String::from_utf8_lossy(&output.stdout));
    let verdict =
        verdicts.into_iter().find_map(|(name, verdict)| (name == test).then_some(verdict));
    match verdict {
        Some(verdict) if output.status.success() || matches!(verdict, Verdict::Failed(_)) => {
            verdict
        }
        // It was killed, or says nothing of this test.
        _ => {
            let errors = String::from_utf8_lossy(&output.stderr);
            Verdict::Failed(format!("{}\n{errors}", output.status))
        }
    }
}
