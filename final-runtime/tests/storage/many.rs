//! Several processes that use one store, and some that are killed at it.

use std::{
    collections::BTreeSet,
    env, fs,
    io::{BufRead, BufReader, Write},
    path::Path,
    process::{Child, Command, ExitCode, Stdio},
    rc::Rc,
    thread::sleep,
    time::Duration,
};

use anyhow::{Context, Result, bail, ensure};
use final_runtime::storage::{Drivers, Snapshots};

use crate::{
    files::{filled, path},
    world::{World, key},
};

const NAME: &str = "use-a-store";

/// This program again, as one that works in the world's store.
fn start(world: &World, words: &[&str]) -> Result<Child> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(NAME).arg(world.root()).arg(world.driver()).args(words);
    command.stdout(Stdio::piped()).spawn().context("starting another process")
}

/// What such a process does; `None` if this is none.
pub fn helper() -> Option<ExitCode> {
    let words: Vec<String> = env::args().collect();
    let [_, name, root, driver, who, times] = &words[..] else { return None };
    if name != NAME {
        return None;
    }
    let work = || -> Result<()> {
        let snapshots = Drivers::open(Path::new(root), Some(driver.parse()?))?.chosen()?;
        let times = if times == "forever" { u32::MAX } else { times.parse()? };
        (0..times).try_for_each(|_| work(&snapshots, who))
    };
    match work() {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{who}: {error:#}");
            Some(ExitCode::FAILURE)
        }
    }
}

/// Fills a layer that others fill at the same time, makes a container on it and a layer of its own
/// on that, and removes the latter two; tells what is there.
fn work(snapshots: &Rc<Snapshots>, who: &str) -> Result<()> {
    let shared = key("shared");
    filled(snapshots, &shared, None, |dir| {
        Ok((0..20).try_for_each(|n| fs::write(dir.join(format!("{n}")), "shared"))?)
    })?;
    say("+shared")?;
    let (container, layer) = (key(&format!("{who}-container")), format!("{who}-layer"));
    snapshots.prepare(&container, Some(&shared))?;
    let text = who.to_string();
    snapshots.change(&container, move |dir| Ok(fs::write(path(dir).join("7"), &text)?))?;
    let text = who.to_string();
    snapshots.look(&container, move |dir| {
        let seen = [fs::read_to_string(path(dir).join("7"))?, names(&path(dir))?.len().to_string()];
        ensure!(seen == [text, "20".into()], "there is {seen:?}");
        Ok(())
    })?;
    filled(snapshots, &key(&layer), Some(&shared), |dir| Ok(fs::write(dir.join("8"), "layer")?))?;
    say(&format!("+{layer}"))?;
    snapshots.remove(&container)?;
    say(&format!("-{layer}"))?; // it may be gone from now on
    snapshots.remove(&key(&layer))
}

fn names(dir: &Path) -> Result<BTreeSet<String>> {
    let names = fs::read_dir(dir)?.map(|entry| Ok(entry?.file_name().display().to_string()));
    Ok(names.collect::<Result<BTreeSet<_>>>()?.into_iter().filter(|n| n != "lost+found").collect())
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("telling how far it is")
}

/// What such processes have said to be there when they came to their end.
fn sealed(mut process: Child) -> Result<(BTreeSet<String>, bool)> {
    let mut there = BTreeSet::new();
    let out = process.stdout.take().context("a pipe")?;
    for line in BufReader::new(out).lines() {
        match line?.split_at_checked(1) {
            Some(("+", name)) => drop(there.insert(name.to_string())),
            Some((_, name)) => drop(there.remove(name)),
            None => bail!("it said nothing"),
        }
    }
    Ok((there, process.wait()?.success()))
}

pub fn is_shared_by_many_at_once(world: &World) -> Result<()> {
    world.open()?;
    let all: Vec<_> =
        ["a", "b", "c", "d"].iter().map(|who| start(world, &[who, "4"])).collect::<Result<_>>()?;
    for process in all {
        let (there, succeeded) = sealed(process)?;
        ensure!(succeeded, "one of them failed, when there was {there:?}");
    }
    let snapshots = world.open()?;
    ensure!(snapshots.driver().keys()? == [key("shared")], "left: {:?}", snapshots.all()?);
    ensure!(snapshots.check()?.is_empty(), "there was something to mend");
    snapshots.remove(&key("shared"))
}

/// Two work on, one of whom is killed, and another time both.
pub fn loses_nothing_that_was_sealed(world: &World) -> Result<()> {
    world.open()?;
    for round in 0..10_u64 {
        let mut first = start(world, &["first", "forever"])?;
        let mut second = start(world, &["second", if round % 2 == 0 { "forever" } else { "1" }])?;
        // Moments that no figure of the machine's has a hand in: 0 to 200 ms.
        sleep(Duration::from_millis(round * 7919 % 201));
        first.kill()?;
        if round % 2 == 0 {
            second.kill()?;
        }
        let (mut there, _) = sealed(first)?;
        let (others, succeeded) = sealed(second)?;
        ensure!(succeeded || round % 2 == 0, "one failed because another was killed");
        there.extend(others);
        let snapshots = world.open()?;
        snapshots.check()?;
        let again = snapshots.check()?;
        ensure!(again.is_empty(), "something was left to be mended: {again:?}");
        for name in &there {
            ensure!(snapshots.is_sealed(&key(name))?, "{name} is lost");
            snapshots.look(&key(name), |dir| {
                let names = names(&path(dir))?;
                ensure!(names.len() == 20, "there is {names:?}");
                Ok(())
            })?;
        }
        // What is left can be gone on with, or removed.
        let all: BTreeSet<_> = snapshots.all()?.into_iter().map(|(key, _)| key).collect();
        all.iter()
            .filter(|key| key.as_str() != "shared")
            .try_for_each(|key| snapshots.remove(key))?;
        snapshots.remove(&key("shared"))?;
        ensure!(snapshots.driver().keys()?.is_empty(), "left: {:?}", snapshots.driver().keys()?);
    }
    Ok(())
}
