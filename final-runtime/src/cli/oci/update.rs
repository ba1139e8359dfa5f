//! `update`: holds a container to other limits.

use std::{fs::File, io::stdin, path::PathBuf};

use anyhow::{Context, Result};
use step07::Explain;

use super::Global;
use crate::spec::{Resources, load_resources};

/// Hold a container to other limits
#[derive(clap::Args)]
pub struct Args {
    /// A file that has them, as `linux.resources` of config.json does; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,

    /// Its id
    pub id: String,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        container.update(&self.asked()?, &Explain::new(global.explain))?;
        Ok(0)
    }

    fn asked(&self) -> Result<Resources> {
        match &self.resources {
            None => Ok(Resources::default()),
            Some(file) if file.as_os_str() == "-" => load_resources(stdin(), "standard input"),
            Some(file) => {
                let name = file.display().to_string();
                let open = File::open(file).with_context(|| format!("update: opening {name}"))?;
                load_resources(open, &name)
            }
        }
    }
}
