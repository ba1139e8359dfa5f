//! What becomes of changes: exactly these entries, whether they are found in an overlay's upper or by
//! comparing two trees.

use std::{
    fs::{self, File, Permissions},
    io::Write,
    os::unix::{
        fs::{PermissionsExt, symlink},
        net::UnixListener,
    },
    path::Path,
    process::Command,
};

use anyhow::{Context, Result, ensure};
use conformance::expect;
use final_runtime::archive::{Compress, Packed, Source, Whiteouts, pack};
use nix::{
    mount::{MntFlags, MsFlags, mount, umount2},
    sys::stat::{Mode, SFlag, mknod},
};
use step07::{Marks, Tree, Union, xattr};

use crate::scene::{Scene, error_line, list, options, same};

/// What is there before.
fn lower(dir: &Path) -> Result<()> {
    for path in ["changed", "opaque/deep", "removed/deep", "same", "moved"] {
        fs::create_dir_all(dir.join(path))?;
    }
    for path in
        ["changed/file", "changed/gone", "opaque/deep/old", "opaque/stays", "removed/deep/x"]
    {
        fs::write(dir.join(path), path)?;
    }
    for path in ["same/file", "moved/file", "first", "becomes a directory", "read"] {
        fs::write(dir.join(path), path)?;
    }
    fs::hard_link(dir.join("first"), dir.join("second"))?;
    Ok(symlink("first", dir.join("link"))?)
}

/// What a container does.
fn change(dir: &Path) -> Result<()> {
    File::options().append(true).open(dir.join("changed/file"))?.write_all(b" and more")?;
    fs::remove_file(dir.join("changed/gone"))?;
    fs::remove_dir_all(dir.join("opaque"))?;
    fs::create_dir(dir.join("opaque"))?;
    fs::write(dir.join("opaque/new"), "new")?;
    fs::remove_dir_all(dir.join("removed"))?;
    fs::rename(dir.join("moved/file"), dir.join("moved/there"))?;
    fs::remove_file(dir.join("becomes a directory"))?;
    fs::create_dir(dir.join("becomes a directory"))?;
    fs::remove_file(dir.join("link"))?;
    symlink("second", dir.join("link"))?;
    fs::write(dir.join("new"), "new")?;
    fs::hard_link(dir.join("new"), dir.join("new too"))?;
    fs::set_permissions(dir.join("same"), Permissions::from_mode(0o700))?;
    fs::read(dir.join("read"))?;
    // Copied up, and still the same.
    let time = fs::metadata(dir.join("same/file"))?.modified()?;
    let file = File::options().append(true).open(dir.join("same/file"))?;
    Ok(file.set_modified(time)?)
}

/// Sorted by path, what is gone of a directory before what is in it.
const ENTRIES: [&str; 16] = [
    ".wh.removed",
    "becomes a directory/",
    "changed/",
    "changed/.wh.gone",
    "changed/file",
    "link -> second",
    "moved/",
    "moved/.wh.file",
    "moved/there",
    "new",
    "new too = new",
    "opaque/",
    "opaque/.wh.deep",
    "opaque/.wh.stays",
    "opaque/new",
    "same/",
];

/// The entries of an archive, as another reader sees them.
fn entries(archive: &[u8]) -> Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in tar::Archive::new(archive).entries()? {
        let entry = entry?;
        let (path, link) = (entry.path()?.display().to_string(), entry.link_name()?);
        let link = link.map(|link| link.display().to_string()).unwrap_or_default();
        names.push(match entry.header().entry_type() {
            tar::EntryType::Link => format!("{path} = {link}"),
            tar::EntryType::Symlink => format!("{path} -> {link}"),
            _ => path,
        });
    }
    Ok(names)
}

fn packed(source: Source) -> Result<(Packed, Vec<u8>)> {
    let mut archive = Vec::new();
    let packed = pack(source, &mut archive, Compress::No)?;
    Ok((packed, archive))
}

/// An overlay in which a container has made its changes, while `act` looks at it: the layer below
/// and the upper, and both as one.
fn in_overlay(
    scene: &Scene,
    change: fn(&Path) -> Result<()>,
    act: impl FnOnce(&Union, &Tree) -> Result<()>,
) -> Result<()> {
    let [below, upper, work, both] =
        ["below", "upper", "working", "merged"].map(|name| scene.other(name));
    let (below, upper, work, both) = (below?, upper?, work?, both?);
    lower(&below)?;
    let options = format!(
        "lowerdir={},upperdir={},workdir={}",
        below.display(),
        upper.display(),
        work.display()
    );
    mount(Some("overlay"), &both, Some("overlay"), MsFlags::empty(), Some(&*options))
        .context("mounting an overlay")?;
    let look = || {
        change(&both)?;
        let (lower, upper) = (Tree::open(&below)?, Tree::open(&upper)?);
        act(&Union { lower, upper, marks: Marks::Trusted }, &Tree::open(&both)?)
    };
    let looked = look();
    umount2(&both, MntFlags::MNT_DETACH)?;
    looked
}

pub fn changes_are_packed_the_same_from_both_sources() -> Result<()> {
    let scene = Scene::new()?;
    in_overlay(&scene, change, |union, both| {
        let (marks, by_marks) = packed(Source::Upper(union))?;
        let (trees, by_comparing) = packed(Source::Trees { before: &union.lower, after: both })?;
        for (how, archive) in [("by marks", &by_marks), ("by comparing", &by_comparing)] {
            expect::equal(how, &entries(archive)?, ENTRIES.map(String::from).to_vec(), "layer.md")?;
        }
        expect::equal("what is said of it", &marks, trees, "layer.md")?;
        ensure!(by_marks == by_comparing, "the archives differ");

        // On top of what was there, it makes what there is now.
        copy(&scene.root().with_file_name("below"), &scene.root())?;
        scene.unpack(&by_marks, &options(Whiteouts::Apply))?;
        // The root's time is nobody's business.
        let without_root = |dir: &Path| -> Result<_> {
            let mut listing = list(dir)?;
            listing.remove(Path::new(""));
            Ok(listing)
        };
        let wanted = without_root(&scene.root().with_file_name("merged"))?;
        same("applied", &without_root(&scene.root())?, &wanted)
    })
}

/// Both must be there.
fn copy(from: &Path, to: &Path) -> Result<()> {
    let copied = Command::new("cp").arg("-aT").args([from, to]).status().context("running cp")?;
    ensure!(copied.success(), "cp failed");
    Ok(())
}

/// What no layer can hold is told.
fn make_odd(dir: &Path) -> Result<()> {
    drop(UnixListener::bind(dir.join("socket"))?);
    fs::write(dir.join("changed/.wh.file"), "hides another")?;
    fs::create_dir(dir.join(".wh.dir"))?;
    fs::write(dir.join(".wh.dir/in"), "in it")?;
    mknod(&dir.join("pipe"), SFlag::S_IFIFO, Mode::S_IRUSR, 0)?;
    Ok(())
}

pub fn what_no_layer_can_hold_is_left_out_and_told() -> Result<()> {
    let scene = Scene::new()?;
    in_overlay(&scene, make_odd, |union, both| {
        let (packed, archive) = packed(Source::Trees { before: &union.lower, after: both })?;
        let mut left_out: Vec<_> =
            packed.left_out.iter().map(|path| path.display().to_string()).collect();
        left_out.sort();
        expect::equal(
            "what is told",
            &left_out,
            [".wh.dir", "changed/.wh.file", "socket"].map(String::from).to_vec(),
            "layer.md",
        )?;
        expect::equal(
            "what is packed",
            &entries(&archive)?,
            ["changed/", "pipe"].map(String::from).to_vec(),
            "layer.md",
        )
    })
}

/// An upper that was once mounted with other features says less than it seems to.
pub fn an_upper_with_half_a_file_is_refused() -> Result<()> {
    let scene = Scene::new()?;
    in_overlay(&scene, change, |union, _| {
        for (path, mark, why) in [
            ("changed/file", "trusted.overlay.metacopy", "its content is in a layer below"),
            ("moved", "trusted.overlay.redirect", "it had another name in the layers below"),
        ] {
            let node = union.upper.node(Path::new(path))?.context("it is there")?;
            xattr::set(&node, mark.as_ref(), b"/other")?;
            let line = error_line(packed(Source::Upper(union)).map(|(packed, _)| packed))?;
            ensure!(line.contains(path) && line.contains(why), "it says {line}");
            ensure!(union.diff().is_err(), "a list of changes is made all the same");
            xattr::remove(&node, mark.as_ref())?;
        }
        packed(Source::Upper(union)).map(drop)
    })
}

/// Nothing changed, nothing packed; and the root alone, if it is another.
pub fn a_layer_without_changes_is_an_empty_archive() -> Result<()> {
    let scene = Scene::new()?;
    in_overlay(
        &scene,
        |dir| fs::read(dir.join("read")).map(drop).map_err(Into::into),
        |union, both| {
            let (packed, archive) = packed(Source::Trees { before: &union.lower, after: both })?;
            ensure!(packed.entries == 0 && entries(&archive)?.is_empty(), "there is {packed:?}");
            fs::set_permissions(
                scene.root().with_file_name("merged"),
                Permissions::from_mode(0o711),
            )?;
            let (_, archive) = self::packed(Source::Trees { before: &union.lower, after: both })?;
            expect::equal(
                "with another root",
                &entries(&archive)?,
                vec!["./".to_string()],
                "layer.md",
            )
        },
    )
}
