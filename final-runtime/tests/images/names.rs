//! What images are called, and what becomes of those that nobody calls any more.

use std::{fs, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use nix::sys::signal::Signal;

use crate::{
    others::layout,
    scene::{remove, run, said, start, store, verb},
};

fn blobs(sandbox: &Sandbox) -> Result<usize> {
    Ok(fs::read_dir(store(sandbox).join("images/blobs/sha256"))?.count())
}

fn unfinished(sandbox: &Sandbox) -> Result<usize> {
    Ok(fs::read_dir(store(sandbox).join("images/ingest"))?.count())
}

fn id_of(sandbox: &Sandbox, name: &str) -> Result<String> {
    let image = verb(sandbox, &["inspect", name]).output()?.json()?;
    let id = image[0]["id"].as_str().context("an id")?;
    Ok(id.trim_start_matches("sha256:").into())
}

fn load(sandbox: &Sandbox) -> Result<String> {
    let layout = layout(sandbox)?.display().to_string();
    said(sandbox, &["load", "-i", &layout])?;
    Ok(layout)
}

pub fn images_have_names(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    let id = id_of(sandbox, "one:1")?;
    said(sandbox, &["tag", "one:1", "h.x:5000/two"])?;
    said(sandbox, &["tag", &id[..12], "three"])?;
    let list = said(sandbox, &["images"])?;
    for part in ["h.x:5000/two", "three", "one", &id[..12]] {
        expect::contains("images", &list, part, "")?;
    }
    for name in ["docker.io/library/three:latest", "h.x:5000/two:latest", &format!("sha256:{id}")] {
        expect::equal(name, &id_of(sandbox, name)?, id.as_str(), "")?;
    }
    let steps = said(sandbox, &["history", "three"])?;
    ensure!(steps.lines().count() > 2, "its history is {steps}");
    let line = verb(sandbox, &["rmi", &id]).output()?.error_line(125)?;
    expect::contains("rmi by id", &line, "has 3 names", "")?;
    let told = said(sandbox, &["rmi", "one:1", "three"])?;
    expect::equal("rmi", &told, "Untagged: one:1\nUntagged: three:latest\n", "")?;
    let told = said(sandbox, &["rmi", &id])?;
    let wanted = format!("Untagged: h.x:5000/two:latest\nDeleted: sha256:{id}\n");
    expect::equal("the last", &told, wanted.as_str(), "")?;
    expect::equal("what is left", &blobs(sandbox)?, 3, "")?; // base
    for (name, why) in
        [("one:1", "no such image"), ("One", "bad reference"), ("../x", "bad reference")]
    {
        let line = verb(sandbox, &["rmi", name]).output()?.error_line(125)?;
        expect::contains(name, &line, why, "")?;
    }
    Ok(())
}

pub fn an_image_that_lost_its_name_stays_until_prune(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    said(sandbox, &["images"])?; // makes base
    let id = id_of(sandbox, "one:1")?;
    said(sandbox, &["tag", "base", "one:1"])?;
    expect::contains("images", &said(sandbox, &["images"])?, "<none>", "")?;
    id_of(sandbox, &id[..8])?;
    let told = said(sandbox, &["prune"])?;
    expect::contains("prune", &told, &format!("Deleted: sha256:{id}\n"), "")?;
    expect::equal("what is left", &blobs(sandbox)?, 3, "")?;
    expect::contains("images", &said(sandbox, &["images"])?, "base", "")
}

pub fn what_a_container_was_made_from_stays(sandbox: &Sandbox) -> Result<()> {
    let (container, _running) = start(sandbox, &["base", "/probe", "sleep", "60"])?;
    let id = id_of(sandbox, "base")?;
    said(sandbox, &["rmi", "base"])?;
    said(sandbox, &["prune", "--all"])?;
    expect::equal("its content", &blobs(sandbox)?, 3, "")?;
    let layers = || -> Result<usize> {
        Ok(fs::read_dir(store(sandbox).join("storage/overlay/records"))?.count())
    };
    ensure!(layers()? == 2, "{} file systems are there", layers()?);
    remove(sandbox, &container)?;
    said(sandbox, &["prune"])?;
    expect::equal("its content", &blobs(sandbox)?, 0, "")?;
    expect::equal("its file systems", &layers()?, 0, "")?;
    let line = verb(sandbox, &["inspect", &id]).output()?.error_line(125)?;
    expect::contains("the line", &line, "no such container or image", "")
}

pub fn what_a_container_was_loaded_from_stays(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    let id = id_of(sandbox, "one:1")?;
    run(sandbox, &["--name", "a", "one:1", "/bin/sh", "-c", ":"]).output()?.success()?;
    let before = blobs(sandbox)?;
    said(sandbox, &["rmi", "one:1"])?;
    said(sandbox, &["prune", "--all"])?;
    expect::equal("its content", &blobs(sandbox)?, before, "")?;
    let layers = || -> Result<usize> {
        Ok(fs::read_dir(store(sandbox).join("storage/overlay/records"))?.count())
    };
    ensure!(layers()? == 3, "{} file systems are there", layers()?);
    said(sandbox, &["rm", "a"])?;
    said(sandbox, &["prune"])?;
    expect::equal("its content", &blobs(sandbox)?, 0, "")?;
    expect::equal("its file systems", &layers()?, 0, "")?;
    let line = verb(sandbox, &["inspect", &id]).output()?.error_line(125)?;
    expect::contains("the line", &line, "no such container or image", "")
}

pub fn many_loads_at_once_are_one(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?.display().to_string();
    let load = |_| verb(sandbox, &["load", "-i", &layout]).limit(Duration::from_secs(60)).spawn();
    let all: Vec<_> = (0..8).map(load).collect::<Result<_>>()?;
    for running in all {
        running.wait()?.success()?;
    }
    expect::equal("its content", &blobs(sandbox)?, 4, "")?;
    expect::equal("what is unfinished", &unfinished(sandbox)?, 0, "")?;
    expect::equal("images", &said(sandbox, &["images", "-q"])?.lines().count(), 2, "")
}

pub fn a_killed_load_leaves_nothing_after_prune(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?.display().to_string();
    for after in [1, 3, 6, 10, 15, 25, 40] {
        let running = verb(sandbox, &["load", "-i", &layout]).spawn()?;
        sleep(Duration::from_millis(after));
        // Unless it was faster; then there is an image.
        let _ = running.signal(Signal::SIGKILL);
        drop(running);
        let _ = verb(sandbox, &["rmi", "one:1"]).output()?;
    }
    said(sandbox, &["prune", "--all"])?;
    expect::equal("its content", &blobs(sandbox)?, 0, "")?;
    expect::equal("what is unfinished", &unfinished(sandbox)?, 0, "")?;
    said(sandbox, &["load", "-i", &layout]).map(drop)
}
