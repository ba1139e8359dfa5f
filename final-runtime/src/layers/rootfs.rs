//! The container's root file system, as its storage driver has it.
//!
//! An overlay is step 7's layer. A directory needs no layer at all. A block device is mounted by
//! the host, which alone may, but attached nowhere there: the container takes the mount over by
//! its descriptor. So the host never sees it, and it goes with the container.

use std::{
    fs::{self, File},
    os::{
        fd::{AsFd, OwnedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
    unistd::Pid,
};
use step07::{Container, Explain, Layer, Mount, Overlay, RunDir, UserNamespace, mount_api, sh};

use crate::storage::{Access, Root, mount_device};

/// Makes `root` the root of a container of step 7's.
pub fn put(container: &mut Container, root: Root) {
    let stack = &mut container.stack;
    let run_dir = stack.get_mut::<RunDir>().expect("step 4 put it there").path().to_owned();
    let (place, id_mapped) = match root {
        Root::Overlay { lower, changes } => {
            let overlay = stack.get_mut::<Overlay>().expect("step 7 put it there");
            overlay.stand_on(lower.clone());
            changes.iter().for_each(|dir| overlay.keep_in(dir.clone()));
            (overlay.merged(), above(&lower[0]))
        }
        Root::Directory(dir) => {
            stack.remove::<Overlay>();
            (dir.clone(), above(&dir))
        }
        Root::Device { path, filesystem, options } => {
            stack.remove::<Overlay>();
            let place = run_dir.join("rootfs");
            let mount = Mounted { path, filesystem, options, place: place.clone(), mount: None };
            stack.below::<Mount>(mount);
            (place, Vec::new())
        }
    };
    if let Some(user) = stack.get_mut::<UserNamespace>() {
        user.id_mapped = id_mapped;
    }
    stack.get_mut::<Mount>().expect("step 3 put it there").rootfs = place;
}

/// The driver's directory, which nobody else may enter: to a container in a user namespace it, and
/// all that is in it, is shown with the container's numbers for the owners.
fn above(snapshot: &Path) -> Vec<PathBuf> {
    snapshot.parent().map(Path::to_owned).into_iter().collect()
}

/// The layer that has a block device for the container's root.
struct Mounted {
    path: PathBuf,
    filesystem: &'static str,
    options: String,
    place: PathBuf,
    mount: Option<OwnedFd>,
}

impl Mounted {
    fn shell(&self) -> String {
        let options = if self.options.is_empty() { "defaults" } else { &self.options };
        let words = ["mount".as_ref(), "-t".as_ref(), self.filesystem.as_ref(), "-o".as_ref()];
        let paths = [options.as_ref(), self.path.as_os_str(), self.place.as_os_str()];
        sh(words.iter().chain(&paths))
    }
}

impl Layer for Mounted {
    fn name(&self) -> &'static str {
        "storage"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let place = &self.place;
        explain.act(
            sh(["mkdir".as_ref(), place.as_os_str()]),
            format_args!("making {}", place.display()),
            || fs::create_dir(place),
        )?;
        let mount = mount_device(&self.path, self.filesystem, &self.options, Access::Write)?;
        self.mount = Some(mount);
        Ok(())
    }

    /// In a user namespace the files' owners are shown as its numbers (see step 5).
    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        let user = format!("/proc/{child}/ns/user");
        let inode = |path: &str| fs::metadata(path).map(|meta| meta.ino()).context("looking at it");
        if let Some(mount) = &self.mount
            && inode(&user)? != inode("/proc/self/ns/user")?
        {
            let mapped = mount_api::map_ids(mount, File::open(&user)?, true);
            mapped.with_context(|| format!("mapping the ids of {}", self.path.display()))?;
        }
        Ok(())
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let mount = self.mount.as_ref().context("it was not prepared")?;
        let doing = format!("mounting {} on {}", self.path.display(), self.place.display());
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        explain.act(self.shell(), doing, || {
            mount_api::attach(mount.as_fd(), open(&self.place, flags, Mode::empty())?)
        })
    }

    fn release(&mut self, _: &Explain) -> Result<()> {
        self.mount = None;
        Ok(())
    }
}
