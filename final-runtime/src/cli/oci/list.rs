//! `list`: the containers of bundles.

use anyhow::{Result, bail};

use super::{Global, described, print};
use crate::{cli::table, oci::Container};

/// List the containers of bundles
#[derive(clap::Args)]
pub struct Args {
    /// How: table or json
    #[arg(short, long, default_value = "table")]
    format: String,

    /// Ids alone
    #[arg(short, long)]
    quiet: bool,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let root = global.root();
        // One that is deleted at this moment is left out.
        let all = root.ids()?.into_iter().flat_map(|id| Container::find(&root, &id));
        let all: Vec<_> = all.collect();
        if self.quiet {
            all.iter().for_each(|container| println!("{}", container.record.id));
            return Ok(0);
        }
        let states = all.iter().flat_map(described).collect::<Vec<_>>();
        match self.format.as_str() {
            "json" => print(&states.into()),
            "table" => {
                let heading = ["ID", "PID", "STATUS", "BUNDLE", "CREATED", "OWNER"];
                let mut rows = vec![heading.map(String::from).to_vec()];
                let text = |state: &serde_json::Value, key: &str| match &state[key] {
                    serde_json::Value::String(text) => text.clone(),
                    other => other.to_string(),
                };
                let keys = ["id", "pid", "status", "bundle", "created", "owner"];
                rows.extend(states.iter().map(|one| keys.map(|key| text(one, key)).to_vec()));
                table(&rows);
                Ok(0)
            }
            other => bail!("list: --format {other:?}: expected table or json"),
        }
    }
}
