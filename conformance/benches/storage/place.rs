//! Where a driver is measured: a new file system on a loop device, and nothing else on it.

use std::{
    fs::{self, File},
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
};

use anyhow::{Context, Result, ensure};
use conformance::TempDir;
use final_runtime::storage::{Drivers, Snapshots};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    unistd::syncfs,
};

/// A driver on a file system.
pub struct Kind {
    /// As in `--storage-driver`.
    pub driver: &'static str,
    /// As in `mkfs.TYPE`.
    filesystem: &'static str,
    options: &'static [&'static str],
}

/// Those that are compared.
pub const PLACES: [Kind; 7] = [
    Kind { driver: "overlay", filesystem: "ext4", options: &["-q"] },
    Kind { driver: "overlay", filesystem: "xfs", options: &["-q", "-m", "reflink=1"] },
    Kind { driver: "overlay", filesystem: "btrfs", options: &["-q"] },
    Kind { driver: "btrfs", filesystem: "btrfs", options: &["-q"] },
    Kind { driver: "vfs", filesystem: "ext4", options: &["-q"] },
    Kind { driver: "vfs", filesystem: "xfs", options: &["-q", "-m", "reflink=1"] },
    Kind { driver: "devicemapper", filesystem: "ext4", options: &["-q"] },
];

impl Kind {
    /// `overlay/xfs`.
    pub fn name(&self) -> String {
        format!("{}/{}", self.driver, self.filesystem)
    }
}

/// A file system that is mounted, and the store on it.
pub struct Place {
    /// The store's snapshots.
    pub snapshots: Rc<Snapshots>,
    device: String,
    temp: TempDir,
    btrfs: bool,
}

impl Place {
    /// Makes and mounts one of 4 GiB, of which only what is written takes room.
    pub fn new(kind: &Kind) -> Result<Self> {
        let temp = TempDir::new("bench")?;
        let none = MsFlags::empty();
        mount(Some("tmpfs"), temp.path(), Some("tmpfs"), none, Some("size=100%"))
            .context("mounting a tmpfs")?;
        let image = temp.path().join("image");
        File::create(&image)?.set_len(4 << 30)?;
        said(Command::new(format!("mkfs.{}", kind.filesystem)).args(kind.options).arg(&image))?;
        let device = said(Command::new("losetup").args(["--find", "--show"]).arg(&image))?;
        let device = device.trim().to_string();
        let root = temp.path().join("store");
        fs::create_dir(&root)?;
        let mounted = said(Command::new("mount").args([&device]).arg(&root));
        // From now on it lives as long as it is mounted.
        said(Command::new("losetup").args(["--detach", &device]))?;
        mounted?;
        let opened =
            Drivers::open(&root, Some(kind.driver.parse()?)).and_then(|drivers| drivers.chosen());
        // Whatever it lacks, it says when it is first asked for something.
        let opened = opened.and_then(|snapshots| snapshots.driver().info().map(|_| snapshots));
        match opened {
            Ok(snapshots) => {
                let btrfs = kind.filesystem == "btrfs";
                Ok(Self { snapshots, device, temp, btrfs })
            }
            Err(error) => {
                let _ = umount2(&root, MntFlags::MNT_DETACH);
                let _ = umount2(temp.path(), MntFlags::MNT_DETACH);
                Err(error)
            }
        }
    }

    /// Whether its file system is btrfs.
    pub fn is_btrfs(&self) -> bool {
        self.btrfs
    }

    /// Where the store is.
    pub fn root(&self) -> PathBuf {
        self.temp.path().join("store")
    }

    /// A file for what a process of its own has found out.
    pub fn note(&self) -> PathBuf {
        self.temp.path().join("note")
    }

    /// Has all that was written reach the device.
    pub fn sync(&self) -> Result<()> {
        Ok(syncfs(File::open(self.root())?)?)
    }

    /// Bytes that the device has been sent so far. See the kernel's block/stat.
    pub fn written(&self) -> Result<u64> {
        let name = Path::new(&self.device).file_name().context("a device without a name")?;
        let file = Path::new("/sys/block").join(name).join("stat");
        let text = fs::read_to_string(&file).with_context(|| format!("reading {file:?}"))?;
        let sectors = text.split_whitespace().nth(6).and_then(|word| word.parse::<u64>().ok());
        Ok(sectors.with_context(|| format!("{file:?} has no count of sectors"))? * 512)
    }

    /// Bytes of the disk that the file with the file system takes.
    pub fn room(&self) -> Result<u64> {
        use std::os::unix::fs::MetadataExt;
        Ok(self.temp.path().join("image").metadata()?.blocks() * 512)
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for key in self.snapshots.all().into_iter().flatten().map(|(key, _)| key) {
            let _ = self.snapshots.put(&key);
        }
        let _ = umount2(&self.root(), MntFlags::MNT_DETACH);
        let _ = umount2(self.temp.path(), MntFlags::MNT_DETACH);
    }
}

/// What a command says on standard output; an error if it fails.
fn said(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", errors.trim());
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
