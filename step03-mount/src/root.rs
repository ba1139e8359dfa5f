//! The container's root directory, and how a path inside it is resolved.
//!
//! The files of a container are not to be trusted: an image may hold a symbolic link in any place
//! where we want to mount something, and a running container may swap one in at any moment. So no
//! path of the container is ever handed to the kernel as part of a host's path. openat2(2) with
//! `RESOLVE_IN_ROOT` resolves it as the container itself would see it: absolute links and `..` stop
//! at this root. What comes out is a descriptor, and all that follows works on that.

use std::{
    ffi::OsStr,
    os::fd::{AsFd, BorrowedFd, OwnedFd},
    path::{Path, PathBuf},
};

use nix::{
    errno::Errno,
    fcntl::{OFlag, OpenHow, ResolveFlag, openat2},
    sys::stat::{FileStat, Mode, SFlag, fstat, mkdirat},
};
use step02::sh;

/// A directory that is, or is about to become, the root of a container.
#[derive(Debug)]
pub struct Root {
    fd: OwnedFd,
    path: PathBuf,
}

impl Root {
    /// The directory behind `fd`, which a person would call `path` (only for `--explain`).
    pub fn new(fd: OwnedFd, path: &Path) -> Self {
        // A path that begins with `/` begins below what is mounted over `/`; one that begins with
        // `/..` above it.
        let path = if path == Path::new("/") { Path::new("/..") } else { path };
        Self { fd, path: path.to_owned() }
    }

    /// The path at which a person on the host would find `inside`.
    pub fn shown(&self, inside: &Path) -> String {
        let inside = inside.strip_prefix("/").unwrap_or(inside);
        let path = if inside == Path::new("") { self.path.clone() } else { self.path.join(inside) };
        path.display().to_string()
    }

    /// The command by which a person would mount something in here. Over `/`, mount(8) must not
    /// tidy up the path.
    pub fn shell_mount(&self, words: &[&str]) -> String {
        let tidy = self.path != Path::new("/..");
        let mount: &[&str] = if tidy { &["mount"] } else { &["mount", "-c"] };
        sh(mount.iter().chain(words))
    }

    // ANCHOR: root-open
    /// The file or directory at `inside`, wherever links inside the root lead: only a place, not
    /// open for reading (`O_PATH`).
    pub fn open(&self, inside: &Path) -> nix::Result<OwnedFd> {
        // ANCHOR: exercise-3-2
        // No magic links: those of `/proc/PID/fd` are no paths, and could lead anywhere.
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_MAGICLINKS;
        open_beneath(&self.fd, inside, OFlag::O_PATH, resolve)
        // ANCHOR_END: exercise-3-2
    }
    // ANCHOR_END: root-open

    /// The same, but no link on the way is followed: `ELOOP`.
    pub fn open_no_links(&self, inside: &Path) -> nix::Result<OwnedFd> {
        let resolve = ResolveFlag::RESOLVE_IN_ROOT | ResolveFlag::RESOLVE_NO_SYMLINKS;
        open_beneath(&self.fd, inside, OFlag::O_PATH, resolve)
    }

    /// The directory at `inside`, made if it is missing, as are those above it (mode 0755).
    pub fn make_dir(&self, inside: &Path) -> nix::Result<OwnedFd> {
        let inside = Path::new("/").join(inside);
        match self.open(&inside) {
            Err(Errno::ENOENT) => self.make_missing_dir(&inside),
            found => found,
        }
    }

    /// The same for one that was looked for in vain: to look is most of the work.
    pub(crate) fn make_missing_dir(&self, inside: &Path) -> nix::Result<OwnedFd> {
        let parent = self.make_dir(inside.parent().unwrap_or(Path::new("/")))?;
        match inside.file_name() {
            Some(name) => make_dir_in(&parent, name),
            None => self.open(inside), // it ends with `..`
        }
    }

    /// The file at `inside`, made empty if it is missing, as are the directories above it.
    pub fn make_file(&self, inside: &Path) -> nix::Result<OwnedFd> {
        match (self.open(inside), inside.parent(), inside.file_name()) {
            (Err(Errno::ENOENT), Some(parent), Some(name)) => {
                make_file_in(&self.make_dir(parent)?, name)
            }
            (other, ..) => other,
        }
    }

    /// Whether `place` is this root itself.
    pub fn is(&self, place: impl AsFd) -> nix::Result<bool> {
        let (this, that) = (fstat(&self.fd)?, fstat(place)?);
        Ok((this.st_dev, this.st_ino) == (that.st_dev, that.st_ino))
    }
}

impl AsFd for Root {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.fd.as_fd()
    }
}

/// What kind of file `place` is: `S_IFDIR`, `S_IFCHR` …
pub fn kind(stat: &FileStat) -> SFlag {
    SFlag::from_bits_truncate(stat.st_mode) & SFlag::S_IFMT
}

/// The file `name` in `dir`, made empty if it is missing.
pub fn make_file_in(dir: impl AsFd, name: &OsStr) -> nix::Result<OwnedFd> {
    let new = OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_WRONLY;
    match open_beneath(&dir, Path::new(name), new, DIRECTLY) {
        Err(Errno::EEXIST) => open_beneath(&dir, Path::new(name), OFlag::O_PATH, DIRECTLY),
        other => other,
    }
}

/// The same for a directory.
fn make_dir_in(dir: &OwnedFd, name: &OsStr) -> nix::Result<OwnedFd> {
    match mkdirat(dir, name, Mode::from_bits_truncate(0o755)) {
        Ok(()) | Err(Errno::EEXIST) => {}
        Err(errno) => return Err(errno),
    }
    open_beneath(dir, Path::new(name), OFlag::O_PATH | OFlag::O_DIRECTORY, DIRECTLY)
}

/// What was just made, or what another has just made there; but no link that leads on (`ELOOP`).
const DIRECTLY: ResolveFlag = ResolveFlag::RESOLVE_BENEATH.union(ResolveFlag::RESOLVE_NO_SYMLINKS);

fn open_beneath(
    dir: impl AsFd,
    path: &Path,
    flags: OFlag,
    resolve: ResolveFlag,
) -> nix::Result<OwnedFd> {
    let mode = if flags.contains(OFlag::O_CREAT) { 0o644 } else { 0 };
    let how = OpenHow::new()
        .flags(flags | OFlag::O_CLOEXEC)
        .mode(Mode::from_bits_truncate(mode))
        .resolve(resolve);
    // `EAGAIN` says that something was renamed on the way, so that the kernel could not be sure.
    // Somebody who renames all the time must not hold us forever.
    for _ in 0..128 {
        match openat2(&dir, path, how) {
            Err(Errno::EAGAIN | Errno::EINTR) => {}
            other => return other,
        }
    }
    Err(Errno::EAGAIN)
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::{
        fs::{self, File},
        os::unix::fs::{MetadataExt, symlink},
        sync::atomic::{AtomicU32, Ordering},
    };

    /// `root/` with links that try to get at `secret` beside it.
    struct Trap(PathBuf);

    impl Trap {
        fn new() -> (Self, Root) {
            static COUNT: AtomicU32 = AtomicU32::new(0);
            let number = COUNT.fetch_add(1, Ordering::Relaxed);
            let dir = std::env::temp_dir().join(format!("step03-{}-{number}", std::process::id()));
            fs::create_dir_all(dir.join("root/etc")).expect("there is room for it");
            fs::create_dir_all(dir.join("secret/sub")).expect("there is room for it");
            let link = |name: &str, to: &str| {
                symlink(to, dir.join("root").join(name)).expect("there is room for it");
            };
            link("absolute", dir.join("secret").to_str().expect("it is UTF-8"));
            link("relative", "../secret");
            link("far", "../../../../../../../../../../../tmp");
            link("inside", "/etc");
            link("nowhere", "/none");
            link("loop", "loop");
            let root = dir.join("root");
            let fd = File::open(&root).expect("it was just made").into();
            (Self(dir), Root::new(fd, &root))
        }

        fn names(&self) -> Vec<String> {
            let entries = fs::read_dir(self.0.join("secret")).expect("it is there");
            entries.map(|entry| entry.expect("it").file_name().display().to_string()).collect()
        }
    }

    impl Drop for Trap {
        fn drop(&mut self) {
            let _ = fs::remove_dir_all(&self.0);
        }
    }

    #[rstest]
    #[case("/absolute/sub")]
    #[case("/relative/sub")]
    #[case("/../secret/sub")]
    #[case("/etc/../../secret/sub")]
    #[case("../secret")]
    fn no_path_leads_outside(#[case] path: &str) {
        let (trap, root) = Trap::new();
        assert_eq!(root.open(Path::new(path)).map(drop), Err(Errno::ENOENT));
        // Nor is anything made there. A link that leads nowhere inside is an error.
        let _ = root.make_dir(&Path::new(path).join("new"));
        let _ = root.make_file(&Path::new(path).join("new"));
        assert_eq!(trap.names(), ["sub"]);
    }

    #[rstest]
    #[case("/inside", Ok(()))]
    #[case("/inside/../etc/", Ok(()))]
    #[case("/..", Ok(()))]
    #[case("/nowhere", Err(Errno::ENOENT))]
    #[case("/loop", Err(Errno::ELOOP))]
    fn links_inside_are_followed(#[case] path: &str, #[case] result: nix::Result<()>) {
        let (_trap, root) = Trap::new();
        assert_eq!(root.open(Path::new(path)).map(drop), result);
    }

    #[test]
    fn magic_links_are_not_followed() {
        let fd = File::open("/").expect("there is a root").into();
        let root = Root::new(fd, Path::new("/"));
        assert_eq!(root.open(Path::new("/proc/self/root")).map(drop), Err(Errno::ELOOP));
    }

    #[test]
    fn what_is_missing_is_made_inside() {
        let (trap, root) = Trap::new();
        root.make_dir(Path::new("/inside/a/b")).expect("it can be made");
        root.make_dir(Path::new("/inside/a/b")).expect("it is there");
        root.make_file(Path::new("/inside/c/d")).expect("it can be made");
        assert!(trap.0.join("root/etc/a/b").is_dir());
        assert!(trap.0.join("root/etc/c/d").is_file());
        let dangling = root.make_dir(Path::new("/nowhere"));
        assert_eq!(dangling.map(drop), Err(Errno::ELOOP));
        let dangling = root.make_file(Path::new("/nowhere"));
        assert_eq!(dangling.map(drop), Err(Errno::ELOOP));
        assert!(!trap.0.join("root/none").exists());
    }

    #[test]
    fn a_root_knows_itself() {
        let (trap, root) = Trap::new();
        let found = root.open(Path::new("/../..")).expect("it is the root");
        assert!(root.is(&found).expect("it can be looked at"));
        let inode = fs::metadata(trap.0.join("root")).expect("it is there").ino();
        assert_eq!(fstat(&found).expect("it can be looked at").st_ino, inode);
        let other = root.open(Path::new("/etc")).expect("it is there");
        assert!(!root.is(other).expect("it can be looked at"));
    }
}
