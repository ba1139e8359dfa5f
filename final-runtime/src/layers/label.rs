//! `process.apparmorProfile` and `process.selinuxLabel`: under which rules of a security module the
//! command is. See apparmor(7), selinux(8), and `/proc/PID/attr` in proc_pid_attr(5).
//!
//! What is written there holds from the next execve(2) on. The file must be of a procfs, and this
//! process's own: an image could have another file there, and the command would run without its rules
//! (CVE-2019-16884).

use std::{
    fs::{self, File},
    io::Write,
    os::fd::{AsFd, OwnedFd},
    path::Path,
};

use anyhow::{Context, Result, ensure};
use nix::{
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2},
    sys::{
        stat::Mode,
        statfs::{PROC_SUPER_MAGIC, fstatfs},
    },
    unistd::Pid,
};
use step07::{Explain, Layer, sh};

/// The layer that writes one.
pub struct Label {
    words: String,
}

impl Label {
    /// AppArmor's profile; an error on a host without AppArmor, where nobody would enforce it.
    pub fn apparmor(profile: &str) -> Result<Self> {
        let enabled = fs::read_to_string("/sys/module/apparmor/parameters/enabled");
        let enabled = enabled.is_ok_and(|text| text.starts_with('Y'));
        ensure!(
            enabled,
            "spec: process.apparmorProfile: {profile:?}: this host has no AppArmor to enforce it"
        );
        Ok(Self { words: format!("exec {profile}") })
    }

    /// SELinux's label; the same.
    pub fn selinux(label: &str) -> Result<Self> {
        ensure!(
            has_selinux(),
            "spec: process.selinuxLabel: {label:?}: this host has no SELinux to enforce it"
        );
        Ok(Self { words: label.into() })
    }
}

/// Whether labels mean anything here.
pub fn has_selinux() -> bool {
    Path::new("/sys/fs/selinux/enforce").exists()
}

impl Layer for Label {
    fn name(&self) -> &'static str {
        "label"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let words = &self.words;
        explain.act(
            format_args!("{} > /proc/self/attr/exec", sh(["echo", words])),
            format_args!("writing {words:?} to /proc/self/attr/exec"),
            || Ok::<_, anyhow::Error>(own_attribute()?.write_all(words.as_bytes())?),
        )
    }
}

fn own_attribute() -> Result<File> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
    let proc: OwnedFd = open("/proc", flags, Mode::empty()).context("opening /proc")?;
    let is_proc = fstatfs(proc.as_fd())?.filesystem_type() == PROC_SUPER_MAGIC;
    ensure!(is_proc, "/proc is no procfs");
    let how = OpenHow::new()
        .flags(OFlag::O_WRONLY | OFlag::O_CLOEXEC)
        .resolve(ResolveFlag::RESOLVE_NO_XDEV | ResolveFlag::RESOLVE_NO_SYMLINKS);
    let file = openat2(&proc, format!("{}/attr/exec", Pid::this()).as_str(), how);
    file.map(Into::into).context("opening it")
}
