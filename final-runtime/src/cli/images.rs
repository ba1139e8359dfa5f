//! `images`: what containers can be made from.

use anyhow::Result;

use super::{ago, table};
use crate::store::Store;

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
        let images = store.images.all()?;
        let short = |id: &str| id.chars().take(12).collect::<String>();
        if self.quiet {
            images.iter().for_each(|image| println!("{}", short(&image.id)));
            return Ok(0);
        }
        let mut rows = vec![["NAME", "IMAGE ID", "CREATED", "SIZE"].map(String::from).to_vec()];
        rows.extend(images.iter().map(|image| {
            let created = format!("{} ago", ago(&image.created));
            let size = format!("{:.1} MB", image.size as f64 / 1e6);
            vec![image.name.clone(), short(&image.id), created, size]
        }));
        table(&rows);
        Ok(0)
    }
}
