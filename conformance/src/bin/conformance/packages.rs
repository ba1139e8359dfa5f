//! What has to be installed for tests and for a kernel to run, and installing it.

use std::{
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::{Mutex, PoisonError},
};

use anyhow::{Context, Result, ensure};

use crate::{Kernel, qemu, table::Table, uml};

/// Debian's packages of programs that tests use where they are. umoci to apache2-utils (htpasswd) make
/// images and serve them as others do; uidmap has newuidmap, binutils objcopy for small programs in a
/// virtual machine, systemd is run as a machine's own. The line with podman are engines that drive the
/// runtime, and what podman makes networks with, and the last one is the book's reader.
#[rustfmt::skip]
const TOOLS: &[&str] = &[
    "binutils", "btrfs-progs", "busybox-static", "dmsetup", "e2fsprogs", "hostname", "iproute2",
    "kmod", "mount", "nftables", "procps", "systemd", "uidmap", "xfsprogs",
    "umoci", "buildah", "skopeo", "mmdebstrap", "docker-registry", "apache2-utils",
    "podman", "conmon", "containernetworking-plugins", "iptables", "containerd", "docker.io",
    "chromium", "chromium-driver", "fonts-wqy-microhei",
];

/// Installs those that are missing if that is wished. What is missing still, for people; nothing
/// where it is not known.
pub fn tools(install: bool) -> String {
    let missing = |packages: &[&'static str]| -> Vec<&'static str> {
        let mut query = Command::new("dpkg-query");
        query.args(["--show", "--showformat=${Package} ${db:Status-Status}\n"]).args(packages);
        // It fails where it knows nothing of one, and tells of the others all the same.
        let Ok(known) = query.stdin(Stdio::null()).output() else { return Vec::new() };
        let known = String::from_utf8_lossy(&known.stdout).into_owned();
        let there =
            |package: &&str| known.lines().any(|line| line == format!("{package} installed"));
        packages.iter().copied().filter(|package| !there(package)).collect()
    };
    let mut lacking = missing(TOOLS);
    let mut why = "--install, as root, installs them".to_string();
    if install && !lacking.is_empty() {
        if let Err(error) = install_packages(&lacking) {
            why = format!("{error:#}");
        }
        lacking = missing(&lacking);
    }
    match &lacking[..] {
        [] => String::new(),
        some => format!("and some tests need Debian's packages {} ({why})\n", some.join(", ")),
    }
}

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
    install_packages(&packages)
        .and_then(|()| if unpack { fetch_kernel() } else { Ok(()) })
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

/// With Debian's list of packages as it is today, which is asked for once.
fn install_packages(packages: &[&str]) -> Result<()> {
    static UPDATED: Mutex<bool> = Mutex::new(false);
    let mut updated = UPDATED.lock().unwrap_or_else(PoisonError::into_inner);
    if !*updated {
        apt(&["update"])?;
        *updated = true;
    }
    match packages {
        [] => Ok(()),
        some => apt(&[&["install", "--no-install-recommends"], some].concat()),
    }
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
