//! Debian's kernel in a machine that QEMU emulates, without the processor's help (TCG): slow, but
//! to be had everywhere, and a kernel as servers run it.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
    time::Duration,
};

use anyhow::{Context, Result, ensure};

use crate::{
    initramfs::Initramfs,
    machine::Kernel,
    modules,
    plan::{Plan, VARIABLE},
    programs::Programs,
};

/// What it is there for: every controller, in both dialects, and two processors.
pub const QEMU: Kernel =
    Kernel { name: "QEMU", again: &[], machines: 1, limit: Duration::from_secs(25 * 60), machine };

/// How many huge pages, of 2 MiB, are kept for whoever asks for them.
const HUGE_PAGES: u32 = 16;

/// Programs that tests use where they are, beside those that are tested: as many as this machine has.
#[rustfmt::skip]
const TOOLS: &[&str] = &[
    // shells, and what scripts are made of
    "sh", "bash", "cat", "cp", "cut", "date", "dd", "env", "grep", "head", "id", "ln", "ls", "mkdir",
    "mkfifo", "mknod", "mv", "ps", "rm", "rmdir", "sed", "seq", "sleep", "sort", "stty", "tail",
    "tee", "timeout", "touch", "tr", "true", "truncate", "uniq", "wc",
    // namespaces, mounts, identity
    "busybox", "chmod", "chown", "hostname", "mount", "newgidmap", "newuidmap", "nsenter",
    "setpriv", "umount", "unshare",
    // network
    "ip", "nft", "tc",
    // storage
    "dmsetup", "e2fsck", "losetup", "mkfs.btrfs", "mkfs.ext4", "mkfs.xfs",
];

/// The folder that holds Debian's kernel package, unpacked.
pub fn kernel_dir() -> PathBuf {
    "target/conformance/kernel".into()
}

fn machine(programs: &Programs, mut plan: Plan, _: usize) -> Result<Command> {
    plan.workspace = Some(std::env::current_dir()?);
    let modules = only_entry(&kernel_dir().join("lib/modules"), "")?;
    plan.modules = modules::in_order(&modules)?;

    let initramfs = PathBuf::from("target/conformance/initramfs");
    let mut archive = Initramfs::create(&initramfs)?;
    for dir in ["proc", "sys", "dev", "run", "tmp", "root", "etc", "mnt", "var/tmp"] {
        archive.dir(Path::new("/").join(dir).as_path())?;
    }
    archive.program(&programs.command, Path::new("/init"))?;
    for program in plan.runs.iter().map(|run| &run.path).chain(&programs.binaries) {
        archive.program(program, program)?;
    }
    for tool in TOOLS.iter().filter_map(|tool| find(tool)) {
        archive.program(&tool, &tool)?;
    }
    for run in &plan.runs {
        archive.dir(&run.folder)?;
        archive.tree(&run.folder.join("tests"))?;
    }
    archive.tree(&std::env::current_dir()?.join("book/src"))?;
    for file in ["/etc/passwd", "/etc/group", "/etc/hosts", "/etc/subuid", "/etc/subgid"] {
        if Path::new(file).exists() {
            archive.file(Path::new(file), Path::new(file), 0o644)?;
        }
    }
    for (index, module) in plan.modules.iter_mut().enumerate() {
        let place = PathBuf::from(format!("/modules/{index:03}.ko"));
        archive.file(module, &place, 0o644)?;
        *module = place;
    }
    archive.content(&serde_json::to_vec(&plan)?, Path::new("/plan.json"), 0o644)?;
    archive.finish()?;

    let mut machine = Command::new("qemu-system-x86_64");
    machine.args(["-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max", "-smp", "2"]);
    machine.args(["-m", "3G", "-no-reboot", "-nodefaults", "-display", "none", "-serial", "stdio"]);
    machine.arg("-kernel").arg(only_entry(&kernel_dir().join("boot"), "vmlinuz-")?);
    machine.arg("-initrd").arg(&initramfs);
    // On a busy host the kernel may see no tick in the time in which it tests the timer, and panics.
    let quick = "console=ttyS0 quiet panic=-1 mitigations=off no_timer_check";
    machine.arg("-append").arg(format!("{quick} hugepages={HUGE_PAGES} {VARIABLE}=/plan.json"));
    Ok(machine)
}

/// The entry of a folder whose name begins like this; there is to be one.
fn only_entry(dir: &Path, prefix: &str) -> Result<PathBuf> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    let fits =
        |name: &Path| name.file_name().is_some_and(|n| n.to_string_lossy().starts_with(prefix));
    let found: Vec<_> = entries.flatten().map(|entry| entry.path()).filter(|p| fits(p)).collect();
    ensure!(found.len() == 1, "{}: expected one {prefix}*, found {}", dir.display(), found.len());
    Ok(found[0].clone())
}

/// A program in `PATH`.
pub fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let standard = ["/usr/sbin", "/usr/bin", "/sbin", "/bin"].map(PathBuf::from);
    let mut files =
        standard.into_iter().chain(std::env::split_paths(&path)).map(|dir| dir.join(name));
    files.find(|file| file.is_file())
}
