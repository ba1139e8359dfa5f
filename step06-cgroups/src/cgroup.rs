//! The layer: a control group for the container, and a namespace in which that group is the root.
//!
//! See cgroups(7), cgroup_namespaces(7).

use std::{
    fs,
    os::fd::BorrowedFd,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::sched::{CloneFlags, unshare};
use step05::{Explain, Layer};

use crate::{
    Controller, Door, Freezer, Group, GroupPath, Hierarchy, Stats, Version,
    directory::{clear_abandoned, thaw_abandoned},
};

/// The layer that holds the container to its limits and counts what it uses.
pub struct Cgroup {
    /// The container's id, which is the name of its group.
    pub id: String,
    /// Where its group is made.
    pub parent: GroupPath,
    /// What it is held to and asked about.
    pub controllers: Vec<Box<dyn Controller>>,
    group: Group,
    doors: Vec<Door>,
}

impl Cgroup {
    /// With these limits.
    pub fn new(id: &str, parent: GroupPath, controllers: Vec<Box<dyn Controller>>) -> Self {
        Self { id: id.into(), parent, controllers, group: Group::default(), doors: Vec::new() }
    }

    /// What the container has used so far.
    pub fn stats(&self) -> Result<Stats> {
        Stats::read(&self.group, &self.controllers)
    }

    /// What limit the container, or a part of it, died of: one sentence.
    pub fn cause_of_death(&self) -> Result<Option<String>> {
        for controller in &self.controllers {
            if let Some(files) = self.group.files(controller.as_ref())
                && let Some(cause) = controller.cause_of_death(files)?
            {
                return Ok(Some(cause));
            }
        }
        Ok(None)
    }

    /// The hierarchies that the caller may use, each with the highest group that it may use there.
    /// An error if a limit was asked for that none of them can give.
    fn usable(&self, explain: &Explain) -> Result<Vec<(Hierarchy, PathBuf)>> {
        let all = Hierarchy::all()?;
        let with_top = |one: Hierarchy| one.top().map(|top| (one, top));
        let usable: Vec<_> = all.iter().cloned().filter_map(with_top).collect();
        for controller in &self.controllers {
            let Some(flag) = controller.asked() else { continue };
            let found = usable.iter().any(|(one, _)| one.serves(controller.as_ref()));
            if !found {
                bail!("{flag}: {}", why_not(controller.as_ref(), &all));
            }
        }
        if usable.is_empty() {
            explain.say(
                "# no group is delegated to the caller: the container stays in the caller's own",
            );
        }
        Ok(usable)
    }
}

impl Layer for Cgroup {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn recover(&mut self, explain: &Explain) -> Result<()> {
        // The processes of a killed runtime were killed with it, but that may have been only now.
        let deadline = Instant::now() + Duration::from_millis(200);
        let all = Hierarchy::all()?;
        let tops: Vec<_> = all.iter().filter_map(|one| Some((one, one.top()?))).collect();
        for (one, top) in tops.iter().filter(|(one, _)| one.serves(&Freezer)) {
            thaw_abandoned(explain, one.version, top, &self.parent, &self.id);
        }
        for (_, top) in &tops {
            clear_abandoned(explain, top, &self.parent, &self.id, deadline);
        }
        Ok(())
    }

    // ANCHOR: cgroup-hooks
    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        for (hierarchy, top) in self.usable(explain)? {
            let (parent, id, controllers) = (&self.parent, &self.id, &self.controllers);
            self.group.add(explain, hierarchy, &top, parent, id, controllers)?;
        }
        for controller in &self.controllers {
            if let Some(files) = self.group.files(controller.as_ref()) {
                controller.limit(explain, files)?;
            }
        }
        self.doors = self.group.doors()?;
        Ok(())
    }

    fn born_into(&self) -> Option<BorrowedFd<'_>> {
        self.group.nursery()
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        self.doors.iter_mut().try_for_each(|door| door.enter(explain))?;
        // Not before: the root of the namespace is the group that its maker is in at that moment.
        explain.act("unshare --cgroup", "making a cgroup namespace", || {
            unshare(CloneFlags::CLONE_NEWCGROUP)
        })
    }
    // ANCHOR_END: cgroup-hooks

    fn release(&mut self, explain: &Explain) -> Result<()> {
        self.doors.clear();
        self.group.remove(explain)
    }
}

/// Why none of the hierarchies that the caller may use has this controller.
fn why_not(controller: &dyn Controller, all: &[Hierarchy]) -> String {
    let in_root = |one: &&Hierarchy| {
        let listed = fs::read_to_string(one.mount_point.join("cgroup.controllers"));
        let name = controller.name_in(Version::V2);
        listed.unwrap_or_default().split_whitespace().any(|one| one == name)
    };
    let v1 = all.iter().find(|one| one.version == Version::V1 && one.lists(controller));
    let Some(one) = v1.or_else(|| all.iter().find(in_root)) else {
        let name = controller.name();
        return format!("no cgroup hierarchy that is mounted here has the {name} controller");
    };
    let controller = controller.name_in(one.version);
    if let Some(top) = one.top() {
        let above = top.parent().unwrap_or(&top).join("cgroup.subtree_control");
        return format!(
            "the group {} is not given the {controller} controller (root gives it by: \
             echo +{controller} > {}; systemd does where a unit has Delegate={controller})",
            top.display(),
            above.display()
        );
    }
    format!(
        "the {controller} controller is not delegated to the caller: neither {} nor a group above it \
         is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)",
        one.own.as_ref().unwrap_or(&one.mount_point).display()
    )
}
