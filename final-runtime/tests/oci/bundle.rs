//! A bundle to try a runtime with: a root file system with the probe in it, and a configuration that
//! a test changes before it is written.

use std::{
    env,
    fs::{self, DirBuilder},
    os::unix::fs::{DirBuilderExt, PermissionsExt, chown},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use conformance::{Outcome, Rootfs, Run, Running, Sandbox};
use serde_json::{Value, json};

/// The runtime that is tried: this package's own, unless the environment names another.
pub fn runtime() -> PathBuf {
    let other = env::var_os("CONFORMANCE_RUNTIME").map(PathBuf::from);
    other.unwrap_or_else(|| env!("CARGO_BIN_EXE_final-runtime").into())
}

/// The need of tests of words and files that are no other runtime's.
#[allow(dead_code)] // what not every test program needs
pub fn ours() -> Option<String> {
    env::var_os("CONFORMANCE_RUNTIME").map(|_| "is about final-runtime's own words".into())
}

/// A bundle, and the container that is made of it. Its command is `/bin/probe` with some arguments.
pub struct Bundle<'a> {
    sandbox: &'a Sandbox,
    /// Its root file system.
    pub rootfs: Rootfs,
    /// What will be its `config.json`.
    pub config: Value,
    /// The container's id.
    pub id: String,
}

#[allow(dead_code)] // what not every subject needs
impl<'a> Bundle<'a> {
    /// With new namespaces of the six kinds that engines ask for, the mounts that they mount, and all
    /// that a root of a container usually may.
    pub fn new(sandbox: &'a Sandbox, probe: &[&str]) -> Result<Self> {
        let rootfs = Rootfs::new()?;
        let name = rootfs.outside().file_name().context("a name")?.to_string_lossy().into_owned();
        let id = format!("oci-{name}");
        let caps = [
            "CAP_CHOWN",
            "CAP_DAC_OVERRIDE",
            "CAP_FSETID",
            "CAP_FOWNER",
            "CAP_MKNOD",
            "CAP_NET_RAW",
            "CAP_SETGID",
            "CAP_SETUID",
            "CAP_SETPCAP",
            "CAP_NET_BIND_SERVICE",
            "CAP_SYS_CHROOT",
            "CAP_KILL",
        ];
        let args = [&["/bin/probe"], probe].concat();
        let parent = sandbox.cgroup_parent();
        // Others make the group above too, and leave it.
        let group = match env::var_os("CONFORMANCE_RUNTIME") {
            None => format!("/{parent}/{id}"),
            Some(_) => format!("/{parent}-{id}"),
        };
        let kinds = ["pid", "network", "ipc", "uts", "mount", "cgroup"];
        let namespaces = kinds.map(|kind| json!({ "type": kind }));
        let config = json!({
            "ociVersion": "1.0.2",
            "process": {
                "args": args,
                "env": ["PATH=/bin", "HOME=/root"],
                "cwd": "/",
                "user": { "uid": 0, "gid": 0 },
                "capabilities": { "bounding": caps, "effective": caps, "permitted": caps },
                "noNewPrivileges": true,
            },
            "root": { "path": "rootfs" },
            "hostname": "box",
            "mounts": mounts(),
            "linux": {
                "cgroupsPath": group,
                "namespaces": namespaces,
                "maskedPaths": ["/proc/kcore", "/sys/firmware"],
                "readonlyPaths": ["/proc/bus", "/proc/sys", "/proc/sysrq-trigger"],
            },
        });
        Ok(Self { sandbox, rootfs, config, id })
    }

    /// One of user 1000 without any power, who reports its working directory: one that is closed to
    /// all but `owner`.
    pub fn in_private_directory(sandbox: &'a Sandbox, owner: u32) -> Result<Self> {
        let bundle = Self::new(sandbox, &["report", "cwd"])?
            .set("process.cwd", "/private")
            .set("process.capabilities", json!({}))
            .set("process.user", json!({ "uid": 1000, "gid": 1000 }));
        let dir = bundle.rootfs.dir("private")?;
        fs::set_permissions(&dir, fs::Permissions::from_mode(0o700))?;
        chown(&dir, Some(owner), Some(owner))?;
        Ok(bundle)
    }

    /// Its directory, in which nothing but the root file system and the configuration is.
    pub fn dir(&self) -> &Path {
        self.rootfs.outside()
    }

    /// Puts `value` at a place such as `linux.sysctl`; what is missing on the way is made.
    pub fn set(mut self, place: &str, value: impl Into<Value>) -> Self {
        let mut at = &mut self.config;
        for name in place.split('.') {
            at = match name.parse::<usize>() {
                Ok(number) if at.is_array() => &mut at[number],
                _ => &mut at[name],
            };
        }
        *at = value.into();
        self
    }

    /// Adds `value` to the list at a place such as `mounts`.
    pub fn add(self, place: &str, value: impl Into<Value>) -> Self {
        let path = format!("/{}", place.replace('.', "/"));
        let mut list = self.config.pointer(&path).cloned().unwrap_or_else(|| json!([]));
        list.as_array_mut().expect("a list stands there").push(value.into());
        self.set(place, list)
    }

    /// Without the namespace of this kind: the sandbox's own.
    pub fn without_namespace(self, kind: &str) -> Self {
        let list = self.config["linux"]["namespaces"].as_array().cloned().unwrap_or_default();
        let others = list.into_iter().filter(|one| one["type"] != kind).collect::<Vec<_>>();
        self.set("linux.namespaces", others)
    }

    /// Joins a namespace of this kind, in place of a new one.
    pub fn joined(self, kind: &str, path: &str) -> Self {
        self.without_namespace(kind).add("linux.namespaces", json!({ "type": kind, "path": path }))
    }

    /// Without what is mounted there.
    pub fn without_mount(self, destination: &str) -> Self {
        let list = self.config["mounts"].as_array().cloned().unwrap_or_default();
        let others = list.into_iter().filter(|one| one["destination"] != destination);
        let others = others.collect::<Vec<_>>();
        self.set("mounts", others)
    }

    /// The probe's arguments.
    pub fn probe(self, args: &[&str]) -> Self {
        self.set("process.args", [&["/bin/probe"], args].concat())
    }

    /// Writes `config.json`.
    pub fn write(&self) -> Result<()> {
        let file = self.dir().join("config.json");
        fs::write(&file, format!("{:#}", self.config)).context("writing config.json")
    }

    /// Where the runtime writes its containers down.
    pub fn state_root(&self) -> PathBuf {
        let dir = self.sandbox.dir().join("oci");
        let _ = DirBuilder::new().mode(0o700).create(&dir); // another bundle may have made it
        dir
    }

    /// A verb of the runtime.
    pub fn verb(&self, args: &[&str]) -> Run<'a> {
        self.sandbox.run(runtime()).arg("--root").arg(self.state_root()).args(args)
    }

    /// `run` or `create`, with flags: the bundle is written, and its id is the last argument.
    pub fn making(&self, verb: &str, flags: &[&str]) -> Result<Run<'a>> {
        self.write()?;
        Ok(self.verb(&[verb, "--bundle"]).arg(self.dir()).args(flags).arg(&self.id))
    }

    /// Runs the command to its end; nothing must be left of the container.
    pub fn output(&self) -> Result<Outcome> {
        let outcome = self.making("run", &[])?.output()?;
        self.is_gone()?;
        Ok(outcome)
    }

    /// What `probe report` sees.
    pub fn report(&self) -> Result<Value> {
        self.output()?.json()
    }

    /// The one line that says why it cannot be run.
    pub fn refusal(&self) -> Result<String> {
        let line = self.output()?.error_line(125)?;
        Ok(line.replace(&self.dir().display().to_string(), "BUNDLE"))
    }

    /// Makes it and leaves it at its gate. It is there as long as what is returned is kept. What it
    /// prints goes to the file `output` in the bundle.
    pub fn create(&self, flags: &[&str]) -> Result<Running> {
        self.leave("create", flags)
    }

    /// Runs its command in the background, as long as what is returned is kept.
    pub fn start(&self) -> Result<Running> {
        self.leave("run", &["--detach"])
    }

    fn leave(&self, verb: &str, flags: &[&str]) -> Result<Running> {
        self.write()?;
        let output = self.dir().join("output");
        let run =
            self.sandbox.run("/bin/sh").args(["-c", "exec \"$@\" > \"$0\" 2>&1"]).arg(&output);
        let run = run.arg(runtime()).arg("--root").arg(self.state_root()).args([verb, "--bundle"]);
        let run = run.arg(self.dir()).args(flags).arg(&self.id);
        let (outcome, running) = run.detaching().spawn()?.leave()?;
        let said = || format!("it said {:?}", fs::read_to_string(&output).unwrap_or_default());
        outcome.success().with_context(said)?;
        Ok(running)
    }

    /// A verb about this container that must succeed, and what it prints.
    pub fn said(&self, verb: &str, args: &[&str]) -> Result<String> {
        let outcome = self.verb(&[verb]).arg(&self.id).args(args).output()?;
        outcome.success()?;
        Ok(outcome.stdout())
    }

    /// What `state` tells.
    pub fn state(&self) -> Result<Value> {
        Ok(serde_json::from_str(&self.said("state", &[])?)?)
    }

    /// Deletes it, however it is; nothing must be left.
    pub fn delete(&self) -> Result<()> {
        self.verb(&["delete", "--force", &self.id]).output()?.success()?;
        self.is_gone()
    }

    /// Nothing is written down of it any more.
    pub fn is_gone(&self) -> Result<()> {
        let dir = self.state_root().join(&self.id);
        ensure!(!dir.exists(), "{} is left of the container", dir.display());
        Ok(())
    }
}

fn mounts() -> Value {
    let mount = |destination: &str, kind: &str, options: &[&str]| json!({ "destination": destination, "type": kind, "source": kind, "options": options });
    json!([
        mount("/proc", "proc", &[]),
        mount("/dev", "tmpfs", &["nosuid", "strictatime", "mode=755", "size=65536k"]),
        mount(
            "/dev/pts",
            "devpts",
            &["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]
        ),
        mount("/dev/shm", "tmpfs", &["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        mount("/dev/mqueue", "mqueue", &["nosuid", "noexec", "nodev"]),
        mount("/sys", "sysfs", &["nosuid", "noexec", "nodev", "ro"]),
    ])
}
