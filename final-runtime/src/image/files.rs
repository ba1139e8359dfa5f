//! What an image is carried in: a directory, or an archive, be it compressed or from a pipe.

use std::{
    fs::{self, File, OpenOptions},
    io::{self, Read, Seek},
    os::unix::fs::{FileExt, OpenOptionsExt},
    path::Path,
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, ensure};
use nix::sys::stat::SFlag;
use step07::Tree;

use super::{blobs::Blobs, manifest::LARGEST, tarball::Tarball};
use crate::archive::{Compression, Expected, Limits, decode};

/// Files by their names, of which each may be another's work.
#[derive(Debug)]
pub enum Files {
    /// In a directory. Links in it are not followed: they could lead to any file of the host.
    Directory(Tree),
    /// In an archive.
    Archive(Tarball),
}

impl Files {
    /// Those at `path`.
    pub fn at(path: &Path, blobs: &Blobs) -> Result<Self> {
        let named = || format!("opening {}", path.display());
        if fs::metadata(path).with_context(named)?.is_dir() {
            return Tree::open(path).map(Self::Directory);
        }
        let file = File::open(path).with_context(named)?;
        let mut start = [0; Compression::START];
        let plain = match file.read_at(&mut start, 0) {
            Ok(count) => Compression::detect(&start[..count])? == Compression::No,
            Err(_) => false, // a pipe
        };
        match plain {
            true => Tarball::open(file).map(Self::Archive),
            false => Self::of(file, blobs),
        }
    }

    /// Those in the archive that `from` says, which is kept as long as this is.
    pub fn of(from: impl Read + Send, blobs: &Blobs) -> Result<Self> {
        let mut file = scratch(&blobs.ingest())?;
        decode(from, &Expected::default(), &Limits::default(), |plain| {
            io::copy(plain, &mut file).context("reading the archive")
        })?;
        file.rewind().context("reading the archive")?;
        Tarball::open(file).map(Self::Archive)
    }

    /// What is in the file of this name, and its size; `None` if there is none.
    pub fn read(&self, name: &str) -> Result<Option<(Box<dyn Read + Send>, u64)>> {
        match self {
            Self::Archive(tarball) => {
                let found = tarball.read(name)?;
                Ok(found.map(|(part, size)| (Box::new(part) as Box<_>, size)))
            }
            Self::Directory(tree) => {
                let Some(node) = tree.node(Path::new(name))? else { return Ok(None) };
                ensure!(node.file_type() == SFlag::S_IFREG, "{name} is no regular file");
                let size = u64::try_from(node.stat.st_size).unwrap_or(0);
                let file = node.open().with_context(|| format!("opening {name}"))?;
                Ok(Some((Box::new(file), size)))
            }
        }
    }

    /// All of a small file; `None` if there is none.
    pub fn document(&self, name: &str) -> Result<Option<Vec<u8>>> {
        let Some((from, _)) = self.read(name)? else { return Ok(None) };
        let mut bytes = Vec::new();
        let count = from.take(LARGEST + 1).read_to_end(&mut bytes);
        let count = count.with_context(|| format!("reading {name}"))?;
        ensure!(count as u64 <= LARGEST, "{name} is larger than {LARGEST} bytes");
        Ok(Some(bytes))
    }
}

/// A file that is gone as soon as nobody has it open.
fn scratch(dir: &Path) -> Result<File> {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let number = COUNT.fetch_add(1, Ordering::Relaxed);
    let path = dir.join(format!("scratch-{}-{number}", std::process::id()));
    let make = || {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(true).mode(0o600).open(&path)?;
        fs::remove_file(&path)?;
        Ok::<_, io::Error>(file)
    };
    make().with_context(|| format!("making {}", path.display()))
}
