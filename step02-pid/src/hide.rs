//! What the init, which is still the runtime's program, must not tell the container.
//!
//! In `/proc/1` everyone in the container finds the runtime's command line and, with the same user,
//! its environment and its memory: the caller's paths, and perhaps the caller's secrets. See
//! proc_pid_cmdline(5), proc_pid_environ(5), proc_pid_mem(5), PR_SET_DUMPABLE(2const).

use std::{fs, ops::Range};

use anyhow::{Context, Result};
use nix::{
    sys::prctl::{set_dumpable, set_name},
    unistd::geteuid,
};

/// What `/proc/1/cmdline` says from now on.
const NAME: &std::ffi::CStr = c"init";

/// Takes back the command line and the environment, and closes the memory to the container.
pub(crate) fn hide_runtime(privileged: bool) -> Result<()> {
    // ANCHOR: exercise-2-6
    let [args, env] = given_at_exec()?;
    set_name(NAME).context("taking init's name")?;
    // SAFETY: these bytes are the ones that the kernel put on the stack for `main`. They are
    // written by nobody else, and read only by `std::env`, to which they now are empty strings.
    unsafe {
        std::ptr::write_bytes(env.start as *mut u8, 0, env.len());
        std::ptr::write_bytes(args.start as *mut u8, 0, args.len());
        let name = NAME.to_bytes();
        let length = name.len().min(args.len().saturating_sub(1));
        std::ptr::copy_nonoverlapping(name.as_ptr(), args.start as *mut u8, length);
    }
    // An ordinary user would shut out itself, and could join the container no more.
    if privileged {
        set_dumpable(false).context("closing init's memory to the container")?;
    }
    Ok(())
    // ANCHOR_END: exercise-2-6
}

/// Whether a runtime that is this process can join a container whose init has closed its memory.
pub(crate) fn is_privileged() -> bool {
    geteuid().is_root()
}

/// Where the strings of the command line and of the environment are in this process's memory. See
/// proc_pid_stat(5), fields 48 to 51.
fn given_at_exec() -> Result<[Range<usize>; 2]> {
    let stat = fs::read_to_string("/proc/self/stat").context("reading /proc/self/stat")?;
    // The second field is the program's name in parentheses, which may hold anything.
    let (_, fields) = stat.rsplit_once(") ").context("/proc/self/stat is not as expected")?;
    let fields: Vec<usize> = fields.split(' ').skip(45).flat_map(|field| field.parse()).collect();
    let [args, args_end, env, env_end] =
        *fields.first_chunk().context("/proc/self/stat is short")?;
    Ok([args..args_end, env..env_end])
}
