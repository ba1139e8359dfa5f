//! Bringing an image into the store, wherever it comes from: the document that is chosen for this
//! machine, its configuration, and its layers.
//!
//! Everything is checked against the digest by which something else has named it. The manifest is
//! kept last, and the name is given by the caller after that: who is interrupted leaves pieces that
//! nothing refers to, and no half of an image.

use std::{
    collections::BTreeSet,
    io::{self, ErrorKind, Read},
    sync::Mutex,
    thread,
};

use anyhow::{Context, Error, Result, bail, ensure};

use super::{
    blobs::Blobs,
    config::ImageConfig,
    digest::Verified,
    manifest::{self, Descriptor, Document, Index, Manifest},
    media,
    names::CHOSEN_FROM,
    platform::Platform,
};

/// An index may name others; so deep.
const DEEPEST: usize = 4;

/// How often it is tried in all to bring one piece of content in.
const MOST_TRIES: u32 = 50;

/// Content that is read, and at which byte of it that begins.
pub struct Stream<'a> {
    /// Where it begins: 0, or what was asked for.
    pub from: u64,
    /// The bytes.
    pub bytes: Box<dyn Read + Send + 'a>,
}

/// Where an image comes from. What it says is not to be trusted.
pub trait Source: Sync {
    /// A manifest or an index.
    fn document(&self, descriptor: &Descriptor) -> Result<Vec<u8>>;

    /// A configuration or a layer, from this byte on if that can be done, or else all of it.
    fn blob(&self, descriptor: &Descriptor, from: u64) -> Result<Stream<'_>>;

    /// How many layers may be brought in at once.
    fn at_once(&self) -> usize {
        1
    }

    /// Whether to ask again, when nothing has come this many times and this was the error. May take
    /// its time to answer.
    fn again(&self, _failures: u32, _error: &Error) -> bool {
        false
    }
}

/// Who wants to know how far it is.
pub trait Watcher: Sync {
    /// A layer is there already.
    fn present(&self, layer: &Descriptor);
    /// A layer is brought in, of which so many bytes are there.
    fn begin(&self, layer: &Descriptor, have: u64) -> Box<dyn Progress + '_>;
}

/// One layer that is brought in.
pub trait Progress: Send {
    /// It begins anew.
    fn restart(&self) {}
    /// So many bytes more.
    fn add(&self, bytes: u64);
    /// It is there.
    fn done(&self);
}

/// Nobody wants to know.
pub struct Unwatched;

impl Watcher for Unwatched {
    fn present(&self, _layer: &Descriptor) {}

    fn begin(&self, _layer: &Descriptor, _have: u64) -> Box<dyn Progress + '_> {
        Box::new(Self)
    }
}

impl Progress for Unwatched {
    fn add(&self, _bytes: u64) {}

    fn done(&self) {}
}

/// Brings in the image at `root`, whose bytes are `document`, for this platform. Returns the
/// manifest's descriptor.
pub fn bring(
    blobs: &Blobs,
    source: &dyn Source,
    (root, document): (&Descriptor, Vec<u8>),
    platform: &Platform,
    watcher: &dyn Watcher,
) -> Result<Descriptor> {
    let (chosen, document) = choose(source, (root.clone(), document), platform)?;
    let Chosen { descriptor, manifest } = chosen;
    let config = fetch(blobs, source, &manifest.config, watcher, false)
        .and_then(|()| blobs.read(&manifest.config, manifest::LARGEST))
        .and_then(|bytes| ImageConfig::parse(&bytes, manifest.layers.len()));
    config.with_context(|| format!("configuration {}", manifest.config.digest))?;
    fetch_layers(blobs, source, &manifest, watcher)?;
    blobs.take(&descriptor, &document[..])?;
    Ok(descriptor)
}

struct Chosen {
    descriptor: Descriptor,
    manifest: Manifest,
}

/// Goes from an index to the manifest that suits.
fn choose(
    source: &dyn Source,
    (root, mut document): (Descriptor, Vec<u8>),
    platform: &Platform,
) -> Result<(Chosen, Vec<u8>)> {
    let mut descriptor = root.clone();
    for _ in 0..DEEPEST {
        let Descriptor { media_type, digest, size, .. } = &descriptor;
        let named = || format!("manifest {digest}");
        Verified::new(&document[..], digest, Some(*size)).finish().with_context(named)?;
        match Document::parse(&document, media_type).with_context(named)? {
            Document::Manifest(manifest) => {
                let mut chosen = Descriptor::new(media_type, digest.clone(), *size);
                if root.digest != chosen.digest {
                    let from = (CHOSEN_FROM.to_string(), root.digest.to_string());
                    chosen.annotations = Some([from].into());
                }
                return Ok((Chosen { descriptor: chosen, manifest }, document));
            }
            Document::Index(index) => {
                descriptor = best(&index, platform).with_context(named)?.clone();
                document = source.document(&descriptor)?;
            }
        }
    }
    bail!("manifest {}: its indexes are more than {DEEPEST} deep", root.digest)
}

/// The entry of an index that suits a platform best. One that says nothing of its platform is for
/// any, if there is no better.
fn best<'a>(index: &'a Index, platform: &Platform) -> Result<&'a Descriptor> {
    let rank = |entry: &Descriptor| match &entry.platform {
        Some(offered) => platform.suits(offered),
        None => Some(0),
    };
    let readable = |entry: &&Descriptor| {
        media::is_manifest(&entry.media_type) || media::is_index(&entry.media_type)
    };
    let mut best: Option<(u32, &Descriptor)> = None;
    for entry in index.manifests.iter().filter(readable) {
        if let Some(rank) = rank(entry)
            && best.is_none_or(|(other, _)| rank > other)
        {
            best = Some((rank, entry));
        }
    }
    best.map(|(_, entry)| entry).with_context(|| {
        let offered = index.manifests.iter().filter_map(|entry| entry.platform.as_ref());
        let offered: Vec<_> = offered.map(ToString::to_string).collect();
        format!("it is not for {platform}, only for {}", offered.join(", "))
    })
}

/// A few at once. After an error no more are begun, and the first one is told.
fn fetch_layers(
    blobs: &Blobs,
    source: &dyn Source,
    manifest: &Manifest,
    watcher: &dyn Watcher,
) -> Result<()> {
    let mut seen = BTreeSet::new();
    let once = manifest.layers.iter().filter(|layer| seen.insert(&layer.digest));
    let todo = Mutex::new(once.collect::<Vec<_>>().into_iter());
    let failed: Mutex<Option<Error>> = Mutex::new(None);
    let work = || {
        loop {
            let failed_yet = failed.lock().is_ok_and(|failed| failed.is_some());
            let next = todo.lock().ok().and_then(|mut todo| todo.next());
            let (Some(layer), false) = (next, failed_yet) else { return };
            let fetched = fetch(blobs, source, layer, watcher, true);
            if let Err(error) = fetched.with_context(|| format!("layer {}", layer.digest))
                && let Ok(mut failed) = failed.lock()
            {
                failed.get_or_insert(error);
            }
        }
    };
    thread::scope(|scope| {
        (0..source.at_once()).for_each(|_| drop(scope.spawn(work)));
    });
    match failed.into_inner() {
        Ok(None) => Ok(()),
        Ok(Some(error)) => Err(error),
        Err(_) => bail!("bringing in the layers: a thread has panicked"),
    }
}

/// One piece of content, gone on with where it was left off.
fn fetch(
    blobs: &Blobs,
    source: &dyn Source,
    descriptor: &Descriptor,
    watcher: &dyn Watcher,
    told: bool,
) -> Result<()> {
    let watcher = if told { watcher } else { &Unwatched };
    let Some(mut partial) = blobs.partial(descriptor)? else {
        watcher.present(descriptor);
        return Ok(());
    };
    let progress = watcher.begin(descriptor, partial.have());
    let (mut failures, mut tries) = (0, 0);
    while partial.have() < descriptor.size {
        let before = partial.have();
        let filled = source.blob(descriptor, before).and_then(|stream| {
            if stream.from != before {
                ensure!(stream.from == 0, "it goes on in another place than it was asked to");
                partial.restart()?;
                progress.restart();
            }
            partial.fill(Counted { bytes: stream.bytes, progress: &*progress })
        });
        // It may have ended early, and whoever asks again gets the rest.
        let filled = filled.and_then(|()| match partial.have() {
            have if have == descriptor.size => Ok(()),
            have => Err(ended_early(have, descriptor.size).into()),
        });
        tries += 1;
        failures = if partial.have() > before { 1 } else { failures + 1 };
        if let Err(error) = filled
            && (tries == MOST_TRIES || !source.again(failures, &error))
        {
            return Err(error);
        }
    }
    partial.finish()?;
    progress.done();
    Ok(())
}

fn ended_early(have: u64, size: u64) -> io::Error {
    let text = format!("it ends after {have} of {size} bytes");
    io::Error::new(ErrorKind::UnexpectedEof, text)
}

struct Counted<'a, R> {
    bytes: R,
    progress: &'a dyn Progress,
}

impl<R: Read> Read for Counted<'_, R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.bytes.read(buffer)?;
        self.progress.add(count as u64);
        Ok(count)
    }
}
