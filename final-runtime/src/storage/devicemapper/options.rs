//! What a person can say about the pool: `--storage-opt dm.NAME=VALUE`, by the names that Docker's
//! driver of this kind has made known.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};

use super::filesystem::Filesystem;

const KIB: u64 = 1 << 10;
const MIB: u64 = 1 << 20;
const GIB: u64 = 1 << 30;

/// The pool's limits of the size of its blocks: thin-provisioning.rst.
const BLOCK: (u64, u64) = (64 * KIB, GIB);

/// What was asked for; what was not is `None`.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// `dm.basesize`: bytes that a snapshot can hold.
    pub base_size: Option<u64>,
    /// `dm.loopdatasize`: bytes of the file for data.
    pub data_size: Option<u64>,
    /// `dm.loopmetadatasize`: bytes of the file for the pool's own records.
    pub metadata_size: Option<u64>,
    /// `dm.blocksize`: bytes that are shared or copied as a whole.
    pub block_size: Option<u64>,
    /// `dm.fs`: the file system in a snapshot.
    pub filesystem: Option<Filesystem>,
    /// `dm.min_free_space`: percent of the pool that new snapshots must leave free.
    pub min_free: Option<u8>,
    /// `dm.thinpooldev`: a pool that somebody else has made, and looks after.
    pub pool: Option<String>,
    /// `dm.datadev` and `dm.metadatadev`: devices to make the pool of, instead of files.
    pub devices: Option<Devices>,
}

/// Devices for a pool.
#[derive(Clone, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub struct Devices {
    /// `dm.datadev`.
    pub data: PathBuf,
    /// `dm.metadatadev`.
    pub metadata: PathBuf,
}

impl Options {
    /// Reads `dm.NAME=VALUE`, each name once.
    pub fn parse<T: AsRef<str>>(texts: &[T]) -> Result<Self> {
        let mut options = Self::default();
        let (mut data, mut metadata) = (None, None);
        for text in texts.iter().map(AsRef::as_ref) {
            let (name, value) = text.split_once('=').unwrap_or((text, ""));
            let set = match name {
                "dm.basesize" => put(&mut options.base_size, size(value)),
                "dm.loopdatasize" => put(&mut options.data_size, size(value)),
                "dm.loopmetadatasize" => put(&mut options.metadata_size, size(value)),
                "dm.blocksize" => put(&mut options.block_size, size(value).and_then(block)),
                "dm.fs" => put(&mut options.filesystem, value.parse()),
                "dm.min_free_space" => put(&mut options.min_free, percent(value)),
                "dm.thinpooldev" => put(&mut options.pool, pool(value)),
                "dm.datadev" => put(&mut data, device(value)),
                "dm.metadatadev" => put(&mut metadata, device(value)),
                _ => bail!("devicemapper: there is no option {name:?}"),
            };
            set.with_context(|| format!("devicemapper: {name}={value}"))?;
        }
        options.devices = match (data, metadata) {
            (Some(data), Some(metadata)) => Some(Devices { data, metadata }),
            (None, None) => None,
            _ => bail!("devicemapper: dm.datadev and dm.metadatadev go together"),
        };
        options.agree()?;
        Ok(options)
    }

    fn agree(&self) -> Result<()> {
        let files = self.data_size.or(self.metadata_size).is_some();
        let kinds = [files, self.devices.is_some(), self.pool.is_some()];
        if kinds.iter().filter(|asked| **asked).count() > 1 {
            bail!("devicemapper: a pool is made of files, or of devices, or is there already");
        }
        if self.pool.is_some() && self.block_size.is_some() {
            bail!("devicemapper: dm.thinpooldev names a pool that has its size of blocks already");
        }
        Ok(())
    }
}

fn put<T>(place: &mut Option<T>, value: Result<T>) -> Result<()> {
    ensure!(place.is_none(), "it is given twice");
    *place = Some(value?);
    Ok(())
}

/// `67108864`, `64m`, `10G`, `10GiB`: at least 1 MiB or a block's 64 KiB, so 0 is refused.
fn size(text: &str) -> Result<u64> {
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let shift = match text[digits.len()..].to_ascii_lowercase().as_str() {
        "" | "b" => 0,
        "k" | "kb" | "kib" => 10,
        "m" | "mb" | "mib" => 20,
        "g" | "gb" | "gib" => 30,
        "t" | "tb" | "tib" => 40,
        _ => bail!("expected a size as in 512m or 10g"),
    };
    let plain = !digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit());
    ensure!(plain, "expected a size as in 512m or 10g");
    let bytes = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << shift));
    match bytes {
        Some(bytes @ 65_536..=0x7fff_ffff_ffff_ffff) => Ok(bytes.next_multiple_of(64 * KIB)),
        _ => bail!("expected from 64k to less than 2^63 bytes"),
    }
}

fn block(size: u64) -> Result<u64> {
    let (least, most) = BLOCK;
    let good = (least..=most).contains(&size) && size % least == 0;
    ensure!(good, "expected a multiple of 64k from 64k to 1g");
    Ok(size)
}

fn percent(text: &str) -> Result<u8> {
    let number = text.strip_suffix('%').unwrap_or(text).parse().ok();
    number.filter(|number| *number < 100).context("expected from 0% to 99%")
}

fn pool(text: &str) -> Result<String> {
    let name = text.strip_prefix("/dev/mapper/").unwrap_or(text);
    let good = !name.is_empty() && !name.contains(['/', ' ', '\0']);
    ensure!(good, "expected a pool's name, as in /dev/mapper/NAME");
    Ok(name.into())
}

fn device(text: &str) -> Result<PathBuf> {
    ensure!(text.starts_with('/'), "expected a device's path");
    Ok(text.into())
}
