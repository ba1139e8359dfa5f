//! A snapshot's life: made, sealed, removed; and what is found after a crash.

use std::{
    fs::{self, Permissions},
    os::unix::{fs::PermissionsExt, process::CommandExt},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use final_runtime::storage::{Access, Root};

use crate::{
    files::{filled, path},
    world::{World, key},
};

/// An error that says what it should.
fn refused<T>(result: Result<T>, words: &str) -> Result<()> {
    match result {
        Ok(_) => bail!("it was not refused"),
        Err(error) => {
            let said = format!("{error:#}");
            ensure!(said.contains(words), "it said {said:?}, which has no {words:?}");
            ensure!(!said.contains('\n'), "it said more than one line: {said:?}");
            Ok(())
        }
    }
}

pub fn refuses_to_write_to_what_is_sealed(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, |dir| Ok(fs::write(dir.join("file"), "text")?))?;
    refused(snapshots.root(&key("a"), Access::Write), "layer a is not to be written to")?;
    // Nor by one who has opened it to look.
    snapshots.look(&key("a"), |dir| match fs::write(path(dir).join("file"), "changed") {
        Ok(()) => bail!("what is there to be looked at has been written to"),
        Err(error) if error.raw_os_error() == Some(libc::EROFS) => Ok(()),
        Err(error) => Err(error.into()),
    })
}

pub fn refuses_to_remove_what_others_stand_on(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    for (name, parent) in [("a", None), ("b", Some("a"))] {
        filled(&snapshots, &key(name), parent.map(key).as_ref(), |_| Ok(()))?;
    }
    snapshots.prepare(&key("c"), Some(&key("b")))?;
    refused(snapshots.remove(&key("a")), "layer a is in use: b stands on it")?;
    refused(snapshots.remove(&key("b")), "layer b is in use: c stands on it")?;
    refused(snapshots.prepare(&key("c"), None), "there is a snapshot c already")?;
    refused(snapshots.prepare(&key("d"), Some(&key("x"))), "no layer x to stand on")?;
    refused(snapshots.prepare(&key("d"), Some(&key("c"))), "no layer c to stand on")?;
    for name in ["c", "b", "a", "a"] {
        snapshots.remove(&key(name))?;
    }
    ensure!(snapshots.all()?.is_empty(), "something is left: {:?}", snapshots.all()?);
    ensure!(snapshots.driver().keys()?.is_empty(), "the driver has something left");
    ensure!(snapshots.check()?.is_empty(), "there was something to mend");
    Ok(())
}

pub fn fills_all_or_nothing(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    let failed = snapshots.fill(&key("a"), None, |dir, _| {
        fs::write(path(dir).join("file"), "text")?;
        bail!("the archive is damaged")
    });
    refused(failed, "the archive is damaged")?;
    ensure!(snapshots.get(&key("a"))?.is_none(), "a record is left");
    ensure!(snapshots.driver().keys()?.is_empty(), "files are left");
    // The next one succeeds, and the one after that has nothing to do.
    filled(&snapshots, &key("a"), None, |_| Ok(()))?;
    filled(&snapshots, &key("a"), None, |_| bail!("it was filled again"))?;
    ensure!(snapshots.is_sealed(&key("a"))?, "it is not sealed");
    Ok(())
}

pub fn says_how_much_room_it_takes(world: &World) -> Result<()> {
    const SIZE: usize = 4 << 20;
    let snapshots = world.open()?;
    // What no file system can make smaller.
    let noise = |seed: u64| {
        let next = move |state: &mut u64| {
            *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            Some((*state >> 56) as u8)
        };
        std::iter::successors(Some(seed), |seed| Some(*seed))
            .scan(seed, move |state, _| next(state))
    };
    filled(&snapshots, &key("a"), None, move |dir| {
        Ok(fs::write(dir.join("file"), noise(1).take(SIZE).collect::<Vec<_>>())?)
    })?;
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    let empty = snapshots.usage(&key("b"))?;
    snapshots.change(&key("b"), move |dir| {
        Ok(fs::write(path(dir).join("more"), noise(2).take(SIZE).collect::<Vec<_>>())?)
    })?;
    let more = snapshots.usage(&key("b"))?.checked_sub(empty).context("it has become smaller")?;
    let size = u64::try_from(SIZE)?;
    ensure!((size..size + size / 4).contains(&more), "{SIZE} bytes more are {more}");
    Ok(())
}

/// A layer can hold a program that makes whoever runs it root.
pub fn lets_nobody_else_in(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, |dir| {
        fs::copy("/bin/true", dir.join("setuid"))?;
        Ok(fs::set_permissions(dir.join("setuid"), Permissions::from_mode(0o4755))?)
    })?;
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    let paths = match snapshots.root(&key("b"), Access::Write)? {
        Root::Directory(dir) => vec![dir.join("setuid")],
        Root::Overlay { lower, .. } => lower.iter().map(|dir| dir.join("setuid")).collect(),
        Root::Device { .. } => vec![world.place().join("data")],
    };
    let known: Vec<_> = paths.iter().filter(|path| path.exists()).collect();
    ensure!(known.len() == 1, "the file is not where it should be: {paths:?}");
    let mut other = Command::new("/usr/bin/test");
    let seen = other.arg("-e").arg(known[0]).uid(12345).gid(12345).status()?;
    ensure!(!seen.success(), "another user reaches {}", known[0].display());
    let mut other = Command::new("/usr/bin/test");
    let seen = other.arg("-x").arg(world.root()).uid(12345).gid(12345).status()?;
    ensure!(seen.success(), "that is because of a directory that is the test's");
    snapshots.put(&key("b"))
}

pub fn finds_what_is_half_made(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, |_| Ok(()))?;
    // A program was killed after the driver had begun, and before the record was complete.
    snapshots.prepare(&key("b"), Some(&key("a")))?;
    let records = world.place().with_file_name("records");
    let record = fs::read_to_string(records.join("b.json"))?.replace("open", "unfinished");
    fs::write(records.join("b.json"), record)?;
    // Another one had no time to write anything down.
    snapshots.driver().prepare(&key("c"), Some(&key("a")))?;
    drop(snapshots);

    let snapshots = world.open()?;
    ensure!(snapshots.get(&key("b"))?.is_none(), "what is half made is taken for something");
    let mended = snapshots.check()?.join("\n");
    ensure!(mended.contains("removed b, which was half made"), "it mended: {mended}");
    ensure!(mended.contains("removed c, of which nothing was written down"), "it mended: {mended}");
    ensure!(snapshots.driver().keys()? == [key("a")], "something is left, or too little");
    ensure!(snapshots.check()?.is_empty(), "there was more to mend");
    Ok(())
}

pub fn finds_what_is_lost(world: &World) -> Result<()> {
    let snapshots = world.open()?;
    filled(&snapshots, &key("a"), None, |_| Ok(()))?;
    snapshots.driver().remove(&key("a"))?;
    refused(snapshots.check(), "lost: a")
}
