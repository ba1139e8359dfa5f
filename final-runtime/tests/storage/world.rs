//! A store for one test, on a file system that the driver can use.

use std::{fs::File, path::PathBuf, process::Command, rc::Rc};

use anyhow::{Context, Result, ensure};
use conformance::{Need, TempDir};
use final_runtime::storage::{Drivers, Key, Snapshots};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sched::{CloneFlags, unshare},
};

/// A driver, and what its tests need.
pub struct Driver {
    /// As in `--storage-driver`.
    pub name: &'static str,
    pub needs: &'static [Need],
    /// The file system that it works on, if not any one.
    filesystem: Option<&'static str>,
}

pub const DRIVERS: [Driver; 4] = [
    Driver { name: "overlay", needs: &[Need::Root, Need::Filesystem("overlay")], filesystem: None },
    Driver {
        name: "btrfs",
        needs: &[Need::Root, Need::Filesystem("btrfs"), Need::Command("mkfs.btrfs")],
        filesystem: Some("btrfs"),
    },
    Driver { name: "vfs", needs: &[Need::Root], filesystem: None },
    Driver {
        name: "devicemapper",
        needs: &[Need::DeviceMapper, Need::Command("mkfs.ext4")],
        filesystem: None,
    },
];

/// Whatever the tests mount, nobody else sees, and it is gone with them.
pub fn own_mounts() {
    // An ordinary user may not, and runs no test that mounts.
    if unshare(CloneFlags::CLONE_NEWNS).is_ok() {
        let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
        mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).expect("it is root's own");
    }
}

/// A store.
pub struct World {
    driver: &'static Driver,
    temp: TempDir,
}

impl World {
    pub fn new(driver: &'static Driver) -> Result<Self> {
        let world = Self { driver, temp: TempDir::new("storage")? };
        std::fs::create_dir(world.root())?;
        if let Some(filesystem) = driver.filesystem {
            world.mount(filesystem)?;
        }
        Ok(world)
    }

    /// A file system in a file.
    fn mount(&self, filesystem: &str) -> Result<()> {
        let image = self.temp.path().join("image");
        File::create(&image)?.set_len(512 << 20)?;
        run(Command::new(format!("mkfs.{filesystem}")).arg("-q").arg(&image))?;
        run(Command::new("mount").args(["-o", "loop"]).arg(&image).arg(self.root()))
    }

    /// The store's directory.
    pub fn root(&self) -> PathBuf {
        self.temp.path().join("store")
    }

    /// The driver's name.
    pub fn driver(&self) -> &'static str {
        self.driver.name
    }

    /// The driver's own directory.
    pub fn place(&self) -> PathBuf {
        self.root().join("storage").join(self.driver.name).join("snapshots")
    }

    /// A file for what tests want to know.
    pub fn note(&self, name: &str) -> PathBuf {
        self.temp.path().join(name)
    }

    /// The store's snapshots, as a program that has just begun finds them.
    pub fn open(&self) -> Result<Rc<Snapshots>> {
        Drivers::open(&self.root(), Some(self.driver.name.parse()?))?.chosen()
    }
}

impl Drop for World {
    fn drop(&mut self) {
        if self.driver.filesystem.is_some() {
            let _ = umount2(&self.root(), MntFlags::MNT_DETACH);
        }
    }
}

pub fn key(name: &str) -> Key {
    name.parse().expect("it is a name")
}

pub fn run(command: &mut Command) -> Result<()> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {said}");
    Ok(())
}
