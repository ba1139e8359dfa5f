//! Swap space of a test's own, in compressed RAM. See swapon(2) and the kernel's
//! admin-guide/blockdev/zram.

use std::{ffi::CString, fs, io, path::Path};

use anyhow::{Context, Result};
use nix::errno::Errno;

const CONTROL: &str = "/sys/class/zram-control";

/// The machine swaps there until this is dropped.
pub struct Swap {
    number: String,
    device: CString,
}

/// Why there can be none, for a test that needs it.
pub fn missing() -> Option<String> {
    (!Path::new(CONTROL).exists()).then(|| "needs zram in the kernel".into())
}

impl Swap {
    pub fn new(bytes: u32) -> Result<Self> {
        let number = fs::read_to_string(format!("{CONTROL}/hot_add")).context("adding a zram")?;
        let number = number.trim().to_string();
        let path = format!("/dev/zram{number}");
        let swap = Self { number, device: CString::new(&path[..])? };
        fs::write(format!("/sys/block/zram{}/disksize", swap.number), bytes.to_string())
            .context("giving the zram a size")?;
        fs::write(&path, header(bytes)).with_context(|| format!("writing {path}"))?;
        // SAFETY: the path lives through the call.
        Errno::result(unsafe { libc::swapon(swap.device.as_ptr(), 0) }).context("swapon")?;
        Ok(swap)
    }
}

impl Drop for Swap {
    fn drop(&mut self) {
        // SAFETY: the path lives through the call.
        if unsafe { libc::swapoff(self.device.as_ptr()) } == -1 {
            eprintln!("swapoff: {}", io::Error::last_os_error());
        }
        if let Err(error) = fs::write(format!("{CONTROL}/hot_remove"), &self.number) {
            eprintln!("removing zram{}: {error}", self.number);
        }
    }
}

/// What mkswap(8) writes: a page that says how many pages follow.
fn header(bytes: u32) -> Vec<u8> {
    const PAGE: usize = 4096;
    let mut page = vec![0; PAGE];
    let (version, last_page) = (1u32, bytes / PAGE as u32 - 1);
    page[1024..1028].copy_from_slice(&version.to_ne_bytes());
    page[1028..1032].copy_from_slice(&last_page.to_ne_bytes());
    page[PAGE - 10..].copy_from_slice(b"SWAPSPACE2");
    page
}
