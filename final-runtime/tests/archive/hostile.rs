//! Archives that try to get out, to hide something, or to confuse. See escapes in the history of
//! runc, Docker, containers/storage and the tar crates: CVE-2021-32760, CVE-2026-33055,
//! CVE-2026-33056, CVE-2025-62518.
//!
//! Every one is unpacked in both ways, for an overlay and over other files; [`Scene`] checks each
//! time that nothing else was touched.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
};

use anyhow::{Context, Result, ensure};
use conformance::expect;
use final_runtime::archive::{Limits, Options, Unpacked, Whiteouts};

use crate::{
    craft::{Fields, Tar, record, seal},
    scene::{Scene, error_line, list, options},
};

/// Unpacks into an empty directory in both ways, which must end alike.
fn both(archive: &[u8]) -> Result<[(Scene, Result<Unpacked>); 2]> {
    let (apply, overlay) = (Scene::new()?, Scene::new()?);
    let unpacked = [apply.apply(archive), overlay.overlay(archive)];
    let [applied, overlaid] = &unpacked;
    ensure!(applied.is_ok() == overlaid.is_ok(), "{applied:?}, but for an overlay {overlaid:?}");
    let [applied, overlaid] = unpacked;
    Ok([(apply, applied), (overlay, overlaid)])
}

/// It must be refused, in both ways for the same reason.
fn refused(what: &str, archive: &[u8], reason: &str) -> Result<()> {
    for (_, unpacked) in both(archive)? {
        let line = error_line(unpacked).context(what.to_owned())?;
        expect::contains(what, &line, reason, "escapes in layers")?;
    }
    Ok(())
}

/// It must be unpacked, in both ways to the same files.
fn accepted(what: &str, archive: &[u8]) -> Result<[Scene; 2]> {
    let [first, second] = both(archive)?;
    for (_, unpacked) in [&first, &second] {
        ensure!(unpacked.is_ok(), "{what}: {unpacked:?}");
    }
    Ok([first.0, second.0])
}

/// With absolute and relative ways out, `root` being beside `outside`.
fn ways_out(scene: &Scene) -> [String; 3] {
    ["../outside".into(), scene.outside().display().to_string(), "./../outside/.".into()]
}

pub fn nothing_goes_through_a_symbolic_link_of_the_same_layer() -> Result<()> {
    for out in ways_out(&Scene::new()?) {
        let link = || Tar::new().symlink("link", &out);
        let reason = "\"link\" is a symbolic link of the same layer";
        refused("a file", &link().file("link/file", "evil").end(), reason)?;
        refused("a new file", &link().file("link/new", "evil").end(), reason)?;
        refused("a directory", &link().directory("link/dir").end(), reason)?;
        refused("deep down", &link().file("link/dir/file", "evil").end(), reason)?;
        refused("a symbolic link", &link().symlink("link/new", "x").end(), reason)?;
        refused("a pipe", &link().fifo("link/new").end(), reason)?;
        refused("a whiteout", &link().file("link/.wh.file", "").end(), reason)?;
        refused("an opaque directory", &link().file("link/.wh..wh..opq", "").end(), reason)?;
        let hard = link().file("a", "").link("link/new", "a");
        refused("a hard link's name", &hard.end(), reason)?;
        let hard = link().link("hard", "link/file");
        refused("a hard link's target", &hard.end(), "which is not in this layer")?;
        let twice = Tar::new().directory("d").symlink("d/a", "..").symlink("d/b", "a/../outside");
        refused("over two links", &twice.file("d/b/file", "evil").end(), "is a symbolic link")?;
    }
    Ok(())
}

/// RUSTSEC-2026-0067: a directory where there is a link must not be taken for what the link leads
/// to, whose mode would then be set.
pub fn a_directory_in_place_of_a_link_is_a_directory() -> Result<()> {
    for out in ways_out(&Scene::new()?) {
        for name in ["link", "link/", "link/."] {
            let archive = Tar::new().symlink("link", &out).directory(name).end();
            for scene in accepted("a directory over a link", &archive)? {
                let metadata = fs::symlink_metadata(scene.root().join("link"))?;
                expect::that("it is a directory", metadata.is_dir(), &metadata, "layer.md")?;
            }
            let archive = Tar::new().symlink("link", &out).directory(name).file("link/a", "in");
            for scene in accepted("and a file in it", &archive.end())? {
                let text = fs::read_to_string(scene.root().join("link/a"))?;
                expect::equal("the file in it", &text, "in", "layer.md")?;
            }
        }
        // And the other way round: what was said of the directory is not done to the link's target.
        let archive = Tar::new().directory("a").directory("a/dir").file("a/dir/f", "");
        for scene in accepted("a link over a directory", &archive.symlink("a", &out).end())? {
            let target = fs::read_link(scene.root().join("a"))?;
            expect::equal(
                "where it leads",
                &target.display().to_string(),
                out.clone(),
                "layer.md",
            )?;
        }
    }
    Ok(())
}

/// What an earlier layer has left is no way out either: it is replaced, as overlay would.
pub fn links_of_layers_below_are_replaced() -> Result<()> {
    for out in ways_out(&Scene::new()?) {
        for archive in [
            Tar::new().file("link/file", "new"),
            Tar::new().file("link/.wh.file", "").file("link/file", "new"),
            Tar::new().file("link/.wh..wh..opq", "").file("link/file", "new"),
            Tar::new().directory("link").file("link/file", "new"),
        ] {
            let scene = Scene::new()?;
            symlink(&out, scene.root().join("link"))?;
            scene.apply(&archive.end())?;
            let link = scene.root().join("link");
            ensure!(!fs::symlink_metadata(&link)?.is_symlink(), "the link is still there");
            expect::equal("the file", &fs::read_to_string(link.join("file"))?, "new", "layer.md")?;
        }
        for archive in
            [Tar::new().file("link", "new"), Tar::new().file("a", "new").link("link", "a")]
        {
            let scene = Scene::new()?;
            symlink(format!("{out}/file"), scene.root().join("link"))?;
            scene.apply(&archive.end())?;
            let metadata = fs::symlink_metadata(scene.root().join("link"))?;
            expect::that("the link was replaced", metadata.is_file(), &metadata, "layer.md")?;
        }
        // A file of a layer below is no target for a hard link, wherever it is.
        let scene = Scene::new()?;
        symlink(&out, scene.root().join("link"))?;
        fs::write(scene.root().join("below"), "")?;
        for target in ["link/file", "link", "below"] {
            let line = error_line(scene.apply(&Tar::new().link("hard", target).end()))?;
            expect::contains("the error", &line, "which is not in this layer", "layer.md")?;
        }
    }
    Ok(())
}

pub fn paths_stay_beneath() -> Result<()> {
    for name in ["../outside/file", "..", "a/../../outside/file", "/../outside/file", "a/.."] {
        refused(name, &Tar::new().file(name, "evil").end(), "a path with `..` in it")?;
        refused(name, &Tar::new().directory(name).end(), "a path with `..` in it")?;
        let linked = Tar::new().link("hard", name).end();
        refused("a hard link", &linked, "a path with `..` in it")?;
        let long = Tar::new().long_name(name.as_bytes()).file("a", "evil").end();
        refused("a long name", &long, "a path with `..` in it")?;
        let extended = Tar::new().pax(&[("path", name.as_bytes())]).file("a", "evil").end();
        refused("an extended name", &extended, "a path with `..` in it")?;
    }
    let outside = Scene::new()?.outside().display().to_string();
    for (name, inside) in [("/etc/passwd", "etc/passwd"), ("//a", "a"), (&*outside, &outside[1..])]
    {
        for scene in accepted(name, &Tar::new().file(name, "in").end())? {
            let text = fs::read_to_string(scene.root().join(inside))?;
            expect::equal("an absolute path", &text, "in", "layer.md")?;
        }
    }
    refused("nothing", &Tar::new().file("", "").end(), "an empty path")?;
    refused("the root as a file", &Tar::new().file(".", "").end(), "the root is a directory")?;
    refused("the root as a link", &Tar::new().symlink("/", "x").end(), "directory")?;
    refused("a file with a slash", &Tar::new().file("a/", "").end(), "directory")?;
    let long = format!("a/{}", "n".repeat(256));
    let archive = Tar::new().long_name(long.as_bytes()).file("a", "").end();
    refused("a name of 256 bytes", &archive, "ENAMETOOLONG")?;
    let archive = Tar::new().long_name("a/".repeat(3000).as_bytes()).directory("a").end();
    refused("a path of 6000 bytes", &archive, "more than 4095 bytes")?;
    let archive = Tar::new().long_name("a/".repeat(2000).as_bytes()).directory("a").end();
    refused("2000 directories", &archive, "in more than 256 directories")
}

pub fn hard_links_stay_in_the_layer() -> Result<()> {
    let outside = Scene::new()?.outside().join("file").display().to_string();
    refused("an absolute target", &Tar::new().link("a", &outside).end(), "not in this layer")?;
    refused("to itself", &Tar::new().link("a", "a").end(), "a link to itself")?;
    refused("to itself, by another name", &Tar::new().link("a", "./a/").end(), "to itself")?;
    let archive = Tar::new().file("a", "").link("a", "./a").end();
    refused("to itself, of a file", &archive, "a link to itself")?;
    let archive = Tar::new().directory("d").link("a", "d").end();
    refused("to a directory", &archive, "which is a directory")?;
    refused("to the root", &Tar::new().link("a", "/").end(), "it is a link to \"\"")?;
    refused("to nothing", &Tar::new().link("a", "b").end(), "not in this layer")?;
    let archive = Tar::new().file("d/a", "").link("d", "d/a").end();
    refused("to what is removed for it", &archive, "ENOENT")?;
    // A whiteout is no file, also where it is a device on the disk.
    let archive = Tar::new().file(".wh.gone", "").link("a", "gone").end();
    refused("to a whiteout", &archive, "not in this layer")?;
    // A link to a symbolic link is one to itself, whatever it leads to.
    let archive = Tar::new().symlink("s", &outside).link("h", "s").end();
    for scene in accepted("to a symbolic link", &archive)? {
        let inode = |name: &str| {
            Ok::<_, anyhow::Error>(fs::symlink_metadata(scene.root().join(name))?.ino())
        };
        expect::equal("the inode", &inode("h")?, inode("s")?, "link(2)")?;
    }
    // And what is said of the link is not done to what it leads to.
    let mode = Fields {
        type_: b'1',
        name: b"h".to_vec(),
        link: b"s".to_vec(),
        mode: 0o777,
        size: 0,
        device: (0, 0),
    };
    accepted("with a mode", &Tar::new().symlink("s", &outside).entry(&mode, b"").end())?;
    Ok(())
}

/// A file that is replaced is another file: what has the old one by another name keeps it.
pub fn duplicate_entries_replace_and_do_not_write_through() -> Result<()> {
    let read = |scene: &Scene, name: &str| fs::read_to_string(scene.root().join(name));
    let archive = Tar::new().file("a", "old").link("b", "a").file("a", "new").end();
    for scene in accepted("a file twice", &archive)? {
        let both = (read(&scene, "a")?, read(&scene, "b")?);
        expect::equal("the two files", &both, ("new".into(), "old".into()), "layer.md")?;
    }
    let outside = Scene::new()?.outside().join("file").display().to_string();
    let archive = Tar::new().symlink("a", &outside).file("a", "new").end();
    for scene in accepted("a file over a link", &archive)? {
        expect::equal("the file", &read(&scene, "a")?, "new", "layer.md")?;
    }
    let archive = Tar::new().file("d/a", "").file("d", "file").file("e", "").directory("e");
    for scene in accepted("a file for a directory, and back", &archive.file("e/a", "x").end())? {
        expect::equal("the file", &read(&scene, "d")?, "file", "layer.md")?;
        expect::equal("the file", &read(&scene, "e/a")?, "x", "layer.md")?;
    }
    let archive = Tar::new().file("f", "").file("f/a", "").end();
    refused("a file in a file", &archive, "\"f\" is no directory")?;
    // The directory that was open is gone, and so is what was said of it.
    let archive = Tar::new().directory("d").file("d/a", "1").file("d", "").directory("d");
    for scene in accepted("a directory twice", &archive.file("d/b", "2").end())? {
        let names = list(&scene.root().join("d"))?.len();
        expect::equal("the files in it, and itself", &names, 2, "layer.md")?;
    }
    // Over a pipe or a device, nothing is written to it: the test would hang.
    let archive = Tar::new().fifo("p").file("p", "text").end();
    for scene in accepted("a file over a pipe", &archive)? {
        expect::equal("the file", &read(&scene, "p")?, "text", "layer.md")?;
    }
    Ok(())
}

/// CVE-2025-62518, RUSTSEC-2026-0068: two readers see two archives if one takes a size from here and
/// the other from there.
pub fn an_archive_in_an_archive_is_a_file() -> Result<()> {
    let inner = Tar::new().file("hidden", "evil").end();
    let text = String::from_utf8(inner.clone())?;
    for scene in accepted("an archive", &Tar::new().file("inner.tar", &text).end())? {
        expect::equal("the files", &list(&scene.root())?.len(), 2, "pax(1)")?;
    }
    // The extended size covers the inner archive; the header's would end before it.
    let size = inner.len().to_string();
    for written in [0, 512, inner.len(), 1 << 30] {
        let fields = Fields {
            type_: b'0',
            name: b"outer".to_vec(),
            link: Vec::new(),
            mode: 0o644,
            size: written,
            device: (0, 0),
        };
        let archive = Tar::new().pax(&[("size", size.as_bytes())]).entry(&fields, &inner).end();
        for scene in accepted("a file with two sizes", &archive)? {
            let outer = fs::read(scene.root().join("outer"))?;
            ensure!(outer == inner, "its size is {}, and should be {size}", outer.len());
            ensure!(!scene.root().join("hidden").exists(), "the inner archive was unpacked");
        }
    }
    // The extended size is not the long name's.
    let archive = Tar::new().pax(&[("size", b"0")]).long_name(b"long").file("a", "x").end();
    refused("GNU's in POSIX's", &archive, "contradict each other")?;
    let archive = Tar::new().long_name(b"long").pax(&[("size", b"0")]).file("a", "x").end();
    refused("POSIX's in GNU's", &archive, "contradict each other")?;
    let twice = [record("size", b"0"), record("size", b"1024")].concat();
    let text = String::from_utf8(twice)?;
    let archive = Tar::new().raw(&header_of(b'x', text.len())).raw(&padded(text.as_bytes()));
    refused("two sizes", &archive.file("a", "").end(), "it comes twice")
}

fn header_of(type_: u8, size: usize) -> Vec<u8> {
    let fields = Fields {
        type_,
        name: b"name".to_vec(),
        link: Vec::new(),
        mode: 0o644,
        size,
        device: (0, 0),
    };
    Tar::new().entry(&fields, b"").open()
}

fn padded(bytes: &[u8]) -> Vec<u8> {
    let mut bytes = bytes.to_vec();
    bytes.resize(bytes.len().next_multiple_of(512), 0);
    bytes
}

/// What is cut off at any block, or has a bit flipped in any header, is refused, or unpacked to
/// something that is within; it never goes unnoticed that a header is damaged.
pub fn damaged_archives_are_refused() -> Result<()> {
    let archive = Tar::new()
        .directory("d")
        .file("d/file", &"text".repeat(300))
        .pax(&[("path", b"d/extended"), ("SCHILY.xattr.user.a", b"b")])
        .file("x", "more")
        .long_name(&[b'l'; 200])
        .symlink("s", "d/file")
        .link("h", "d/file")
        .file("d/.wh.gone", "")
        .end();
    let blocks = archive.len() / 512;
    for block in 0..blocks {
        let line = error_line(Scene::new()?.apply(&archive[..block * 512]))?;
        expect::contains("an archive cut short", &line, "ends too early", "pax(1)")?;
        error_line(Scene::new()?.apply(&archive[..block * 512 + 100]))?;
    }
    // Which blocks are headers: those with a magic.
    let headers = (0..blocks).filter(|block| &archive[block * 512 + 257..][..5] == b"ustar");
    for block in headers {
        for byte in (0..512).step_by(7) {
            let mut damaged = archive.clone();
            damaged[block * 512 + byte] ^= 1 << (byte % 8);
            error_line(Scene::new()?.apply(&damaged))
                .with_context(|| format!("byte {byte} of block {block} is damaged"))?;
        }
    }
    Ok(())
}

/// The same with the checksums made right: whatever an archive says, nothing gets out.
pub fn no_header_leads_outside() -> Result<()> {
    let scene = Scene::new()?;
    let archive = Tar::new()
        .symlink("out", "../outside")
        .directory("d")
        .file("d/file", "text")
        .link("d/link", "d/file")
        .file(".wh.d", "")
        .open();
    let mut number = 1_u32;
    for _ in 0..3000 {
        let mut blocks: Vec<[u8; 512]> =
            archive.chunks_exact(512).map(|block| block.try_into().expect("a block")).collect();
        for _ in 0..3 {
            number = number.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
            let [a, b, c, d] = number.to_be_bytes();
            let block = usize::from(a) % blocks.len();
            // Mostly where it matters: the name, the type, the target.
            let byte = [usize::from(b) % 8, 156, 157 + usize::from(b) % 8, usize::from(b) * 2];
            let bytes = [b'.', b'/', b'o', b'u', b't', 0, b'0', b'1', b'2', b'5', b'L', d];
            blocks[block][byte[usize::from(c) % 4]] = bytes[usize::from(d) % bytes.len()];
            seal(&mut blocks[block]);
        }
        let damaged = Tar::new().raw(&blocks.concat()).end();
        let _ = scene.apply(&damaged); // it checks what is outside
        fs::remove_dir_all(scene.root())?;
        fs::create_dir(scene.root())?;
    }
    Ok(())
}

/// What would change how overlay sees the layers, or what the host's security module allows, is not
/// unpacked; devices 0:0 are overlay's, and refused.
pub fn overlays_own_marks_are_not_unpacked() -> Result<()> {
    let names = [
        "trusted.overlay.opaque",
        "user.overlay.opaque",
        "trusted.overlay.redirect",
        "user.overlay.overlay.whiteout",
        "trusted.overlay.metacopy",
        "security.selinux",
        "security.SMACK64",
        "security.apparmor",
    ];
    for name in names {
        let key = format!("SCHILY.xattr.{name}");
        let archive = Tar::new()
            .pax(&[(&key, b"y")])
            .directory("d")
            .pax(&[(&key, b"/etc")])
            .file("f", "")
            .pax(&[(&key, b"y")])
            .symlink("s", "x")
            .end();
        for scene in accepted(name, &archive)? {
            let listing = format!("{:?}", list(&scene.root())?);
            ensure!(!listing.contains(name), "{name} was set: {listing}");
        }
    }
    refused("a whiteout's device", &Tar::new().device("w", (0, 0)).end(), "a device 0:0")
}

pub fn whiteouts_that_make_no_sense_are_refused() -> Result<()> {
    for name in [".wh.", ".wh..", ".wh...", "d/.wh.", "d/.wh..", "d/.wh..."] {
        refused(name, &Tar::new().file(name, "").end(), "is a whiteout of no file")?;
    }
    for name in [".wh.a/b", ".wh..wh..opq/b", "d/.wh.a/b/c", ".wh..../x", ".wh.../x"] {
        refused(name, &Tar::new().file(name, "").end(), "whiteout")?;
    }
    refused("with a content", &Tar::new().file(".wh.a", "x").end(), "no empty file")?;
    refused("a directory", &Tar::new().directory(".wh.a").end(), "no empty file")?;
    refused("a link", &Tar::new().symlink(".wh.a", "/etc").end(), "no empty file")?;
    let long = format!(".wh.{}", "n".repeat(252));
    let archive = Tar::new().long_name(long.as_bytes()).file("a", "").end();
    // What would be gone has a name of 252 bytes: there can be such a file.
    accepted("a name of 256 bytes", &archive).map(drop)
}

/// Each is told in one line, which says how much would have been too much.
pub fn limits_hold() -> Result<()> {
    let limited = |limits: Limits, archive: &[u8]| -> Result<String> {
        let scene = Scene::new()?;
        let options = Options { limits, ..options(Whiteouts::Apply) };
        error_line(scene.unpack(archive, &options))
    };
    let files: Tar = (0..10).fold(Tar::new(), |tar, n| tar.file(&n.to_string(), "x"));
    let line = limited(Limits { entries: 9, ..Limits::default() }, &files.clone().end())?;
    expect::contains("too many files", &line, "the layer has more than 9 files", "limits.rs")?;
    // Directories that no entry asks for are files too.
    let deep = Tar::new().file("a/b/c/d/e/f/g/h/i/j", "").end();
    let line = limited(Limits { entries: 9, ..Limits::default() }, &deep)?;
    expect::contains("deep", &line, "the layer has more than 9 files", "limits.rs")?;
    let line = limited(Limits { bytes: 5000, ..Limits::default() }, &files.end())?;
    expect::contains("too long", &line, "more than 5000 bytes", "limits.rs")?;
    let line =
        limited(Limits { file: 3, ..Limits::default() }, &Tar::new().file("a", "four").end())?;
    expect::contains("a large file", &line, "\"a\" has 4 bytes: more than 3", "limits.rs")?;
    // It is not read, let alone kept in memory.
    let huge = Tar::new().raw(&header_of(b'x', 1 << 30)).end();
    let line = limited(Limits::default(), &huge)?;
    expect::contains("a huge header", &line, "header of 1073741824 bytes", "limits.rs")?;
    let huge = Tar::new().raw(&header_of(b'L', 1 << 30)).end();
    let line = limited(Limits::default(), &huge)?;
    expect::contains("a huge name", &line, "header of 1073741824 bytes", "limits.rs")?;
    // A hole takes no space, but not every program knows that.
    let holes = [
        ("GNU.sparse.major", &b"1"[..]),
        ("GNU.sparse.minor", b"0"),
        ("GNU.sparse.name", b"holes"),
        ("GNU.sparse.realsize", b"9000000000000000000"),
    ];
    let map = "0\n".to_owned() + &"\0".repeat(510);
    let line = limited(Limits::default(), &Tar::new().pax(&holes).file("a", &map).end())?;
    expect::contains("a hole", &line, "\"holes\" has 9000000000000000000 bytes", "limits.rs")
}

/// A mode of a directory that forbids to write to it is set when all is in it.
pub fn modes_of_directories_are_not_in_the_way() -> Result<()> {
    let fields = |name: &[u8], mode| Fields {
        type_: b'5',
        name: name.to_vec(),
        link: Vec::new(),
        mode,
        size: 0,
        device: (0, 0),
    };
    let archive = Tar::new()
        .entry(&fields(b"closed", 0o555), b"")
        .entry(&fields(b"closed/inner", 0o111), b"")
        .file("closed/inner/file", "text")
        .entry(&fields(b"./", 0o710), b"")
        .file("last", "")
        .end();
    for scene in accepted("closed directories", &archive)? {
        for (path, wanted) in [("closed", 0o555), ("closed/inner", 0o111), ("", 0o710)] {
            let mode = fs::metadata(scene.root().join(path))?.permissions().mode() & 0o7777;
            expect::equal(path, &mode, wanted, "chmod(2)")?;
            let time = fs::metadata(scene.root().join(path))?.mtime();
            expect::equal(path, &time, 1_600_000_000, "utimensat(2)")?;
        }
    }
    Ok(())
}
