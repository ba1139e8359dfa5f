//! Which blocks a device has to itself. The pool only says how many it has; but its records can be
//! read, if it is asked to leave them as they are meanwhile.
//!
//! They are trees in blocks of 4 KiB. One leads from a device's number to the root of another, which
//! leads from the device's blocks to those of the pool. With each goes the *time* at which it was
//! taken, where time is the number of snapshots that had been made. What was taken before the last
//! snapshot of a device, or before it became one, it shares; or did once, as the pool does not look
//! whether the other is still there. See the kernel's dm-thin-metadata.c and persistent-data/.

use std::{fs::File, os::unix::fs::FileExt};

use anyhow::{Context, Result, ensure};

use super::table::METADATA_BLOCK;

/// Where in `struct thin_disk_superblock` the roots of the trees are.
const MAPPINGS_AT: usize = 320;
const DETAILS_AT: usize = 328;

/// `struct btree_node` begins with a checksum, its flags, its own number, how many entries it has
/// and how many it has room for; then come the keys, and then the values.
const FLAGS_AT: usize = 4;
const NUMBER_AT: usize = 8;
const ENTRIES_AT: usize = 16;
const ROOM_AT: usize = 20;
const VALUE_SIZE_AT: usize = 24;
const KEYS_AT: usize = 32;
const INTERNAL: u32 = 1;

/// In `struct disk_device_details`, when the device was last a part of a snapshot.
const SNAPSHOTTED_AT: usize = 20;

/// Of a mapping, the bits that are the time.
const TIME: u64 = (1 << 24) - 1;

/// A tree of nodes that are never full has fewer levels.
const MOST_LEVELS: usize = 16;

/// The pool's records, as they were at one moment.
pub struct Mappings<'a> {
    /// The device or file in which they are.
    pub metadata: &'a File,
    /// The block with the copy of the superblock that the pool keeps for us.
    pub root: u64,
}

impl Mappings<'_> {
    /// How many blocks nobody else has.
    pub fn exclusive(&self, id: u32) -> Result<u64> {
        let superblock = self.block(self.root)?;
        let details = self.find(superblock.number(DETAILS_AT)?, id)?;
        let since = details.context("the pool knows no such device")?;
        let since = u64::from(Block(since).small(SNAPSHOTTED_AT)?);
        let root = self.find(superblock.number(MAPPINGS_AT)?, id)?;
        let root = Block(root.context("the pool knows nothing of its blocks")?).number(0)?;
        let mut count = 0;
        self.each(root, MOST_LEVELS, &mut |_, value| {
            count += u64::from(Block(value.into()).number(0)? & TIME >= since);
            Ok(())
        })?;
        Ok(count)
    }

    /// The value of a key.
    fn find(&self, root: u64, key: u32) -> Result<Option<Vec<u8>>> {
        let mut found = None;
        self.each(root, MOST_LEVELS, &mut |at, value| {
            if at == u64::from(key) {
                found = Some(value.to_vec());
            }
            Ok(())
        })?;
        Ok(found)
    }

    /// All keys of a tree with their values.
    fn each(
        &self,
        number: u64,
        levels: usize,
        act: &mut dyn FnMut(u64, &[u8]) -> Result<()>,
    ) -> Result<()> {
        let node = self.block(number)?;
        ensure!(node.number(NUMBER_AT)? == number && levels > 0, "block {number} is no node");
        let (entries, room) = (node.small(ENTRIES_AT)? as usize, node.small(ROOM_AT)? as usize);
        let size = node.small(VALUE_SIZE_AT)? as usize;
        for entry in 0..entries {
            let key = node.number(KEYS_AT + 8 * entry)?;
            let value = node.bytes(KEYS_AT + 8 * room + size * entry, size)?;
            match node.small(FLAGS_AT)? & INTERNAL {
                0 => act(key, value)?,
                _ => self.each(Block(value.into()).number(0)?, levels - 1, act)?,
            }
        }
        Ok(())
    }

    fn block(&self, number: u64) -> Result<Block> {
        let mut block = vec![0; METADATA_BLOCK as usize];
        let at = number.checked_mul(METADATA_BLOCK).context("a block beyond the end")?;
        self.metadata.read_exact_at(&mut block, at).context("reading the pool's records")?;
        Ok(Block(block))
    }
}

/// Numbers in little-endian.
struct Block(Vec<u8>);

impl Block {
    fn bytes(&self, at: usize, length: usize) -> Result<&[u8]> {
        let found = self.0.get(at..).and_then(|bytes| bytes.get(..length));
        found.context("a value beyond the end of its block")
    }

    fn number(&self, at: usize) -> Result<u64> {
        Ok(u64::from_le_bytes(self.bytes(at, 8)?.try_into()?))
    }

    fn small(&self, at: usize) -> Result<u32> {
        Ok(u32::from_le_bytes(self.bytes(at, 4)?.try_into()?))
    }
}
