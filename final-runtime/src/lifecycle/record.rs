//! What is written down about a container, and how: to a temporary file first, which then takes
//! the old one's place, so that whoever is killed leaves the one or the other. See rename(2).

use std::{
    fs::{self, OpenOptions},
    io::Write,
    net::Ipv4Addr,
    os::unix::fs::OpenOptionsExt,
    path::{Path, PathBuf},
    time::SystemTime,
};

use crate::{image::digest::Digest, layers::seccomp, signal::SignalNumber, storage::Key};
use anyhow::{Context, Result};
use serde::{Deserialize, Serialize, de::DeserializeOwned};
use step07::{CapSet, CapSets, Capabilities};

use super::limits::LimitWords;

/// What a container was made to be. Written to `config.json`, and again when it is held to other
/// limits.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Config {
    /// 12 hexadecimal digits.
    pub id: String,
    /// What people call it; unique in a store.
    pub name: String,
    /// The image's name.
    pub image: String,
    /// RFC 3339, UTC.
    pub created: String,
    /// The command and its arguments.
    pub args: Vec<String>,
    /// `NAME=VALUE`.
    pub env: Vec<String>,
    /// Working directory in the container.
    pub cwd: Option<String>,
    /// Host name in the container.
    pub hostname: String,
    /// Who the command is.
    pub user: User,
    /// Which system calls its processes may make.
    pub seccomp: seccomp::Choice,
    /// Whether it has a terminal.
    pub tty: bool,
    /// Whether it is removed when it ends.
    pub auto_remove: bool,
    /// Whether nothing in its root file system can be changed.
    pub read_only: bool,
    /// What of the host is mounted in it.
    pub volumes: Vec<Volume>,
    /// Published ports, as they were asked for.
    pub ports: Vec<String>,
    /// What it is held to.
    pub limits: LimitWords,
    /// The group in which its group is.
    pub cgroup_parent: String,
    /// The signal that asks it to end; `None` for SIGTERM.
    pub stop_signal: Option<SignalNumber>,
    /// The image's manifest.
    pub manifest: Digest,
    /// The image's file system; `None` for one without layers, which is empty.
    pub image_top: Option<Key>,
}

/// A file or directory of the host in the container.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Volume {
    /// On the host.
    pub source: PathBuf,
    /// In the container.
    pub target: PathBuf,
    /// Whether it cannot be changed from within.
    pub read_only: bool,
}

/// Who the container's command is and what it may do, for `exec` to give the same again.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct User {
    /// User id in the container.
    pub uid: u32,
    /// Group id in the container.
    pub gid: u32,
    /// Supplementary group ids.
    pub groups: Vec<u32>,
    /// The capability bounding set: bit N stands for capability N.
    pub capabilities: u64,
    /// Whether programs cannot give it more.
    pub no_new_privs: bool,
}

impl User {
    /// As the layer has it.
    pub fn of(capabilities: &Capabilities) -> Self {
        let user = &capabilities.user;
        Self {
            uid: user.uid,
            gid: user.gid,
            groups: user.groups.clone(),
            capabilities: capabilities.sets.bounding.bits(),
            no_new_privs: capabilities.no_new_privs,
        }
    }

    /// The layer that makes a process this user, or `instead` with the same limits.
    pub fn layer(&self, instead: Option<step07::User>) -> Capabilities {
        let own = step07::User { uid: self.uid, gid: self.gid, groups: self.groups.clone() };
        let user = instead.unwrap_or(own);
        let caps = CapSet::from_bits(self.capabilities);
        let sets = CapSets::new(caps, CapSet::EMPTY, user.uid == 0);
        Capabilities { user, sets, no_new_privs: self.no_new_privs }
    }
}

/// How far a container is in its life. Written to `state.json` at each turn.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(tag = "status", rename_all = "lowercase")]
pub enum State {
    /// Its runtime is making it.
    Created,
    /// It runs.
    Running {
        /// The first process, as the host numbers it.
        pid: i32,
        /// When that process began, in clock ticks since boot: with `pid`, names it for ever.
        /// See proc_pid_stat(5), field 22.
        birth: u64,
        /// RFC 3339, UTC.
        started: String,
        /// `none`, `host` or `bridge`.
        network: String,
        /// Its address on the bridge.
        #[serde(skip_serializing_if = "Option::is_none")]
        address: Option<Ipv4Addr>,
    },
    /// It has ended.
    Exited {
        /// 0–255; 128+N if signal N killed it.
        code: u8,
        /// RFC 3339, UTC. `None` if that is not known.
        started: Option<String>,
        /// RFC 3339, UTC.
        finished: String,
        /// Why, if not by its own will.
        #[serde(skip_serializing_if = "Option::is_none")]
        reason: Option<String>,
    },
}

impl State {
    /// The state after this one.
    pub fn ended(&self, code: u8, reason: Option<String>) -> Self {
        let started = match self {
            Self::Created => None,
            Self::Running { started, .. } => Some(started.clone()),
            Self::Exited { started, .. } => started.clone(),
        };
        Self::Exited { code, started, finished: now(), reason }
    }
}

/// This moment, as records tell it.
pub fn now() -> String {
    humantime::format_rfc3339_nanos(SystemTime::now()).to_string()
}

/// When the process began; `None` if there is no such process, or only its exit status is left.
/// See proc_pid_stat(5), fields 3 and 22.
pub fn birth(pid: i32) -> Option<u64> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The second field is the command's name in parentheses, which may hold anything.
    let mut after_name = stat.rsplit_once(") ")?.1.split(' ');
    let zombie = matches!(after_name.next()?, "Z" | "X");
    after_name.nth(18)?.parse().ok().filter(|_| !zombie)
}

/// Reads a record.
pub fn load<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let text = fs::read(file).with_context(|| format!("reading {}", file.display()))?;
    serde_json::from_slice(&text).with_context(|| format!("{} is damaged", file.display()))
}

/// Whether a record must be there also after a power failure.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Keep {
    /// It must: waits for the disk. See fsync(2).
    Safe,
    /// What it says will not be true any more by then.
    Quick,
}

/// Writes a record in place of an earlier one. It may hold secrets, so it is the owner's alone.
pub fn save<T: Serialize>(file: &Path, record: &T, keep: Keep) -> Result<()> {
    let mut text = serde_json::to_vec_pretty(record).context("writing a record as JSON")?;
    text.push(b'\n');
    let new = file.with_extension("new");
    let write = || {
        let mut options = OpenOptions::new();
        let mut out = options.write(true).create(true).truncate(true).mode(0o600).open(&new)?;
        out.write_all(&text)?;
        if keep == Keep::Safe {
            out.sync_all()?;
        }
        fs::rename(&new, file)
    };
    write().with_context(|| format!("writing {}", file.display()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_process_is_known_by_its_birth() {
        let me = i32::try_from(std::process::id()).expect("pids fit");
        assert!(birth(me).is_some_and(|ticks| ticks > 0));
        assert_eq!(birth(-1), None);
    }

    #[test]
    fn the_end_keeps_the_beginning() {
        let running = State::Running {
            pid: 7,
            birth: 1,
            started: "then".into(),
            network: "none".into(),
            address: None,
        };
        let State::Exited { code: 3, started, .. } = running.ended(3, None) else {
            panic!("it has ended");
        };
        assert_eq!(started.as_deref(), Some("then"));
    }
}
