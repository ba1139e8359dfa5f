//! `--log` and `--log-format`: where an error goes, and as what.
//!
//! An engine gives a file, and shows people the last line of it that is an error.

use std::{
    fs::OpenOptions,
    io::{Write, stderr},
    path::Path,
    str::FromStr,
};

use anyhow::{Error, bail};
use serde_json::json;

use crate::lifecycle::record::now;

/// How a line is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For people.
    Text,
    /// For programs: an object with `level`, `msg` and `time`.
    Json,
}

impl FromStr for Format {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self, Error> {
        match text {
            "" | "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => bail!("log: --log-format {text:?}: expected text or json"),
        }
    }
}

/// Where errors go.
pub struct Log<'a> {
    /// A file; `None` is standard error.
    pub file: Option<&'a Path>,
    /// As what.
    pub format: Format,
}

impl Log<'_> {
    /// Tells an error; to standard error too, since a file may be one that nobody reads.
    pub fn error(&self, message: &str) {
        let line = match self.format {
            Format::Text => format!("final-runtime: {message}\n"),
            Format::Json => {
                let line = json!({ "level": "error", "msg": message, "time": now() });
                format!("{line}\n")
            }
        };
        if let Some(file) = self.file.filter(|file| *file != Path::new("/dev/stderr")) {
            let open = OpenOptions::new().append(true).create(true).open(file);
            let _ = open.and_then(|mut file| file.write_all(line.as_bytes()));
            let _ = writeln!(stderr(), "final-runtime: {message}");
        } else {
            let _ = stderr().write_all(line.as_bytes());
        }
    }
}
