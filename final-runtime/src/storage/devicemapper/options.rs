//! What a person can say about the pool: `--storage-opt dm.NAME=VALUE`, by the names that Docker's
//! driver of this kind has made known.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use step07::size;

use super::filesystem::Filesystem;

/// The pool's limits of the size of its blocks: thin-provisioning.rst.
const LEAST_BLOCK: u64 = 64 << 10;
const MOST_BLOCK: u64 = 1 << 30;

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
                "dm.basesize" => put(&mut options.base_size, bytes(value)),
                "dm.loopdatasize" => put(&mut options.data_size, bytes(value)),
                "dm.loopmetadatasize" => put(&mut options.metadata_size, bytes(value)),
                "dm.blocksize" => put(&mut options.block_size, bytes(value).and_then(block)),
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

/// A size of something that consists of blocks, as the smallest are.
fn bytes(text: &str) -> Result<u64> {
    let bytes = size(text)?;
    ensure!(bytes >= LEAST_BLOCK, "expected at least 64k");
    Ok(bytes.next_multiple_of(LEAST_BLOCK))
}

fn block(size: u64) -> Result<u64> {
    ensure!(size <= MOST_BLOCK, "expected from 64k to 1g");
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

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[test]
    fn all_that_can_be_asked_for() {
        let texts = [
            "dm.basesize=20g",
            "dm.loopdatasize=1t",
            "dm.loopmetadatasize=100000",
            "dm.blocksize=512k",
            "dm.fs=xfs",
            "dm.min_free_space=5%",
        ];
        let options = Options::parse(&texts).expect("they are good");
        let expected = Options {
            base_size: Some(20 << 30),
            data_size: Some(1 << 40),
            metadata_size: Some(2 * LEAST_BLOCK), // whole blocks
            block_size: Some(512 << 10),
            filesystem: Some(Filesystem::Xfs),
            min_free: Some(5),
            ..Options::default()
        };
        assert_eq!(options, expected);
        let options = Options::parse(&["dm.thinpooldev=/dev/mapper/vg-pool"]).expect("it is good");
        assert_eq!(options.pool.as_deref(), Some("vg-pool"));
        let options = Options::parse(&["dm.datadev=/dev/a", "dm.metadatadev=/dev/b"]);
        let devices = Devices { data: "/dev/a".into(), metadata: "/dev/b".into() };
        assert_eq!(options.expect("they are good").devices, Some(devices));
    }

    #[rstest]
    #[case(&["dm.nonsense=1"], "there is no option \"dm.nonsense\"")]
    #[case(&["basesize=1g"], "there is no option \"basesize\"")]
    #[case(&["dm.basesize"], "dm.basesize=: expected bytes, or")]
    #[case(&["dm.basesize=1.5g"], "dm.basesize=1.5g: expected bytes, or")]
    #[case(&["dm.basesize=0"], "expected at least 64k")]
    #[case(&["dm.basesize=1g", "dm.basesize=1g"], "dm.basesize=1g: it is given twice")]
    #[case(&["dm.blocksize=32k"], "expected at least 64k")]
    #[case(&["dm.blocksize=2g"], "expected from 64k to 1g")]
    #[case(&["dm.fs=btrfs"], "dm.fs=btrfs: expected ext4 or xfs")]
    #[case(&["dm.min_free_space=100%"], "expected from 0% to 99%")]
    #[case(&["dm.min_free_space=-1"], "expected from 0% to 99%")]
    #[case(&["dm.thinpooldev="], "expected a pool's name")]
    #[case(&["dm.thinpooldev=/dev/sda"], "expected a pool's name")]
    #[case(&["dm.datadev=sda"], "expected a device's path")]
    #[case(&["dm.datadev=/dev/sda"], "go together")]
    #[case(&["dm.thinpooldev=p", "dm.loopdatasize=1g"], "or is there already")]
    #[case(&["dm.thinpooldev=p", "dm.blocksize=64k"], "has its size of blocks already")]
    #[case(
        &["dm.datadev=/dev/a", "dm.metadatadev=/dev/b", "dm.loopdatasize=1g"],
        "or is there already"
    )]
    fn what_cannot_be_is_told(#[case] texts: &[&str], #[case] expected: &str) {
        let error = format!("{:#}", Options::parse(texts).expect_err("it is bad"));
        assert!(error.starts_with("devicemapper: ") && error.contains(expected), "{error}");
    }
}
