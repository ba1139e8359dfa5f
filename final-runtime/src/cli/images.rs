//! `images`: what containers can be made from.

use anyhow::Result;

use super::{age, megabytes, table};
use crate::{image::Image, store::Store};

/// List images
#[derive(clap::Args)]
pub struct Args {
    /// Ids alone
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        store.images.find("base")?; // there is always this one, made when it is first asked for
        let (images, damaged) = store.images.all()?;
        if self.quiet {
            let mut ids: Vec<_> = images.iter().map(|image| image.id().short()).collect();
            ids.dedup();
            ids.iter().for_each(|id| println!("{id}"));
        } else {
            let heading = ["REPOSITORY", "TAG", "IMAGE ID", "CREATED", "SIZE"];
            let mut rows = vec![heading.map(String::from).to_vec()];
            rows.extend(images.iter().map(row));
            table(&rows);
        }
        damaged.iter().for_each(|error| eprintln!("final-runtime: {error:#}"));
        Ok(0)
    }
}

fn row(image: &Image) -> Vec<String> {
    let none = || "<none>".to_string();
    let name = image.name.as_ref();
    vec![
        name.map_or_else(none, |name| name.familiar_name()),
        name.and_then(|name| name.tag.clone()).unwrap_or_else(none),
        image.id().short().into(),
        age(image.config.created.as_deref()),
        megabytes(image.size()),
    ]
}
