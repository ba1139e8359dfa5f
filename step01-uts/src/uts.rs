//! The UTS namespace: a host name and a domain name of the container's own.
//!
//! See uts_namespaces(7), sethostname(2), setdomainname(2).

use anyhow::{Result, bail};
use nix::{errno::Errno, sched::CloneFlags, unistd::sethostname};

use crate::{Explain, Layer, sh};

/// The layer that gives the container its own `uname -n` and NIS domain name.
///
/// A name that is `None` stays what it was on the host: a new UTS namespace starts as a copy.
#[derive(Debug, Default)]
pub struct Uts {
    /// At most 64 bytes; longer ones fail with `EINVAL`.
    pub hostname: Option<String>,
    /// At most 64 bytes.
    pub domainname: Option<String>,
}

// ANCHOR: uts-layer
impl Layer for Uts {
    fn name(&self) -> &'static str {
        "uts"
    }

    fn namespaces(&self) -> CloneFlags {
        CloneFlags::CLONE_NEWUTS
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        // ANCHOR: exercise-1-2
        if let Some(name) = &self.hostname {
            explain.act(
                sh(["hostname", name]),
                format_args!("setting the host name {name:?}"),
                || sethostname(name),
            )?;
        }
        if let Some(name) = &self.domainname {
            explain.act(
                sh(["domainname", name]),
                format_args!("setting the domain name {name:?}"),
                || setdomainname(name),
            )?;
        }
        Ok(())
        // ANCHOR_END: exercise-1-2
    }
}
// ANCHOR_END: uts-layer

/// The value of `--hostname`.
pub(crate) fn hostname(text: &str) -> Result<String> {
    name("--hostname", text)
}

/// The value of `--domainname`.
pub(crate) fn domainname(text: &str) -> Result<String> {
    name("--domainname", text)
}

/// A name that the kernel will take: of one too long it would say no more than `EINVAL`.
fn name(flag: &str, text: &str) -> Result<String> {
    const MOST: usize = 64; // __NEW_UTS_LEN, see uname(2)
    if text.len() > MOST {
        bail!("uts: {flag} {text:?}: longer than {MOST} bytes");
    }
    Ok(text.to_string())
}

/// setdomainname(2), which nix does not wrap.
fn setdomainname(name: &str) -> nix::Result<()> {
    // SAFETY: the kernel reads `name.len()` bytes of `name` and keeps no pointer to them.
    let result = unsafe { libc::setdomainname(name.as_ptr().cast(), name.len()) };
    Errno::result(result).map(drop)
}
