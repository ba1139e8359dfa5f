//! The runtime's own program, out of the container's reach.
//!
//! Until it becomes its command, the container's first process is this program, and an init stays
//! so. A container can therefore execute it, as `/proc/self/exe`, and through `/proc/PID/exe` open
//! the very file on the host: root would write its own code there, which the host's root executes
//! next (CVE-2019-5736). So what runs containers is not that file, but the same through a mount of
//! its own that is read-only, is in no mount namespace, and cannot be changed by anyone. For one who
//! may not make mounts it is a copy in memory that is sealed. The mount is as a rule made in the
//! program's first instructions (`early_start.rs`), and here only looked at. See open_tree(2), mount_setattr(2),
//! memfd_create(2), F_ADD_SEALS(2const), execveat(2).

use std::{
    convert::Infallible,
    env,
    ffi::CString,
    fs::File,
    io::copy,
    os::{
        fd::{AsFd, OwnedFd},
        unix::{ffi::OsStringExt, fs::MetadataExt},
    },
};

use anyhow::{Context, Result};
use nix::{
    errno::Errno,
    fcntl::{FcntlArg, SealFlag, fcntl},
    sys::{
        memfd::{MFdFlags, memfd_create},
        prctl::set_name,
        statvfs::{FsFlags, fstatvfs},
    },
    unistd::{AccessFlags, access, fexecve, geteuid},
};
use step07::mount_api::{self, Attributes};

const SELF: &str = "/proc/self/exe";

// ANCHOR: own-binary
/// Goes on as a program that nobody can write to. Returns if this one is such already.
pub fn protect() -> Result<()> {
    let this = File::open(SELF).context("opening the runtime's own program")?;
    if is_safe(&this).context("looking at the runtime's own program")? {
        // After execveat(2) the process has the name of a descriptor's number.
        return set_name(c"final-runtime").context("taking the runtime's name");
    }
    let same = match read_only_mount(&this) {
        Err(Errno::EPERM) => sealed_copy(this).context("copying the runtime's own program")?,
        mount => mount.context("mounting the runtime's own program read-only")?,
    };
    let Err(errno) = become_it(&same);
    Err(errno).context("executing the runtime's own program again")
}
// ANCHOR_END: own-binary

/// Whether neither the caller nor root in the caller's containers can write to it.
fn is_safe(this: &File) -> nix::Result<bool> {
    let read_only = fstatvfs(this)?.flags().contains(FsFlags::ST_RDONLY);
    let sealed = fcntl(this, FcntlArg::F_GET_SEALS).is_ok_and(|seals| seals & WHOLE.bits() != 0);
    Ok(read_only || sealed || is_anothers(this))
}

/// What an ordinary user may not write to, and cannot give itself the right to, the user's
/// containers cannot either: they have no power over anything else of the host.
fn is_anothers(this: &File) -> bool {
    let owner = this.metadata().map(|meta| meta.uid());
    let own = geteuid();
    !own.is_root()
        && owner.is_ok_and(|owner| owner != own.as_raw())
        && access(SELF, AccessFlags::W_OK).is_err()
}

/// Attached nowhere: when its descriptor is closed by the exec, nothing can change it any more.
fn read_only_mount(this: &File) -> nix::Result<OwnedFd> {
    let mount = mount_api::copy(this, false)?;
    mount_api::change(&mount, Attributes { recursive: false, ..Attributes::READ_ONLY })?;
    Ok(mount)
}

const WHOLE: SealFlag = SealFlag::F_SEAL_WRITE;

fn sealed_copy(mut this: File) -> Result<OwnedFd> {
    let flags = MFdFlags::MFD_CLOEXEC | MFdFlags::MFD_ALLOW_SEALING;
    let mut memory = File::from(memfd_create("final-runtime", flags)?);
    copy(&mut this, &mut memory)?;
    let seals = WHOLE | SealFlag::F_SEAL_GROW | SealFlag::F_SEAL_SHRINK | SealFlag::F_SEAL_SEAL;
    fcntl(&memory, FcntlArg::F_ADD_SEALS(seals))?;
    Ok(memory.into())
}

/// The same program, with the same arguments and environment.
fn become_it(same: &OwnedFd) -> nix::Result<Infallible> {
    // What came in by execve(2) holds no zero bytes.
    let c_string = |bytes| CString::new(bytes).unwrap_or_default();
    let args: Vec<_> = env::args_os().map(|arg| c_string(arg.into_vec())).collect();
    let env: Vec<_> = env::vars_os()
        .map(|(name, value)| c_string([name.into_vec(), b"=".into(), value.into_vec()].concat()))
        .collect();
    fexecve(same.as_fd(), &args, &env)
}
