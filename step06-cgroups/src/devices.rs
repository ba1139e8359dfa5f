//! The devices controller: which devices a group may make, read and write.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | allowed | one rule at a time in `devices.allow` | a program: see `device_program.rs` |
//! | no longer allowed | one rule at a time in `devices.deny` | another program in its place |
//! | all but some | `a` in `devices.allow`, then these in `devices.deny` | another program |
//! | what is allowed | `devices.list` | `bpftool cgroup show` |
//!
//! A device is no name in `/dev` but two numbers, and whoever may make one has the disk in front of
//! them. The list is what stands between: on it is what runc and Docker have, which is enough for
//! programs that want no hardware. Making any device stays allowed, since archives have devices in
//! them and one that cannot be opened does no harm. See the kernel's admin-guide/cgroup-v1/devices.
//!
//! It takes root of the host to set it. A container that another user has made can do without: in a
//! user namespace nobody makes devices, and no file system that was mounted in one has any.

use std::io;

use anyhow::{Context, Result};
use step05::Explain;

use crate::{
    Controller, DeviceRule, Files, Kind, Version, bpf::Program, device_list::DeviceList,
    device_program::assemble,
};

/// The controller, and what is allowed.
#[derive(Clone, Debug)]
pub struct Devices {
    /// What is allowed and what is denied: of those about a device the last counts, and what none is
    /// about is denied.
    pub rules: Vec<DeviceRule>,
    /// By which flag something was asked for, other than what every container has.
    pub asked: Option<&'static str>,
}

/// What every container may use. Terminals are of two drivers: `ptmx`, and those in `/dev/pts`.
const DEFAULT_RULES: [DeviceRule; 11] = [
    DeviceRule::make(Kind::Char),
    DeviceRule::make(Kind::Block),
    DeviceRule::char(1, Some(3)), // null
    DeviceRule::char(1, Some(5)), // zero
    DeviceRule::char(1, Some(7)), // full
    DeviceRule::char(1, Some(8)), // random
    DeviceRule::char(1, Some(9)), // urandom
    DeviceRule::char(5, Some(0)), // tty
    DeviceRule::char(5, Some(1)), // console
    DeviceRule::char(5, Some(2)), // ptmx
    DeviceRule::char(136, None),  // pts/*
];

impl Devices {
    /// What every container may use whatever `more` says, and that.
    pub fn with(more: &[DeviceRule]) -> Self {
        let asked = (!more.is_empty()).then_some("--device-cgroup-rule");
        Self { rules: [more, &DEFAULT_RULES].concat(), asked }
    }

    fn write_list(&self, explain: &Explain, files: &Files) -> Result<()> {
        let wanted = DeviceList::of(&self.rules)?;
        let before = current_list(files)?;
        let written = if wanted.all_but {
            list_all_but(explain, files, &wanted.listed)
        } else {
            change_list(explain, files, before.clone(), &wanted.listed)
        };
        written.inspect_err(|_| {
            let now = current_list(files).unwrap_or_default();
            let _ = change_list(explain, files, now, &before); // the error above is the one to tell
        })
    }

    fn attach_program(&self, explain: &Explain, files: &Files) -> Result<()> {
        let shown: Vec<_> = self.rules.iter().map(DeviceRule::shown).collect();
        explain.act(
            format_args!(
                "# bpf(2) attaches a program to {} that allows: {}",
                files.dir.display(),
                shown.join(", ")
            ),
            format_args!("attaching a program for devices to {}", files.dir.display()),
            || Program::load(&assemble(&self.rules))?.attach(&files.dir),
        )
    }
}

/// What the kernel tells. Of a group that may do all but something it tells no more than that it may do
/// everything.
fn current_list(files: &Files) -> Result<Vec<DeviceRule>> {
    let list = files.read("devices.list")?.unwrap_or_default();
    Ok(list.lines().flat_map(str::parse).collect())
}

/// What was denied before is not known, so it begins with everything.
fn list_all_but(explain: &Explain, files: &Files, denied: &[DeviceRule]) -> Result<()> {
    files.write(explain, "devices.allow", "a")?;
    denied.iter().try_for_each(|rule| files.write(explain, "devices.deny", rule))
}

/// From one list to the other. Gives what is missing before it takes what is too much, so that a group
/// whose list changes is at no moment without what it has before and after.
fn change_list(
    explain: &Explain,
    files: &Files,
    mut before: Vec<DeviceRule>,
    wanted: &[DeviceRule],
) -> Result<()> {
    // ANCHOR: exercise-6-9
    // A group that may do everything has no list to which one could add.
    if before.iter().any(|rule| rule.kind == Kind::All) {
        files.write(explain, "devices.deny", "a")?;
        before.clear();
    }
    for rule in not_in(wanted, &before) {
        files.write(explain, "devices.allow", rule)?;
    }
    for rule in not_in(&before, wanted) {
        files.write(explain, "devices.deny", rule)?;
    }
    Ok(())
    // ANCHOR_END: exercise-6-9
}

/// What is in the first list, rule by rule, but not in the second.
fn not_in(first: &[DeviceRule], second: &[DeviceRule]) -> Vec<DeviceRule> {
    let rest = |rule: &DeviceRule| {
        let same = second.iter().filter(|other| other.same_devices(rule));
        let access = same.fold(rule.access, |left, other| left.without(other.access));
        (!access.is_empty()).then_some(DeviceRule { access, ..*rule })
    };
    first.iter().filter_map(rest).collect()
}

impl Controller for Devices {
    fn name(&self) -> &'static str {
        "devices"
    }

    fn listed(&self) -> bool {
        false
    }

    fn asked(&self) -> Option<&'static str> {
        self.asked
    }

    fn check(&self, version: Version) -> Result<()> {
        if version == Version::V1 {
            DeviceList::of(&self.rules).context(self.asked.unwrap_or("devices"))?;
        }
        Ok(())
    }

    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        let limited = match files.version {
            Version::V1 => self.write_list(explain, files),
            Version::V2 => self.attach_program(explain, files),
        };
        match limited {
            Err(error) if self.asked.is_none() && is_out_of_reach(&error) => {
                explain.say(format_args!("# devices are not limited: {error:#}"));
                Ok(())
            }
            Err(error) => Err(error).context(self.asked.unwrap_or("devices")),
            Ok(()) => Ok(()),
        }
    }
}

/// Whether the caller, or this kernel (one without BPF), is not able to.
fn is_out_of_reach(error: &anyhow::Error) -> bool {
    let code = error.downcast_ref::<io::Error>().and_then(io::Error::raw_os_error);
    matches!(code, Some(libc::EPERM | libc::EACCES | libc::ENOSYS | libc::EINVAL))
}
