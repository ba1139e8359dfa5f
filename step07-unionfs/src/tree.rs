//! A directory tree, walked by descriptor and never through a symbolic link.
//!
//! A layer comes from an image and an upper from a container: both may hold symbolic links that
//! were laid there to lead a program of the host astray. So nothing here follows one, not even in
//! the middle of a path, and nothing leaves the tree or the file system that it stands on. See
//! openat2(2), symlink(7).

use std::{
    ffi::{OsStr, OsString},
    fs::File,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd},
        unix::ffi::OsStrExt,
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::{
    dir::Dir,
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, open, openat2, readlinkat},
    sys::stat::{FileStat, Mode, SFlag, fstat},
};

/// A directory, and all below it on the same file system.
#[derive(Debug)]
pub struct Tree {
    root: OwnedFd,
    name: PathBuf,
    resolve: ResolveFlag,
}

/// One file of a tree, of whatever type: a descriptor that stands for it without opening it
/// (`O_PATH`), and what stat(2) says.
#[derive(Debug)]
pub struct Node {
    fd: OwnedFd,
    /// As it was when the node was looked up.
    pub stat: FileStat,
}

const INSIDE: ResolveFlag = ResolveFlag::RESOLVE_BENEATH
    .union(ResolveFlag::RESOLVE_NO_SYMLINKS)
    .union(ResolveFlag::RESOLVE_NO_XDEV);
const PATH: OFlag = OFlag::O_PATH.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);
const DIRECTORY: OFlag = OFlag::O_DIRECTORY.union(OFlag::O_NOFOLLOW).union(OFlag::O_CLOEXEC);

impl Tree {
    /// The tree below the directory `path`, which the caller vouches for: it may be a symbolic
    /// link, as for any command.
    pub fn open(path: &Path) -> Result<Self> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = open(path, flags, Mode::empty());
        let root = root.with_context(|| format!("opening {}", path.display()))?;
        Ok(Self::new(root, path))
    }

    /// The tree below the directory `root`; errors call it `name`.
    pub fn new(root: OwnedFd, name: &Path) -> Self {
        Self { root, name: name.to_owned(), resolve: INSIDE }
    }

    /// With what is mounted on it: the tree as a container sees it.
    pub fn with_mounts(mut self) -> Self {
        self.resolve.remove(ResolveFlag::RESOLVE_NO_XDEV);
        self
    }

    /// What to call `path` in an error.
    pub fn display(&self, path: &Path) -> String {
        self.name.join(path).display().to_string()
    }

    /// The file at `path`, which is relative to the tree; an empty path is its root. `None` if there
    /// is none, be it that a symbolic link or a file system mounted on the tree is in the way.
    pub fn node(&self, path: &Path) -> Result<Option<Node>> {
        let named = || format!("looking up {}", self.display(path));
        let fd = match self.inside(path, PATH) {
            Err(Errno::ENOENT | Errno::ENOTDIR | Errno::ELOOP | Errno::EXDEV) => return Ok(None),
            other => other.with_context(named)?,
        };
        Node::of(fd).map(Some).with_context(named)
    }

    /// Its own directory.
    pub fn root(&self) -> Result<Node> {
        self.node(Path::new(""))?.with_context(|| format!("{} is gone", self.name.display()))
    }

    /// The names in the directory `path`.
    pub fn names(&self, path: &Path) -> Result<Vec<OsString>> {
        let named = || format!("reading {}", self.display(path));
        let fd = self.inside(path, OFlag::O_RDONLY | DIRECTORY).with_context(named)?;
        let mut dir = Dir::from_fd(fd).with_context(named)?;
        let mut names = Vec::new();
        for entry in dir.iter() {
            let entry = entry.with_context(named)?;
            let name = entry.file_name().to_bytes();
            if name != b"." && name != b".." {
                names.push(OsStr::from_bytes(name).to_owned());
            }
        }
        Ok(names)
    }

    /// The directory that holds `path`, and its name there: where to make it.
    pub fn parent<'a>(&self, path: &'a Path) -> Result<(OwnedFd, &'a OsStr)> {
        let name = path.file_name().with_context(|| format!("{} has no name", path.display()))?;
        let parent = path.parent().unwrap_or(path);
        let fd = self.inside(parent, PATH | OFlag::O_DIRECTORY);
        Ok((fd.with_context(|| format!("opening {}", self.display(parent)))?, name))
    }

    fn inside(&self, path: &Path, flags: OFlag) -> nix::Result<OwnedFd> {
        let path = if path.as_os_str().is_empty() { Path::new(".") } else { path };
        openat2(&self.root, path, OpenHow::new().flags(flags).resolve(self.resolve))
    }
}

impl AsFd for Tree {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }
}

impl Node {
    fn of(fd: OwnedFd) -> nix::Result<Self> {
        let stat = fstat(&fd)?;
        Ok(Self { fd, stat })
    }

    /// `S_IFREG`, `S_IFDIR` … See inode(7).
    pub fn file_type(&self) -> SFlag {
        SFlag::from_bits_truncate(self.stat.st_mode) & SFlag::S_IFMT
    }

    /// Whether it is a directory.
    pub fn is_dir(&self) -> bool {
        self.file_type() == SFlag::S_IFDIR
    }

    /// The permission bits, with set-user-ID, set-group-ID and sticky.
    pub fn permissions(&self) -> Mode {
        Mode::from_bits_truncate(self.stat.st_mode)
    }

    /// Opens a regular file for reading.
    pub fn open(&self) -> nix::Result<File> {
        let flags = OFlag::O_RDONLY | OFlag::O_NONBLOCK | OFlag::O_CLOEXEC;
        open(&self.proc_path(), flags, Mode::empty()).map(File::from)
    }

    /// Where a symbolic link leads.
    pub fn target(&self) -> nix::Result<OsString> {
        readlinkat(&self.fd, "")
    }

    /// A path that leads to this very file, symbolic link or not, for the system calls that take
    /// no descriptor. See proc_pid_fd(5).
    pub fn proc_path(&self) -> PathBuf {
        format!("/proc/self/fd/{}", self.fd.as_raw_fd()).into()
    }
}

impl AsFd for Node {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use std::{fs, os::unix::fs::symlink};

    use anyhow::Result;
    use conformance::TempDir;
    use rstest::rstest;

    use super::*;

    fn tree() -> Result<(TempDir, Tree)> {
        let temp = TempDir::new("tree")?;
        fs::create_dir_all(temp.path().join("root/d"))?;
        fs::write(temp.path().join("root/d/file"), "text")?;
        fs::write(temp.path().join("outside"), "secret")?;
        for (link, target) in [("in", "d"), ("up", ".."), ("etc", "/etc"), ("loop", "loop")] {
            symlink(target, temp.path().join("root").join(link))?;
        }
        let tree = Tree::open(&temp.path().join("root"))?;
        Ok((temp, tree))
    }

    #[rstest]
    #[case("", SFlag::S_IFDIR)]
    #[case("d", SFlag::S_IFDIR)]
    #[case("d/file", SFlag::S_IFREG)]
    #[case("in", SFlag::S_IFLNK)]
    #[case("up", SFlag::S_IFLNK)]
    #[case("loop", SFlag::S_IFLNK)]
    fn what_is_there_is_found(#[case] path: &str, #[case] kind: SFlag) -> Result<()> {
        let (_temp, tree) = tree()?;
        let node = tree.node(path.as_ref())?.context("it is there")?;
        assert_eq!(node.file_type(), kind);
        Ok(())
    }

    #[rstest]
    fn nothing_is_behind_a_link_or_a_file_or_outside(
        #[values("x", "in/file", "up/outside", "etc/passwd", "loop/x", "d/file/x", "d/x/file")]
        path: &str,
    ) -> Result<()> {
        let (_temp, tree) = tree()?;
        assert!(tree.node(path.as_ref())?.is_none());
        Ok(())
    }

    #[rstest]
    fn a_path_that_leads_up_or_elsewhere_is_an_error_or_nothing(
        #[values("..", "../outside", "d/../../outside", "/etc/passwd")] path: &str,
    ) -> Result<()> {
        let (_temp, tree) = tree()?;
        assert!(!matches!(tree.node(path.as_ref()), Ok(Some(_))));
        assert!(tree.names(path.as_ref()).is_err());
        Ok(())
    }

    #[test]
    fn what_is_mounted_on_a_tree_is_no_part_of_it_unless_asked_for() -> Result<()> {
        let tree = Tree::open(Path::new("/"))?;
        assert!(tree.node(Path::new("proc/version"))?.is_none());
        assert!(tree.with_mounts().node(Path::new("proc/version"))?.is_some());
        Ok(())
    }

    #[test]
    fn a_link_is_read_and_not_followed() -> Result<()> {
        let (_temp, tree) = tree()?;
        let target = |name: &str| {
            Ok::<_, anyhow::Error>(tree.node(name.as_ref())?.context(name.to_owned())?.target()?)
        };
        assert_eq!(target("etc")?, "/etc");
        assert!(target("d").is_err());
        assert!(tree.names("in".as_ref()).is_err());
        assert_eq!(tree.names("d".as_ref())?, ["file"]);
        Ok(())
    }
}
