//! What is in a snapshot is what was put there, whatever mechanism keeps it.

use std::{
    fs::{self, File, Permissions},
    io::{Seek, SeekFrom, Write},
    os::unix::fs::{PermissionsExt, chown, symlink},
    path::Path,
};

use anyhow::Result;
use final_runtime::{
    archive::Expected,
    storage::{Key, Snapshots},
};

use crate::{
    files::{filled, list, listed, make_all_kinds, path, same},
    world::{World, key},
};

pub fn keeps_files_of_every_kind(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, make_all_kinds)?;
    let plain = world.note("plain");
    fs::create_dir(&plain)?;
    make_all_kinds(&plain)?;
    let expected = listed(&plain)?;
    same("the layer", &list(world, &snapshots, &key("a"))?, &expected)?;
    // On top of it, nothing has changed yet.
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    same("a child", &list(world, &snapshots, &key("b"))?, &expected)
}

type Step = fn(&Path) -> Result<()>;

/// What a container may do to what its image has.
pub fn change(dir: &Path) -> Result<()> {
    fs::write(dir.join("new"), "new")?;
    // Of one name: overlay makes a file of several names two files when it is written to.
    File::options().append(true).open(dir.join("log"))?.write_all(b"second line\n")?;
    fs::set_permissions(dir.join("empty"), Permissions::from_mode(0o640))?;
    chown(dir.join("setgid"), Some(11), Some(12))?;
    fs::remove_file(dir.join("fifo"))?;
    fs::remove_file(dir.join("symlink"))?;
    fs::create_dir(dir.join("symlink"))?;
    fs::write(dir.join("symlink/in"), "was a link")?;
    fs::remove_dir_all(dir.join("sticky"))?;
    symlink("dir", dir.join("sticky"))?;
    let mut sparse = File::options().write(true).open(dir.join("sparse"))?;
    sparse.seek(SeekFrom::Start(500_000))?;
    sparse.write_all(b"in the middle")?;
    fs::rename(dir.join("secret"), dir.join("dir/secret"))?;
    fs::hard_link(dir.join("setuid"), dir.join("other"))?;
    Ok(())
}

/// A directory that is removed and made again has nothing of what was in it.
pub fn replace_directory(dir: &Path) -> Result<()> {
    fs::remove_dir_all(dir.join("dir"))?;
    fs::create_dir(dir.join("dir"))?;
    Ok(fs::write(dir.join("dir/only"), "this")?)
}

/// What was changed, without times: those of the changes are of this moment.
pub fn timeless(list: &str) -> String {
    let timeless = |line: &str| {
        let words = line.split(' ').filter(|word| {
            !word.split_once('.').is_some_and(|(a, b)| {
                b.len() == 9 && (a.to_owned() + b).bytes().all(|c| c.is_ascii_digit() || c == b'-')
            })
        });
        words.collect::<Vec<_>>().join(" ")
    };
    list.lines().map(timeless).collect::<Vec<_>>().join("\n")
}

pub fn shows_each_change_to_a_parent(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, make_all_kinds)?;
    let plain = world.note("plain");
    fs::create_dir(&plain)?;
    make_all_kinds(&plain)?;
    let steps = [change as Step, replace_directory];
    let mut parent = key("a");
    for (name, step) in ["b", "c"].into_iter().zip(steps) {
        let child = key(name);
        snapshots.prepare(&child, Some(&parent))?;
        snapshots.change(&child, move |dir| step(&path(dir)))?;
        step(&plain)?;
        let expected = timeless(&listed(&plain)?);
        same("changed", &timeless(&list(world, &snapshots, &child)?), &expected)?;
        snapshots.seal(&child)?;
        same("sealed", &timeless(&list(world, &snapshots, &child)?), &expected)?;
        parent = child;
    }
    Ok(())
}

pub fn leaves_the_parent_as_it_is(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, make_all_kinds)?;
    let before = list(world, &snapshots, &key("a"))?;
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    snapshots.change(&key("b"), |dir| {
        change(&path(dir))?;
        replace_directory(&path(dir))
    })?;
    same("the parent", &list(world, &snapshots, &key("a"))?, &before)
}

pub fn keeps_siblings_apart(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, make_all_kinds)?;
    let before = list(world, &snapshots, &key("a"))?;
    for name in ["b", "c"] {
        snapshots.prepare(&key(name), Some(&key("a")))?;
    }
    snapshots.change(&key("b"), |dir| change(&path(dir)))?;
    same("the other child", &list(world, &snapshots, &key("c"))?, &before)?;
    snapshots.remove(&key("b"))?;
    same("when one is gone", &list(world, &snapshots, &key("c"))?, &before)
}

/// Each layer adds a file, changes one and removes one.
pub fn stands_on_a_hundred_layers(world: &World) -> Result<()> {
    const DEPTH: usize = 128;
    let snapshots = world.open()?;
    let mut parent: Option<Key> = None;
    for number in 0..DEPTH {
        let this = key(&format!("layer-{number}"));
        snapshots.prepare(&this, parent.as_ref())?;
        snapshots.change(&this, move |dir| {
            let dir = path(dir);
            fs::write(dir.join(format!("{number}")), "new")?;
            fs::write(dir.join("latest"), number.to_string())?;
            if let Some(old) = number.checked_sub(2) {
                fs::remove_file(dir.join(old.to_string()))?;
            }
            Ok(())
        })?;
        snapshots.seal(&this)?;
        parent = Some(this);
    }
    let last = parent.expect("there are some");
    let seen = list(world, &snapshots, &last)?;
    let names: Vec<_> = seen.lines().filter_map(|line| line.split('"').nth(1)).collect();
    anyhow::ensure!(names == ["", "126", "127", "latest"], "there is {names:?}");
    anyhow::ensure!(seen.contains(" 3 127 first"), "the latest is not the last: {seen}");
    remove_all(&snapshots, &last)
}

fn remove_all(snapshots: &Snapshots, top: &Key) -> Result<()> {
    snapshots.chain(top)?.iter().try_for_each(|key| snapshots.remove(key))
}

/// As the layer of an image has it: a file that is gone, a directory that begins anew.
pub fn takes_an_archives_whiteouts(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, |dir| {
        fs::create_dir_all(dir.join("dir/sub"))?;
        fs::create_dir(dir.join("anew"))?;
        for file in ["gone", "stays", "dir/gone", "dir/stays", "dir/sub/gone", "anew/old"] {
            fs::write(dir.join(file), file)?;
        }
        Ok(())
    })?;
    let layer = archive_of(&[
        ".wh.gone",
        "dir/.wh.gone",
        "dir/.wh.sub",
        "anew/.wh..wh..opq",
        "anew/new",
        "dir/new",
    ]);
    let blob = std::io::Cursor::new(layer);
    snapshots.apply(&key("b"), Some(&key("a")), blob, Expected::default())?;
    let seen = list(world, &snapshots, &key("b"))?;
    let names: Vec<_> = seen.lines().filter_map(|line| line.split('"').nth(1)).collect();
    let expected = ["", "anew", "anew/new", "dir", "dir/new", "dir/stays", "stays"];
    anyhow::ensure!(names == expected, "there is {names:?}");
    Ok(())
}

/// An archive with empty files of these names. See pax(1), "ustar Interchange Format".
fn archive_of(names: &[&str]) -> Vec<u8> {
    let mut archive = Vec::new();
    for name in names {
        let mut header = [0; 512];
        let mut put = |at: usize, text: &[u8]| header[at..at + text.len()].copy_from_slice(text);
        put(0, name.as_bytes());
        let numbers = [(100, "0000644"), (108, "0000000"), (116, "0000000"), (124, "00000000000")];
        numbers.iter().for_each(|(at, number)| put(*at, number.as_bytes()));
        put(136, b"00000000000"); // the time
        put(148, b"        0"); // the sum, as if it were blank, and the type
        put(257, b"ustar");
        put(263, b"00");
        let sum: u32 = header.iter().map(|byte| u32::from(*byte)).sum();
        header[148..154].copy_from_slice(format!("{sum:06o}").as_bytes());
        header[154] = 0;
        archive.extend(header);
    }
    archive.extend([0; 1024]);
    archive
}
