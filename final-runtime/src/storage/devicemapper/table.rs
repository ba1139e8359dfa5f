//! The tables of a pool and of a device in it: thin-provisioning.rst, "Reference".

use nix::sys::stat::{major, makedev, minor};

use super::{block::SECTOR, packet::Target};

/// Blocks of a pool's records, and the most that the kernel uses: `THIN_METADATA_MAX_SECTORS`.
pub const METADATA_BLOCK: u64 = 4096;
const MOST_METADATA: u64 = 255 << 14;

/// A pool of two devices, metadata and data, by number. `size` is that of the data and `block` that
/// of a block, in bytes; `low` the percentage at which the kernel says that there is little left.
///
/// A container that the pool has no room for gets an error at once. The other way, to wait until
/// somebody makes the pool larger, would have it hang.
pub fn pool(devices: [u64; 2], size: u64, block: u64, low: u64) -> Target {
    let [metadata, data] = devices.map(device);
    let (blocks, sectors) = (size / block, block / SECTOR);
    let low = blocks * low / 100;
    Target {
        start: 0,
        length: blocks * sectors,
        kind: "thin-pool".into(),
        words: format!("{metadata} {data} {sectors} {low} 1 error_if_no_space"),
    }
}

/// Number `id` in the pool that is device `pool`.
pub fn thin(pool: u64, id: u32, size: u64) -> Target {
    let words = format!("{} {id}", device(pool));
    Target { start: 0, length: size / SECTOR, kind: "thin".into(), words }
}

/// The numbers of metadata and data in a pool's table.
pub fn devices(target: &Target) -> Option<[u64; 2]> {
    let number = |text: &str| {
        let (major, minor) = text.split_once(':')?;
        Some(makedev(major.parse().ok()?, minor.parse().ok()?))
    };
    let mut words = target.words.split(' ');
    let found = [number(words.next()?)?, number(words.next()?)?];
    (target.kind == "thin-pool").then_some(found)
}

/// The size of a block in a pool's table, in bytes.
pub fn block_size(target: &Target) -> Option<u64> {
    devices(target)?;
    let sectors: u64 = target.words.split(' ').nth(2)?.parse().ok()?;
    Some(sectors * SECTOR)
}

/// How many blocks the pool's records have on a device of this size.
pub fn metadata_blocks(size: u64) -> u64 {
    (size / METADATA_BLOCK).min(MOST_METADATA)
}

fn device(number: u64) -> String {
    format!("{}:{}", major(number), minor(number))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_consists_of_whole_blocks() {
        let target = pool([makedev(7, 1), makedev(7, 300)], (1 << 20) + 4096, 64 << 10, 10);
        assert_eq!((target.start, target.length), (0, 2048));
        assert_eq!(target.words, "7:1 7:300 128 1 1 error_if_no_space");
        assert_eq!(devices(&target), Some([makedev(7, 1), makedev(7, 300)]));
        assert_eq!(block_size(&target), Some(64 << 10));
    }

    #[test]
    fn what_is_no_pool_has_no_devices() {
        let target = thin(makedev(253, 0), 7, 1 << 20);
        assert_eq!((target.length, target.words.as_str()), (2048, "253:0 7"));
        assert_eq!(devices(&target), None);
        let pool = |words: &str| Target {
            kind: "thin-pool".into(),
            words: words.into(),
            ..target.clone()
        };
        assert_eq!(devices(&pool("7:0")), None);
        assert_eq!(devices(&pool("7:x 7:1 128 0")), None);
        assert_eq!(block_size(&pool("7:0 7:1")), None);
    }

    #[test]
    fn records_have_a_largest_size() {
        assert_eq!(metadata_blocks(8 << 20), 2048);
        assert_eq!(metadata_blocks(1 << 40), 4_177_920);
    }
}
