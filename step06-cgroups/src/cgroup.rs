//! The layer: a control group for the container, and a namespace in which that group is the root.
//!
//! See cgroups(7), cgroup_namespaces(7).

use std::{
    cell::OnceCell,
    os::fd::BorrowedFd,
    path::Path,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::{
    sched::{CloneFlags, unshare},
    unistd::Pid,
};
use step05::{Explain, Layer};

use crate::{
    CgroupManager, Controller, Door, Freezer, Group, GroupPath, Hierarchy, Place, Stats, Version,
    directory::{clear_abandoned, thaw_abandoned},
    enable,
    scope::{Scope, scope_of},
    systemd::Property,
    why_not::why_not,
};

/// The layer that holds the container to its limits and counts what it uses.
pub struct Cgroup {
    /// The container's id, which is the name of its group.
    pub id: String,
    /// Where its group is made, if somebody has said so.
    pub parent: Option<GroupPath>,
    /// Who makes it.
    pub manager: CgroupManager,
    /// What its scope is called, if it is systemd.
    pub unit: String,
    /// What systemd is told of the scope besides the limits.
    pub properties: Vec<Property>,
    /// What it is held to and asked about.
    pub controllers: Vec<Box<dyn Controller>>,
    /// Whether the container sees its own group as the root of all.
    pub namespace: bool,
    /// Whether what is found in the place of its group was left by a runtime that was killed, and is
    /// cleared away. Not where groups go on without a runtime that holds them.
    pub recovers: bool,
    hierarchies: OnceCell<Vec<Hierarchy>>,
    scope: Option<Scope>,
    group: Group,
    doors: Vec<Door>,
}

impl Cgroup {
    /// With these limits.
    pub fn new(id: &str, parent: Option<GroupPath>, controllers: Vec<Box<dyn Controller>>) -> Self {
        Self {
            id: id.into(),
            parent,
            manager: CgroupManager::default(),
            unit: scope_of(id),
            properties: Vec::new(),
            controllers,
            namespace: true,
            recovers: true,
            hierarchies: OnceCell::new(),
            scope: None,
            group: Group::default(),
            doors: Vec::new(),
        }
    }

    /// Its group, once it is made.
    pub fn group(&self) -> &Group {
        &self.group
    }

    /// The hierarchies of this machine, which are looked for once.
    pub fn hierarchies(&self) -> Result<&[Hierarchy]> {
        if self.hierarchies.get().is_none() {
            let _ = self.hierarchies.set(Hierarchy::all()?);
        }
        Ok(self.hierarchies.get().map_or(&[], Vec::as_slice))
    }

    /// Where its group will be, for one who writes that down before it is made. What is there already
    /// is somebody else's, and left out.
    pub fn places(&self) -> Result<Vec<Place>> {
        self.places_where(|dir| !dir.exists())
    }

    /// Where its group is or will be, with what is true of the directory. Of groups that systemd makes
    /// it is systemd that says where.
    pub fn places_where(&self, is: impl Fn(&Path) -> bool) -> Result<Vec<Place>> {
        if self.manager != CgroupManager::Cgroupfs {
            return Ok(Vec::new());
        }
        let path = self.parent.clone().unwrap_or_default();
        let place = |one: &Hierarchy| {
            let top = one.top()?;
            let (dir, above) = (path.of(&top, &self.id), path.below(&top));
            let (version, controllers) = (one.version, one.controllers.clone());
            is(&dir).then_some(Place { version, controllers, dir, above })
        };
        Ok(self.hierarchies()?.iter().filter_map(place).collect())
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

    /// The controllers of which something was asked, each with its flag.
    fn asked(&self) -> impl Iterator<Item = (&dyn Controller, &'static str)> {
        self.controllers.iter().filter_map(|one| Some((one.as_ref(), one.asked()?)))
    }

    /// An error if a limit was asked for that none of those hierarchies can give, or that
    /// contradicts another.
    fn require(&self, all: &[Hierarchy], usable: impl Fn(&Hierarchy) -> bool) -> Result<()> {
        for (controller, flag) in self.asked() {
            match all.iter().find(|one| one.serves(controller) && usable(one)) {
                Some(one) => controller.check(one.version)?,
                None => bail!("{flag}: {}", why_not(controller, all)),
            }
        }
        Ok(())
    }

    /// Makes the group in every hierarchy that the caller may use.
    fn add_plain(&mut self, explain: &Explain) -> Result<()> {
        let all = self.hierarchies()?.to_vec();
        self.require(&all, |one| one.top().is_some())?;
        if all.iter().all(|one| one.top().is_none()) {
            explain.say(
                "# no group is delegated to the caller: the container stays in the caller's own",
            );
        }
        let path = self.parent.clone().unwrap_or_default();
        self.group.outlives = !self.recovers;
        for hierarchy in all {
            if let Some(top) = hierarchy.top() {
                self.group.add(explain, hierarchy, &top, &path, &self.id)?;
            }
        }
        Ok(())
    }

    /// Makes the group within systemd's, where the scope has put the process; next to it where
    /// systemd has no groups, which with v1 are some hierarchies.
    fn add_in_scope(&mut self, explain: &Explain, scope: &Scope, first: Pid) -> Result<()> {
        let plain = self.parent.clone().unwrap_or_default();
        for hierarchy in Hierarchy::of(&first.to_string())? {
            let (top, path) = match hierarchy.own.clone().filter(|dir| scope.is_at(dir)) {
                Some(dir) => (dir, &GroupPath::none()),
                None => match hierarchy.top() {
                    Some(top) => (top, &plain),
                    None => continue,
                },
            };
            let asked = self.asked().map(|(controller, _)| controller);
            let hierarchy = enable::reach(explain, hierarchy, &top, asked)?;
            self.group.add(explain, hierarchy, &top, path, &self.id)?;
        }
        // A slice, or a user's systemd, may have less than the machine.
        for (controller, flag) in self.asked() {
            if self.group.files(controller).is_none() {
                let all = Hierarchy::of(&first.to_string())?;
                bail!("{flag}: {}", why_not(controller, &all));
            }
        }
        Ok(())
    }
}

impl Layer for Cgroup {
    fn name(&self) -> &'static str {
        "cgroup"
    }

    fn recover(&mut self, explain: &Explain) -> Result<()> {
        if !self.recovers {
            return Ok(());
        }
        // The processes of a killed runtime were killed with it, but that may have been only now.
        let deadline = Instant::now() + Duration::from_millis(200);
        let parent = self.parent.clone().unwrap_or_default();
        let all = self.hierarchies()?;
        let tops: Vec<_> = all.iter().filter_map(|one| Some((one, one.top()?))).collect();
        for (one, top) in tops.iter().filter(|(one, _)| one.serves(&Freezer)) {
            thaw_abandoned(explain, one.version, top, &parent, &self.id);
        }
        for (_, top) in &tops {
            clear_abandoned(explain, top, &parent, &self.id, deadline);
        }
        Ok(()) // a scope ends by itself
    }

    // ANCHOR: cgroup-hooks
    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        self.scope = self.manager.scope(explain, self.parent.as_ref(), &self.unit)?;
        if self.scope.is_some() {
            // The rest has to wait: there is no scope without a process in it.
            return self.require(self.hierarchies()?, |_| true);
        }
        self.add_plain(explain)?;
        self.group.furnish(explain, &self.controllers)?;
        self.group.limit(explain, &self.controllers)?;
        self.doors = self.group.doors()?;
        Ok(())
    }

    fn attach(&mut self, explain: &Explain, first: Pid) -> Result<()> {
        let Some(mut scope) = self.scope.take() else { return Ok(()) };
        let limits = self.controllers.iter().flat_map(|one| one.properties(None));
        let asked = limits.chain(self.properties.iter().cloned()).collect();
        // Where groups go on without a runtime nobody reads what was used when all have left.
        let started = scope.start(explain, first, asked, self.recovers);
        let added = started.and_then(|()| self.add_in_scope(explain, &scope, first));
        self.scope = Some(scope);
        added?;
        // A group of v2 with processes in it gives no controllers on; one of v1 lets nobody in
        // before it is furnished.
        self.group.pull(explain, first, Version::V2)?;
        self.group.furnish(explain, &self.controllers)?;
        self.group.limit(explain, &self.controllers)?;
        self.group.pull(explain, first, Version::V1)
    }

    fn born_into(&self) -> Option<BorrowedFd<'_>> {
        self.group.nursery()
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        // ANCHOR: exercise-6-3
        self.doors.iter_mut().try_for_each(|door| door.enter(explain))?;
        if !self.namespace {
            return Ok(());
        }
        // Not before: the root of the namespace is the group that its maker is in at that moment.
        explain.act("unshare --cgroup", "making a cgroup namespace", || {
            unshare(CloneFlags::CLONE_NEWCGROUP)
        })
        // ANCHOR_END: exercise-6-3
    }
    // ANCHOR_END: cgroup-hooks

    fn release(&mut self, explain: &Explain) -> Result<()> {
        self.doors.clear();
        self.group.remove(explain)?;
        // Not if somebody is still in the group, whom systemd would kill.
        self.scope.as_mut().map_or(Ok(()), |scope| scope.stop(explain))
    }
}
