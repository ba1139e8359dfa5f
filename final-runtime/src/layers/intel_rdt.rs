//! `linux.intelRdt`: a share of the processor's cache and of the way to memory. See
//! Documentation/filesystems/resctrl.rst of the kernel, and "IntelRdt" in config-linux.md of the OCI
//! runtime specification.

use std::{
    fs,
    io::ErrorKind,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use step07::{Explain, Layer, sh};

use crate::spec::IntelRdt;

/// Where it is mounted by custom.
const ROOT: &str = "/sys/fs/resctrl";

/// The layer that puts a container into a group of resctrl.
pub struct Resctrl {
    group: PathBuf,
    /// Whether the group is the container's alone.
    own: bool,
    lines: Vec<String>,
}

impl Resctrl {
    /// As asked for; an error where the kernel, or the machine, has none.
    pub fn new(asked: &IntelRdt, id: &str) -> Result<Self> {
        let mounted = Path::new(ROOT).join("schemata").exists();
        ensure!(mounted, "spec: linux.intelRdt: resctrl is not mounted on {ROOT}");
        let name = asked.clos_id.as_deref().unwrap_or(id);
        let plain = !name.is_empty() && !name.contains('/') && name != "." && name != "..";
        ensure!(plain, "spec: linux.intelRdt.closID: {name:?} is no group's name");
        let schemes = [&asked.l3_cache_schema, &asked.mem_bw_schema];
        let lines = schemes.into_iter().flatten().chain(&asked.schemata).cloned().collect();
        Ok(Self { group: Path::new(ROOT).join(name), own: asked.clos_id.is_none(), lines })
    }
}

/// Removes the group that a container had for itself.
pub fn remove(asked: &IntelRdt, id: &str) {
    if asked.clos_id.is_none() {
        let _ = fs::remove_dir(Path::new(ROOT).join(id)); // it may have been given back by now
    }
}

impl Layer for Resctrl {
    fn name(&self) -> &'static str {
        "resctrl"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let group = &self.group;
        explain.say(sh(["mkdir".as_ref(), group.as_os_str()]));
        match fs::create_dir(group) {
            Err(error) if error.kind() == ErrorKind::AlreadyExists => {}
            made => made.with_context(|| format!("making {}", group.display()))?,
        }
        let file = group.join("schemata");
        for line in &self.lines {
            let shown = file.display();
            explain.act(
                format_args!("{} > {shown}", sh(["echo", line])),
                format_args!("writing {line:?} to {shown}"),
                || fs::write(&file, format!("{line}\n")),
            )?;
        }
        Ok(())
    }

    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        let file = self.group.join("tasks");
        let shown = file.display();
        explain.act(
            format_args!("echo {child} > {shown}"),
            format_args!("writing {child} to {shown}"),
            || fs::write(&file, child.to_string()),
        )
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        if self.own {
            let _ = fs::remove_dir(&self.group); // it may never have been made
        }
        Ok(())
    }
}
