//! `process.rlimits`: what one process may use. See setrlimit(2), prlimit(2).
//!
//! The host's side sets them: to raise a hard limit takes CAP_SYS_RESOURCE of the host, which a process
//! in a user namespace of its own does not have.

use std::ptr::{null, null_mut};

use anyhow::{Context, Result, anyhow};
use nix::{errno::Errno, unistd::Pid};
use step07::{Explain, Layer};

use crate::spec::Rlimit;

/// The layer that sets them.
pub struct Rlimits(Vec<(Rlimit, libc::__rlimit_resource_t)>);

const NAMES: [(&str, libc::__rlimit_resource_t); 16] = [
    ("RLIMIT_AS", libc::RLIMIT_AS),
    ("RLIMIT_CORE", libc::RLIMIT_CORE),
    ("RLIMIT_CPU", libc::RLIMIT_CPU),
    ("RLIMIT_DATA", libc::RLIMIT_DATA),
    ("RLIMIT_FSIZE", libc::RLIMIT_FSIZE),
    ("RLIMIT_LOCKS", libc::RLIMIT_LOCKS),
    ("RLIMIT_MEMLOCK", libc::RLIMIT_MEMLOCK),
    ("RLIMIT_MSGQUEUE", libc::RLIMIT_MSGQUEUE),
    ("RLIMIT_NICE", libc::RLIMIT_NICE),
    ("RLIMIT_NOFILE", libc::RLIMIT_NOFILE),
    ("RLIMIT_NPROC", libc::RLIMIT_NPROC),
    ("RLIMIT_RSS", libc::RLIMIT_RSS),
    ("RLIMIT_RTPRIO", libc::RLIMIT_RTPRIO),
    ("RLIMIT_RTTIME", libc::RLIMIT_RTTIME),
    ("RLIMIT_SIGPENDING", libc::RLIMIT_SIGPENDING),
    ("RLIMIT_STACK", libc::RLIMIT_STACK),
];

impl Rlimits {
    /// These.
    pub fn new(limits: &[Rlimit]) -> Result<Self> {
        let number = |(at, limit): (usize, &Rlimit)| {
            let known = NAMES.iter().find(|(name, _)| *name == limit.kind);
            let (_, number) = known.with_context(|| {
                format!("spec: process.rlimits[{at}].type: {:?} is no limit's name", limit.kind)
            })?;
            Ok((limit.clone(), *number))
        };
        limits.iter().enumerate().map(number).collect::<Result<_>>().map(Self)
    }
}

impl Layer for Rlimits {
    fn name(&self) -> &'static str {
        "rlimits"
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        for (limit, number) in &self.0 {
            let Rlimit { kind, soft, hard } = limit;
            let word = kind.trim_start_matches("RLIMIT_").to_lowercase();
            let doing = format!("setting {kind} to {soft}:{hard}");
            explain.act(
                format_args!("prlimit --pid {child} --{word}={soft}:{hard}"),
                doing,
                || set(child, *number, *soft, *hard).map_err(|errno| hinted(child, *number, errno)),
            )?;
        }
        Ok(())
    }
}

fn set(child: Pid, number: libc::__rlimit_resource_t, soft: u64, hard: u64) -> nix::Result<()> {
    let limit = libc::rlimit { rlim_cur: soft, rlim_max: hard };
    // SAFETY: the kernel reads one `rlimit`.
    Errno::result(unsafe { libc::prlimit(child.as_raw(), number, &raw const limit, null_mut()) })
        .map(drop)
}

fn hinted(child: Pid, number: libc::__rlimit_resource_t, errno: Errno) -> anyhow::Error {
    let mut limit = libc::rlimit { rlim_cur: 0, rlim_max: 0 };
    // SAFETY: the kernel writes one `rlimit`.
    unsafe { libc::prlimit(child.as_raw(), number, null(), &raw mut limit) };
    match errno {
        Errno::EPERM => anyhow!(
            "{errno} (to raise a hard limit, which is {} here, takes CAP_SYS_RESOURCE)",
            limit.rlim_max
        ),
        errno => errno.into(),
    }
}
