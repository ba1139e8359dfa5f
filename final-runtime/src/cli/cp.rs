//! `cp`: files between a container and the host.
//!
//! A path in a container is resolved by descriptor within its root, so that whatever links are in
//! it, and whoever swaps them meanwhile, it leads nowhere else (CVE-2018-15664).

use std::{
    ffi::{OsStr, OsString},
    io::{BufReader, stdin, stdout},
    os::{
        fd::{AsFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
    str::FromStr,
};

use anyhow::{Context, Error, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat},
    unistd::{getegid, geteuid},
};
use step07::{
    Tree,
    root::{Root, kind},
};

use crate::{
    archive::{self, Attributes, Devices, Expected, Limits, Options, Owners, Whiteouts, decode},
    copy::{self, Owner},
    store::Store,
};

/// Copy files and directories between a container and the host
///
/// What comes to the host is yours, and what comes to the container is its root's, unless you say
/// --archive. `-` is an archive on standard input or output.
#[derive(clap::Args)]
pub struct Args {
    /// Keep the owners, by number
    #[arg(short, long)]
    archive: bool,

    /// What is copied; of a directory `DIR/.` is what is in it
    #[arg(value_name = "CONTAINER:PATH|PATH|-")]
    from: Place,

    /// Where to: into a directory that is there, or to that name
    #[arg(value_name = "CONTAINER:PATH|PATH|-")]
    to: Place,
}

/// A place that a person names.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Place {
    Container(String, PathBuf),
    Host(PathBuf),
    Stream,
}

impl FromStr for Place {
    type Err = Error;

    /// A colon belongs to a host's path if there is a slash or a dot before it.
    fn from_str(text: &str) -> Result<Self> {
        match text.split_once(':') {
            _ if text == "-" => Ok(Self::Stream),
            _ if text.is_empty() => bail!("cp: an empty path"),
            Some((name, path)) if !name.is_empty() && !name.contains(['/', '.']) => {
                ensure!(!path.is_empty(), "cp: {text:?}: expected CONTAINER:PATH");
                Ok(Self::Container(name.into(), Path::new("/").join(path)))
            }
            _ => Ok(Self::Host(text.into())),
        }
    }
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let same = self.archive;
        match (self.from, self.to) {
            (Place::Container(name, from), Place::Host(to)) => {
                let owner = if same { Owner::Same } else { Owner::Is(own_uid(), own_gid()) };
                let target = Target::on_host(&to)?;
                within(store, &name, move |root| {
                    let (tree, from) = Selected::find(&root, &from)?.parts();
                    target.copy(&tree, &from, owner)
                })?;
            }
            (Place::Host(from), Place::Container(name, to)) => {
                let owner = if same { Owner::Same } else { Owner::Is(0, 0) };
                let source = Selected::on_host(&from)?;
                within(store, &name, move |root| {
                    let (tree, from) = source.parts();
                    Target::find(&root, &to)?.copy(&tree, &from, owner)
                })?;
            }
            (Place::Container(name, from), Place::Stream) => within(store, &name, move |root| {
                let (tree, from) = Selected::find(&root, &from)?.parts();
                copy::archive(&tree, &from.path, &from.name, stdout())
            })?,
            (Place::Stream, Place::Container(name, to)) => within(store, &name, move |root| {
                let dir = root.open(&to).with_context(|| format!("opening {}", to.display()))?;
                unpack(dir, same)
            })?,
            _ => bail!("cp: one of the two is CONTAINER:PATH, the other a path or -"),
        }
        Ok(0)
    }
}

/// In a user namespace the caller is root.
fn own_uid() -> u32 {
    if powerful() { geteuid().as_raw() } else { 0 }
}

fn own_gid() -> u32 {
    if powerful() { getegid().as_raw() } else { 0 }
}

fn powerful() -> bool {
    step07::CapSets::current().is_ok_and(|sets| sets.effective.has(step07::Cap::SYS_ADMIN))
}

fn within(store: &Store, name: &str, act: impl FnOnce(Root) -> Result<()> + 'static) -> Result<()> {
    let container = store.containers.find(name)?;
    let act = move |root: std::os::fd::BorrowedFd| {
        act(Root::new(root.try_clone_to_owned()?, Path::new("/")))
    };
    store.containers.within(&container, act).with_context(|| format!("cp: container {name}"))
}

/// What is copied: the tree that it is in, and the path there.
struct Selected {
    tree: Tree,
    from: From,
}

/// Where in its tree it is, what it is called, and whether only what is in it is meant.
struct From {
    path: PathBuf,
    name: OsString,
    content: bool,
}

impl Selected {
    fn parts(self) -> (Tree, From) {
        (self.tree, self.from)
    }

    /// In a container.
    fn find(root: &Root, path: &Path) -> Result<Self> {
        let named = || format!("opening {}", path.display());
        match last(path) {
            Last::Name(dir, name) => {
                // The last part is not followed if it is a link.
                let tree = Tree::new(root.open(dir).with_context(named)?, dir).with_mounts();
                Self::of(tree, name.into(), name.into(), false).with_context(named)
            }
            Last::Itself => {
                let tree = Tree::new(root.open(path).with_context(named)?, path).with_mounts();
                let name = name_of(path);
                Self::of(tree, PathBuf::new(), name, true).with_context(named)
            }
        }
    }

    fn on_host(path: &Path) -> Result<Self> {
        let named = || format!("cp: opening {}", path.display());
        match last(path) {
            Last::Name(dir, name) => {
                let tree = Tree::open(dir).with_context(named)?.with_mounts();
                Self::of(tree, name.into(), name.into(), false).with_context(named)
            }
            Last::Itself => {
                let tree = Tree::open(path).with_context(named)?.with_mounts();
                Self::of(tree, PathBuf::new(), name_of(path), true).with_context(named)
            }
        }
    }

    fn of(tree: Tree, path: PathBuf, name: OsString, content: bool) -> Result<Self> {
        tree.node(&path)?.ok_or(Errno::ENOENT)?;
        Ok(Self { tree, from: From { path, name, content } })
    }
}

enum Last<'a> {
    /// A name in a directory.
    Name(&'a Path, &'a OsStr),
    /// The directory itself, and what is in it: `/`, `DIR/.`, `DIR/..`.
    Itself,
}

fn last(path: &Path) -> Last<'_> {
    let text = path.as_os_str().as_bytes();
    let dotted = text.ends_with(b"/.") || text == b".";
    match path.file_name() {
        Some(name) if !dotted => {
            let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
            Last::Name(dir.unwrap_or(Path::new(".")), name)
        }
        _ => Last::Itself,
    }
}

fn name_of(path: &Path) -> OsString {
    path.file_name().unwrap_or(OsStr::new(".")).to_owned()
}

/// Where something is copied to.
struct Target {
    dir: Tree,
    /// The name there; `None`: into the directory.
    name: Option<OsString>,
}

impl Target {
    fn on_host(path: &Path) -> Result<Self> {
        let open_dir = |path: &Path| {
            let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
            open(path, flags, Mode::empty())
        };
        Self::of(path, open_dir).context("cp")
    }

    fn find(root: &Root, path: &Path) -> Result<Self> {
        Self::of(path, |path| root.open(path))
    }

    fn of(path: &Path, open: impl Fn(&Path) -> nix::Result<OwnedFd>) -> Result<Self> {
        let named = || format!("opening {}", path.display());
        let must_be_dir = path.as_os_str().as_bytes().ends_with(b"/");
        match open(path) {
            Ok(found) if kind(&fstat(found.as_fd())?) == SFlag::S_IFDIR => {
                return Ok(Self { dir: Tree::new(found, path).with_mounts(), name: None });
            }
            Ok(_) if !must_be_dir => {}
            Ok(_) => return Err(Errno::ENOTDIR).with_context(named),
            Err(Errno::ENOENT) if !must_be_dir => {}
            Err(errno) => return Err(errno).with_context(named),
        }
        let name = path.file_name().with_context(named)?.to_owned();
        let parent = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let parent = parent.unwrap_or(Path::new("."));
        let dir = open(parent).with_context(|| format!("opening {}", parent.display()))?;
        Ok(Self { dir: Tree::new(dir, parent).with_mounts(), name: Some(name) })
    }

    fn copy(&self, source: &Tree, from: &From, owner: Owner) -> Result<()> {
        let to = match &self.name {
            Some(name) => PathBuf::from(name),
            None if from.content => PathBuf::new(),
            None => PathBuf::from(&from.name),
        };
        copy::copy(source, &from.path, &self.dir, &to, owner)
    }
}

/// The archive on standard input.
fn unpack(dir: OwnedFd, same: bool) -> Result<()> {
    let options = Options {
        whiteouts: Whiteouts::Apply,
        owners: if same { Owners::Archived } else { Owners::Ours },
        devices: Devices::Skip,
        attributes: Attributes::Permitted,
        limits: Limits::default(),
    };
    let unpack = |stream: &mut _| archive::unpack(BufReader::new(stream), &dir, &options);
    decode(stdin(), &Expected::default(), &options.limits, unpack).map(drop)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn container(name: &str, path: &str) -> Place {
        Place::Container(name.into(), path.into())
    }

    #[rstest]
    #[case("-", Place::Stream)]
    #[case("a:/b", container("a", "/b"))]
    #[case("a:b", container("a", "/b"))]
    #[case("a:/b:c", container("a", "/b:c"))]
    #[case("./a:b", Place::Host("./a:b".into()))]
    #[case("/a:b", Place::Host("/a:b".into()))]
    #[case("a", Place::Host("a".into()))]
    fn places_are_told_apart(#[case] text: &str, #[case] place: Place) {
        assert_eq!(text.parse::<Place>().expect(text), place);
    }

    #[rstest]
    fn nothing_else_is_a_place(#[values("", "a:")] text: &str) {
        text.parse::<Place>().expect_err(text);
    }
}
