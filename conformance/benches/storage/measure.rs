//! The measurements. Each begins with layers and containers of its own and removes them.

use std::{
    fs::{self, File},
    os::{
        fd::{AsRawFd, BorrowedFd},
        unix::fs::FileExt,
    },
    path::{Path, PathBuf},
    process::Command,
    rc::Rc,
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use final_runtime::storage::{Key, Snapshots, extents};

use crate::{
    Amount,
    noise::{self, Noise},
    place::Place,
    resident,
    results::Found,
};

/// Everything.
pub fn all(place: &Place, amount: &Amount) -> Result<Found> {
    let mut found = Found::default();
    for size in amount.sizes {
        let (kib, ms) = write_one_byte(place, *size, amount.rounds)?;
        found.put(&format!("one byte in {size} MiB, KiB written"), kib);
        found.put(&format!("one byte in {size} MiB, ms"), ms);
    }
    found.put("four readers of 64 MiB, MiB of memory", readers(place)?);
    for depth in amount.depths {
        found.put(
            &format!("one byte at depth {depth}, ms (least)"),
            depth_costs(place, *depth, amount.rounds)?,
        );
    }
    for size in [16, 256] {
        let (create, remove) = create_and_remove(place, size, amount.rounds)?;
        found.put(&format!("create on {size} MiB, ms"), create);
        found.put(&format!("remove on {size} MiB, ms"), remove);
    }
    found.put("left by a container, KiB", left_over(place, amount.containers)?);
    found.put("fragments after overwriting", fragments(place, amount.overwrites)?);
    Ok(found)
}

fn key(name: &str) -> Key {
    name.parse().expect("it is a name")
}

/// A path that leads to the directory behind a descriptor.
fn path(dir: BorrowedFd) -> PathBuf {
    format!("/proc/self/fd/{}", dir.as_raw_fd()).into()
}

/// An image of one layer with one file in it.
fn image(place: &Place, mib: u64) -> Result<Key> {
    let image = key(&format!("image-{mib}"));
    place
        .snapshots
        .fill(&image, None, move |dir, _| Ok(noise::file(&path(dir).join("file"), mib)?))?;
    place.sync()?;
    Ok(image)
}

/// Runs `act` in a new container on `parent`, and returns what it wrote into its note.
fn contained(
    place: &Place,
    parent: &Key,
    act: impl FnOnce(&Path) -> Result<f64> + 'static,
) -> Result<f64> {
    let (container, note) = (key("container"), place.note());
    place.snapshots.prepare(&container, Some(parent))?;
    let to = note.clone();
    let acted = place
        .snapshots
        .change(&container, move |dir| Ok(fs::write(&to, act(&path(dir))?.to_string())?));
    let removed = place.snapshots.remove(&container);
    acted.and(removed)?;
    fs::read_to_string(&note)?.parse().context("reading the note")
}

/// Milliseconds that it takes to change one byte in the middle of a file, and have it on the disk.
fn change_one_byte(dir: &Path) -> Result<f64> {
    let start = Instant::now();
    let file = File::options().read(true).write(true).open(dir.join("file"))?;
    let middle = file.metadata()?.len() / 2;
    file.write_all_at(b"!", middle)?;
    file.sync_all()?;
    Ok(start.elapsed().as_secs_f64() * 1e3)
}

fn write_one_byte(place: &Place, mib: u64, rounds: usize) -> Result<(f64, f64)> {
    let image = image(place, mib)?;
    let (mut kib, mut ms) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        let container = key("container");
        place.snapshots.prepare(&container, Some(&image))?;
        place.sync()?;
        let (before, note) = (place.written()?, place.note());
        let to = note.clone();
        place.snapshots.change(&container, move |dir| {
            Ok(fs::write(&to, change_one_byte(&path(dir))?.to_string())?)
        })?;
        place.sync()?;
        kib.push((place.written()? - before) as f64 / 1024.0);
        ms.push(fs::read_to_string(&note)?.parse()?);
        place.snapshots.remove(&container)?;
    }
    place.snapshots.remove(&image)?;
    Ok((median(kib), median(ms)))
}

/// How much memory files take when four containers have read the same one, each through its own
/// mount, all at the same time: what of it each of them has still to read.
fn readers(place: &Place) -> Result<f64> {
    let image = image(place, 64)?;
    let containers: Vec<_> = (0..4).map(|number| key(&format!("reader-{number}"))).collect();
    for container in &containers {
        place.snapshots.prepare(container, Some(&image))?;
    }
    place.sync()?;
    fs::write("/proc/sys/vm/drop_caches", "3").context("dropping caches")?;
    let note = place.note();
    read_in_all(Rc::clone(&place.snapshots), containers.clone(), note.clone(), 0)?;
    let bytes: f64 = fs::read_to_string(&note)?.parse()?;
    for container in &containers {
        place.snapshots.remove(container)?;
    }
    place.snapshots.remove(&image)?;
    Ok(bytes / f64::from(1 << 20))
}

/// Reads in the first of them, and while that is mounted in the others. How many bytes had to be
/// brought into memory goes to the note.
fn read_in_all(
    snapshots: Rc<Snapshots>,
    mut left: Vec<Key>,
    note: PathBuf,
    brought: u64,
) -> Result<()> {
    let Some(container) = left.pop() else {
        return Ok(fs::write(note, brought.to_string())?);
    };
    let again = Rc::clone(&snapshots);
    snapshots.look(&container, move |dir| {
        let mut file = File::open(path(dir).join("file"))?;
        let before = resident::bytes(&file)?;
        std::io::copy(&mut file, &mut std::io::sink())?;
        let now = resident::bytes(&file)?;
        read_in_all(again, left, note, brought + now.saturating_sub(before))
    })
}

/// One byte of a file of 1 MiB that is in the lowest of so many layers. What else the machine does
/// can only make it slower: the least counts.
fn depth_costs(place: &Place, depth: usize, rounds: usize) -> Result<f64> {
    let mut layers = vec![image(place, 1)?];
    for number in 1..depth {
        let layer = key(&format!("layer-{number}"));
        place.snapshots.fill(&layer, layers.last(), move |dir, _| {
            Ok(fs::write(path(dir).join(format!("{number}")), "text")?)
        })?;
        layers.push(layer);
    }
    let top = layers.last().context("there is one")?;
    let times = (0..rounds * 4).map(|_| contained(place, top, change_one_byte));
    let times = times.collect::<Result<Vec<_>>>()?;
    let time = times.into_iter().fold(f64::INFINITY, f64::min);
    layers.iter().rev().try_for_each(|layer| place.snapshots.remove(layer))?;
    Ok(time)
}

/// Milliseconds to make a container's file system on an image of so many MiB, and to remove it.
fn create_and_remove(place: &Place, mib: u64, rounds: usize) -> Result<(f64, f64)> {
    let image = image(place, mib)?;
    let container = key("container");
    let (mut create, mut remove) = (Vec::new(), Vec::new());
    for _ in 0..rounds * 5 {
        let start = Instant::now();
        place.snapshots.prepare(&container, Some(&image))?;
        place.snapshots.change(&container, |_| Ok(()))?;
        create.push(start.elapsed().as_secs_f64() * 1e3);
        let start = Instant::now();
        place.snapshots.remove(&container)?;
        remove.push(start.elapsed().as_secs_f64() * 1e3);
    }
    place.snapshots.remove(&image)?;
    Ok((median(create), median(remove)))
}

/// KiB of the disk that are not free again after each of many containers, which write 1 MiB each.
fn left_over(place: &Place, containers: usize) -> Result<f64> {
    let image = image(place, 1)?;
    let write = |dir: &Path| {
        noise::file(&dir.join("more"), 1)?;
        Ok(0.0)
    };
    contained(place, &image, write)?; // whatever is made once
    trim(place)?;
    let before = place.room()?;
    for _ in 0..containers {
        contained(place, &image, write)?;
    }
    trim(place)?;
    let after = place.room()?;
    place.snapshots.remove(&image)?;
    Ok((after as f64 - before as f64) / 1024.0 / containers as f64)
}

/// Has a file system tell its device what it does not use, until that is all: some remove in the
/// background. See FITRIM in ioctl_fitrim(2), btrfs-subvolume(8).
fn trim(place: &Place) -> Result<()> {
    let run = |words: &[&str]| -> Result<()> {
        let status = Command::new(words[0]).args(&words[1..]).arg(place.root()).status();
        ensure!(status.with_context(|| words.join(" "))?.success(), "{} failed", words.join(" "));
        Ok(())
    };
    let mut room = u64::MAX;
    loop {
        place.sync()?;
        if place.is_btrfs() {
            run(&["btrfs", "--quiet", "subvolume", "sync"])?;
        }
        // Whatever is to be done in the background, xfs does before it freezes.
        run(&["fsfreeze", "--freeze"])?;
        run(&["fsfreeze", "--unfreeze"])?;
        run(&["fstrim"])?;
        place.sync()?;
        match place.room()? {
            now if now >= room => return Ok(()),
            now => room = now,
        }
    }
}

/// Pieces of a file of 128 MiB after so many writes of 4 KiB at random places of it.
fn fragments(place: &Place, overwrites: usize) -> Result<f64> {
    const SIZE: u64 = 128;
    let image = image(place, SIZE)?;
    let pieces = contained(place, &image, move |dir| {
        let file = File::options().read(true).write(true).open(dir.join("file"))?;
        let mut noise = Noise(1);
        for number in 0..overwrites {
            let page = noise.next() % (SIZE * 256);
            file.write_all_at(&noise.bytes(4096), page * 4096)?;
            // Or most of them would be written as one, at the end.
            if number % 500 == 0 {
                file.sync_data()?;
            }
        }
        file.sync_all()?;
        Ok(extents::of(&file)?.len() as f64)
    })?;
    place.snapshots.remove(&image)?;
    Ok(pieces)
}

fn median(mut numbers: Vec<f64>) -> f64 {
    numbers.sort_by(f64::total_cmp);
    numbers.get(numbers.len() / 2).copied().unwrap_or(f64::NAN)
}
