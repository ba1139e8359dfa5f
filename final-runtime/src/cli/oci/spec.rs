//! `spec`: a configuration to begin with.

use std::{
    fs::OpenOptions,
    io::Write,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::unistd::{getegid, geteuid};
use serde::Serialize;

use super::Global;
use crate::spec::{Owner, template};

/// Write a config.json to begin with
#[derive(clap::Args)]
pub struct Args {
    /// Where to write it [default: the current directory]
    #[arg(short, long, value_name = "DIR")]
    bundle: Option<PathBuf>,
}

impl Args {
    /// For an ordinary user with `--rootless`, which is a flag of all verbs.
    pub fn run(self, global: &Global) -> Result<u8> {
        let owner = match global.rootless.as_str() {
            "true" => Owner::User { uid: geteuid().as_raw(), gid: getegid().as_raw() },
            _ => Owner::Root,
        };
        let file = self.bundle.as_deref().unwrap_or(Path::new(".")).join("config.json");
        let doing = || format!("spec: writing {}", file.display());
        let mut text = Vec::new();
        let style = serde_json::ser::PrettyFormatter::with_indent(b"\t");
        let mut json = serde_json::Serializer::with_formatter(&mut text, style);
        template(owner).serialize(&mut json).with_context(doing)?;
        text.push(b'\n');
        // What is there already is somebody's work.
        let open = OpenOptions::new().write(true).create_new(true).open(&file);
        open.and_then(|mut file| file.write_all(&text)).with_context(doing)?;
        Ok(0)
    }
}
