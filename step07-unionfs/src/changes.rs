//! The place for what a container writes: a directory with two more in it, `upper` and `work`.
//!
//! It is the container's own and vanishes with it, or it is kept. The container's own is a tmpfs
//! in its own mount namespace: the kernel takes it away with its last user, even if the runtime is
//! killed, and no layer can have it below itself. It takes memory, which is the container's own:
//! `--memory` limits it. Much is better kept on a disk. See tmpfs(5).

use std::{
    ffi::OsStr,
    fs::{self, DirBuilder, File, Permissions},
    io::{self, ErrorKind},
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use nix::{
    errno::Errno,
    fcntl::{Flock, FlockArg},
    mount::{MsFlags, mount},
    sys::stat::{Mode, mkdirat},
};
use step06::{Explain, sh};

use crate::{Node, Tree};

/// That place.
#[derive(Debug)]
pub(crate) struct Changes {
    pub path: PathBuf,
    kept: Option<Kept>,
}

#[derive(Debug, Default)]
struct Kept {
    lock: Option<Flock<File>>,
    /// Whether it was made for a container of which it is not yet known that it will be.
    new: bool,
}

impl Changes {
    /// The container's own, to be mounted at `path`.
    pub fn own(path: PathBuf) -> Self {
        Self { path, kept: None }
    }

    /// Those in the directory `path` of the host, which is made if it is missing.
    pub fn kept(path: PathBuf) -> Self {
        Self { path, kept: Some(Kept::default()) }
    }

    /// Whether they outlive the container.
    pub fn is_kept(&self) -> bool {
        self.kept.is_some()
    }

    /// A container has lived here: what it has left stays.
    pub fn settle(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.new = false;
        }
    }

    /// Host: makes the directory, or the mount point, and sees to it that nobody else has it.
    pub fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let Self { path, kept } = self;
        let made = explain.act(
            sh(["mkdir".as_ref(), "-p".as_ref(), "--mode=700".as_ref(), path.as_os_str()]),
            format_args!("making {}", path.display()),
            || newly(DirBuilder::new().mode(0o700).create(&path)),
        )?;
        if let Some(kept) = kept {
            kept.new = made;
            *path = path.canonicalize().with_context(|| format!("opening {}", path.display()))?;
            kept.lock = Some(lock(path)?);
        }
        Ok(())
    }

    /// Container: makes `upper`, like `top` since it becomes the root, and `work`.
    pub fn enter(&self, explain: &Explain, top: &Node) -> Result<Tree> {
        if self.kept.is_none() {
            mount_tmpfs(explain, &self.path)?;
        }
        let tree = Tree::open(&self.path)?;
        // ANCHOR: exercise-7-6
        for name in ["upper", "work"] {
            let path = self.path.join(name);
            let made = explain.act(
                sh(["mkdir".as_ref(), "-p".as_ref(), path.as_os_str()]),
                format_args!("making {}", path.display()),
                || newly(mkdirat(&tree, name, Mode::from_bits_truncate(0o755)).map_err(Into::into)),
            )?;
            // An owner who has no number in the container's user namespace cannot be given.
            if made && name == "upper" && tree.copy_attributes(top, Path::new(name)).is_err() {
                fs::set_permissions(path, Permissions::from_mode(top.permissions().bits()))?;
            }
        }
        Ok(tree)
        // ANCHOR_END: exercise-7-6
    }

    /// Host: what is to be removed when the container has ended: what the kernel worked in, and
    /// the changes too if the container never came to be.
    pub fn rubbish(&self) -> Option<PathBuf> {
        match &self.kept {
            Some(Kept { lock: Some(_), new: true }) => Some(self.path.clone()),
            Some(Kept { lock: Some(_), new: false }) => Some(self.path.join("work")),
            _ => None,
        }
    }

    /// Host: somebody else may have the directory now.
    pub fn unlock(&mut self) {
        if let Some(kept) = &mut self.kept {
            kept.lock = None;
        }
    }
}

/// Container: mounts an empty directory that only the container's root may enter.
pub(crate) fn mount_tmpfs(explain: &Explain, target: &Path) -> Result<()> {
    let (mode, flags) = ("mode=700", MsFlags::empty());
    let words = ["mount", "-t", "tmpfs", "-o", mode, "tmpfs"].map(OsStr::new);
    explain.act(
        sh(words.into_iter().chain([target.as_os_str()])),
        format_args!("mounting a tmpfs on {}", target.display()),
        || mount(Some("tmpfs"), target, Some("tmpfs"), flags, Some(mode)),
    )
}

/// Whether something was made; otherwise it was there.
fn newly(made: io::Result<()>) -> io::Result<bool> {
    match made {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The kernel refuses a second overlay on one upper only under conditions (`index=on`); flock(2)
/// always does.
fn lock(path: &Path) -> Result<Flock<File>> {
    let named = || format!("locking {}", path.display());
    let dir = File::open(path).with_context(named)?;
    Flock::lock(dir, FlockArg::LockExclusiveNonblock).map_err(|(_, errno)| match errno {
        Errno::EWOULDBLOCK => anyhow!("{}: another container has it in use", named()),
        errno => anyhow!("{}: {errno}", named()),
    })
}
