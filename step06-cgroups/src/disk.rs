//! `/dev/sda:10m`: a disk, by the path of its device, and a setting for it.
//!
//! To the kernel a disk is two numbers, as in `8:0`. See the kernel's
//! filesystems/sysfs ("/sys/dev").

use std::{
    fs,
    os::unix::fs::{FileTypeExt, MetadataExt},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow, bail};
use nix::sys::stat::{major, minor};

/// A setting for one disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OnDisk<T> {
    /// The path of the disk's device, on the host.
    pub device: PathBuf,
    /// The setting.
    pub value: T,
}

impl<T> OnDisk<T> {
    /// From `DEVICE:VALUE`. A device's path may have colons in it, a value has none.
    pub fn parse(text: &str, value: fn(&str) -> Result<T>) -> Result<Self> {
        let parts = text.rsplit_once(':').filter(|(device, _)| device.starts_with('/'));
        let (device, text) =
            parts.context("expected the path of a disk's device, a colon and a value")?;
        Ok(Self { device: device.into(), value: value(text)? })
    }
}

/// The numbers of the disk whose device is at `path`: `MAJOR:MINOR`, as groups' files have it. Where
/// only these are known, `/sys/dev/block/MAJOR:MINOR` is a path too.
pub fn number(path: &Path) -> Result<String> {
    let shown = path.display();
    if let Ok(number) = path.strip_prefix("/sys/dev/block") {
        fs::metadata(path).with_context(|| shown.to_string())?;
        return Ok(number.display().to_string());
    }
    let device = fs::metadata(path).with_context(|| shown.to_string())?;
    if !device.file_type().is_block_device() {
        bail!("{shown} is no disk (no block device)");
    }
    let number = format!("{}:{}", major(device.rdev()), minor(device.rdev()));
    match disk_of_partition(&number) {
        Some(disk) => Err(anyhow!(
            "{shown} is a part of /dev/{disk}, and the kernel holds whole disks to limits"
        )),
        None => Ok(number),
    }
}

/// The name of the disk of which the device with this number is a part. The kernel would refuse a
/// part too, but only say that there is no such device.
fn disk_of_partition(number: &str) -> Option<String> {
    let part = fs::canonicalize(Path::new("/sys/dev/block").join(number)).ok()?;
    let disk = part.parent().filter(|_| part.join("partition").exists())?;
    Some(disk.file_name()?.to_string_lossy().into_owned())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn digits(text: &str) -> Result<u8> {
        text.parse().context("expected digits")
    }

    #[rstest]
    #[case("/dev/sda:7", "/dev/sda", 7)]
    #[case("/dev/disk/by-path/pci-0000:00:1f.2:7", "/dev/disk/by-path/pci-0000:00:1f.2", 7)]
    fn disks(#[case] text: &str, #[case] device: &str, #[case] value: u8) {
        let expected = OnDisk { device: device.into(), value };
        assert_eq!(OnDisk::parse(text, digits).expect(text), expected);
    }

    #[rstest]
    fn no_disks(
        #[values("", "7", ":7", "sda:7", "8:0:7", "/dev/sda", "/dev/sda:", "/dev/sda:x")]
        text: &str,
    ) {
        let error = OnDisk::parse(text, digits).expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }

    #[test]
    fn what_is_no_disk_is_told() {
        let said = |path: &str| format!("{:#}", number(Path::new(path)).expect_err(path));
        assert_eq!(said("/dev/null"), "/dev/null is no disk (no block device)");
        assert_eq!(said("/no/such"), "/no/such: No such file or directory (os error 2)");
    }
}
