//! What the tests share: the program, a root file system for it, and where to read on.

use std::{
    fs::File,
    io::Read,
    os::unix::fs::{MetadataExt, chown},
    process::{Command, Stdio},
};

use anyhow::{Context, Result};
use conformance::{Outcome, Rootfs, Run, Sandbox};
use serde_json::{Value, json};
use step05::mount_api;

pub const STEP05: &str = env!("CARGO_BIN_EXE_step05");

pub const CAPS: &str = "capabilities(7)";
pub const IDMAPPED: &str = "mount_setattr(2), \"ID-mapped mounts\"";

pub fn step05(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(STEP05)
}

/// A root file system of whoever runs the programs of this sandbox.
pub fn own_rootfs(sandbox: &Sandbox) -> Result<Rootfs> {
    let rootfs = Rootfs::new()?;
    let user = sandbox.dir().join("home").metadata()?.uid();
    for path in ["", "bin", "dev", "etc", "home", "proc", "root", "run", "sys", "tmp", "var"] {
        chown(rootfs.at(path), Some(user), Some(user))?;
    }
    Ok(rootfs)
}

/// Tried on the file system of the temporary files, by a user namespace made for it.
pub fn no_id_mapped_mounts() -> Option<String> {
    let try_it = || -> Result<()> {
        let mut holder = Command::new("unshare")
            .args(["--map-root-user", "sh", "-c", "echo; exec cat"])
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()?;
        holder.stdout.as_mut().context("no output")?.read_exact(&mut [0])?;
        let namespace = File::open(format!("/proc/{}/ns/user", holder.id()))?;
        let tree = mount_api::copy(File::open(std::env::temp_dir())?, false)?;
        let mapped = mount_api::map_ids(tree, namespace, false);
        drop(holder.stdin.take());
        holder.wait()?;
        Ok(mapped?)
    };
    let error = try_it().err()?;
    Some(format!("needs id-mapped mounts where temporary files are: {error:#}"))
}

pub fn all_three(id: u32) -> Value {
    json!({"real": id, "effective": id, "saved": id})
}

/// What `--explain` says of one layer, without the numbers that differ each time.
pub fn told(outcome: &Outcome, layer: &str) -> String {
    let stderr = outcome.stderr();
    let lines = stderr.lines().filter(|line| line.split_whitespace().nth(1) == Some(layer));
    lines.map(|line| without_pid(line) + "\n").collect()
}

pub fn without_pid(line: &str) -> String {
    let mut text = line.to_string();
    for before in ["/proc/", "--target=", "newuidmap ", "newgidmap "] {
        if let Some((_, after)) = line.split_once(before) {
            let pid: String = after.chars().take_while(char::is_ascii_digit).collect();
            text = text.replace(&format!("{before}{pid}"), &format!("{before}PID"));
        }
    }
    text
}
