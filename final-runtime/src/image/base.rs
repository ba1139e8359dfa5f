//! `base`: an image for everyone, made on this machine from what it has.
//!
//! With a busybox that is what it is. Otherwise it is the shell and the common tools, each with
//! the libraries that it loads: the same files that the host runs, at the same paths.
//!
//! It is a layer like any other: an archive, of the same bytes as long as the host's files are.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::{self, File},
    io::{Read, Write},
    os::unix::fs::PermissionsExt,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use lddtree::DependencyAnalyzer;
use tar::{Builder, EntryType, Header};

/// The image's name.
pub const NAME: &str = "base";

/// Where commands are looked for on a host, besides the caller's own `PATH`.
const PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// What is looked for on a host without busybox; what it lacks is left out, all but the shell.
const TOOLS: &str = "sh bash cat chmod chown cp cut date dd df du echo env expr false find free \
    grep head hostname id ip kill ln ls mkdir mknod mkfifo mount mv nproc ping printf ps pwd \
    readlink realpath rm rmdir sed seq sleep sort ss stat stty sync tail tee test timeout top \
    touch tr true tty umount uname uniq vi wc which whoami xargs yes";

/// What is to be in the layer: files by their paths, without a slash before.
#[derive(Default)]
struct Plan(BTreeMap<PathBuf, Content>);

enum Content {
    Directory(u32),
    Text(String),
    Link(PathBuf),
    /// A file of the host's.
    Copy(PathBuf),
}

/// Writes the layer as an archive.
pub fn write(to: impl Write) -> Result<()> {
    let mut plan = Plan::default();
    plan.skeleton();
    match find("busybox") {
        Some(busybox) => plan.busybox(&busybox)?,
        None => plan.tools()?,
    }
    let mut builder = Builder::new(to);
    for (path, content) in &plan.0 {
        content.append(path, &mut builder).with_context(|| format!("adding {}", path.display()))?;
    }
    builder.into_inner().and_then(|mut to| to.flush()).context("writing the archive")
}

impl Plan {
    /// The directories and files that every Linux program expects.
    fn skeleton(&mut self) {
        let open = ["dev", "etc", "proc", "run", "sys", "usr", "usr/bin", "usr/local"];
        for dir in open.into_iter().chain(["usr/local/bin", "var", "var/log", "home"]) {
            self.add(dir, Content::Directory(0o755));
        }
        for (dir, mode) in [("root", 0o700), ("tmp", 0o1777), ("var/tmp", 0o1777)] {
            self.add(dir, Content::Directory(mode));
        }
        // One directory of programs by three names, as on the hosts that this may be made from.
        for (link, target) in [("bin", "usr/bin"), ("sbin", "usr/bin"), ("usr/sbin", "bin")] {
            self.add(link, Content::Link(target.into()));
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
            self.add(file, Content::Text(text));
        }
    }

    /// One program, and a link to it for each of its commands.
    fn busybox(&mut self, busybox: &Path) -> Result<()> {
        self.program(busybox)?;
        let list = std::process::Command::new(busybox).arg("--list").output();
        let list = list.with_context(|| format!("running {}", busybox.display()))?.stdout;
        for applet in String::from_utf8_lossy(&list).lines().filter(|&name| name != "busybox") {
            self.add(Path::new("usr/bin").join(applet), Content::Link("busybox".into()));
        }
        Ok(())
    }

    fn tools(&mut self) -> Result<()> {
        for tool in TOOLS.split_whitespace() {
            match find(tool) {
                Some(file) => self.program(&file).with_context(|| format!("adding {tool}"))?,
                None if tool == "sh" => bail!("this host has no sh in PATH"),
                None => {}
            }
        }
        // So that full-screen programs know the common terminals.
        for terminal in ["x/xterm", "x/xterm-256color", "l/linux", "s/screen", "t/tmux-256color"] {
            let file = Path::new("/lib/terminfo").join(terminal);
            if file.exists() {
                self.copy(&file);
            }
        }
        Ok(())
    }

    /// Puts a program into `/usr/bin`, and what it loads where it looks for it.
    fn program(&mut self, file: &Path) -> Result<()> {
        let name = file.file_name().context("a program without a name")?;
        self.add(Path::new("usr/bin").join(name), Content::Copy(file.into()));
        let mut magic = [0; 4];
        let read = File::open(file).and_then(|mut file| file.read_exact(&mut magic));
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
        all.iter().for_each(|library| self.copy(library));
        Ok(())
    }

    /// A file of the host's, where the host has it.
    fn copy(&mut self, file: &Path) {
        self.add(file, Content::Copy(file.into()));
    }

    /// The first of a name stays. A path that leads through one of the links above goes where they
    /// lead, since an archive follows none.
    fn add(&mut self, path: impl AsRef<Path>, content: Content) {
        let path = path.as_ref();
        let mut path = path.strip_prefix("/").unwrap_or(path).to_owned();
        for link in ["usr/sbin", "bin", "sbin"] {
            if let Ok(rest) = path.strip_prefix(link)
                && rest != Path::new("")
            {
                path = Path::new("usr/bin").join(rest);
            }
        }
        let parents = path.ancestors().skip(1).filter(|dir| !dir.as_os_str().is_empty());
        for dir in parents {
            self.0.entry(dir.into()).or_insert(Content::Directory(0o755));
        }
        self.0.entry(path).or_insert(content);
    }
}

impl Content {
    fn append(&self, path: &Path, builder: &mut Builder<impl Write>) -> Result<()> {
        let mut header = Header::new_gnu();
        let kind = match self {
            Self::Directory(_) => EntryType::Directory,
            Self::Link(_) => EntryType::Symlink,
            Self::Text(_) | Self::Copy(_) => EntryType::Regular,
        };
        header.set_entry_type(kind);
        header.set_mode(0o644);
        // Whoever makes it, whenever: root's files, from the beginning of time.
        header.set_uid(0);
        header.set_gid(0);
        header.set_mtime(0);
        header.set_size(0);
        match self {
            Self::Directory(mode) => {
                header.set_mode(*mode);
                builder.append_data(&mut header, path, std::io::empty())?;
            }
            Self::Link(target) => {
                header.set_mode(0o777);
                builder.append_link(&mut header, path, target)?;
            }
            Self::Text(text) => {
                header.set_size(text.len() as u64);
                builder.append_data(&mut header, path, text.as_bytes())?;
            }
            Self::Copy(file) => {
                let from = File::open(file)?;
                let meta = from.metadata()?;
                header.set_mode(meta.permissions().mode() & 0o755); // no setuid program among them
                header.set_size(meta.len());
                builder.append_data(&mut header, path, from.take(meta.len()))?;
            }
        }
        Ok(())
    }
}

/// The file that a command's name stands for on this host.
fn find(name: &str) -> Option<PathBuf> {
    let path = std::env::var("PATH").unwrap_or_default();
    let dirs = path.split(':').chain(PATH.split(':')).filter(|dir| dir.starts_with('/'));
    dirs.map(|dir| Path::new(dir).join(name)).find(|file| {
        fs::metadata(file)
            .is_ok_and(|meta| meta.is_file() && meta.permissions().mode() & 0o111 != 0)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Otherwise a layer would hold a file behind a link of its own.
    #[test]
    fn nothing_is_behind_a_link() {
        let mut plan = Plan::default();
        plan.skeleton();
        for file in ["/bin/sh", "/usr/sbin/ip", "/lib64/ld.so", "/usr/lib/x/libc.so"] {
            plan.copy(Path::new(file));
        }
        for path in plan.0.keys() {
            let behind = |dir: &Path| matches!(plan.0.get(dir), Some(Content::Link(_)));
            assert!(!path.ancestors().skip(1).any(behind), "{}", path.display());
        }
        for path in ["usr/bin/sh", "usr/bin/ip", "lib64/ld.so", "usr/lib/x", "usr/lib/x/libc.so"] {
            assert!(plan.0.contains_key(Path::new(path)), "{path}");
        }
    }

    #[test]
    fn it_is_the_same_each_time() {
        let archive = || {
            let mut bytes = Vec::new();
            write(&mut bytes).expect("this host has a shell");
            bytes
        };
        assert!(archive() == archive());
    }
}
