//! What nobody refers to any more is removed: content, and the file systems made of it.
//!
//! Marked is what the names lead to, and what containers were made from. All else is swept away,
//! unless somebody is bringing something in, or making a container, at this moment.

use std::{collections::BTreeSet, thread::sleep, time::Duration};

use anyhow::{Context, Result, bail, ensure};

use super::{
    Image, Images,
    digest::Digest,
    manifest::Descriptor,
    names::{self, name_of},
};
use crate::{
    lifecycle::lock::{Lock, try_lock},
    storage::{Key, Snapshots, Stage},
};

/// How often, and how long after one another, it is tried to be alone.
const TRIES: u32 = 40;
const INTERVAL: Duration = Duration::from_millis(25);

/// What is used by containers: the manifests of their images.
pub type Used<'a> = &'a dyn Fn() -> Result<BTreeSet<Digest>>;

/// What was removed.
#[derive(Debug, Default)]
pub struct Swept {
    /// Names, and ids of images, one line each, as `Untagged: NAME` or `Deleted: ID`.
    pub told: Vec<String>,
    /// Bytes of content.
    pub bytes: u64,
}

impl Images {
    /// Takes a name from an image, or an image that is named by its id; and what was needed for
    /// that alone.
    pub fn remove(&self, wanted: &str, force: bool, used: Used) -> Result<Swept> {
        let image = self.find(wanted)?;
        let by_name = image.name.as_ref().filter(|_| image.is_called(wanted));
        let mut told = Vec::new();
        self.names.change(|entries| {
            let same = |entry: &&Descriptor| entry.digest == image.descriptor.digest;
            let names: Vec<_> = entries.iter().filter(same).filter_map(name_of).collect();
            if let Some(name) = by_name {
                names::take(entries, name);
                told.push(format!("Untagged: {}", name.familiar()));
            } else {
                ensure!(
                    force || names.len() <= 1,
                    "image: {wanted} has {} names: remove these, or use --force",
                    names.len()
                );
                told.extend(names.iter().map(|name| format!("Untagged: {}", name.familiar())));
                entries.retain(|entry| !same(&entry));
            }
            if !entries.iter().any(|entry| same(&entry)) {
                told.push(format!("Deleted: {}", image.id()));
            }
            Ok(())
        })?;
        // Whoever is at work keeps all: the next one sweeps.
        let bytes = match self.alone()? {
            Some(_alone) => self.sweep(&used()?)?,
            None => 0,
        };
        Ok(Swept { told, bytes })
    }

    /// Removes the images that no name leads to and no container was made from, or with `all` those
    /// that no container was made from; and everything else that nobody refers to.
    pub fn prune(&self, all: bool, used: Used) -> Result<Swept> {
        let Some(_alone) = self.alone()? else {
            bail!("image: another command is bringing an image in, or making a container");
        };
        let used = used()?;
        let mut swept = Swept::default();
        let mut gone = BTreeSet::new();
        self.names.change(|entries| {
            entries.retain(|entry| {
                let name = name_of(entry);
                let kept = used.contains(&entry.digest) || (name.is_some() && !all);
                if !kept {
                    swept.told.extend(name.map(|name| format!("Untagged: {}", name.familiar())));
                    gone.insert(
                        self.read(entry).map_or(entry.digest.clone(), |image| image.id().clone()),
                    );
                }
                kept
            });
            Ok(())
        })?;
        swept.told.extend(gone.iter().map(|id| format!("Deleted: {id}")));
        swept.bytes = self.sweep(&used)? + self.blobs.remove_unfinished()?;
        Ok(swept)
    }

    /// `None`: somebody is at work, and stays so.
    fn alone(&self) -> Result<Option<Lock>> {
        for _ in 0..TRIES {
            if let Some(lock) = try_lock(&self.blobs.ingest()).context("image")? {
                return Ok(Some(lock));
            }
            sleep(INTERVAL);
        }
        Ok(None)
    }

    fn sweep(&self, used: &BTreeSet<Digest>) -> Result<u64> {
        let mut manifests: BTreeSet<_> = used.clone();
        manifests.extend(self.names.all()?.into_iter().map(|entry| entry.digest));
        let mut content = BTreeSet::new();
        let mut file_systems = BTreeSet::new();
        for digest in manifests {
            if let Some(image) = self.read_by_digest(&digest)? {
                let chain = image.config.chain();
                file_systems.extend(chain.iter().map(|id| id.hex().to_string()));
                let parts = image.manifest.layers.into_iter().chain([image.manifest.config]);
                content.extend(parts.map(|part| part.digest));
            }
            content.insert(digest);
        }
        let mut freed = 0;
        for (digest, size) in self.blobs.all()? {
            if !content.contains(&digest) {
                self.blobs.remove(&digest).context("image")?;
                freed += size;
            }
        }
        for snapshots in self.drivers.all()? {
            remove_others(&snapshots, &file_systems)?;
        }
        Ok(freed)
    }

    /// What a container was made from, which need not have a name any more. `None`: it is gone.
    pub(super) fn read_by_digest(&self, digest: &Digest) -> Result<Option<Image>> {
        let Some(size) = self.blobs.size(digest) else { return Ok(None) };
        let media_type = super::media::MANIFEST;
        let as_oci = self.read(&Descriptor::new(media_type, digest.clone(), size));
        let as_docker =
            || self.read(&Descriptor::new(super::media::DOCKER_MANIFEST, digest.clone(), size));
        // Rather keep all than remove what may be needed.
        as_oci.or_else(|_| as_docker()).map(Some)
    }
}

/// Removes the sealed snapshots that nobody stands on and that are none of these, from the top.
fn remove_others(snapshots: &Snapshots, kept: &BTreeSet<String>) -> Result<()> {
    loop {
        let all = snapshots.all()?;
        let parents: BTreeSet<&Key> =
            all.iter().filter_map(|(_, record)| record.parent.as_ref()).collect();
        let others: Vec<_> = all
            .iter()
            .filter(|(key, record)| {
                record.stage == Stage::Sealed
                    && !kept.contains(key.as_str())
                    && !parents.contains(key)
            })
            .collect();
        if others.is_empty() {
            return Ok(());
        }
        others.iter().try_for_each(|(key, _)| snapshots.remove(key))?;
    }
}
