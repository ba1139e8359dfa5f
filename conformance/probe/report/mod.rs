//! `report [PART]…`: what the probe sees from inside, as one JSON object.
//!
//! Without arguments every part. `file:PATH` adds the content of a file, `stat:PATH` what stat(2)
//! says of it. A part that cannot be seen (no `/proc`, say) is null.
//!
//! Each file has a subject, and the parts that belong to it.

mod identity;
mod mounts;
mod net;
mod proc;
mod process;
mod world;

use std::{ffi::OsString, fs, os::unix::ffi::OsStrExt, process::ExitCode};

use crate::{Result, files, json::Json, sys};

/// A part's name, and what looks for it.
type Part = (&'static str, fn() -> Json);

fn parts() -> impl Iterator<Item = &'static Part> {
    [world::PARTS, process::PARTS, identity::PARTS, mounts::PARTS, net::PARTS].into_iter().flatten()
}

pub fn run(args: &[OsString]) -> Result<ExitCode> {
    let mut entries = Vec::new();
    for (name, look) in parts() {
        let wanted = |arg: &&OsString| !arg.as_bytes().contains(&b':');
        if args.iter().find(wanted).is_none() || args.iter().any(|arg| arg == name) {
            entries.push((name.to_string(), look()));
        }
    }
    for arg in args {
        let word = arg.to_string_lossy().into_owned();
        if let Some(path) = word.strip_prefix("file:") {
            let content = fs::read(path)
                .map_or_else(|e| Json::from(sys::error_name(&e)), |c| Json::bytes(&c));
            entries.push((word, content));
        } else if let Some(path) = word.strip_prefix("stat:") {
            let stat =
                files::stat(path.as_ref()).unwrap_or_else(|e| Json::from(sys::error_name(&e)));
            entries.push((word.clone(), stat));
        } else if !parts().any(|(name, _)| *name == word) {
            return Err(format!("the report has no part {word}"));
        }
    }
    println!("{}", Json::Map(entries));
    Ok(ExitCode::SUCCESS)
}
