//! A directory with layers in it, for one test.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, lchown},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use conformance::{Outcome, Rootfs, Run, Sandbox};
use serde_json::Value;

pub const STEP07: &str = env!("CARGO_BIN_EXE_step07");

/// What belongs, in a sandbox, to the user that programs run as.
pub struct Place<'a> {
    pub sandbox: &'a Sandbox,
    /// The lowest layer of every container: the probe, and the files that every step mounts over.
    pub base: Rootfs,
    dir: PathBuf,
}

impl<'a> Place<'a> {
    pub fn new(sandbox: &'a Sandbox) -> Result<Self> {
        let dir = sandbox.dir().join("place");
        fs::create_dir(&dir)?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o755))?;
        let base = Rootfs::new()?;
        for name in ["hosts", "hostname", "resolv.conf"] {
            base.file(&format!("etc/{name}"), "")?;
        }
        let place = Self { sandbox, base, dir };
        place.give(&place.dir)?;
        place.give(place.base.path())?;
        Ok(place)
    }

    /// A path in here.
    pub fn at(&self, name: &str) -> PathBuf {
        self.dir.join(name)
    }

    /// A new layer, of directories, whose names end with `/`, and files with content.
    pub fn layer(&self, name: &str, files: &[(&str, &str)]) -> Result<PathBuf> {
        let layer = self.at(name);
        fs::create_dir(&layer)?;
        for (name, content) in files {
            let path = layer.join(name);
            match name.ends_with('/') {
                true => fs::create_dir_all(&path)?,
                false => {
                    fs::create_dir_all(path.parent().context("a file has a parent")?)?;
                    fs::write(&path, content)?;
                }
            }
        }
        self.give(&layer)?;
        Ok(layer)
    }

    /// Gives a file, or a directory and all below it, to the user.
    pub fn give(&self, path: &Path) -> Result<()> {
        if !self.sandbox.is_unprivileged() || self.sandbox.has_user_namespace() {
            return Ok(());
        }
        if path.symlink_metadata()?.is_dir() {
            for entry in fs::read_dir(path)? {
                self.give(&entry?.path())?;
            }
        }
        Ok(lchown(path, Some(1000), Some(1000))?)
    }

    /// The program, without any flag.
    pub fn step07(&self) -> Run<'a> {
        let parent = self.sandbox.cgroup_parent();
        self.sandbox.run(STEP07).args(["--network", "none", "--cgroup-parent", &parent])
    }

    /// A container on the base and these layers, the lowest first.
    pub fn on<P: AsRef<Path>>(&self, layers: impl IntoIterator<Item = P>) -> Run<'a> {
        let run = self.step07().rootfs(&self.base);
        layers.into_iter().fold(run, |run, layer| run.arg("--layer").arg(layer.as_ref()))
    }

    /// mount(8) by the sandbox's root, of names in here.
    pub fn mount(&self, args: &[&str]) -> Result<()> {
        self.mount_program("mount", args)
    }

    /// umount(8), likewise.
    pub fn umount(&self, name: &str) -> Result<()> {
        self.mount_program("umount", &[name])
    }

    fn mount_program(&self, program: &str, args: &[&str]) -> Result<()> {
        // Notes on mounts, which the program would leave in /run.
        let run = self.sandbox.run(program).env("LIBMOUNT_UTAB", "/dev/null").cwd(&self.dir);
        run.args(args).output()?.success().map(drop)
    }

    /// A text without what is different in every run.
    pub fn plain(&self, text: &str) -> String {
        let mut text = text.replace(&*self.dir.to_string_lossy(), "PLACE");
        text = text.replace(&*self.base.path().to_string_lossy(), "BASE");
        for runs in [
            "/run/layers/".to_string(),
            format!("{}/runtime/layers/", self.sandbox.dir().display()),
        ] {
            while let Some(at) = text.find(&runs) {
                let id =
                    text[at + runs.len()..].chars().take_while(char::is_ascii_hexdigit).count();
                text.replace_range(at..at + runs.len() + id, "RUN");
            }
        }
        text
    }

    /// All of a directory of the host, as it is now.
    pub fn tree(&self, dir: &Path) -> Result<Value> {
        self.sandbox.probe(["tree".as_ref(), dir.as_os_str()]).output()?.json()
    }
}

/// The arguments of the probe for several verbs: `rm /a; mkdir /b`.
pub fn script(text: &str) -> Vec<&str> {
    let verbs = text.split(';').map(|verb| verb.split_whitespace().collect::<Vec<_>>());
    let mut words = vec!["seq"];
    words.extend(verbs.collect::<Vec<_>>().join(&"--"));
    words
}

/// What `--diff` told.
pub fn told(outcome: &Outcome) -> Result<Vec<String>> {
    Ok(outcome.success()?.stderr().lines().map(str::to_owned).collect())
}

/// What the container's command printed.
pub fn printed(outcome: &Outcome) -> Result<String> {
    Ok(outcome.success()?.stdout())
}

/// Whether a file is what a deleted name becomes in an upper.
pub fn is_whiteout(path: &Path) -> bool {
    path.symlink_metadata()
        .is_ok_and(|meta| meta.rdev() == 0 && meta.mode() & 0o170_000 == 0o020_000)
}
