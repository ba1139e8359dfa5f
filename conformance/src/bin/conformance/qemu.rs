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
    modules,
    plan::{self, Plan, VARIABLE},
    programs::Programs,
    table::Table,
};

/// What its kernel is there for: every controller of cgroup v2.
const WHOLE: &[&str] = &["step06 checkpoint"];

/// How long all of it may take.
const LIMIT: Duration = Duration::from_secs(25 * 60);

/// Programs that tests use where they are, beside those that are tested.
const TOOLS: &[&str] = &[
    "sh",
    "bash",
    "cat",
    "ls",
    "id",
    "true",
    "sleep",
    "stty",
    "grep",
    "sed",
    "ip",
    "nft",
    "unshare",
    "nsenter",
    "setpriv",
    "mount",
    "umount",
    "busybox",
    "mknod",
    "rm",
    "newuidmap",
    "newgidmap",
];

/// The folder that holds Debian's kernel package, unpacked.
pub fn kernel_dir() -> PathBuf {
    "target/conformance/kernel".into()
}

/// Boots it and runs the tests that no other kernel has run, and the whole of [`WHOLE`].
pub fn run(programs: &Programs, table: &mut Table) -> Result<()> {
    let mut plan = Plan::new(programs, table, WHOLE);
    let modules = only_entry(&kernel_dir().join("lib/modules"), "")?;
    plan.modules = modules::in_order(&modules)?;

    let initramfs = PathBuf::from("target/conformance/initramfs");
    let mut archive = Initramfs::create(&initramfs)?;
    for dir in ["proc", "sys", "dev", "run", "tmp", "root", "etc", "var/tmp"] {
        archive.dir(Path::new("/").join(dir).as_path())?;
    }
    archive.program(&std::env::current_exe()?, Path::new("/init"))?;
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
    for file in ["/etc/passwd", "/etc/group", "/etc/hosts"] {
        archive.file(Path::new(file), Path::new(file), 0o644)?;
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
    machine
        .arg("-append")
        .arg(format!("console=ttyS0 quiet panic=-1 mitigations=off {VARIABLE}=/plan.json"));
    plan::carry_out("QEMU", machine, LIMIT, table)
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
