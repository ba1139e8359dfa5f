//! A root file system in memory for a guest: programs with the libraries that they load, and files.
//!
//! The format is cpio's "newc"; see the kernel's `driver-api/early-userspace/buffer-format.rst`.

use std::{
    collections::BTreeSet,
    fs::{self, File},
    io::{BufWriter, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result};
use lddtree::DependencyAnalyzer;

/// An archive that is being written.
pub struct Initramfs {
    out: BufWriter<File>,
    /// What is in it already.
    known: BTreeSet<PathBuf>,
    inode: u32,
}

const DIRECTORY: u32 = 0o040_000;
const REGULAR: u32 = 0o100_000;
const LINK: u32 = 0o120_000;

impl Initramfs {
    /// Begins an archive at `path`. `/bin` and the like are links in it where they are here.
    pub fn create(path: &Path) -> Result<Self> {
        let out = File::create(path).with_context(|| format!("making {}", path.display()))?;
        let mut archive = Self { out: BufWriter::new(out), known: BTreeSet::new(), inode: 1 };
        for name in ["/bin", "/sbin", "/lib", "/lib64"] {
            if let Ok(target) = fs::read_link(name) {
                archive.entry(
                    Path::new(name),
                    LINK | 0o777,
                    target.to_string_lossy().as_bytes(),
                )?;
            }
        }
        Ok(archive)
    }

    /// A program of this machine at `place`, and what it loads where it looks for it.
    pub fn program(&mut self, file: &Path, place: &Path) -> Result<()> {
        let named = || format!("adding {}", file.display());
        self.content(&without_debugging(file).with_context(named)?, place, 0o755)?;
        let Ok(tree) = DependencyAnalyzer::default().analyze(file) else {
            return Ok(()); // a script
        };
        let libraries = tree.libraries.into_values().map(|library| library.path);
        for library in libraries.chain(tree.interpreter.map(PathBuf::from)) {
            self.file(&library, &library, 0o755).with_context(named)?;
        }
        Ok(())
    }

    /// A file of this machine at `place`.
    pub fn file(&mut self, file: &Path, place: &Path, mode: u32) -> Result<()> {
        let content = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
        self.content(&content, place, mode)
    }

    /// All files in a folder; none if it is not there.
    pub fn tree(&mut self, dir: &Path) -> Result<()> {
        for entry in fs::read_dir(dir).into_iter().flatten().flatten() {
            let (path, kind) = (entry.path(), entry.file_type()?);
            if kind.is_dir() {
                self.tree(&path)?;
            } else if kind.is_file() {
                self.file(&path, &path, entry.metadata()?.permissions().mode() & 0o777)?;
            }
        }
        Ok(())
    }

    /// A file with this content.
    pub fn content(&mut self, content: &[u8], place: &Path, mode: u32) -> Result<()> {
        let dir = place.parent().context("a file without a folder")?;
        // By way of the links that are in the archive too.
        let dir = dir.canonicalize().unwrap_or_else(|_| dir.to_owned());
        self.dir(&dir)?;
        let name = place.file_name().context("a file without a name")?;
        self.entry(&dir.join(name), REGULAR | mode, content)
    }

    /// A directory, and those that it is in.
    pub fn dir(&mut self, place: &Path) -> Result<()> {
        let mut above: Vec<_> = place.ancestors().filter(|dir| dir.parent().is_some()).collect();
        above.reverse();
        above.into_iter().try_for_each(|dir| self.entry(dir, DIRECTORY | 0o755, &[]))
    }

    /// Ends the archive.
    pub fn finish(mut self) -> Result<()> {
        self.raw("TRAILER!!!", 0, &[])?;
        self.out.flush().context("writing the initramfs")
    }

    fn entry(&mut self, place: &Path, mode: u32, content: &[u8]) -> Result<()> {
        if !self.known.insert(place.to_owned()) {
            return Ok(());
        }
        let name = place.to_string_lossy();
        self.raw(name.trim_start_matches('/'), mode, content).context("writing the initramfs")
    }

    /// A header of 13 numbers in hexadecimal, a name, the content; each padded to 4 bytes.
    fn raw(&mut self, name: &str, mode: u32, content: &[u8]) -> Result<()> {
        self.inode += 1;
        let links = 1 + u32::from(mode & DIRECTORY == DIRECTORY);
        let (size, name_size) = (u32::try_from(content.len())?, u32::try_from(name.len() + 1)?);
        let numbers = [self.inode, mode, 0, 0, links, 0, size, 0, 0, 0, 0, name_size, 0];
        let mut header = String::from("070701");
        numbers.iter().for_each(|number| header += &format!("{number:08x}"));
        self.out.write_all(format!("{header}{name}\0").as_bytes())?;
        self.pad(header.len() + name.len() + 1)?;
        self.out.write_all(content)?;
        self.pad(content.len())
    }

    fn pad(&mut self, length: usize) -> Result<()> {
        let padding = length.next_multiple_of(4) - length;
        Ok(self.out.write_all(&[0; 3][..padding])?)
    }
}

/// Test programs are mostly symbols for debuggers, which would fill the guest's memory.
fn without_debugging(file: &Path) -> Result<Vec<u8>> {
    let stripped = std::env::temp_dir().join(format!("stripped-{}", std::process::id()));
    let mut objcopy = Command::new("objcopy");
    objcopy.arg("--strip-debug").arg(file).arg(&stripped);
    let made = objcopy.output().is_ok_and(|output| output.status.success());
    let content = fs::read(if made { &stripped } else { file });
    let _ = fs::remove_file(&stripped);
    Ok(content?)
}
