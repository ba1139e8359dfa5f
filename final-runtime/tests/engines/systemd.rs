//! Engines that have their containers' groups from systemd: they name a slice and a scope, and the
//! runtime asks for it (`--systemd-cgroup`).

use std::{fs, path::PathBuf};

use anyhow::{Result, bail};
use conformance::{Machine, Sandbox, Trees, expect};
use insta::assert_snapshot;

use crate::{
    containerd::{self, containerd_on},
    docker::{self, docker_with},
    engine::{Engine, IMAGE, clear},
    podman::podman_on,
};

/// Ends by a signal, but for SIGCONT: systemd sends it together with what is to end a unit.
const TRAP: [&str; 3] = ["/bin/probe", "trap", "18"];

/// A scope: what it is called, and where its group is.
struct Scope<'a> {
    machine: &'a Machine<'a>,
    unit: String,
    group: PathBuf,
}

impl<'a> Scope<'a> {
    /// The only one whose name begins so.
    fn find(machine: &'a Machine<'a>, begin: &str) -> Result<Self> {
        let name = |scope: &PathBuf| Some(scope.file_name()?.to_string_lossy().into_owned());
        let all: Vec<_> = machine.scopes();
        let mut found = all.iter().filter_map(|scope| Some((name(scope)?, machine.group(scope))));
        let mut begins = found.by_ref().filter(|(name, _)| name.starts_with(begin));
        match (begins.next(), begins.next()) {
            (Some((unit, group)), None) => Ok(Self { machine, unit, group }),
            _ => bail!("expected one scope {begin}… of {all:?}"),
        }
    }

    /// What systemd says of it, but for its name.
    fn show(&self, properties: &str) -> Result<String> {
        Ok(self.machine.show(&self.unit, properties)?.replace(&self.unit, "SCOPE"))
    }

    /// A file of the group that is the container's own.
    fn own(&self, file: &str) -> Result<String> {
        let path = self.group.join(self.unit.trim_end_matches(".scope")).join(file);
        Ok(fs::read_to_string(path)?)
    }

    /// Whether systemd holds it in that slice, and leaves what is in it to the runtime.
    fn is_active_in(&self, slice: &str) -> Result<()> {
        let shown = self.show("ActiveState,Slice,ControlGroup,Delegate")?;
        let active = format!(
            "Slice={slice}\nControlGroup=/{slice}/SCOPE\nDelegate=yes\nActiveState=active\n"
        );
        expect::equal("what systemd says of it", &shown, active, "systemd.scope(5)")
    }

    /// Whether systemd knows nothing of it any more.
    fn is_forgotten(&self) -> Result<()> {
        let known = self.show("LoadState")?;
        expect::equal("what is known of it", &known.trim_end(), "LoadState=not-found", "")?;
        expect::that("its group is gone", !self.group.exists(), &self.group, "systemd.scope(5)")
    }
}

/// podman on a machine of systemd's.
fn podman<'a>(sandbox: &'a Sandbox, machine: &'a Machine<'a>) -> Result<Engine<'a>> {
    let mut engine = podman_on(sandbox, Some(machine))?;
    engine.flags.push("--cgroup-manager=systemd".into());
    Ok(engine)
}

const PODMAN_RUN: [&str; 4] = ["run", "--network=none", "--detach", "--name=one"];

pub fn podman_has_a_scope_of_systemds(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let mut engine = podman(sandbox, &machine)?;
    // podman asks for a limit of its own if nothing is said.
    let flags = ["--annotation=org.systemd.property.TimeoutStopSec=7", "--pids-limit=-1"];
    let command = [&[IMAGE], &TRAP[..]].concat();
    let id = engine.leaves(&[&PODMAN_RUN[..], &flags, &command].concat())?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    let scope = Scope::find(&machine, &format!("libpod-{id}"))?;
    let properties = "ActiveState,Slice,ControlGroup,Delegate,TasksMax,TimeoutStopUSec";
    assert_snapshot!(scope.show(properties)?, @"
    TimeoutStopUSec=7s
    Slice=machine.slice
    ControlGroup=/machine.slice/SCOPE
    Delegate=yes
    TasksMax=infinity
    ActiveState=active
    ");
    expect::equal("who is in it", &scope.own("cgroup.procs")?.lines().count(), 1, "cgroups(7)")?;
    engine.leaves(&["exec", "--detach", "one", "/bin/probe", "sleep", "60"])?;
    expect::equal("who is now", &scope.own("cgroup.procs")?.lines().count(), 2, "cgroups(7)")?;
    engine.drives("one")?;
    engine.says(&["stats", "--no-stream", "one"])?;
    engine.says(&["stop", "--time=10", "one"])?;
    scope.is_forgotten()?;
    engine.leaves(&["start", "one"])?; // which asks for one of the same name
    engine.says(&["kill", "one"])?;
    engine.says(&["rm", "--force", "one"])?;
    scope.is_forgotten()?;
    engine.behind.clear();
    clear(sandbox)
}

/// With systemd it is the scope that has the limits, and the container's own group has them too.
pub fn systemd_holds_what_podman_asks_for(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let mut engine = podman(sandbox, &machine)?;
    let memory = ["--memory=32m", "--memory-swap=48m", "--memory-reservation=16m"];
    let others = ["--pids-limit=30", "--cpus=0.5", IMAGE, "/bin/probe", "sleep", "600"];
    let id = engine.leaves(&[&PODMAN_RUN[..], &memory, &others].concat())?;
    let scope = Scope::find(&machine, &format!("libpod-{id}"))?;
    let shown = || {
        let shown = scope.show("MemoryMax,MemoryLow,MemorySwapMax,TasksMax,CPUQuotaPerSecUSec")?;
        Ok::<_, anyhow::Error>(shown.trim_end().replace('\n', " "))
    };
    let asked = "CPUQuotaPerSecUSec=500ms MemoryLow=16777216 MemoryMax=33554432 \
                 MemorySwapMax=16777216 TasksMax=30";
    expect::equal("what systemd holds it to", &shown()?, asked, "systemd.resource-control(5)")?;
    engine.says(&["update", "--memory=64m", "--memory-swap=96m", "--cpus=0.25", "one"])?;
    let asked = "CPUQuotaPerSecUSec=250ms MemoryLow=16777216 MemoryMax=67108864 \
                 MemorySwapMax=33554432 TasksMax=30";
    expect::equal("what it does now", &shown()?, asked, "systemd.resource-control(5)")?;
    // It makes systemd write all that it knows.
    machine.run("systemctl").arg("daemon-reload").output()?.success()?;
    for (file, limit) in
        [("memory.max", "67108864"), ("cpu.max", "25000 100000"), ("pids.max", "30")]
    {
        expect::equal(file, &scope.own(file)?.trim_end(), limit, "cgroups(7)")?;
        let around = fs::read_to_string(scope.group.join(file))?;
        expect::equal(file, &around.trim_end(), limit, "systemd.resource-control(5)")?;
    }
    engine.says(&["rm", "--force", "--time=0", "one"])?;
    scope.is_forgotten()?;
    engine.behind.clear();
    clear(sandbox)
}

pub fn docker_has_a_scope_of_systemds(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let flags = ["--bridge=none", "--exec-opt=native.cgroupdriver=systemd"];
    let engine = docker_with(sandbox, Some(&machine), &flags)?;
    let run = [&docker::RUN[..], &["--detach", "--name=one", IMAGE], &TRAP].concat();
    let id = engine.says(&run)?;
    engine.until(&["logs", "one"], |text| text == "ready")?;
    let scope = Scope::find(&machine, &format!("docker-{id}"))?;
    scope.is_active_in("system.slice")?;
    engine.drives("one")?;
    engine.says(&["update", "--restart=no", "one"])?;
    engine.says(&["stats", "--no-stream", "one"])?;
    engine.ends("one")?;
    scope.is_forgotten()?;
    docker::stop(engine)
}

pub fn containerd_has_a_scope_of_systemds(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let mut engine = containerd_on(sandbox, Some(&machine))?;
    let rootfs = conformance::Rootfs::new()?;
    let path = rootfs.path().display().to_string();
    let flags = ["--runc-systemd-cgroup", "--cgroup=machine.slice:test:one", "--detach"];
    let flags = [&flags[..], &["--cpu-shares=0"]].concat(); // it asks for some if nothing is said
    engine.leaves(&containerd::run(&path, &flags, "one", &["/bin/probe", "sleep", "600"]))?;
    let scope = Scope::find(&machine, "test-one")?;
    scope.is_active_in("machine.slice")?;
    let exec = ["task", "exec", "--exec-id=more", "one", "/bin/probe", "echo", "within"];
    expect::equal("what exec says", &engine.says(&exec)?, "within", "")?;
    engine.says(&["task", "metrics", "one"])?;
    engine.says(&["task", "kill", "--signal=SIGKILL", "one"])?;
    engine.until(&["task", "list"], |text| text.contains("STOPPED"))?;
    engine.says(&["task", "rm", "one"]).ok(); // its code is the container's
    scope.is_forgotten()?;
    engine.says(&["container", "rm", "one"])?;
    engine.behind.clear();
    clear(sandbox)
}
