//! What `run` takes of the kernel itself: a program in C that makes the same calls and does nothing
//! else (see `floor.c`). Compiled here, by `cc`.

use std::{
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use step06::{Hierarchy, Version};

use crate::{
    bundle::Bundle,
    cost::{self, Cost},
};

/// The program, and where it makes its groups.
pub struct Floor {
    program: PathBuf,
    hierarchies: Vec<PathBuf>,
}

impl Floor {
    /// Compiles it, into `dir`.
    pub fn new(dir: &Path) -> Result<Self> {
        let program = dir.join("floor");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/benches/startup/floor.c");
        let mut cc = Command::new("cc");
        let output = cc.args(["-O2", "-static", source, "-o"]).arg(&program).output();
        let output = output.context("running cc, which compiles the floor")?;
        let errors = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "cc {source}: {errors}");
        let all = Hierarchy::all()?.into_iter().filter(|one| one.version == Version::V1);
        Ok(Self { program, hierarchies: all.map(|one| one.mount_point).collect() })
    }

    /// `run`, from beginning to end.
    pub fn run(&self, bundle: &Bundle) -> Result<Cost> {
        let mut command = Command::new(&self.program);
        command.arg(bundle.rootfs()).args(&self.hierarchies).args([
            "--",
            "/bin/probe",
            "exit",
            "0",
        ]);
        cost::of(&mut command)
    }
}
