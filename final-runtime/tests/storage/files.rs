//! Making files of all kinds in a directory, and telling all that is in one.

use std::{
    collections::HashMap,
    fmt::Write as _,
    fs::{self, File, Permissions},
    io::Write as _,
    os::{
        fd::{AsRawFd, BorrowedFd},
        unix::{
            ffi::OsStrExt,
            fs::{PermissionsExt, chown, lchown, symlink},
        },
    },
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use final_runtime::storage::{Key, Snapshots};
use nix::{
    fcntl::AT_FDCWD,
    sys::{
        stat::{Mode, SFlag, UtimensatFlags, makedev, mknod, utimensat},
        time::TimeSpec,
    },
};
use step07::{Tree, xattr};

use crate::world::World;

/// A path that leads to the directory behind a descriptor.
pub fn path(dir: BorrowedFd) -> PathBuf {
    format!("/proc/self/fd/{}", dir.as_raw_fd()).into()
}

/// One of each kind that a layer can have.
pub fn make_all_kinds(dir: &Path) -> Result<()> {
    fs::create_dir(dir.join("dir"))?;
    fs::write(dir.join("dir/file"), "text")?;
    fs::write(dir.join("log"), "first line\n")?;
    fs::write(dir.join("empty"), "")?;
    fs::hard_link(dir.join("dir/file"), dir.join("link"))?;
    symlink("dir/file", dir.join("symlink"))?;
    symlink("/no/such/file", dir.join("dangling"))?;
    lchown(dir.join("dangling"), Some(5), Some(6))?;
    let device = |name: &str, kind, number| {
        mknod(&dir.join(name), kind, Mode::from_bits_truncate(0o600), number)
    };
    device("fifo", SFlag::S_IFIFO, 0)?;
    device("null", SFlag::S_IFCHR, makedev(1, 3))?;
    device("loop", SFlag::S_IFBLK, makedev(7, 7))?;
    sparse(&dir.join("sparse"))?;
    fs::write(dir.join("n".repeat(255)), "a long name")?;
    fs::write(dir.join(std::ffi::OsStr::from_bytes(b"\xff\n\\")), "an odd name")?;
    owned(&dir.join("setuid"), 1000, 2000, 0o4755)?;
    owned(&dir.join("setgid"), 0, 4_000_000, 0o2711)?;
    owned(&dir.join("secret"), 7, 7, 0o000)?;
    fs::create_dir(dir.join("sticky"))?;
    fs::set_permissions(dir.join("sticky"), Permissions::from_mode(0o1777))?;
    let tree = Tree::open(dir)?;
    let node = tree.node(Path::new("empty"))?.context("it is there")?;
    xattr::set(&node, "trusted.test".as_ref(), b"for root's eyes")?;
    // CAP_NET_RAW, permitted and effective: what ping has.
    let caps = [1, 0, 0, 2, 0, 0x20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
    let node = tree.node(Path::new("dir/file"))?.context("it is there")?;
    xattr::set(&node, "security.capability".as_ref(), &caps)?;
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.path()));
    let names = names.collect::<Result<Vec<_>>>()?;
    // The directory last: what is in it is another's time.
    names.iter().chain([&dir.join("dir/file"), &dir.join("dir")]).try_for_each(|path| age(path))?;
    fs::set_permissions(dir, Permissions::from_mode(0o750))?;
    Ok(chown(dir, Some(3), Some(4))?)
}

/// Gives a file times of long ago, with nanoseconds.
pub fn age(path: &Path) -> Result<()> {
    let (access, change) = (TimeSpec::new(1_000_000_000, 7), TimeSpec::new(-5, 123_456_789));
    Ok(utimensat(AT_FDCWD, path, &access, &change, UtimensatFlags::NoFollowSymlink)?)
}

fn owned(path: &Path, uid: u32, gid: u32, mode: u32) -> Result<()> {
    fs::write(path, "owned")?;
    chown(path, Some(uid), Some(gid))?;
    Ok(fs::set_permissions(path, Permissions::from_mode(mode))?)
}

/// A megabyte of which only the end is there.
fn sparse(path: &Path) -> Result<()> {
    let mut file = File::create(path)?;
    file.set_len(1 << 20)?;
    std::io::Seek::seek(&mut file, std::io::SeekFrom::End(-4))?;
    Ok(file.write_all(b"tail")?)
}

/// A line for each file below `dir`, with all that can be known of it. Files of several names have
/// the first of these.
pub fn listed(dir: &Path) -> Result<String> {
    let tree = Tree::open(dir)?;
    let (mut list, mut names, mut todo) = (String::new(), HashMap::new(), vec![PathBuf::new()]);
    while let Some(path) = todo.pop() {
        let node = tree.node(&path)?.context("it is there")?;
        let stat = &node.stat;
        write!(list, "{path:?} {:o} {}:{}", stat.st_mode, stat.st_uid, stat.st_gid)?;
        if !node.is_dir() || path.ends_with("dir") {
            write!(list, " {}.{:09}", stat.st_mtime, stat.st_mtime_nsec)?;
        }
        match node.file_type() {
            SFlag::S_IFDIR => {
                let mut below = tree.names(&path)?;
                below.sort();
                todo.extend(below.iter().rev().map(|name| path.join(name)));
            }
            SFlag::S_IFREG => {
                let text = fs::read(node.proc_path())?;
                let shown =
                    if text.len() < 100 { text.escape_ascii().to_string() } else { sum(&text) };
                let first = names.entry(stat.st_ino).or_insert_with(|| path.clone());
                write!(list, " {} {shown} first={first:?}", stat.st_size)?;
                // A copy that fills holes takes more room, and some file systems' blocks are large.
                write!(list, " sparse={}", stat.st_blocks * 512 < stat.st_size / 2)?;
            }
            SFlag::S_IFLNK => write!(list, " -> {:?}", node.target()?)?,
            _ => write!(list, " {:x}", stat.st_rdev)?,
        }
        for (name, value) in xattr::all(&node)? {
            write!(list, " {name:?}={}", value.escape_ascii())?;
        }
        list.push('\n');
    }
    Ok(list)
}

fn sum(bytes: &[u8]) -> String {
    format!("{:x}", bytes.iter().fold(7_u64, |sum, byte| sum.wrapping_mul(31) + u64::from(*byte)))
}

/// What [`listed`] says of a snapshot.
pub fn list(world: &World, snapshots: &Snapshots, key: &Key) -> Result<String> {
    let note = world.note("list");
    let to = note.clone();
    snapshots.look(key, move |dir| Ok(fs::write(to, listed(&path(dir))?)?))?;
    Ok(fs::read_to_string(note)?)
}

/// A snapshot that `make` has filled.
pub fn filled(
    snapshots: &Snapshots,
    key: &Key,
    parent: Option<&Key>,
    make: impl FnOnce(&Path) -> Result<()> + 'static,
) -> Result<()> {
    snapshots.fill(key, parent, move |dir, _| make(&path(dir)))
}

/// Whether two lists are the same; otherwise the lines in which they differ.
pub fn same(what: &str, seen: &str, expected: &str) -> Result<()> {
    let only = |these: &str, those: &str| -> Vec<String> {
        let those: Vec<_> = those.lines().collect();
        these.lines().filter(|line| !those.contains(line)).map(String::from).collect()
    };
    let (more, less) = (only(seen, expected), only(expected, seen));
    anyhow::ensure!(
        seen == expected,
        "{what}: there is\n  {}\nwhere there should be\n  {}",
        more.join("\n  "),
        less.join("\n  ")
    );
    Ok(())
}
