//! bpf(2), as far as a control group needs it: a program is loaded, and attached to a group.
//!
//! A program is data to the kernel, which checks before it takes it that it ends and that it reads
//! nothing but what it is given. It lives as long as something holds it: a descriptor, or the group
//! that it is attached to.

use std::{
    ffi::CStr,
    fs::File,
    io,
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd, RawFd},
    path::Path,
};

const PROG_LOAD: i32 = 5;
const PROG_ATTACH: i32 = 8;
const PROG_DETACH: i32 = 9;
const PROG_GET_FD_BY_ID: i32 = 13;
const PROG_QUERY: i32 = 16;

/// `BPF_PROG_TYPE_CGROUP_DEVICE`: is asked before a device is made or opened.
const TYPE_DEVICE: u32 = 15;
/// `BPF_CGROUP_DEVICE`, the place in a group where such a program is attached.
const AT_DEVICES: u32 = 6;

/// Next to others: all of them have to allow what is to be allowed.
const ALLOW_MULTI: u32 = 2;
/// In the place of another, with no moment between. Since Linux 5.6.
const REPLACE: u32 = 4;

/// The program calls no function of the kernel, so that any licence will do.
const LICENCE: &CStr = c"Dual MIT/GPL";

/// One instruction; see [`crate::device_program`].
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u8,
    /// The number of the register that is changed, and in the upper half that of the other one.
    pub registers: u8,
    /// How far to jump, or where to read.
    pub offset: i16,
    /// A constant.
    pub value: i32,
}

/// A program that the kernel has taken.
#[derive(Debug)]
pub struct Program(OwnedFd);

// What the kernel reads and writes, call by call: the beginning of `union bpf_attr`.

#[repr(C)]
struct Load {
    kind: u32,
    count: u32,
    instructions: u64,
    licence: u64,
    log_level: u32,
    log_size: u32,
    log: u64,
    kernel_version: u32,
    flags: u32,
    name: [u8; 16],
}

#[repr(C)]
struct Attach {
    group: RawFd,
    program: RawFd,
    place: u32,
    flags: u32,
    replaced: RawFd,
}

#[repr(C)]
struct ById {
    id: u32,
    next: u32,
    flags: u32,
}

#[repr(C)]
struct Query {
    group: RawFd,
    place: u32,
    flags: u32,
    attach_flags: u32,
    ids: u64,
    count: u32,
    unused: u32,
}

impl Program {
    /// Has the kernel check a program that decides about devices, and take it.
    pub fn load(instructions: &[Instruction]) -> io::Result<Self> {
        let mut name = [0; 16];
        name[..7].copy_from_slice(b"devices");
        let fd = bpf(
            PROG_LOAD,
            &mut Load {
                kind: TYPE_DEVICE,
                count: instructions.len().try_into().map_err(io::Error::other)?,
                instructions: instructions.as_ptr() as u64,
                licence: LICENCE.as_ptr() as u64,
                log_level: 0,
                log_size: 0,
                log: 0,
                kernel_version: 0,
                flags: 0,
                name,
            },
        )?;
        // SAFETY: the kernel has just opened it for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// One that there is, by its number.
    pub fn by_id(id: u32) -> io::Result<Self> {
        let fd = bpf(PROG_GET_FD_BY_ID, &mut ById { id, next: 0, flags: 0 })?;
        // SAFETY: the kernel has just opened it for us.
        Ok(Self(unsafe { OwnedFd::from_raw_fd(fd) }))
    }

    /// Makes it the only one that is attached to the group at `dir` itself (those of the groups
    /// above are asked too). There is no moment without one if there was one.
    pub fn attach(&self, dir: &Path) -> io::Result<()> {
        let group = File::open(dir)?;
        let old = programs(&group)?;
        let old = old.into_iter().map(Self::by_id).collect::<io::Result<Vec<_>>>()?;
        if let [old] = &old[..]
            && self.act(PROG_ATTACH, &group, ALLOW_MULTI | REPLACE, Some(old)).is_ok()
        {
            return Ok(());
        }
        self.act(PROG_ATTACH, &group, ALLOW_MULTI, None)?;
        old.iter().try_for_each(|old| old.act(PROG_DETACH, &group, 0, None))
    }

    fn act(&self, call: i32, group: &File, flags: u32, old: Option<&Self>) -> io::Result<()> {
        let mut attach = Attach {
            group: group.as_raw_fd(),
            program: self.0.as_raw_fd(),
            place: AT_DEVICES,
            flags,
            replaced: old.map_or(0, |old| old.0.as_raw_fd()),
        };
        bpf(call, &mut attach).map(drop)
    }
}

/// The numbers of the device programs that are attached to the group at `dir` itself.
pub fn attached(dir: &Path) -> io::Result<Vec<u32>> {
    programs(&File::open(dir)?)
}

fn programs(group: impl AsFd) -> io::Result<Vec<u32>> {
    let mut ids = [0u32; 64]; // the kernel attaches no more to one group
    let mut query = Query {
        group: group.as_fd().as_raw_fd(),
        place: AT_DEVICES,
        flags: 0,
        attach_flags: 0,
        ids: ids.as_mut_ptr() as u64,
        count: ids.len() as u32,
        unused: 0,
    };
    bpf(PROG_QUERY, &mut query)?;
    Ok(ids[..query.count as usize].to_vec())
}

fn bpf<T>(command: i32, argument: &mut T) -> io::Result<i32> {
    // SAFETY: `argument` is what this command reads and writes, and what it points to lives too.
    let result = unsafe {
        libc::syscall(libc::SYS_bpf, command, std::ptr::from_mut(argument), size_of::<T>())
    };
    match result {
        -1 => Err(io::Error::last_os_error()),
        result => Ok(result as i32),
    }
}
