//! What every container gets mounted, and which parts of it are hidden or read-only.
//!
//! The OCI runtime specification names the file systems that a Linux program may expect
//! (config-linux.md, "Default Filesystems"); the options and the lists of paths are those that
//! runc and Docker use.

use std::path::PathBuf;

use crate::MountPoint;

/// The file systems of every container, in the order in which they are mounted.
pub fn default_mounts() -> Vec<MountPoint> {
    vec![
        MountPoint::new("proc", "/proc", "nosuid,noexec,nodev"),
        MountPoint::new("tmpfs", "/dev", "nosuid,strictatime,mode=755,size=65536k"),
        MountPoint::new(
            "devpts",
            "/dev/pts",
            "nosuid,noexec,newinstance,ptmxmode=0666,mode=0620,gid=5",
        ),
        MountPoint::new("tmpfs", "/dev/shm", "nosuid,noexec,nodev,mode=1777,size=65536k")
            .named("shm"),
        MountPoint::new("mqueue", "/dev/mqueue", "nosuid,noexec,nodev"),
        MountPoint::new("sysfs", "/sys", "nosuid,noexec,nodev,ro"),
    ]
}

/// Paths that tell about the host or reach into it, and that nobody in a container needs.
///
/// Some are side channels: from the counts of interrupts (GHSA-6fw5-f8r9-fgfm of moby), the use of
/// power (GHSA-jq35-85cj-fj4p) or the heat one can tell what others on the machine type or compute.
pub fn default_masked_paths() -> Vec<PathBuf> {
    const PATHS: [&str; 12] = [
        "/proc/acpi",
        "/proc/asound",
        "/proc/interrupts",
        "/proc/kcore",
        "/proc/keys",
        "/proc/latency_stats",
        "/proc/sched_debug",
        "/proc/scsi",
        "/proc/timer_list",
        "/proc/timer_stats",
        "/sys/devices/virtual/powercap",
        "/sys/firmware",
    ];
    PATHS.iter().map(PathBuf::from).chain(thermal_throttle()).collect()
}

/// Each processor's count of how often it was too hot.
fn thermal_throttle() -> impl Iterator<Item = PathBuf> {
    let cpus = std::fs::read_dir("/sys/devices/system/cpu").into_iter().flatten().flatten();
    cpus.map(|cpu| cpu.path().join("thermal_throttle")).filter(|path| path.is_dir())
}

/// Paths that may be read, but that steer the kernel if written to.
pub fn default_read_only_paths() -> Vec<PathBuf> {
    ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]
        .map(PathBuf::from)
        .into()
}
