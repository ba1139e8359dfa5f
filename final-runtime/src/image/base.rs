//! `base`: an image for everyone, made on this machine from what it has.
//!
//! With a busybox that is what it is. Otherwise it is the shell and the common tools, each with
//! the libraries that it loads: the same files that the host runs, at the same paths.

use std::{
    collections::BTreeSet,
    fs,
    io::{ErrorKind, Read},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt, symlink},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use lddtree::DependencyAnalyzer;
use nix::sys::stat::{Mode, umask};
use sha2::{Digest, Sha256};

/// The image's name.
pub const NAME: &str = "base";

/// Where commands are looked for on a host, besides the caller's own `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is looked for on a host without busybox; what it lacks is left out, all but the shell.
const TOOLS: &str = "sh bash cat chmod chown cp cut date dd df du echo env expr false find free \
    grep head hostname id ip kill ln ls mkdir mknod mkfifo mount mv nproc ping printf ps pwd \
    readlink realpath rm rmdir sed seq sleep sort ss stat stty sync tail tee test timeout top \
    touch tr true tty umount uname uniq vi wc which whoami xargs yes";

/// A layer that was built.
pub struct Built {
    /// SHA-256 over every path, mode and content, in hexadecimal.
    pub digest: String,
    /// Bytes in its files.
    pub size: u64,
}

/// Builds the layer in the empty directory `root`.
pub fn build(root: &Path) -> Result<Built> {
    // Everybody in a container is to see these files, however private the caller's own are.
    let before = umask(Mode::from_bits_truncate(0o022));
    let filled = fill(root);
    umask(before);
    filled?;
    measure(root)
}

fn fill(root: &Path) -> Result<()> {
    skeleton(root)?;
    match find("busybox") {
        Some(busybox) => from_busybox(root, &busybox),
        None => from_tools(root),
    }
}

/// The directories and files that every Linux program expects.
fn skeleton(root: &Path) -> Result<()> {
    make_dir(root, 0o755)?;
    for dir in ["dev", "etc", "proc", "run", "sys", "usr/bin", "usr/local/bin", "var/log", "home"] {
        make_dir(&root.join(dir), 0o755)?;
    }
    make_dir(&root.join("root"), 0o700)?;
    for dir in ["tmp", "var/tmp"] {
        make_dir(&root.join(dir), 0o1777)?;
    }
    // One directory of programs by three names, as on the hosts that this may be made from.
    for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/bin"), ("usr/sbin", "bin")] {
        symlink(target, root.join(link)).with_context(|| format!("linking /{link}"))?;
    }
    let nobody = "nobody:x:65534:65534:nobody:/nonexistent:/bin/false\n";
    for (file, text) in [
        ("etc/passwd", format!("root:x:0:0:root:/root:/bin/sh\n{nobody}")),
        ("etc/group", "root:x:0:\ntty:x:5:\nnogroup:x:65534:\n".into()),
        ("etc/hosts", "127.0.0.1 localhost\n::1 localhost\n".into()),
        ("etc/resolv.conf", String::new()),
        ("etc/hostname", String::new()),
        ("etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n".into()),
        ("etc/profile", "export PS1='\\u@\\h:\\w\\$ '\n".into()),
    ] {
        fs::write(root.join(file), text).with_context(|| format!("writing /{file}"))?;
    }
    Ok(())
}

fn make_dir(dir: &Path, mode: u32) -> Result<()> {
    let make = || {
        fs::DirBuilder::new().recursive(true).mode(mode).create(dir)?;
        fs::set_permissions(dir, fs::Permissions::from_mode(mode)) // the umask takes from 1777
    };
    make().with_context(|| format!("making {}", dir.display()))
}

/// One program, and a link to it for each of its commands.
fn from_busybox(root: &Path, busybox: &Path) -> Result<()> {
    add_program(root, busybox)?;
    let list = std::process::Command::new(busybox).arg("--list").output();
    let list = list.with_context(|| format!("running {}", busybox.display()))?.stdout;
    for applet in String::from_utf8_lossy(&list).lines().filter(|&name| name != "busybox") {
        let link = root.join("usr/bin").join(applet);
        symlink("busybox", link).with_context(|| format!("linking {applet}"))?;
    }
    Ok(())
}

fn from_tools(root: &Path) -> Result<()> {
    for tool in TOOLS.split_whitespace() {
        match find(tool) {
            Some(file) => add_program(root, &file).with_context(|| format!("adding {tool}"))?,
            None if tool == "sh" => bail!("this host has no sh in PATH"),
            None => {}
        }
    }
    // So that full-screen programs know the common terminals.
    for terminal in ["x/xterm", "x/xterm-256color", "l/linux", "s/screen", "t/tmux-256color"] {
        let file = Path::new("/lib/terminfo").join(terminal);
        if file.exists() {
            copy(root, &file, &file)?;
        }
    }
    Ok(())
}

/// The file that a command's name stands for on this host.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(PATH.split(':')).filter(|dir| dir.starts_with('/'));
    dirs.map(|dir| Path::new(dir).join(name)).find(|file| {
        file.metadata().is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

/// Puts a program into `/usr/bin`, and what it loads where it looks for it.
fn add_program(root: &Path, file: &Path) -> Result<()> {
    let name = file.file_name().context("a program without a name")?;
    copy(root, file, &Path::new("/usr/bin").join(name))?;
    let mut magic = [0; 4];
    let read = fs::File::open(file).and_then(|mut file| file.read_exact(&mut magic));
    if read.is_err() || magic != *b"\x7fELF" {
        return Ok(()); // a script
    }
    let tree = DependencyAnalyzer::default()
        .analyze(file)
        .with_context(|| format!("reading what {} loads", file.display()))?;
    let interpreter = tree.interpreter.map(PathBuf::from);
    let missing = tree.libraries.values().find(|library| !library.found());
    if let Some(library) = missing {
        bail!("{} loads {}, which this host lacks", file.display(), library.name);
    }
    let libraries = tree.libraries.into_values().map(|library| library.path);
    let all: BTreeSet<_> = libraries.chain(interpreter).collect();
    all.iter().try_for_each(|library| copy(root, library, library))
}

/// Copies the content of `file` to `place`, a path in the image.
fn copy(root: &Path, file: &Path, place: &Path) -> Result<()> {
    let copy = || {
        let target = root.join(place.strip_prefix("/").unwrap_or(place));
        if let Some(dir) = target.parent() {
            fs::create_dir_all(dir)?;
        }
        let mut from = fs::File::open(file)?;
        let mode = from.metadata()?.permissions().mode() & 0o755; // no setuid program among them
        let create = fs::OpenOptions::new().write(true).create_new(true).mode(mode).open(target);
        match create {
            Ok(mut to) => std::io::copy(&mut from, &mut to).map(drop),
            Err(error) if error.kind() == ErrorKind::AlreadyExists => Ok(()),
            Err(error) => Err(error),
        }
    };
    copy().with_context(|| format!("copying {} to {}", file.display(), place.display()))
}

/// Names the layer by what is in it.
fn measure(root: &Path) -> Result<Built> {
    let mut sum = (Sha256::new(), 0);
    add_tree(&mut sum, root, root)?;
    let digest = sum.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect();
    Ok(Built { digest, size: sum.1 })
}

fn add_tree(sum: &mut (Sha256, u64), root: &Path, dir: &Path) -> Result<()> {
    let reading = || format!("reading {}", dir.display());
    let entries: std::io::Result<Vec<_>> = fs::read_dir(dir).with_context(reading)?.collect();
    let mut paths: Vec<_> = entries.with_context(reading)?.iter().map(|e| e.path()).collect();
    paths.sort();
    for path in paths {
        let meta = path.symlink_metadata().with_context(reading)?;
        let name = path.strip_prefix(root).unwrap_or(&path).to_string_lossy();
        sum.0.update(format!("{name}\0{:o}\0{}\0", meta.permissions().mode(), meta.len()));
        if meta.is_dir() {
            add_tree(sum, root, &path)?;
        } else if meta.is_symlink() {
            let target = path.read_link().with_context(reading)?;
            sum.0.update(target.to_string_lossy().as_bytes());
        } else {
            sum.1 += meta.len();
            sum.0.update(fs::read(&path).with_context(reading)?);
        }
    }
    Ok(())
}
