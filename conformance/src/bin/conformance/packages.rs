//! What has to be installed for a kernel to run, and installing it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
};

use anyhow::{Context, Result, ensure};

use crate::{Kernel, qemu, table::Table, uml};

/// Those of `wanted` that can run here, after what is missing has been installed if that is
/// wished. Why the others cannot is entered into the table.
pub fn ready(wanted: &[Kernel], install: bool, table: &mut Table) -> Vec<Kernel> {
    let can_run = |kernel: &Kernel| {
        let result = prepare(*kernel, install);
        if let Err(error) = &result {
            table.lacks(&kernel.to_string(), format!("{error:#}"));
        }
        result.is_ok()
    };
    wanted.iter().copied().filter(can_run).collect()
}

/// An error says why this kernel cannot run here.
fn prepare(kernel: Kernel, install: bool) -> Result<()> {
    let packages = missing(kernel);
    let unpack = kernel == Kernel::Qemu && !has_kernel();
    if packages.is_empty() && !unpack {
        return Ok(());
    }
    let all = packages.iter().copied().chain(unpack.then_some(IMAGE));
    let all = all.collect::<Vec<_>>().join(", ");
    ensure!(install, "it takes Debian's packages {all} (--install, as root, does that)");
    apt(&["update"])
        .and_then(|()| {
            if !packages.is_empty() {
                apt(&[&["install", "--no-install-recommends"], &packages[..]].concat())?;
            }
            if unpack { fetch_kernel() } else { Ok(()) }
        })
        .with_context(|| format!("installing {all}"))
}

/// Debian's names for what a kernel needs and this machine lacks.
fn missing(kernel: Kernel) -> Vec<&'static str> {
    let needs: &[(&str, &str)] = match kernel {
        Kernel::Host => &[],
        Kernel::Uml => &[(uml::KERNEL, "user-mode-linux")],
        Kernel::Qemu => &[("qemu-system-x86_64", "qemu-system-x86"), ("depmod", "kmod")],
    };
    let there = |program: &str| Path::new(program).is_absolute() && Path::new(program).exists();
    let lacking =
        needs.iter().filter(|(program, _)| !there(program) && qemu::find(program).is_none());
    lacking.map(|(_, package)| *package).collect()
}

fn has_kernel() -> bool {
    qemu::kernel_dir().join("lib/modules").exists()
}

/// Debian's kernel for virtual machines.
const IMAGE: &str = "linux-image-cloud-amd64";

/// Downloads and unpacks it: it is not installed.
fn fetch_kernel() -> Result<()> {
    let depends = output(Command::new("apt-cache").args(["depends", IMAGE]))?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.with_context(|| format!("{IMAGE} depends on no package"))?;
    let dir = qemu::kernel_dir();
    fs::create_dir_all(&dir).context("making a folder for the kernel")?;
    output(Command::new("apt-get").args(["download", package]).current_dir(&dir))?;
    for entry in fs::read_dir(&dir)?.flatten() {
        if entry.path().extension().is_some_and(|extension| extension == "deb") {
            output(Command::new("dpkg-deb").arg("-x").arg(entry.path()).arg(&dir))?;
            fs::remove_file(entry.path())?;
        }
    }
    for entry in fs::read_dir(dir.join("lib/modules"))?.flatten() {
        output(Command::new("depmod").arg("-b").arg(&dir).arg(entry.file_name()))?;
    }
    Ok(())
}

fn apt(args: &[&str]) -> Result<()> {
    let mut apt = Command::new("apt-get");
    apt.args(["-q", "-y"]).args(args).env("DEBIAN_FRONTEND", "noninteractive");
    println!("apt-get {}", args.join(" "));
    output(&mut apt).map(drop)
}

fn output(command: &mut Command) -> Result<String> {
    let name = command.get_program().to_string_lossy().into_owned();
    let output =
        command.stdin(Stdio::null()).output().with_context(|| format!("running {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} failed: {}", errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
