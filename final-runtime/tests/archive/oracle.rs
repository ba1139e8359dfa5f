//! Archives that GNU tar makes: what it unpacks of them is what is unpacked here.

use std::{
    ffi::OsStr,
    fs::{self, File, FileTimes, Permissions},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, PermissionsExt, chown, lchown, symlink},
    },
    path::Path,
    process::Command,
    time::{Duration, SystemTime},
};

use anyhow::{Context, Result, ensure};
use final_runtime::archive::{Compress, Expected, Source, Whiteouts, decode, pack, unpack};
use nix::sys::stat::{Mode, SFlag, makedev, mknod};
use step07::{Tree, xattr};

use crate::scene::{Scene, list, options, same};

/// A tree with one of everything.
pub fn make_tree(dir: &Path) -> Result<()> {
    let mode = |path: &str, mode| fs::set_permissions(dir.join(path), Permissions::from_mode(mode));
    for path in ["plain", "deep/er/still", "sticky", "closed", "empty"] {
        fs::create_dir_all(dir.join(path))?;
    }
    fs::write(dir.join("plain/file"), "text")?;
    fs::write(dir.join("plain/empty"), "")?;
    fs::write(dir.join("plain/block"), [b'b'; 512])?;
    fs::write(dir.join("plain/large"), vec![b'l'; 3_000_001])?;
    fs::write(dir.join("deep/er/still/file"), "deep")?;
    fs::write(dir.join("closed/file"), "closed")?;
    // Hard links, also over directories, and to a symbolic link.
    fs::hard_link(dir.join("plain/file"), dir.join("plain/hard"))?;
    fs::hard_link(dir.join("plain/file"), dir.join("deep/hard"))?;
    symlink("../../etc/passwd", dir.join("soft"))?;
    fs::hard_link(dir.join("soft"), dir.join("soft hard"))?;
    symlink("x".repeat(300), dir.join("long target"))?;
    symlink("dangling/é\n", dir.join("plain/dangling"))?;
    lchown(dir.join("soft"), Some(7), Some(8))?;
    // Names.
    let long = "n".repeat(255);
    fs::write(dir.join(&long), "long")?;
    fs::write(dir.join("n".repeat(100)), "100")?;
    fs::write(dir.join("n".repeat(101)), "101")?;
    fs::hard_link(dir.join(&long), dir.join("deep").join(&long))?;
    fs::write(dir.join(OsStr::from_bytes(b"not \xff utf-8")), "bytes")?;
    fs::write(dir.join(OsStr::from_bytes(&[b"\xfe".repeat(120), b"x".to_vec()].concat())), "x")?;
    for name in [" ", "a\nb", "-rf", "\"", "\\", "~", "é", ".hidden", "...", ".wh"] {
        fs::write(dir.join("plain").join(name), name)?;
    }
    make_deep(dir)?;
    // Owners, modes, times.
    chown(dir.join("plain/empty"), Some(4_000_000_000), Some(3_000_000))?;
    chown(dir.join("deep"), Some(1000), Some(2000))?;
    fs::write(dir.join("setuid"), "setuid")?;
    chown(dir.join("setuid"), Some(1000), Some(2000))?;
    mode("setuid", 0o6755)?;
    mode("sticky", 0o1777)?;
    mode("plain/block", 0)?;
    mode("deep/er", 0o2750)?;
    // Devices, pipes.
    for (name, type_, device) in [
        ("null", SFlag::S_IFCHR, makedev(1, 3)),
        ("disk", SFlag::S_IFBLK, makedev(8, 300)),
        ("pipe", SFlag::S_IFIFO, 0),
    ] {
        mknod(&dir.join(name), type_, Mode::from_bits_truncate(0o640), device)?;
    }
    chown(dir.join("null"), Some(5), Some(6))?;
    // Holes: at the beginning, in the middle, at the end, everywhere, and very many.
    for (name, data, size) in [
        ("holes", &[(1_000_000, 5)][..], 3_000_000),
        ("begins with data", &[(0, 4096), (1 << 20, 4096)], 1 << 21),
        ("ends with data", &[(1 << 22, 100)], (1 << 22) + 100),
        ("all hole", &[], 12345),
        ("far", &[(1 << 25, 1)], (1 << 25) + 1),
    ] {
        sparse(&dir.join(name), data, size)?;
    }
    let many: Vec<_> = (0..500).map(|n| (n * 16384, 1)).collect();
    sparse(&dir.join("very many holes"), &many, 500 * 16384)?;
    times(&dir.join("plain/file"), 1_234_567_890, 123_456_789)?;
    times(&dir.join("plain/large"), 9_000_000_000, 0)?;
    let before = SystemTime::UNIX_EPOCH - Duration::new(1000, 500_000_000);
    File::options().write(true).open(dir.join("setuid"))?.set_modified(before)?;
    // Last, as what is made in a directory changes its time.
    mode("closed", 0o555)?;
    times(&dir.join("closed"), 1, 1)?;
    times(&dir.join("deep"), 2, 999_999_999)
}

/// A path of 4000 bytes in all.
fn make_deep(dir: &Path) -> Result<()> {
    let mut tree = Tree::open(dir)?.root()?;
    for _ in 0..19 {
        let name = "d".repeat(200);
        nix::sys::stat::mkdirat(&tree, &*name, Mode::S_IRWXU)?;
        let flags = nix::fcntl::OFlag::O_PATH | nix::fcntl::OFlag::O_DIRECTORY;
        let fd = nix::fcntl::openat(&tree, &*name, flags, Mode::empty())?;
        tree = Tree::new(fd, Path::new("deep")).root()?;
    }
    let flags = nix::fcntl::OFlag::O_CREAT | nix::fcntl::OFlag::O_WRONLY;
    let name = "f".repeat(150);
    let file = nix::fcntl::openat(&tree, &*name, flags, Mode::S_IRUSR)?;
    nix::unistd::write(&file, b"at the bottom")?;
    Ok(())
}

fn sparse(path: &Path, data: &[(u64, usize)], size: u64) -> Result<()> {
    let file = File::create(path)?;
    for (offset, length) in data {
        file.write_all_at(&vec![b'x'; *length], *offset)?;
    }
    Ok(file.set_len(size)?)
}

fn times(path: &Path, seconds: u64, nanos: u32) -> Result<()> {
    let time = SystemTime::UNIX_EPOCH + Duration::new(seconds, nanos);
    Ok(File::open(path)?.set_times(FileTimes::new().set_modified(time))?)
}

/// Attributes, where the file system has them.
pub fn add_attributes(dir: &Path) -> Result<()> {
    let tree = Tree::open(dir)?;
    // Version 2, cap_net_bind_service=ep.
    let capability = b"\x01\0\0\x02\0\x04\0\0\0\0\0\0\0\0\0\0\0\0\0\0";
    for (path, name, value) in [
        ("plain/file", "user.text", &b"value"[..]),
        ("plain/file", "user.a=b", b"equals=\n"),
        ("plain/large", "security.capability", capability),
        ("plain", "user.directory", b"\0\x01\xff"),
        ("soft", "trusted.link", b"of a symbolic link"),
        ("null", "trusted.device", b"of a device"),
        ("deep/er", "trusted.directory", &[b'x'; 1000]),
    ] {
        let node = tree.node(path.as_ref())?.context(path)?;
        xattr::set(&node, name.as_ref(), value).with_context(|| format!("{path}: {name}"))?;
    }
    Ok(())
}

/// Runs tar in a directory.
pub fn tar(dir: &Path, args: &[&str]) -> Result<Vec<u8>> {
    let mut command = Command::new("tar");
    command.args(args).current_dir(dir).env("LC_ALL", "C").env("TZ", "UTC");
    let output = command.output().context("running tar")?;
    let said = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?} fails: {said}");
    Ok(output.stdout)
}

const XATTRS: [&str; 3] = ["--xattrs", "--xattrs-include=*", "--numeric-owner"];

/// Unpacks what GNU tar has packed, both ways.
pub fn gnu_tar_unpacks_the_same() -> Result<()> {
    for format in [
        &["--format=gnu"][..],
        &["--format=gnu", "--sparse"],
        &["--format=posix"],
        &["--format=posix", "--sparse"],
        &["--format=posix", "--sparse", "--hole-detection=raw"],
    ] {
        let scene = Scene::new()?;
        let (from, theirs) = (scene.other("source")?, scene.other("theirs")?);
        make_tree(&from)?;
        let mut create = vec!["-cf", "../archive.tar", "--numeric-owner"];
        create.extend(format);
        if format[0] == "--format=posix" {
            add_attributes(&from)?;
            create.extend(XATTRS);
        }
        create.push(".");
        tar(&from, &create)?;
        tar(&theirs, &[&["-xpf", "../archive.tar"][..], &XATTRS].concat())?;
        let archive = fs::read(from.with_file_name("archive.tar"))?;
        fs::remove_file(from.with_file_name("archive.tar"))?;
        scene.apply(&archive)?;
        same(&format!("{format:?}"), &list(&scene.root())?, &list(&theirs)?)?;
    }
    Ok(())
}

/// Packs a tree, which GNU tar unpacks, and so do we: nothing is lost on either way.
pub fn gnu_tar_unpacks_what_is_packed() -> Result<()> {
    let scene = Scene::new()?;
    let (from, theirs) = (scene.other("source")?, scene.other("theirs")?);
    make_tree(&from)?;
    add_attributes(&from)?;
    sparse(&from.join("many MiB of holes"), &[(1 << 20, 3), (1 << 24, 5)], (1 << 25) + 1)?;
    times(&from, 1_000_000_000, 1)?;
    let tree = Tree::open(&from)?;
    for compress in [Compress::No, Compress::Gzip] {
        let mut archive = Vec::new();
        let packed = pack(Source::Whole(&tree), &mut archive, compress)?;
        ensure!(packed.left_out.is_empty(), "left out: {:?}", packed.left_out);
        ensure!(packed.bytes < 60 << 20, "holes were written out: {packed:?}");
        let file = from.with_file_name("archive.tar");
        fs::write(&file, &archive)?;
        tar(&theirs, &[&["-xpf", "../archive.tar"][..], &XATTRS].concat())?;
        fs::remove_file(&file)?;
        same("what tar unpacks", &list(&theirs)?, &list(&from)?)?;
        fs::remove_dir_all(&theirs)?;
        fs::create_dir(&theirs)?;
        let expected = Expected {
            digest: Some(packed.digest),
            size: Some(packed.size),
            diff_id: Some(packed.diff_id),
        };
        let options = options(Whiteouts::Apply);
        let root = File::open(scene.other("ours")?)?;
        decode(&archive[..], &expected, &options.limits, |layer| unpack(layer, &root, &options))?;
        let ours = scene.root().with_file_name("ours");
        same("what is unpacked", &list(&ours)?, &list(&from)?)?;
        fs::remove_dir_all(&ours)?;
        let mut again = Vec::new();
        pack(Source::Whole(&tree), &mut again, compress)?;
        ensure!(archive == again, "the same tree gives another archive");
    }
    Ok(())
}
