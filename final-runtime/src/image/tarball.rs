//! An archive as tar(1) makes it, whose members are read in any order.
//!
//! For what images are carried in, not for their layers: the members are few, and only those are
//! read that another member names. Nothing is unpacked, so no name becomes a path.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, BufReader, Read},
    os::unix::fs::FileExt,
    sync::Arc,
};

use anyhow::{Context, Result, bail, ensure};
use tar::{Archive, EntryType};

/// As many members as an archive may have.
const MOST_MEMBERS: usize = 100_000;

/// As many links as may lead to one member.
const MOST_LINKS: usize = 8;

/// Where an archive's members are in its file, by their names without `./` and doubled slashes.
#[derive(Debug)]
pub struct Tarball {
    file: Arc<File>,
    members: BTreeMap<String, Member>,
}

#[derive(Clone, Debug)]
enum Member {
    File { offset: u64, size: u64 },
    Link(String),
}

impl Tarball {
    /// The one in `file`, which is not compressed.
    pub fn open(file: File) -> Result<Self> {
        let mut members = BTreeMap::new();
        let mut archive = Archive::new(BufReader::with_capacity(1 << 16, &file));
        for entry in archive.entries_with_seek().context("reading the archive")? {
            let entry = entry.context("reading the archive")?;
            ensure!(members.len() < MOST_MEMBERS, "it has more than {MOST_MEMBERS} members");
            let name = String::from_utf8_lossy(&entry.path_bytes()).into_owned();
            let target = entry.link_name_bytes().unwrap_or_default();
            let target = String::from_utf8_lossy(&target).into_owned();
            let member = match entry.header().entry_type() {
                EntryType::Regular | EntryType::Continuous => {
                    Some(Member::File { offset: entry.raw_file_position(), size: entry.size() })
                }
                EntryType::Symlink => beside(&name, &target).map(Member::Link),
                EntryType::Link => normal(&target).map(Member::Link),
                _ => None,
            };
            if let (Some(name), Some(member)) = (normal(&name), member) {
                members.insert(name, member);
            }
        }
        Ok(Self { file: Arc::new(file), members })
    }

    /// What is in the member of this name, and its size; `None` if there is none.
    pub fn read(&self, name: &str) -> Result<Option<(Part, u64)>> {
        let Some(mut name) = normal(name) else { return Ok(None) };
        for _ in 0..=MOST_LINKS {
            match self.members.get(&name) {
                None => return Ok(None),
                Some(Member::Link(target)) => name = target.clone(),
                Some(Member::File { offset, size }) => {
                    let part = Part { file: self.file.clone(), next: *offset, end: offset + size };
                    return Ok(Some((part, *size)));
                }
            }
        }
        bail!("{name} is behind more than {MOST_LINKS} links")
    }
}

/// A member's content.
#[derive(Debug)]
pub struct Part {
    file: Arc<File>,
    next: u64,
    end: u64,
}

impl Read for Part {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let left = usize::try_from(self.end - self.next).unwrap_or(usize::MAX);
        let most = buffer.len().min(left);
        let count = self.file.read_at(&mut buffer[..most], self.next)?;
        self.next += count as u64;
        Ok(count)
    }
}

/// A name with nothing in it but names, from the archive's top; `None` if it leads out of it.
fn normal(name: &str) -> Option<String> {
    let mut parts = Vec::new();
    for part in name.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Where a symbolic link leads that is called `name`.
fn beside(name: &str, target: &str) -> Option<String> {
    let dir = name.trim_end_matches('/').rsplit_once('/').map_or("", |(dir, _)| dir);
    if target.starts_with('/') { None } else { normal(&format!("{dir}/{target}")) }
}

#[cfg(test)]
mod tests {
    use std::io::Seek;

    use conformance::TempDir;
    use rstest::rstest;
    use tar::{Builder, Header};

    use super::*;

    fn header(kind: EntryType, size: usize) -> Header {
        let mut header = Header::new_gnu();
        header.set_entry_type(kind);
        header.set_size(size as u64);
        header.set_mode(0o644);
        header
    }

    fn tarball() -> Result<Tarball> {
        let temp = TempDir::new("tarball")?;
        let mut builder = Builder::new(
            File::options()
                .read(true)
                .write(true)
                .create_new(true)
                .open(temp.path().join("a.tar"))?,
        );
        let long = "long/".repeat(60) + "name";
        for (name, text) in [("./a", "first"), ("d/layer.tar", "second"), (&long, "third")] {
            let mut header = header(EntryType::Regular, text.len());
            builder.append_data(&mut header, name, text.as_bytes())?;
        }
        for (kind, name, target) in [
            (EntryType::Symlink, "e/layer.tar", "../d/layer.tar"),
            (EntryType::Link, "hard", "d/layer.tar"),
            (EntryType::Symlink, "out", "../../etc/passwd"),
            (EntryType::Symlink, "absolute", "/etc/passwd"),
            (EntryType::Symlink, "loop", "loop"),
        ] {
            builder.append_link(&mut header(kind, 0), name, target)?;
        }
        let mut file = builder.into_inner()?;
        file.rewind()?;
        Tarball::open(file)
    }

    fn read(name: &str) -> Result<Option<String>> {
        let Some((part, size)) = tarball()?.read(name)? else { return Ok(None) };
        let text = io::read_to_string(part)?;
        assert_eq!(text.len() as u64, size);
        Ok(Some(text))
    }

    #[rstest]
    #[case("a", "first")]
    #[case("./a", "first")]
    #[case("d//layer.tar", "second")]
    #[case("e/layer.tar", "second")]
    #[case("hard", "second")]
    #[case(&("long/".repeat(60) + "name"), "third")]
    fn members_are_found(#[case] name: &str, #[case] text: &str) -> Result<()> {
        assert_eq!(read(name)?.as_deref(), Some(text));
        Ok(())
    }

    #[rstest]
    fn nothing_else_is(
        #[values("b", "d", "", "../a", "/etc/passwd", "out", "absolute")] name: &str,
    ) -> Result<()> {
        assert_eq!(read(name)?, None);
        Ok(())
    }

    #[test]
    fn links_in_a_circle_end() {
        read("loop").expect_err("it is a circle");
    }
}
