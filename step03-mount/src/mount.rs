//! The mount namespace's contents: a root file system of the container's own, and what is in it.
//!
//! See mount_namespaces(7). The layer is a list of mounts and paths, and `enter` works it off.

use std::{
    collections::HashSet,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{Mode, umask},
    unistd::fchdir,
};
use step02::{Explain, Layer, sh};

use crate::{
    DEFAULT_DEVICES, Device, MountPoint, Tmpfs, Volume, default_masked_paths, default_mounts,
    default_read_only_paths, dev, mask,
    mount_api::{self, Attributes},
    mounting::no_entry,
    pivot::pivot,
    root::Root,
};

/// The layer that makes a directory the container's root, with the file systems in it that every
/// program expects.
///
/// A new one is the host's own `/`, read-only, with a `/proc`, `/sys` and `/dev` of its own. In
/// any other rootfs what is missing to mount something on is made, and stays.
#[derive(Clone, Debug)]
pub struct Mount {
    /// The directory that becomes `/`, as it is when the layer is entered: a layer below may have
    /// mounted something there.
    pub rootfs: PathBuf,
    /// Whether nothing in the rootfs, and in what came mounted with it, can be changed.
    pub read_only: bool,
    /// The file systems of every container, in order. A later layer may push more.
    pub mounts: Vec<MountPoint>,
    /// What is made in the tmpfs that `mounts` puts on `/dev`; without one, nothing is.
    pub devices: Vec<Device>,
    /// Mounted after `mounts`, together with `tmpfs`, those nearer to the root first.
    pub volumes: Vec<Volume>,
    /// Empty directories in memory.
    pub tmpfs: Vec<Tmpfs>,
    /// Read-only from within.
    pub read_only_paths: Vec<PathBuf>,
    /// Not to be seen from within.
    pub masked_paths: Vec<PathBuf>,
    /// A directory to make if it is missing; entering it is [`Process::cwd`](step02::Process).
    pub workdir: Option<PathBuf>,
    /// Whether the rootfs becomes the root at once. Otherwise it is the working directory, and a
    /// layer above goes on from there.
    pub pivots: bool,
}

impl Default for Mount {
    fn default() -> Self {
        Self {
            rootfs: "/".into(),
            read_only: true,
            mounts: default_mounts(),
            devices: DEFAULT_DEVICES.into(),
            volumes: vec![],
            tmpfs: vec![],
            read_only_paths: default_read_only_paths(),
            masked_paths: default_masked_paths(),
            workdir: None,
            pivots: true,
        }
    }
}

impl Layer for Mount {
    fn name(&self) -> &'static str {
        "mount"
    }

    fn prepare(&mut self, _: &Explain) -> Result<()> {
        let mut seen = HashSet::new();
        for point in self.wishes() {
            if !seen.insert(point.target.clone()) {
                bail!("{} is mounted on twice", point.target.display());
            }
        }
        Ok(())
    }

    // ANCHOR: mount-enter
    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let before = umask(Mode::empty()); // the modes below are meant as they stand
        let root = self.mount_rootfs(explain)?;
        for point in &self.mounts {
            let mount = point.mount(&root, explain)?;
            if point.target == Path::new("/dev") && point.is_new("tmpfs") {
                dev::fill(&mount, &self.devices, &root, explain)?;
            }
        }
        for point in self.wishes() {
            point.mount(&root, explain)?;
        }
        mask::make_read_only(&root, &self.read_only_paths, explain)?;
        mask::mask(&root, &self.masked_paths, explain)?;
        if let Some(dir) = &self.workdir {
            make_workdir(&root, dir, explain)?;
        }
        if self.read_only && !self.is_host() {
            seal(&root, false, explain)?;
        }
        umask(before);
        match self.pivots {
            true => pivot(&root, false, explain),
            false => fchdir(&root).context("entering the rootfs"),
        }
    }
    // ANCHOR_END: mount-enter
}

impl Mount {
    /// Makes the rootfs a mount of its own, since only a mount can become the root.
    fn mount_rootfs(&self, explain: &Explain) -> Result<Root> {
        let path = &self.rootfs;
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let dir = open(path, flags, Mode::empty()).map_err(|errno| {
            anyhow!("opening the rootfs {}: {errno}{}", path.display(), no_entry(errno))
        })?;
        let mount = explain.act(
            sh(["mount".as_ref(), "--rbind".as_ref(), path.as_os_str(), path.as_os_str()]),
            format_args!("mounting the rootfs {} on itself", path.display()),
            || {
                let mount = mount_api::copy(&dir, true)?;
                mount_api::attach(&mount, &dir)?;
                Ok::<_, nix::Error>(mount)
            },
        )?;
        let root = Root::new(mount, path);
        if self.read_only {
            seal(&root, true, explain)?;
            if !self.is_host() {
                unseal(&root, explain);
            }
        }
        Ok(root)
    }

    /// In the host's own file system, if it is read-only, nothing is made: not even a mount point.
    fn is_host(&self) -> bool {
        self.rootfs == Path::new("/")
    }

    /// What a person asked for. A directory is mounted before what is to be mounted in it.
    fn wishes(&self) -> Vec<MountPoint> {
        let tmpfs = self.tmpfs.iter().map(MountPoint::from);
        let mut points: Vec<_> = tmpfs.chain(self.volumes.iter().map(MountPoint::from)).collect();
        points.sort_by_key(|point| point.target.components().count());
        points
    }
}

/// Makes the rootfs read-only; with what is mounted below it, if `recursive`.
fn seal(root: &Root, recursive: bool, explain: &Explain) -> Result<()> {
    let below = if recursive { "  # and all below" } else { "" };
    explain.act(
        format_args!("{}{below}", remount(root, "ro")),
        "making the rootfs read-only",
        || mount_api::change(root, Attributes { recursive, ..Attributes::READ_ONLY }),
    )
}

/// Makes the rootfs writable for as long as mount points may have to be made in it. Where it
/// cannot be written to anyway it may stay as it is: a missing mount point will be told of.
fn unseal(root: &Root, explain: &Explain) {
    explain.say(remount(root, "rw"));
    let clear = libc::MOUNT_ATTR_RDONLY;
    let _ = mount_api::change(root, Attributes { clear, ..Attributes::default() });
}

fn remount(root: &Root, how: &str) -> String {
    root.shell_mount(&["-o", &format!("remount,bind,{how}"), &root.shown("/".as_ref())])
}

/// Makes the working directory, as people know it from Docker.
fn make_workdir(root: &Root, dir: &Path, explain: &Explain) -> Result<()> {
    if let Err(Errno::ENOENT) = root.open(dir) {
        explain.act(
            sh(["mkdir", "-p", &root.shown(dir)]),
            format_args!("making the working directory {}", dir.display()),
            || root.make_dir(dir),
        )?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn wished(volumes: &[&str], tmpfs: &[&str]) -> Mount {
        let volumes = volumes.iter().map(|text| text.parse().expect("a volume")).collect();
        let tmpfs = tmpfs.iter().map(|text| text.parse().expect("a tmpfs")).collect();
        Mount { volumes, tmpfs, ..Mount::default() }
    }

    #[test]
    fn a_directory_is_mounted_before_what_is_mounted_in_it() {
        let mount = wished(&["/x:/a/b/c", "/y:/z", "/x:/a"], &["/a/b"]);
        let order: Vec<_> = mount.wishes().into_iter().map(|point| point.target).collect();
        assert_eq!(order, ["/z", "/a", "/a/b", "/a/b/c"].map(PathBuf::from));
    }

    #[test]
    fn two_mounts_on_one_target_are_refused() {
        let explain = Explain::new(false);
        let mut mount = wished(&["/x:/a", "/y:/b"], &["/c"]);
        assert!(mount.prepare(&explain).is_ok());
        let mut mount = wished(&["/x:/a/b"], &["/a//b/"]);
        let error = mount.prepare(&explain).expect_err("it is the same directory");
        assert_eq!(error.to_string(), "/a/b is mounted on twice");
    }
}
