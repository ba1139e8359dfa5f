//! Kernel, compiler, disk.

use std::{fs, path::Path, process::Command};

use nix::sys::{statvfs::statvfs, utsname::uname};

use super::Finding;

/// Enough for every step and the final runtime with their tests, in two profiles.
const SPACE: u64 = 4;

pub fn look(root: &Path) -> Vec<Finding> {
    let mut findings = vec![kernel(), namespaces(), rust(root), space(root)];
    findings.extend(file_systems());
    findings
}

fn kernel() -> Finding {
    const WHAT: &str = "kernel";
    let release = uname().map(|name| name.release().to_string_lossy().into_owned());
    let release = release.unwrap_or_default();
    match version(&release) {
        Some(version) if version >= (6, 1) => Finding::good(WHAT, format!("Linux {release}")),
        Some(version) if version >= (5, 12) => Finding::lacks(
            WHAT,
            format!("Linux {release}"),
            "Works; some things that 6.1 has are missing, and tests of them do not run.",
            "",
        ),
        _ => Finding::missing(
            WHAT,
            format!("Linux {release}"),
            "Linux 5.12 is needed (mount_setattr(2), clone3(2)).",
            "Use a newer system, or a virtual machine with one.",
        ),
    }
}

/// Two numbers at the beginning of a text, as in `6.1.0-13-amd64` or `1.88.0`.
fn version(text: &str) -> Option<(u32, u32)> {
    let mut numbers = text.split(|c: char| !c.is_ascii_digit()).map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

fn namespaces() -> Finding {
    let kinds = ["uts", "ipc", "pid", "mnt", "net", "user", "cgroup"];
    let there = |kind: &&str| Path::new("/proc/self/ns").join(kind).exists();
    let lacking: Vec<_> = kinds.into_iter().filter(|kind| !there(kind)).collect();
    match lacking.is_empty() {
        true => Finding::good("namespaces", kinds.join(" ")),
        false => Finding::missing(
            "namespaces",
            format!("this kernel has no {}", lacking.join(", ")),
            "The steps with these namespaces do not work.",
            "Use a kernel of a distribution: they all have them.",
        ),
    }
}

fn rust(root: &Path) -> Finding {
    let output = Command::new("rustc").arg("--version").current_dir(root).output();
    let text = output.map(|output| String::from_utf8_lossy(&output.stdout).trim().to_string());
    let text = text.unwrap_or_default();
    let number = text.split(' ').nth(1).and_then(version);
    match number {
        Some(number) if number >= (1, 88) => Finding::good("Rust", text),
        _ => Finding::missing(
            "Rust",
            if text.is_empty() { "no rustc".into() } else { text },
            "Rust 1.88 is needed.",
            "rustup update stable    (https://rustup.rs)",
        ),
    }
}

fn space(root: &Path) -> Finding {
    let free = statvfs(root).map(|about| about.blocks_available() * about.fragment_size());
    let free = free.unwrap_or_default() >> 30;
    let seen = format!("{free} GiB free");
    match free >= SPACE {
        true => Finding::good("disk", seen),
        false => Finding::lacks(
            "disk",
            seen,
            format!("All steps with their tests take about {SPACE} GiB; one alone, one."),
            "cargo clean    (frees what older builds have left)",
        ),
    }
}

fn file_systems() -> Vec<Finding> {
    let known = fs::read_to_string("/proc/filesystems").unwrap_or_default();
    let knows = |name: &str| known.lines().any(|line| line.split_whitespace().last() == Some(name));
    match knows("overlay") {
        true => vec![Finding::good("overlay", "in the kernel")],
        false => vec![Finding::lacks(
            "overlay",
            "not in the kernel",
            "Step 7 cannot unite layers; the final runtime falls back to copies.",
            "sudo modprobe overlay",
        )],
    }
}

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_read() {
        assert_eq!(version("6.1.0-13-amd64"), Some((6, 1)));
        assert_eq!(version("5.15"), Some((5, 15)));
        assert_eq!(version("unknown"), None);
    }
}
