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
pub fn ready(wanted: &[Kernel], install: bool, table: &mut Table) -> Result<Vec<Kernel>> {
    if install {
        let packages: Vec<_> = wanted.iter().flat_map(|kernel| missing(*kernel)).collect();
        if !packages.is_empty() {
            apt(&[&["install", "--no-install-recommends"], &packages[..]].concat())?;
        }
        if wanted.contains(&Kernel::Qemu) && !has_kernel() {
            fetch_kernel()?;
        }
    }
    let mut ready = Vec::new();
    for &kernel in wanted {
        let missing = missing(kernel);
        match kernel {
            _ if !missing.is_empty() => {
                let why = format!("not installed: {} (--install does it)", missing.join(", "));
                table.lacks(&format!("{kernel:?}"), why);
            }
            Kernel::Qemu if !has_kernel() => {
                let why = "Debian's kernel is not here (--install fetches it)";
                table.lacks("Qemu", why.into());
            }
            kernel => ready.push(kernel),
        }
    }
    Ok(ready)
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

/// Debian's kernel for virtual machines: downloaded and unpacked, not installed.
fn fetch_kernel() -> Result<()> {
    apt(&["update"])?;
    let depends = output(Command::new("apt-cache").args(["depends", "linux-image-cloud-amd64"]))?;
    let package = depends.lines().find_map(|line| line.trim().strip_prefix("Depends: "));
    let package = package.context("no package depends on linux-image-cloud-amd64")?;
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
