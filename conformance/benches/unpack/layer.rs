//! Layers to be unpacked, as a blob and as an image.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use conformance::TempDir;
use nix::{
    mount::{MsFlags, mount},
    sched::{CloneFlags, unshare},
};

/// A sort of layer.
pub struct Kind {
    /// What it is, for people.
    pub name: &'static str,
    /// Directories of this machine with the files.
    from: &'static [&'static str],
    /// How many MiB of files are enough.
    most: u64,
}

/// As in images of distributions: mostly programs and libraries, or mostly small files.
pub const KINDS: [Kind; 2] = [
    Kind {
        name: "programs and libraries",
        from: &["/usr/bin", "/usr/sbin", "/usr/lib/x86_64-linux-gnu"],
        most: 200,
    },
    Kind { name: "small files", from: &["/usr/share", "/usr/include"], most: 100 },
];

/// One that is there.
pub struct Layer {
    name: &'static str,
    /// The layer, compressed by gzip.
    pub blob: PathBuf,
    /// The digest of what is in that.
    pub diff_id: String,
    /// As umoci names it.
    pub image: PathBuf,
    files: usize,
    mib: u64,
    dir: PathBuf,
}

/// A directory in memory, which nobody else sees, and which is gone with this process.
pub fn memory() -> Result<TempDir> {
    unshare(CloneFlags::CLONE_NEWNS).context("making a mount namespace")?;
    let flags = MsFlags::MS_REC | MsFlags::MS_PRIVATE;
    mount(None::<&str>, "/", None::<&str>, flags, None::<&str>).context("making mounts private")?;
    let temp = TempDir::new("unpack")?;
    let none = MsFlags::empty();
    mount(Some("tmpfs"), temp.path(), Some("tmpfs"), none, Some("mode=755")).context("a tmpfs")?;
    Ok(temp)
}

impl Layer {
    /// Makes it in `dir`.
    pub fn make(kind: &Kind, dir: &Path) -> Result<Self> {
        let dir = dir.join("layer");
        fs::create_dir(&dir)?;
        let (files, bytes) = files(kind)?;
        fs::write(dir.join("files"), files.join("\0"))?;
        let [blob, plain] = ["layer.tar.gz", "layer.tar"].map(|name| dir.join(name));
        let list = dir.join("files");
        run(Command::new("tar")
            .args(["--create", "--numeric-owner", "--format=posix", "--no-recursion", "--null"])
            .args(["--directory", "/", "--file"])
            .arg(&plain)
            .arg("--files-from")
            .arg(list))?;
        let sum = run(Command::new("sha256sum").arg(&plain))?;
        let diff_id =
            format!("sha256:{}", sum.split_whitespace().next().context("sha256sum said nothing")?);
        run(Command::new("gzip").arg("--no-name").arg(&plain))?;
        ensure!(blob.is_file(), "gzip has not made {}", blob.display());
        let image = dir.join("image:1");
        as_image(&dir, &blob)?;
        let (name, files, mib) = (kind.name, files.len(), bytes >> 20);
        Ok(Self { name, blob, diff_id, image, files, mib, dir })
    }

    /// What it is.
    pub fn told(&self) -> String {
        format!("{}: {} files, {} MiB", self.name, self.files, self.mib)
    }

    /// An empty directory to unpack into.
    pub fn target(&self) -> Result<PathBuf> {
        let target = self.dir.join("target");
        if target.exists() {
            fs::remove_dir_all(&target)?;
        }
        fs::create_dir(&target)?;
        Ok(target)
    }

    /// Makes room for the next.
    pub fn remove(&self) -> Result<()> {
        fs::remove_dir_all(&self.dir).context("removing a layer")
    }
}

/// Files below the directories, in order, until there are enough; directories before what is in
/// them, by paths that are relative to the root.
fn files(kind: &Kind) -> Result<(Vec<String>, u64)> {
    let (mut files, mut bytes) = (Vec::new(), 0);
    for top in kind.from {
        let mut todo = vec![PathBuf::from(top)];
        while let Some(path) = todo.pop().filter(|_| bytes >> 20 < kind.most) {
            let Ok(meta) = path.symlink_metadata() else { continue };
            let Some(name) = path.to_str() else { continue };
            files.push(name.trim_start_matches('/').to_string());
            if meta.is_dir() {
                let mut names: Vec<_> = fs::read_dir(&path)?.flatten().map(|e| e.path()).collect();
                names.sort();
                todo.extend(names.into_iter().rev());
            } else if meta.is_file() {
                bytes += meta.len();
            }
        }
    }
    Ok((files, bytes))
}

/// An image layout with the layer in it, by the program itself.
fn as_image(dir: &Path, blob: &Path) -> Result<()> {
    let program = conformance::binary("final-runtime")?;
    let verb = |words: &[&Path]| {
        let mut command = Command::new(&program);
        command.args(["--storage-driver", "vfs", "--root"]).arg(dir.join("store"));
        run(command.args(words)).map(drop)
    };
    verb(&["import".as_ref(), blob, "image:1".as_ref()])?;
    verb(&[
        "save".as_ref(),
        "--dir".as_ref(),
        "--output".as_ref(),
        &dir.join("image"),
        "image:1".as_ref(),
    ])?;
    fs::remove_dir_all(dir.join("store")).context("removing the store")
}

fn run(command: &mut Command) -> Result<String> {
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    let first = errors.lines().next().unwrap_or_default();
    ensure!(output.status.success(), "{command:?}: {first}");
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}
