//! `history`: how an image came about.

use anyhow::Result;

use super::{age, megabytes, shorten, table};
use crate::{image::Image, store::Store};

/// Tell how an image came about, the newest first
#[derive(clap::Args)]
pub struct Args {
    /// Do not cut off long commands
    #[arg(long)]
    no_trunc: bool,

    /// Its name, its id, or the beginning of its id
    image: String,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        let image = store.images.find(&self.image)?;
        let heading = ["CREATED", "CREATED BY", "SIZE", "COMMENT"];
        let mut rows = vec![heading.map(String::from).to_vec()];
        let longest = if self.no_trunc { usize::MAX } else { 45 };
        let mut steps = rows_of(&image, longest);
        steps.reverse();
        rows.append(&mut steps);
        table(&rows);
        Ok(0)
    }
}

/// The oldest first. An image whose maker has told nothing has layers all the same.
fn rows_of(image: &Image, longest: usize) -> Vec<Vec<String>> {
    let mut layers = image.manifest.layers.iter();
    let mut rows = Vec::new();
    for step in &image.config.history {
        let layer = if step.empty_layer { None } else { layers.next() };
        let text = |text: &Option<String>| shorten(text.as_deref().unwrap_or_default(), longest);
        rows.push(vec![
            age(step.created.as_deref()),
            text(&step.created_by),
            megabytes(layer.map_or(0, |layer| layer.size)),
            text(&step.comment),
        ]);
    }
    let untold = |size| vec![age(None), String::new(), megabytes(size), String::new()];
    rows.extend(layers.map(|layer| untold(layer.size)));
    rows
}
