//! Where all is kept: one directory, with the containers and the images in it.

use std::{
    collections::BTreeSet,
    env,
    fs::{self, DirBuilder, Permissions},
    io::ErrorKind,
    os::unix::fs::{DirBuilderExt, PermissionsExt},
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result};
use clap::Parser;
use nix::unistd::{AccessFlags, access, geteuid};
use step07::{Cli, Stack, Step, UserNamespace, Userns, errand};

use crate::{
    image::Images,
    lifecycle::containers::Containers,
    storage::{Choice, Drivers},
};

/// A store, opened.
pub struct Store {
    /// Where it is.
    pub root: PathBuf,
    /// Its containers.
    pub containers: Containers,
    /// Its images.
    pub images: Images,
    /// Their file systems.
    pub drivers: Rc<Drivers>,
}

impl Store {
    /// Opens the store at `root`, or at the place for this user, and makes it if it is new.
    /// `options` are the storage driver's.
    pub fn open(root: Option<&Path>, driver: Option<Choice>, options: Vec<String>) -> Result<Self> {
        let root = match root {
            Some(root) => std::path::absolute(root).context("store: finding its directory")?,
            None => default_root()?,
        };
        make_dir(&root)?;
        let drivers = Rc::new(Drivers::open(&root, driver)?.with_options(options));
        let images = Images::open(&root, Rc::clone(&drivers))?;
        let containers = Containers::open(&root, Rc::clone(&drivers))?;
        Ok(Self { root, containers, images, drivers })
    }

    /// Gives back all that is left of containers whose runtime was killed: what is written down of
    /// them, and by way of the layers that every container has, what they had on the host. `groups`
    /// are those in which there may be some of whom that is already written down.
    pub fn recover(&self, mut groups: BTreeSet<String>) -> Result<()> {
        groups.extend(self.containers.recover()?);
        for group in groups {
            let any = Cli::<step07::Args>::try_parse_from(["any", "--cgroup-parent", &group])?;
            any.step.container()?.recover()?;
        }
        Ok(())
    }
}

/// Makes a directory of the store if it is not there, and those above it. A container's root, who
/// may be another user, passes through to what is its own; nobody else sees anything. The mode does
/// not depend on the umask.
pub fn make_dir(dir: &Path) -> Result<()> {
    let make = || {
        if dir.is_dir() {
            return Ok(());
        }
        DirBuilder::new().recursive(true).mode(0o711).create(dir)?;
        fs::set_permissions(dir, Permissions::from_mode(0o711))
    };
    make().with_context(|| format!("store: making {}", dir.display()))
}

/// The same for a directory in which there are files of containers: some of them make whoever runs
/// them another user, so nobody but the owner passes through. To a container's root, who may be
/// another user, the owner is shown as root (see `id_mapped.rs` of step 5).
pub fn make_closed_dir(dir: &Path) -> Result<()> {
    make_dir(dir)?;
    let closing = || format!("store: closing {} to others", dir.display());
    fs::set_permissions(dir, Permissions::from_mode(0o700)).with_context(closing)
}

/// Removes a directory of the store and all that is in it; one that is not there is no error.
///
/// An ordinary user's container may have files of subordinate ids, which only the root of a user
/// namespace may remove.
pub fn remove_tree(dir: &Path) -> Result<()> {
    let doing = format!("store: removing {}", dir.display());
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
        Err(error) if error.kind() == ErrorKind::PermissionDenied => {
            let dir = dir.to_owned();
            let mut layers = Stack::default();
            layers.top(UserNamespace::new(Userns::Auto));
            errand::run("store", layers, move || fs::remove_dir_all(dir).context(doing))
        }
        removed => removed.context(doing),
    }
}

/// `/var/lib/final-runtime` for root; else below `$XDG_DATA_HOME` or `~/.local/share`.
fn default_root() -> Result<PathBuf> {
    let system = Path::new("/var/lib/final-runtime");
    let writable = |dir: &Path| access(dir, AccessFlags::W_OK).is_ok();
    if geteuid().is_root() && (writable(system) || writable(Path::new("/var/lib"))) {
        return Ok(system.into());
    }
    let absolute =
        |dir: std::ffi::OsString| Some(PathBuf::from(dir)).filter(|dir| dir.is_absolute());
    let data = env::var_os("XDG_DATA_HOME").and_then(absolute);
    let home = || env::var_os("HOME").and_then(absolute).map(|home| home.join(".local/share"));
    let data =
        data.or_else(home).context("store: neither --root nor HOME says where to keep it")?;
    Ok(data.join("final-runtime"))
}
