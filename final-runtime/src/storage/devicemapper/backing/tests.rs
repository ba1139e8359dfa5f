//! Files that stand for disks: what they take of one, and what comes back.

use std::{os::unix::fs::MetadataExt, process};

use super::*;

/// A directory that goes with this.
struct Dir(PathBuf);

impl Dir {
    fn new(name: &str) -> Self {
        let dir = std::env::temp_dir().join(format!("backing-{name}-{}", process::id()));
        fs::create_dir_all(&dir).expect("there is room");
        Self(dir)
    }

    fn parts(&self) -> Parts {
        let parts = Parts::files(&self.0);
        for part in [&parts.data, &parts.metadata] {
            part.make(1 << 20, &Explain::new(false)).expect("there is room");
        }
        parts
    }

    fn write(&self, file: &str, at: u64, bytes: &[u8]) {
        let file = OpenOptions::new().write(true).open(self.0.join(file)).expect("it is there");
        file.write_all_at(bytes, at).expect("there is room");
    }
}

impl Drop for Dir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

#[test]
fn files_are_sparse_and_the_owners_alone() {
    let dir = Dir::new("sparse");
    let parts = dir.parts();
    parts.data.make(1 << 30, &Explain::new(false)).expect("it takes no room");
    let file = fs::metadata(parts.data.path()).expect("it is there");
    assert_eq!((file.len(), file.blocks(), file.mode() & 0o777), (1 << 30, 0, 0o600));
}

#[test]
fn what_is_not_empty_is_somebody_elses() {
    for (name, file, at) in
        [("head", "data", 0), ("btrfs", "data", (64 << 10) + 64), ("m", "metadata", 4096)]
    {
        let dir = Dir::new(name);
        let parts = dir.parts();
        parts.ensure_empty().expect("it is new");
        dir.write(file, at, b"x");
        let error = parts.ensure_empty().expect_err("it is not").to_string();
        assert!(error.contains(&format!("/{file} is not empty")), "{error}");
    }
}

#[test]
fn a_pools_records_are_known_by_their_first_block() {
    let dir = Dir::new("superblock");
    let parts = dir.parts();
    assert_eq!(parts.transaction().expect("it is new"), None);
    dir.write("metadata", 48, &7u64.to_le_bytes());
    let error = parts.transaction().expect_err("no magic").to_string();
    assert!(error.contains("has something else in it"), "{error}");
    dir.write("metadata", 32, &MAGIC.to_le_bytes());
    assert_eq!(parts.transaction().expect("a pool's"), Some(7));
}
