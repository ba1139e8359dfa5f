//! What the tests have in common: a directory to unpack into, something beside it that must stay as
//! it is, and a way to compare trees to the last attribute.

use std::{
    collections::{BTreeMap, HashMap},
    fs::{self, File},
    io::Read,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use conformance::TempDir;
use final_runtime::archive::{Options, Owners, Unpacked, Whiteouts, unpack};
use nix::{sys::stat::SFlag, unistd::geteuid};
use step07::{Marks, Node, Tree, xattr};

/// A directory `root`, and others beside it that an archive may try to reach.
pub struct Scene {
    temp: TempDir,
    before: Listing,
}

/// Everything that is known of each file, by path.
pub type Listing = BTreeMap<PathBuf, String>;

impl Scene {
    pub fn new() -> Result<Self> {
        let temp = TempDir::new("archive")?;
        let outside = temp.path().join("outside");
        fs::create_dir_all(outside.join("dir"))?;
        fs::create_dir(temp.path().join("root"))?;
        fs::write(outside.join("file"), "as it was")?;
        fs::write(outside.join("dir/file"), "as it was")?;
        fs::set_permissions(outside.join("dir"), fs::Permissions::from_mode(0o700))?;
        symlink("file", outside.join("link"))?;
        let before = list(&outside)?;
        Ok(Self { temp, before })
    }

    /// Where to unpack.
    pub fn root(&self) -> PathBuf {
        self.temp.path().join("root")
    }

    /// A place that nothing may reach.
    pub fn outside(&self) -> PathBuf {
        self.temp.path().join("outside")
    }

    /// A directory of another name.
    pub fn other(&self, name: &str) -> Result<PathBuf> {
        let path = self.temp.path().join(name);
        fs::create_dir(&path)?;
        Ok(path)
    }

    /// Unpacks as for a directory that has the files of the layers below.
    pub fn apply(&self, archive: &[u8]) -> Result<Unpacked> {
        self.unpack(archive, &options(Whiteouts::Apply))
    }

    /// Unpacks as for an overlay with nothing below.
    pub fn overlay(&self, archive: &[u8]) -> Result<Unpacked> {
        self.unpack(archive, &options(Whiteouts::Overlay { marks: marks(), below: &[] }))
    }

    /// Unpacks, and checks that nothing else has changed, whatever comes of it.
    pub fn unpack(&self, archive: &[u8], options: &Options) -> Result<Unpacked> {
        let root = File::open(self.root())?;
        let unpacked = unpack(archive, &root, options);
        let now = list(&self.outside())?;
        ensure!(now == self.before, "outside there is now {now:#?}");
        let mut names: Vec<_> = fs::read_dir(self.temp.path())?
            .map(|entry| Ok(entry?.file_name()))
            .collect::<Result<_>>()?;
        names.retain(|name| name.to_string_lossy().len() == 4 || name == "outside");
        ensure!(names.len() == 2, "beside it there is now {names:?}");
        unpacked
    }
}

/// As far as this user can unpack.
pub fn options(whiteouts: Whiteouts) -> Options {
    match geteuid().is_root() {
        true => Options::new(whiteouts),
        false => Options { owners: Owners::Ours, ..Options::rootless(whiteouts) },
    }
}

/// The dialect of marks of this user.
pub fn marks() -> Marks {
    match geteuid().is_root() {
        true => Marks::Trusted,
        false => Marks::User,
    }
}

/// The one line that a failure is told in.
pub fn error_line<T: std::fmt::Debug>(result: Result<T>) -> Result<String> {
    let Err(error) = result else { bail!("it is to be refused, not {result:?}") };
    let line = format!("{error:#}");
    ensure!(!line.contains('\n'), "one line is enough: {line:?}");
    ensure!(line.starts_with("archive: "), "it is not said whose error this is: {line}");
    Ok(line)
}

/// All that is in a directory, and the directory itself.
pub fn list(dir: &Path) -> Result<Listing> {
    let tree = Tree::open(dir)?;
    let mut listing = Listing::new();
    let mut names = HashMap::new();
    let mut todo = vec![PathBuf::new()];
    while let Some(path) = todo.pop() {
        let node = tree.node(&path)?.with_context(|| format!("{} is gone", path.display()))?;
        if node.is_dir() {
            let mut inside: Vec<_> =
                tree.names(&path)?.iter().map(|name| path.join(name)).collect();
            inside.sort();
            todo.extend(inside.into_iter().rev());
        }
        let first = names.entry((node.stat.st_dev, node.stat.st_ino)).or_insert(path.clone());
        let line = line(&node, first)?;
        listing.insert(path, line);
    }
    Ok(listing)
}

fn line(node: &Node, first: &Path) -> Result<String> {
    let stat = &node.stat;
    let what = match node.file_type() {
        SFlag::S_IFREG => {
            let mut content = Vec::new();
            node.open()?.read_to_end(&mut content)?;
            match content.len() {
                0..100 => format!("{:?}", String::from_utf8_lossy(&content)),
                length => format!("{length} bytes, sum {}", sum(&content)),
            }
        }
        SFlag::S_IFLNK => format!("{:?}", node.target()?),
        SFlag::S_IFDIR => String::new(),
        _ => format!("{:x}", stat.st_rdev),
    };
    let xattrs: Vec<_> = xattr::all(node)?.into_iter().collect();
    Ok(format!(
        "{:?} {:o} {}:{} {}.{:09} {what} {xattrs:?} as {first:?}",
        node.file_type(),
        stat.st_mode & 0o7777,
        stat.st_uid,
        stat.st_gid,
        stat.st_mtime,
        stat.st_mtime_nsec,
    ))
}

fn sum(content: &[u8]) -> u64 {
    content.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
    })
}

/// Both must be the same, file by file.
pub fn same(what: &str, seen: &Listing, wanted: &Listing) -> Result<()> {
    let differences: Vec<_> = seen
        .keys()
        .chain(wanted.keys())
        .filter(|path| seen.get(*path) != wanted.get(*path))
        .map(|path| {
            let line = |listing: &Listing| listing.get(path).cloned().unwrap_or("nothing".into());
            format!("{path:?}\n    expected: {}\n    seen:     {}", line(wanted), line(seen))
        })
        .collect();
    ensure!(differences.is_empty(), "{what} is not as it should be: {}", differences.join("\n  "));
    Ok(())
}
