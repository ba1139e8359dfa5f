//! Files that are written whole or not at all: as a temporary file that takes the old one's place.
//! See rename(2).

use std::{
    fs::{self, File},
    io::Write,
    path::Path,
};

use anyhow::{Context, Result};

/// The text of a file.
pub fn read(path: &Path) -> Result<String> {
    fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))
}

/// Replaces or makes a file, and the directories above it.
pub fn write(path: &Path, text: &str) -> Result<()> {
    let write = || {
        let dir = path.parent().context("a file without a directory")?;
        fs::create_dir_all(dir)?;
        let name = path.file_name().context("a file without a name")?.to_string_lossy();
        let temporary = dir.join(format!(".{name}.{}", std::process::id()));
        let result = put(&temporary, path, text);
        if result.is_err() {
            let _ = fs::remove_file(&temporary);
        }
        result
    };
    write().with_context(|| format!("writing {}", path.display()))
}

fn put(temporary: &Path, path: &Path, text: &str) -> Result<()> {
    let mut file = File::create(temporary)?;
    file.write_all(text.as_bytes())?;
    if let Ok(old) = fs::metadata(path) {
        file.set_permissions(old.permissions())?;
    }
    file.sync_all()?;
    Ok(fs::rename(temporary, path)?)
}

/// Removes a file that may not be there.
pub fn remove(path: &Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() != std::io::ErrorKind::NotFound => {
            Err(error).with_context(|| format!("removing {}", path.display()))
        }
        _ => Ok(()),
    }
}
