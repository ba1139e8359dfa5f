//! From a snapshot to a layer and back: exactly what has changed is told and packed, and whatever
//! driver unpacks that shows the same files. The driver `vfs`, which only copies, says what is right.

use std::{
    fs::{self, File},
    os::unix::fs::symlink,
    path::Path,
    rc::Rc,
};

use anyhow::{Result, ensure};
use final_runtime::{
    archive::{Compress, Expected, pack},
    storage::{Key, Snapshots},
};

use crate::{
    contents::{change, replace_directory, timeless},
    files::{filled, list, make_all_kinds, path, same},
    world::{DRIVERS, World, key},
};

/// A snapshot `b` on `a`, with changes of every kind in it.
fn changed(world: &World) -> Result<Rc<Snapshots>> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, make_all_kinds)?;
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    snapshots.change(&key("b"), |dir| {
        let dir = path(dir);
        change(&dir)?;
        replace_directory(&dir)?;
        link_again(&dir)
    })?;
    Ok(snapshots)
}

/// A file that has two names has both in the layer, though it has got but one of them now.
fn link_again(dir: &Path) -> Result<()> {
    Ok(fs::hard_link(dir.join("log"), dir.join("log again"))?)
}

/// What of a snapshot makes a layer.
fn packed(world: &World, snapshots: &Rc<Snapshots>, key: &Key) -> Result<Vec<u8>> {
    let note = world.note("layer");
    let to = note.clone();
    snapshots.changed(key, move |changed| {
        let packed = pack(changed.source(), File::create(&to)?, Compress::Gzip)?;
        ensure!(packed.left_out.is_empty(), "left out: {:?}", packed.left_out);
        Ok(())
    })?;
    Ok(fs::read(note)?)
}

fn applied(snapshots: &Snapshots, key: &Key, parent: &Key, layer: Vec<u8>) -> Result<()> {
    snapshots.apply(key, Some(parent), std::io::Cursor::new(layer), Expected::default())
}

/// A layer has holes only where there are many MiB of them.
fn filled_up(list: &str) -> String {
    list.replace(" sparse=true", " sparse=false")
}

/// A world of the driver that is the measure of the others.
fn oracle() -> Result<World> {
    let vfs = DRIVERS.iter().find(|driver| driver.name == "vfs");
    World::new(vfs.expect("it is one of them"))
}

pub fn a_layer_is_the_same_wherever_it_is_unpacked(world: &World) -> Result<()> {
    let ours = changed(world)?;
    let all = |world: &World, snapshots: &Snapshots, name: &str| {
        list(world, snapshots, &key(name)).map(|list| filled_up(&list))
    };
    let wanted = all(world, &ours, "b")?;
    let layer = packed(world, &ours, &key("b"))?;
    applied(&ours, &key("c"), &key("a"), layer.clone())?;
    same("what it has packed itself", &all(world, &ours, "c")?, &wanted)?;

    let oracle = oracle()?;
    let theirs = changed(&oracle)?;
    applied(&theirs, &key("c"), &key("a"), layer)?;
    same("what vfs makes of its layer", &all(&oracle, &theirs, "c")?, &wanted)?;

    let layer = packed(&oracle, &theirs, &key("b"))?;
    applied(&ours, &key("d"), &key("a"), layer)?;
    let theirs = all(&oracle, &theirs, "b")?;
    same("what it makes of a layer of vfs", &all(world, &ours, "d")?, &theirs)?;
    same("the same changes", &timeless(&wanted), &timeless(&theirs))
}

/// Of a layer that is a snapshot's own, nothing is left to tell.
pub fn tells_exactly_what_has_changed(world: &World) -> Result<()> {
    const EXPECTED: [&str; 15] = [
        "C /dir",
        "D /dir/file",
        "A /dir/only",
        "C /empty",
        "D /fifo",
        "C /log",
        "A /log again",
        "A /new",
        "A /other",
        "D /secret",
        "C /setgid",
        "C /sparse",
        "C /sticky",
        "C /symlink",
        "A /symlink/in",
    ];
    let snapshots = changed(world)?;
    let told = told(world, &snapshots, &key("b"))?;
    same("what has changed", &told, &(EXPECTED.join("\n") + "\n"))?;
    snapshots.prepare(&key("c"), Some(&key("a")))?;
    same("of one that is new", &self::told(world, &snapshots, &key("c"))?, "")?;
    // What comes to be as it was, has not changed.
    snapshots.change(&key("c"), |dir| {
        let dir = path(dir);
        fs::remove_file(dir.join("dangling"))?;
        symlink("/no/such/file", dir.join("dangling"))?;
        std::os::unix::fs::lchown(dir.join("dangling"), Some(5), Some(6))?;
        crate::files::age(&dir.join("dangling"))?;
        fs::write(dir.join("brief"), "brief")?;
        Ok(fs::remove_file(dir.join("brief"))?)
    })?;
    same("of one that is as it was", &self::told(world, &snapshots, &key("c"))?, "")
}

fn told(world: &World, snapshots: &Rc<Snapshots>, key: &Key) -> Result<String> {
    let note = world.note("told");
    let to = note.clone();
    snapshots.changed(key, move |changed| {
        let lines: String = changed.list()?.iter().map(|change| format!("{change}\n")).collect();
        Ok(fs::write(to, lines)?)
    })?;
    Ok(fs::read_to_string(note)?)
}
