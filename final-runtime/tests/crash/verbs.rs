//! Each verb that changes a store: what comes before it, and what must be possible after it was
//! killed.

use anyhow::{Result, ensure};
use conformance::expect;

use crate::scene::{LOOK, SEEN, Scene};

const NO_CONTAINER: &str = "no such container";
const NO_IMAGE: &str = "no such image";

fn loaded(scene: &Scene) -> Result<()> {
    scene.said(&["load", "--input", &scene.archive()]).map(drop)
}

/// The image is whole, in all its layers.
fn is_whole(scene: &Scene, image: &str) -> Result<()> {
    let seen = scene.said(&["run", "--rm", image, "sh", "-c", LOOK])?;
    expect::equal("what a container sees", &seen, SEEN, "")
}

/// Nothing is left of anything.
fn cleared(scene: &Scene) -> Result<()> {
    scene.said_or_gone(&["rm", "c"], NO_CONTAINER)?;
    scene.said(&["prune", "--all"])?;
    scene.is_empty()
}

pub fn load(scene: &Scene) -> Result<()> {
    let after = || {
        loaded(scene)?;
        is_whole(scene, "two:1")?;
        cleared(scene)
    };
    scene.killed(&["load", "--input", &scene.archive()], || Ok(()), after)
}

/// The first one, which unpacks the image.
pub fn run(scene: &Scene) -> Result<()> {
    let after = || {
        is_whole(scene, "two:1")?;
        cleared(scene)
    };
    let words = ["run", "--name", "c", "two:1", "sh", "-c", "echo x > /x"];
    scene.killed(&words, || loaded(scene), after)
}

/// A container with a change of its own.
fn changed(scene: &Scene) -> Result<()> {
    loaded(scene)?;
    let words = ["run", "--name", "c", "two:1", "sh", "-c", "echo x > /x; rm /dir/9"];
    scene.said(&words).map(drop)
}

pub fn commit(scene: &Scene) -> Result<()> {
    let after = || {
        scene.said(&["commit", "c", "three:1"])?;
        let seen = scene.said(&["run", "--rm", "three:1", "sh", "-c", "cat /x /dir/8 /dir/9"]);
        ensure!(seen.is_err(), "what was removed is still there");
        let seen = scene.said(&["run", "--rm", "three:1", "sh", "-c", "cat /x /dir/8"])?;
        expect::equal("the new image", &seen, "x\n8\n", "")?;
        is_whole(scene, "two:1")?;
        cleared(scene)
    };
    scene.killed(&["commit", "c", "three:1"], || changed(scene), after)
}

pub fn rm(scene: &Scene) -> Result<()> {
    let after = || {
        scene.said_or_gone(&["rm", "c"], NO_CONTAINER)?;
        is_whole(scene, "two:1")?;
        cleared(scene)
    };
    scene.killed(&["rm", "c"], || changed(scene), after)
}

/// Either it is gone, or all of it is there.
pub fn rmi(scene: &Scene) -> Result<()> {
    let before = || {
        loaded(scene)?;
        is_whole(scene, "two:1")
    };
    let after = || {
        if scene.said(&["images"])?.contains("two") {
            is_whole(scene, "two:1")?;
        }
        scene.said_or_gone(&["rmi", "two:1"], NO_IMAGE)?;
        cleared(scene)
    };
    scene.killed(&["rmi", "two:1"], before, after)
}
