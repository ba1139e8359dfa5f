//! Bytes that no file system can make smaller, always the same.

use std::{
    fs::File,
    io::{Result, Write},
    path::Path,
};

/// A pseudo-random sequence. See "SplitMix64" in Steele, Lea and Flood, Fast Splittable Pseudorandom
/// Number Generators (2014).
pub struct Noise(pub u64);

impl Noise {
    /// The next number.
    pub fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// The next `length` bytes.
    pub fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes: Vec<u8> =
            (0..length.div_ceil(8)).flat_map(|_| self.next().to_le_bytes()).collect();
        bytes.truncate(length);
        bytes
    }
}

/// A new file of so many MiB of it, on the disk when this returns.
pub fn file(path: &Path, mib: u64) -> Result<()> {
    let mut file = File::create(path)?;
    let mut noise = Noise(mib);
    for _ in 0..mib {
        file.write_all(&noise.bytes(1 << 20))?;
    }
    file.sync_all()
}
