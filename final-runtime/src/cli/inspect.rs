//! `inspect`: all that is known of containers and images.

use anyhow::{Context, Result};
use serde_json::{Value, json};

use crate::{
    image::{Image, reference::Reference},
    lifecycle::container::{Condition, Container, runtime},
    store::Store,
};

/// Print what is known of containers and images, as JSON
#[derive(clap::Args)]
pub struct Args {
    /// Names, ids, or beginnings of ids
    #[arg(required = true)]
    names: Vec<String>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let known = |name: &String| find(store, name);
        let all = self.names.iter().map(known).collect::<Result<Vec<_>>>()?;
        println!("{}", serde_json::to_string_pretty(&all).context("inspect")?);
        Ok(0)
    }
}

/// A container goes before an image of the same name.
fn find(store: &Store, name: &str) -> Result<Value> {
    if store.containers.find_id(name).is_ok() {
        return tell(store, &store.containers.find(name)?);
    }
    let image = store.images.get(name)?;
    let image = image.with_context(|| format!("inspect: no such container or image: {name}"))?;
    tell_image(store, &image)
}

fn tell_image(store: &Store, image: &Image) -> Result<Value> {
    let names = store.images.names_of(image)?;
    let layers = image.manifest.layers.iter().zip(&image.config.rootfs.diff_ids);
    let layers = layers.map(|(layer, diff_id)| {
        json!({
            "digest": layer.digest,
            "size": layer.size,
            "media_type": layer.media_type,
            "diff_id": diff_id,
        })
    });
    Ok(json!({
        "id": image.id(),
        "names": names.iter().map(Reference::familiar).collect::<Vec<_>>(),
        "manifest": image.descriptor,
        "created": image.config.created,
        "author": image.config.author,
        "platform": image.config.platform.to_string(),
        "size": image.size(),
        "config": image.config.config,
        "layers": layers.collect::<Vec<_>>(),
    }))
}

fn tell(store: &Store, container: &Container) -> Result<Value> {
    let key = container.config.id.parse()?;
    let snapshots = store.drivers.holder(&key)?;
    let driver = snapshots.as_ref().map(|snapshots| snapshots.driver());
    let condition = match container.condition() {
        Condition::Starting => "starting",
        Condition::Up => "running",
        Condition::Paused => "paused",
        Condition::Ending => "ending",
        Condition::Exited => "exited",
        Condition::Lost => "lost",
    };
    Ok(json!({
        "condition": condition,
        "config": container.config,
        "state": container.state,
        "runtime": runtime(&container.dir),
        "log": container.dir.join("log.json"),
        "storage": driver.map(|driver| driver.name()),
        "changes": driver.and_then(|driver| driver.changes(&key)),
    }))
}
