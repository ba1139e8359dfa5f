//! The cpuset controller: on which CPUs and from which memory nodes a group may run.
//!
//! This step limits neither. But in v1 a new group has no CPU at all and nobody can join it
//! (ENOSPC), so it gets what the group above it has; in v2 an empty set means just that, and where
//! nothing is asked of the controller it need not be enabled. See cpuset(7).

use anyhow::Result;
use step05::Explain;

use crate::{Controller, Files, Version};

/// The controller.
#[derive(Clone, Debug, Default)]
pub struct Cpuset;

impl Controller for Cpuset {
    fn name(&self) -> &'static str {
        "cpuset"
    }

    fn listed(&self) -> bool {
        false
    }

    fn furnish(&self, explain: &Explain, files: &Files) -> Result<()> {
        if files.version == Version::V2 {
            return Ok(());
        }
        for file in ["cpuset.cpus", "cpuset.mems"] {
            let set = |files: &Files| files.read(file).map(Option::unwrap_or_default);
            if set(files)?.trim().is_empty() {
                files.write(explain, file, set(&files.above())?.trim())?;
            }
        }
        Ok(())
    }
}
