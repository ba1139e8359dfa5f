//! perf_event_open(2), as far as a control group needs it: what happens to a group's processes,
//! counted from now on.
//!
//! The kernel counts a group on one CPU at a time, so a counter is a descriptor for each. These are
//! events of the kernel itself ("software events"), which it counts everywhere, also in a virtual
//! machine that has no counters of its processor's.

use std::{
    fs::{self, File},
    io::{self, Read},
    os::fd::{AsRawFd, FromRawFd},
    path::Path,
};

use nix::errno::Errno;

/// What is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nanoseconds on a CPU.
    CpuClock = 0,
    /// Times a page was touched that the process did not have at hand.
    PageFaults = 2,
    /// Times a CPU went on to another process.
    ContextSwitches = 3,
}

/// `PERF_TYPE_SOFTWARE`.
const SOFTWARE: u32 = 1;

/// The number of the process is that of a group's directory.
const PID_CGROUP: u64 = 1 << 2;
const FD_CLOEXEC: u64 = 1 << 3;

/// The beginning of `struct perf_event_attr`, as it was in its first version.
#[repr(C)]
#[derive(Default)]
struct Attributes {
    kind: u32,
    size: u32,
    event: u64,
    sample_period: u64,
    sample_kind: u64,
    read_format: u64,
    flags: u64,
    wakeup: u32,
    breakpoint: u32,
    more: u64,
}

/// A counter of one event in a group and those below it. What happened before is not in it.
#[derive(Debug)]
pub struct Counter(Vec<File>);

impl Counter {
    /// Begins to count in the group at `dir`: of v1 in the hierarchy of `perf_event`, where that is
    /// mounted, else of v2. CPUs that are switched on later are left out.
    pub fn of_group(dir: &Path, event: Event) -> io::Result<Self> {
        let group = File::open(dir)?;
        online()?
            .into_iter()
            .map(|cpu| open(&group, event, cpu))
            .collect::<io::Result<_>>()
            .map(Self)
    }

    /// How much it was so far, on all CPUs.
    pub fn read(&self) -> io::Result<u64> {
        let number = |mut fd: &File| {
            let mut number = [0; 8];
            fd.read_exact(&mut number)?;
            Ok(u64::from_ne_bytes(number))
        };
        self.0.iter().map(number).sum()
    }
}

fn open(group: &File, event: Event, cpu: i32) -> io::Result<File> {
    let size = size_of::<Attributes>() as u32;
    let attributes =
        Attributes { kind: SOFTWARE, size, event: event as u64, ..Attributes::default() };
    const NO_LEADER: i32 = -1;
    // SAFETY: the kernel reads the attributes, as many bytes as they say; the rest are numbers.
    let fd = unsafe {
        libc::syscall(
            libc::SYS_perf_event_open,
            &raw const attributes,
            group.as_raw_fd(),
            cpu,
            NO_LEADER,
            PID_CGROUP | FD_CLOEXEC,
        )
    };
    let fd = Errno::result(fd)?;
    // SAFETY: the kernel has just opened it for us.
    Ok(unsafe { File::from_raw_fd(fd as i32) })
}

/// The CPUs that are at work, from a list of ranges as in `0-3,5`.
fn online() -> io::Result<Vec<i32>> {
    let text = fs::read_to_string("/sys/devices/system/cpu/online")?;
    let range = |range: &str| {
        let (first, last) = range.split_once('-').unwrap_or((range, range));
        Some(first.parse().ok()?..=last.parse().ok()?)
    };
    Ok(text.trim().split(',').filter_map(range).flatten().collect())
}
