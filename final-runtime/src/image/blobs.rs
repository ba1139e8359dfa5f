//! Content, by its digest: `blobs/ALGORITHM/HEX` of an OCI image layout, see image-spec,
//! image-layout.md.
//!
//! What is there is whole and has been checked: a blob is written in `ingest/` first and takes its
//! place when all of it is on the disk. What was brought in by half stays in `ingest/`, for one who
//! goes on with it later.

use std::{
    fs::{self, DirBuilder, File, OpenOptions},
    io::{self, BufReader, ErrorKind, Read, Write},
    os::unix::fs::{DirBuilderExt, MetadataExt, OpenOptionsExt},
    path::{Path, PathBuf},
    sync::atomic::{AtomicU32, Ordering},
};

use anyhow::{Context, Result, bail, ensure};
use nix::fcntl::{Flock, FlockArg};

use super::{
    digest::{Digest, Hasher, Verified},
    manifest::Descriptor,
};

/// The content of a store's images.
#[derive(Debug)]
pub struct Blobs {
    dir: PathBuf,
}

impl Blobs {
    /// Those in the layout at `dir`.
    pub fn open(dir: &Path) -> Result<Self> {
        for name in ["", "blobs/sha256", "blobs/sha512", "ingest"] {
            let path = dir.join(name);
            let made = DirBuilder::new().recursive(true).mode(0o700).create(&path);
            made.with_context(|| format!("image: making {}", path.display()))?;
        }
        Ok(Self { dir: dir.to_owned() })
    }

    /// Where one is, or would be.
    pub fn path(&self, digest: &Digest) -> PathBuf {
        self.dir.join("blobs").join(digest.algorithm()).join(digest.hex())
    }

    /// Where what is not complete is.
    pub fn ingest(&self) -> PathBuf {
        self.dir.join("ingest")
    }

    /// What is locked by one who makes an image, so that another does not make the same.
    pub fn making(&self) -> PathBuf {
        self.dir.join("blobs")
    }

    /// Its size, if it is there.
    pub fn size(&self, digest: &Digest) -> Option<u64> {
        let meta = fs::metadata(self.path(digest)).ok()?;
        meta.is_file().then_some(meta.len())
    }

    /// Whether it is there.
    pub fn has(&self, descriptor: &Descriptor) -> bool {
        self.size(&descriptor.digest) == Some(descriptor.size)
    }

    /// Its bytes, to be read to the end: only then it is known that they are right.
    pub fn stream(&self, descriptor: &Descriptor) -> Result<Verified<File>> {
        let path = self.path(&descriptor.digest);
        let file = File::open(&path).with_context(|| format!("opening {}", path.display()))?;
        Ok(Verified::new(file, &descriptor.digest, Some(descriptor.size)))
    }

    /// All of its bytes, which are not to be more than `most`.
    pub fn read(&self, descriptor: &Descriptor, most: u64) -> Result<Vec<u8>> {
        let Descriptor { digest, size, .. } = descriptor;
        ensure!(*size <= most, "{digest} is larger than {most} bytes");
        let mut bytes = Vec::new();
        let mut stream = self.stream(descriptor)?;
        stream.read_to_end(&mut bytes).context("reading the store")?;
        Ok(bytes)
    }

    /// Keeps a small piece of content.
    pub fn put(&self, bytes: &[u8]) -> Result<Digest> {
        let mut draft = self.draft()?;
        draft.write_all(bytes).context("writing to the store")?;
        Ok(draft.finish()?.0)
    }

    /// Keeps what `from` says, if it is what the descriptor says.
    pub fn take(&self, descriptor: &Descriptor, from: impl Read) -> Result<()> {
        let Some(mut partial) = self.partial(descriptor)? else { return Ok(()) };
        partial.restart()?;
        partial.fill(from)?;
        partial.finish()
    }

    /// Content of which it is not known yet what it will be.
    pub fn draft(&self) -> Result<Draft<'_>> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let path = self.ingest().join(format!("draft-{}-{number}", std::process::id()));
        let _ = fs::remove_file(&path); // of a process of the same number, long gone
        let file = lock(create(&path)?).context("locking a new file")?;
        Ok(Draft { blobs: self, path, file, hasher: Hasher::default(), size: 0 })
    }

    /// What there is of it so far, to go on with. `None`: it is there already. Whoever else brings
    /// the same in at this moment is waited for.
    pub fn partial(&self, descriptor: &Descriptor) -> Result<Option<Partial<'_>>> {
        let digest = &descriptor.digest;
        let path = self.ingest().join(format!("{}-{}", digest.algorithm(), digest.hex()));
        loop {
            if self.has(descriptor) {
                return Ok(None);
            }
            let mut file =
                lock(create(&path)?).with_context(|| format!("locking {}", path.display()))?;
            let same =
                |meta: fs::Metadata| file.metadata().is_ok_and(|own| own.ino() == meta.ino());
            if !path.metadata().is_ok_and(same) {
                continue; // it has taken its place in the meantime
            }
            let mut hasher = digest.hasher();
            let have = io::copy(&mut *file, &mut HashOnly(&mut hasher))
                .with_context(|| format!("reading {}", path.display()))?;
            let descriptor = descriptor.clone();
            let mut partial = Partial { blobs: self, descriptor, path, file, hasher, have };
            if have > partial.descriptor.size {
                partial.restart()?;
            }
            return Ok(Some(partial));
        }
    }

    /// The digest of each, with its size.
    pub fn all(&self) -> Result<Vec<(Digest, u64)>> {
        let mut all = Vec::new();
        for algorithm in ["sha256", "sha512"] {
            let dir = self.dir.join("blobs").join(algorithm);
            for entry in fs::read_dir(&dir).context("reading the store")?.flatten() {
                let name = format!("{algorithm}:{}", entry.file_name().to_string_lossy());
                if let (Ok(digest), Ok(meta)) = (name.parse(), entry.metadata()) {
                    all.push((digest, meta.len()));
                }
            }
        }
        Ok(all)
    }

    /// Removes one.
    pub fn remove(&self, digest: &Digest) -> Result<()> {
        let path = self.path(digest);
        fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))
    }

    /// Removes what was brought in by half and nobody goes on with; how many bytes that was.
    pub fn remove_unfinished(&self) -> Result<u64> {
        let mut freed = 0;
        for entry in fs::read_dir(self.ingest()).context("reading the store")?.flatten() {
            let path = entry.path();
            let Ok(file) = File::open(&path) else { continue };
            let Ok(file) = Flock::lock(file, FlockArg::LockExclusiveNonblock) else { continue };
            freed += file.metadata().map_or(0, |meta| meta.len());
            fs::remove_file(&path).with_context(|| format!("removing {}", path.display()))?;
        }
        Ok(freed)
    }

    /// All of the file to the disk, then its name.
    fn publish(&self, file: &File, path: &Path, digest: &Digest) -> Result<()> {
        let place = self.path(digest);
        let publish = || {
            file.sync_all()?;
            fs::rename(path, &place)?;
            place.parent().map_or(Ok(()), |dir| File::open(dir)?.sync_all())
        };
        publish().with_context(|| format!("writing {}", place.display()))
    }
}

fn create(path: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let file = options.read(true).write(true).create(true).truncate(false).mode(0o600).open(path);
    file.with_context(|| format!("making {}", path.display()))
}

fn lock(file: File) -> nix::Result<Flock<File>> {
    Flock::lock(file, FlockArg::LockExclusive).map_err(|(_, errno)| errno)
}

struct HashOnly<'a>(&'a mut Hasher);

impl Write for HashOnly<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// Content that is being written; removed unless it is finished.
#[derive(Debug)]
pub struct Draft<'a> {
    blobs: &'a Blobs,
    path: PathBuf,
    file: Flock<File>,
    hasher: Hasher,
    size: u64,
}

impl Draft<'_> {
    /// The file, for another process to write to; what it has written is to be
    /// [measured](Self::measure).
    pub fn file(&self) -> Result<File> {
        self.file.try_clone().context("writing to the store")
    }

    /// Finds out what another process has written.
    pub fn measure(mut self) -> Result<Self> {
        let mut read = || {
            io::Seek::rewind(&mut *self.file)?;
            io::copy(&mut *self.file, &mut HashOnly(&mut self.hasher))
        };
        self.size = read().context("reading the store")?;
        Ok(self)
    }

    /// Keeps it, under the digest that it turns out to have, and says its size.
    pub fn finish(self) -> Result<(Digest, u64)> {
        let digest = self.hasher.clone().finish();
        self.blobs.publish(&self.file, &self.path, &digest)?;
        Ok((digest, self.size))
    }
}

impl Write for Draft<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let count = self.file.write(bytes)?;
        self.hasher.update(&bytes[..count]);
        self.size += count as u64;
        Ok(count)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl Drop for Draft<'_> {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path); // once finished, there is nothing of that name
    }
}

/// Content that is brought in, as far as it is there. It is kept, whatever happens, until it is
/// whole or wrong.
#[derive(Debug)]
pub struct Partial<'a> {
    blobs: &'a Blobs,
    descriptor: Descriptor,
    path: PathBuf,
    file: Flock<File>,
    hasher: Hasher,
    have: u64,
}

impl Partial<'_> {
    /// How many bytes of it are there.
    pub fn have(&self) -> u64 {
        self.have
    }

    /// Begins anew.
    pub fn restart(&mut self) -> Result<()> {
        self.file.set_len(0).context("writing to the store")?;
        io::Seek::rewind(&mut *self.file).context("writing to the store")?;
        (self.hasher, self.have) = (self.descriptor.digest.hasher(), 0);
        Ok(())
    }

    /// Adds what comes next, until there is nothing more, or enough.
    pub fn fill(&mut self, from: impl Read) -> Result<()> {
        let Descriptor { digest, size, .. } = &self.descriptor;
        let mut from = BufReader::with_capacity(1 << 16, from.take(size - self.have + 1));
        loop {
            let bytes = match io::BufRead::fill_buf(&mut from) {
                Ok([]) => return Ok(()),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                bytes => bytes.with_context(|| format!("reading {digest}"))?,
            };
            let count = bytes.len();
            if self.have + count as u64 > *size {
                self.file.set_len(0)?; // it cannot be right
                bail!("{digest} is longer than the {size} bytes it should have");
            }
            self.file.write_all(bytes).context("writing to the store")?;
            self.hasher.update(bytes);
            self.have += count as u64;
            io::BufRead::consume(&mut from, count);
        }
    }

    /// Keeps it, if it is whole and right.
    pub fn finish(self) -> Result<()> {
        let Descriptor { digest, size, .. } = &self.descriptor;
        ensure!(self.have == *size, "{digest} ends after {} of {size} bytes", self.have);
        let found = self.hasher.finish();
        if found != *digest {
            let _ = fs::remove_file(&self.path);
            bail!("{digest} has the digest {found}");
        }
        self.blobs.publish(&self.file, &self.path, digest)
    }
}

#[cfg(test)]
mod tests {
    use conformance::TempDir;

    use super::*;
    use crate::image::media;

    fn blobs() -> Result<(TempDir, Blobs)> {
        let temp = TempDir::new("blobs")?;
        let blobs = Blobs::open(&temp.path().join("images"))?;
        Ok((temp, blobs))
    }

    fn left(blobs: &Blobs) -> usize {
        fs::read_dir(blobs.ingest()).expect("it is there").count()
    }

    #[test]
    fn what_is_kept_is_found_again() -> Result<()> {
        let (_temp, blobs) = blobs()?;
        let descriptor = Descriptor::of(media::LAYER, b"text");
        assert!(!blobs.has(&descriptor));
        assert_eq!(blobs.put(b"text")?, descriptor.digest);
        assert!(blobs.has(&descriptor) && blobs.partial(&descriptor)?.is_none());
        assert_eq!(blobs.read(&descriptor, 4)?, b"text");
        blobs.read(&descriptor, 3).expect_err("it is larger");
        assert_eq!(blobs.all()?, [(descriptor.digest.clone(), 4)]);
        blobs.remove(&descriptor.digest)?;
        assert!(!blobs.has(&descriptor) && left(&blobs) == 0);
        Ok(())
    }

    #[test]
    fn what_is_damaged_is_noticed() -> Result<()> {
        let (_temp, blobs) = blobs()?;
        let descriptor = Descriptor::of(media::LAYER, b"text");
        blobs.put(b"text")?;
        fs::write(blobs.path(&descriptor.digest), "tezt")?;
        blobs.read(&descriptor, 4).expect_err("it is damaged");
        Ok(())
    }

    #[test]
    fn what_was_brought_in_by_half_is_gone_on_with() -> Result<()> {
        let (_temp, blobs) = blobs()?;
        let descriptor = Descriptor::of(media::LAYER, b"some text");
        let mut partial = blobs.partial(&descriptor)?.context("it is not there")?;
        partial.fill(&b"some "[..])?;
        let error = partial.finish().expect_err("it is not whole").to_string();
        assert!(error.contains("ends after 5 of 9 bytes"), "{error}");
        let mut partial = blobs.partial(&descriptor)?.context("it is not there")?;
        assert_eq!(partial.have(), 5);
        partial.fill(&b"text"[..])?;
        partial.finish()?;
        assert_eq!(blobs.read(&descriptor, 9)?, b"some text");
        assert_eq!(left(&blobs), 0);
        Ok(())
    }

    #[test]
    fn what_is_wrong_is_not_kept_nor_gone_on_with() -> Result<()> {
        let (_temp, blobs) = blobs()?;
        let descriptor = Descriptor::of(media::LAYER, b"text");
        for wrong in [&b"tezt"[..], b"text and more"] {
            blobs.take(&descriptor, wrong).expect_err("it is wrong");
            assert!(!blobs.has(&descriptor));
            let partial = blobs.partial(&descriptor)?.context("it is not there")?;
            assert_eq!(partial.have(), 0);
        }
        blobs.remove_unfinished()?;
        assert_eq!(left(&blobs), 0);
        Ok(())
    }

    #[test]
    fn what_is_not_finished_is_removed_unless_somebody_is_at_it() -> Result<()> {
        let (_temp, blobs) = blobs()?;
        let descriptor = Descriptor::of(media::LAYER, b"text");
        let mut partial = blobs.partial(&descriptor)?.context("it is not there")?;
        partial.fill(&b"te"[..])?;
        let mut draft = blobs.draft()?;
        draft.write_all(b"more")?;
        assert_eq!((blobs.remove_unfinished()?, left(&blobs)), (0, 2));
        drop((partial, draft));
        assert_eq!((blobs.remove_unfinished()?, left(&blobs)), (2, 0));
        Ok(())
    }
}
