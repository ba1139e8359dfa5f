//! How much of a file is in memory. See mincore(2).

use std::{fs::File, os::fd::AsRawFd, ptr};

use anyhow::{Context, Result, ensure};
use nix::errno::Errno;

/// Bytes of a file that need not be read from a disk. Of an overlay's file that is not copied up,
/// those of the layer's file.
pub fn bytes(file: &File) -> Result<u64> {
    let length = usize::try_from(file.metadata()?.len())?;
    // SAFETY: sysconf(3) takes a number.
    let page = usize::try_from(unsafe { libc::sysconf(libc::_SC_PAGESIZE) })?;
    let mut pages = vec![0_u8; length.div_ceil(page)];
    ensure!(!pages.is_empty(), "there is nothing in the file");
    // SAFETY: a new mapping, to which nothing else refers, and which is not read.
    let seen = unsafe {
        let (read, shared) = (libc::PROT_READ, libc::MAP_SHARED);
        let map = libc::mmap(ptr::null_mut(), length, read, shared, file.as_raw_fd(), 0);
        ensure!(map != libc::MAP_FAILED, "mapping a file: {}", Errno::last());
        let seen = Errno::result(libc::mincore(map, length, pages.as_mut_ptr().cast()));
        libc::munmap(map, length);
        seen
    };
    seen.context("asking what is in memory")?;
    Ok((pages.iter().filter(|page| **page & 1 == 1).count() * page) as u64)
}
