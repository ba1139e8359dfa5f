//! What a process hands down to those that it executes, and that no namespace holds: its umask, its
//! personality, its session keyring. See umask(2), personality(2), keyctl(2).

use std::ffi::CString;

use anyhow::{Result, anyhow};
use nix::{
    errno::Errno,
    sys::stat::{Mode, umask},
};
use step07::{Explain, Layer};

use crate::spec::{Personality, PersonalityDomain};

/// The layer for all three.
#[derive(Default)]
pub struct Habits {
    /// Bits that new files do not get.
    pub umask: Option<u32>,
    /// What kind of machine uname(2) shows.
    pub personality: Option<Personality>,
    /// The name of the session keyring that it is to have; without, it keeps the caller's.
    pub keyring: Option<String>,
}

impl Layer for Habits {
    fn name(&self) -> &'static str {
        "process"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        if let Some(name) = &self.keyring {
            let doing = format!("joining the session keyring {name}");
            explain.act(format_args!("keyctl session {name}"), doing, || {
                join_session_keyring(name).or_else(|errno| match errno {
                    Errno::ENOSYS => Ok(()), // a kernel without keyrings has none to hide
                    Errno::EDQUOT => Err(anyhow!("{errno} (see /proc/sys/kernel/keys/maxkeys)")),
                    errno => Err(errno.into()),
                })
            })?;
        }
        if let Some(personality) = &self.personality {
            let (word, number) = match personality.domain {
                PersonalityDomain::Linux => ("linux64", PER_LINUX),
                PersonalityDomain::Linux32 => ("linux32", PER_LINUX32),
            };
            explain.act(
                format_args!("setarch {word}"),
                format_args!("setting the personality {word}"),
                || {
                    // SAFETY: a number.
                    Errno::result(unsafe { libc::personality(number) })
                },
            )?;
        }
        if let Some(mask) = self.umask {
            explain.say(format_args!("umask {mask:04o}"));
            umask(Mode::from_bits_truncate(mask));
        }
        Ok(())
    }
}

// linux/personality.h
const PER_LINUX: libc::c_ulong = 0;
const PER_LINUX32: libc::c_ulong = 8;

/// The caller's own may hold keys to the host's file systems. One of this name is made, unless this
/// user has it already.
fn join_session_keyring(name: &str) -> nix::Result<()> {
    const KEYCTL_JOIN_SESSION_KEYRING: libc::c_long = 1; // linux/keyctl.h
    let name = CString::new(name).map_err(|_| Errno::EINVAL)?;
    // SAFETY: the kernel reads the string and keeps no pointer to it.
    let joined =
        unsafe { libc::syscall(libc::SYS_keyctl, KEYCTL_JOIN_SESSION_KEYRING, name.as_ptr()) };
    Errno::result(joined).map(drop)
}
