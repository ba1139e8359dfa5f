//! What a layer says is gone: removed where the files of the layers below are, marked for an
//! overlay. Whoever looks at the one or the other sees the same.

use std::{fs, fs::File, path::Path};

use anyhow::{Context, Result};
use conformance::expect;
use final_runtime::archive::{Options, Whiteouts, unpack};
use nix::mount::{MntFlags, MsFlags, mount, umount2};
use step07::{Marks, Tree};

use crate::{
    craft::Tar,
    scene::{Listing, Scene, list, same},
};

/// Unpacks layers one over the other.
fn applied(scene: &Scene, layers: &[Vec<u8>]) -> Result<Listing> {
    let root = File::open(scene.root())?;
    for layer in layers {
        unpack(&layer[..], &root, &Options::new(Whiteouts::Apply))?;
    }
    list(&scene.root())
}

/// Unpacks layers beside each other, and lists what an overlay shows of them: one that is mounted
/// with these further options.
fn overlaid(scene: &Scene, layers: &[Vec<u8>], more: &str) -> Result<Listing> {
    let mut below: Vec<(String, Tree)> = Vec::new();
    for (number, layer) in layers.iter().enumerate() {
        let path = scene.other(&format!("layer{number}"))?;
        let (paths, trees): (Vec<_>, Vec<_>) = below.into_iter().unzip();
        let whiteouts = Whiteouts::Overlay { marks: Marks::Trusted, below: &trees };
        unpack(&layer[..], File::open(&path)?, &Options::new(whiteouts))?;
        let tree = Tree::open(&path)?;
        below = std::iter::once((path.display().to_string(), tree))
            .chain(paths.into_iter().zip(trees))
            .collect();
    }
    let mut lower: Vec<_> = below.into_iter().map(|(path, _)| path).collect();
    lower.push(scene.other("empty")?.display().to_string()); // it takes two without an upper
    let target = scene.other("merged")?;
    let options = format!("lowerdir={}{more}", lower.join(":"));
    mount(Some("overlay"), &target, Some("overlay"), MsFlags::MS_RDONLY, Some(&*options))
        .context("mounting an overlay")?;
    let listing = list(&target);
    umount2(&target, MntFlags::MNT_DETACH)?;
    listing
}

/// Times of directories without an entry are nobody's business. And a mark of one sort of overlay is
/// to the other sort an attribute like any other, which means nothing.
fn without_the_root(mut listing: Listing) -> Listing {
    listing.remove(Path::new(""));
    for mark in ["user.overlay.opaque", "trusted.overlay.opaque"] {
        let mark = format!("({mark:?}, [121])");
        listing.values_mut().for_each(|line| *line = line.replace(&mark, ""));
    }
    listing
}

fn base() -> Vec<u8> {
    Tar::new()
        .directory("d")
        .file("d/old", "old")
        .directory("d/sub")
        .file("d/sub/old", "old")
        .file("f", "old")
        .symlink("s", "d")
        .end()
}

/// The same files, whichever way the layers were unpacked and whatever the order of the entries.
pub fn both_ways_show_the_same() -> Result<()> {
    let gone = ["d/old", "d/sub", "d", "f", "s"];
    let mut layers = vec![
        Tar::new().directory("d").file("d/.wh..wh..opq", ""),
        Tar::new().directory("d").file("d/.wh..wh..opq", "").file("d/new", "n"),
        Tar::new().directory("d").file("d/new", "n").file("d/.wh..wh..opq", ""),
        Tar::new().file(".wh..wh..opq", "").file("new", "n"),
        Tar::new().file("new", "n").directory("d").file(".wh..wh..opq", ""),
        Tar::new().file(".wh.d", "").directory("d").file("d/new", "n"),
        Tar::new().directory("d").file("d/new", "n").file(".wh.d", ""),
        Tar::new().file("d", "a file now"),
        Tar::new().directory("f").file("f/new", "n"),
        Tar::new().directory("s").file("s/new", "n"),
        Tar::new().file(".wh.nothing", "").file("new", "n"),
        Tar::new().file(".wh.f", "").file("f", "new"),
        Tar::new().file("f", "new").file(".wh.f", ""),
    ];
    layers.extend(gone.map(|path| {
        let path = Path::new(path);
        let name = path.file_name().unwrap_or_default().display();
        let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty());
        let whiteout = match dir {
            Some(dir) => format!("{}/.wh.{name}", dir.display()),
            None => format!(".wh.{name}"),
        };
        let above = Tar::new().directory("d");
        match dir {
            Some(_) => above.file(&whiteout, ""),
            None => Tar::new().file(&whiteout, ""),
        }
    }));
    for (number, layer) in layers.into_iter().enumerate() {
        let both = [base(), layer.end()];
        // The second reads the marks that a container in a user namespace reads.
        for more in ["", ",userxattr"] {
            let scene = Scene::new()?;
            let wanted = without_the_root(applied(&scene, &both)?);
            let seen = without_the_root(overlaid(&scene, &both, more)?);
            same(&format!("the overlay of layer {number}{more}"), &seen, &wanted)?;
        }
    }
    Ok(())
}

/// A directory that a layer does not speak of, but has a file in, stays as it was.
pub fn directories_without_an_entry_stay_as_they_are() -> Result<()> {
    let scene = Scene::new()?;
    let layers = [base(), Tar::new().file("d/new", "n").end()];
    overlaid(&scene, &layers, "")?;
    let layer = scene.root().with_file_name("layer1");
    let below = scene.root().with_file_name("layer0");
    let mode = |dir: &Path| Ok::<_, anyhow::Error>(fs::metadata(dir.join("d"))?.permissions());
    expect::equal("its mode", &mode(&layer)?, mode(&below)?, "overlayfs.rst")
}
