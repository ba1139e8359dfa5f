//! `ps`: who is in a container.

use std::process::Command;

use anyhow::{Context, Result, bail, ensure};
use serde_json::json;

use super::{Global, print};

/// List a container's processes
#[derive(clap::Args)]
pub struct Args {
    /// How: table, or json for their numbers alone
    #[arg(short, long, default_value = "table")]
    format: String,

    /// Its id
    pub id: String,

    /// What ps(1) is asked for [default: -ef]
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    options: Vec<String>,
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        let pids: Vec<_> =
            container.record.group().processes().into_iter().map(|pid| pid.as_raw()).collect();
        match self.format.as_str() {
            "json" => print(&json!(pids)),
            "table" => self.table(&pids),
            other => bail!("ps: --format {other:?}: expected table or json"),
        }
    }

    /// What ps(1) says of them: whoever is not in the container is left out.
    fn table(&self, pids: &[i32]) -> Result<u8> {
        let default = vec!["-ef".to_string()];
        let options = if self.options.is_empty() { &default } else { &self.options };
        let output = Command::new("ps").args(options).output().context("ps: running ps(1)")?;
        ensure!(output.status.success(), "ps: ps(1) does not know {options:?}");
        let text = String::from_utf8_lossy(&output.stdout);
        let mut lines = text.lines();
        let heading = lines.next().unwrap_or_default();
        let column = heading.split_whitespace().position(|name| name == "PID");
        let column = column.context("ps: ps(1) tells no PID")?;
        println!("{heading}");
        for line in lines {
            let pid = line.split_whitespace().nth(column).and_then(|pid| pid.parse().ok());
            if pid.is_some_and(|pid: i32| pids.contains(&pid)) {
                println!("{line}");
            }
        }
        Ok(0)
    }
}
