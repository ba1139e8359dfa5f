//! The checkpoint of step 6.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{Outcome, Run, Sandbox, expect};
use insta::assert_snapshot;
use nix::sys::signal::Signal;
use step06::{Explain, Group, GroupPath, Hierarchy, Version};

#[path = "checkpoint/devices.rs"]
mod devices;

use devices::*;

const STEP06: &str = env!("CARGO_BIN_EXE_step06");

const BOTH: [Version; 2] = [Version::V1, Version::V2];

/// Groups are made in a parent of this test's own; networks are another step's subject.
fn step06(sandbox: &Sandbox) -> Run<'_> {
    let parent = sandbox.cgroup_parent();
    sandbox.run(STEP06).args(["--network", "none", "--cgroup-parent", &parent])
}

/// Where the test's groups are, in every hierarchy that is there and may be used.
fn parents(sandbox: &Sandbox) -> Result<Vec<PathBuf>> {
    let all = Hierarchy::all()?;
    let tops: Vec<_> = all.iter().filter_map(Hierarchy::top).collect();
    ensure!(!tops.is_empty(), "there are no cgroups here");
    Ok(tops.iter().map(|top| top.join(sandbox.cgroup_parent())).collect())
}

/// The groups of containers that there are now, in every hierarchy.
fn groups(sandbox: &Sandbox) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    for parent in parents(sandbox)? {
        let entries = fs::read_dir(parent).into_iter().flatten().flatten();
        found.extend(entries.map(|entry| entry.path()).filter(|path| path.is_dir()));
    }
    Ok(found)
}

/// The container's first process as the host numbers it, from its one group in each hierarchy.
fn first_process(sandbox: &Sandbox) -> Result<String> {
    let group = groups(sandbox)?.into_iter().next().context("there is no group")?;
    let processes = fs::read_to_string(group.join("cgroup.procs"))?;
    Ok(processes.lines().next().context("nobody is in the group")?.to_string())
}

// ---- the namespace -----------------------------------------------------------------------------

fn the_cgroup_namespace_is_its_own(sandbox: &Sandbox) -> Result<()> {
    let host = sandbox.probe(["report"]).output()?.json()?;
    let inside = step06(sandbox).report()?;
    let (inside, host) = (&inside["namespaces"]["cgroup"], &host["namespaces"]["cgroup"]);
    expect::differs("the cgroup namespace", inside, host, "cgroup_namespaces(7)")
}

fn the_container_sees_its_groups_as_roots(sandbox: &Sandbox) -> Result<()> {
    let inside = step06(sandbox).report()?;
    let groups = inside["cgroup"].as_array().context("a list")?;
    let roots = groups.iter().all(|line| line.as_str().is_some_and(|line| line.ends_with(":/")));
    expect::that("every group is the root", roots, groups, "cgroup_namespaces(7)")
}

// ---- the group ---------------------------------------------------------------------------------

fn the_command_starts_inside_its_group_in_every_hierarchy(sandbox: &Sandbox) -> Result<()> {
    let mut container = step06(sandbox).arg("--init").probe(["sleep", "20"]).spawn()?;
    container.line()?; // its first act
    let pid = first_process(sandbox)?;
    let seen = fs::read_to_string(format!("/proc/{pid}/cgroup"))?;
    for hierarchy in Hierarchy::all()?.iter().filter(|one| one.top().is_some()) {
        let names = hierarchy.controllers.join(",");
        let line = seen.lines().find(|line| match hierarchy.version {
            Version::V1 => line.contains(&format!(":{names}:")),
            Version::V2 => line.starts_with("0::"),
        });
        let group = format!("/{}/", sandbox.cgroup_parent());
        expect::contains("the group", line.unwrap_or_default(), &group, "cgroups(7)")?;
    }
    container.signal(Signal::SIGTERM)?;
    container.wait()?;
    Ok(())
}

fn the_group_is_gone_when_the_container_is(sandbox: &Sandbox) -> Result<()> {
    for (command, code) in [(["exit", "7"], 7), (["signal", "9"], 137)] {
        step06(sandbox).arg("--init").probe(command).output()?.code(code)?;
        let left: Vec<_> = parents(sandbox)?.into_iter().filter(|dir| dir.exists()).collect();
        expect::equal("what is left", &left, Vec::<PathBuf>::new(), "cgroups(7)")?;
    }
    // Also if it never came to be.
    step06(sandbox).args(["--", "/no/such/command"]).output()?.code(127)?;
    Ok(())
}

fn a_killed_runtime_leaves_groups_that_the_next_one_clears(sandbox: &Sandbox) -> Result<()> {
    let mut container = step06(sandbox).probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let before = groups(sandbox)?;
    container.signal(Signal::SIGKILL)?;
    container.wait()?;
    expect::equal("what the killed runtime left", &groups(sandbox)?, before, "cgroups(7)")?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("what is left now", &groups(sandbox)?, Vec::<PathBuf>::new(), "flock(2)")
}

fn thirty_at_once(sandbox: &Sandbox) -> Result<()> {
    let start = |_| step06(sandbox).probe(["exit", "0"]).spawn();
    let containers = (0..30).map(start).collect::<Result<Vec<_>>>()?;
    for container in containers {
        let outcome = container.wait()?;
        outcome.success()?;
        expect::equal("what it said", &outcome.stderr(), String::new(), "cgroups(7)")?;
    }
    Ok(())
}

fn groups_that_somebody_else_made_stay(sandbox: &Sandbox) -> Result<()> {
    let foreign = || Ok::<_, anyhow::Error>(parents(sandbox)?.into_iter().map(|dir| dir.join("x")));
    for dir in foreign()? {
        fs::create_dir_all(dir)?;
    }
    let ran = step06(sandbox).probe(["exit", "0"]).output();
    let there = foreign()?.all(|dir| dir.is_dir());
    let _ = foreign()?.try_for_each(fs::remove_dir);
    let ran_again = step06(sandbox).probe(["exit", "0"]).output();
    let parents_there = parents(sandbox)?.iter().all(|dir| dir.is_dir());
    parents(sandbox)?.into_iter().try_for_each(fs::remove_dir)?;
    ran?.success()?;
    ran_again?.success()?;
    expect::that("the group is still there", there, &sandbox.cgroup_parent(), "mkdir(2)")?;
    expect::that("so is the parent", parents_there, &sandbox.cgroup_parent(), "mkdir(2)")
}

/// Somebody on the host puts a process of their own into the container's group.
fn a_group_that_another_process_holds_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let mut outsider = sandbox.probe(["sleep", "20"]).spawn()?;
    outsider.line()?;
    let mut container = step06(sandbox).arg("--init").probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let group = groups(sandbox)?.remove(0);
    fs::write(group.join("cgroup.procs"), outsider.pid().to_string())?;
    container.signal(Signal::SIGTERM)?;
    let line = container.wait()?.stderr();
    let said = line.replace(&group.display().to_string(), "GROUP");
    let said = said.replace(&outsider.pid().to_string(), "PID");
    assert_snapshot!(said, @"step06: cgroup: still in use by process PID (probe): removing the group GROUP: Device or resource busy (os error 16)");
    // It is not the runtime's to kill. When it has gone, the next run clears the group away.
    outsider.signal(Signal::SIGKILL)?;
    outsider.wait()?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

/// The group of a container that this process is the runtime of, in hierarchies of these versions.
fn own_group(sandbox: &Sandbox, id: &str, versions: &[Version]) -> Result<Group> {
    let path: GroupPath = sandbox.cgroup_parent().parse()?;
    let mut group = Group::default();
    for hierarchy in Hierarchy::all()? {
        let Some(top) = hierarchy.top() else { continue };
        // A cpuset of v1 takes more before it can be joined.
        let cpuset = hierarchy.version == Version::V1 && hierarchy.has("cpuset");
        if !versions.contains(&hierarchy.version) || cpuset {
            continue;
        }
        group.add(&Explain::new(false), hierarchy, &top, &path, id, &[])?;
    }
    Ok(group)
}

/// Two runtimes whose run directories are not the same do not know of each other.
fn a_group_in_use_is_not_cleared_by_another_runtime(sandbox: &Sandbox) -> Result<()> {
    let group = own_group(sandbox, "in-use", &BOTH)?;
    let before = groups(sandbox)?;
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("the groups", &groups(sandbox)?, before, "flock(2)")?;
    drop(group); // without removing it, as if killed
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("what is left now", &groups(sandbox)?, Vec::<PathBuf>::new(), "flock(2)")
}

fn a_group_that_is_there_is_not_taken_over(sandbox: &Sandbox) -> Result<()> {
    let mut group = own_group(sandbox, "mine", &BOTH)?;
    let error = own_group(sandbox, "mine", &BOTH).err().context("the second group was made")?;
    let first = groups(sandbox)?.remove(0);
    let said = format!("{error:#}").replace(&first.display().to_string(), "GROUP");
    group.remove(&Explain::new(false))?;
    assert_snapshot!(said, @"making the group GROUP: File exists (os error 17)");
    Ok(())
}

fn killing_a_group_of_v1_ends_all_who_are_in_it(sandbox: &Sandbox) -> Result<()> {
    killing_a_group(sandbox, Version::V1)
}

fn killing_a_group_of_v2_ends_all_who_are_in_it(sandbox: &Sandbox) -> Result<()> {
    killing_a_group(sandbox, Version::V2)
}

fn killing_a_group(sandbox: &Sandbox, version: Version) -> Result<()> {
    let mut group = own_group(sandbox, "doomed", &[version])?;
    let victims = [(); 3].map(|()| sandbox.probe(["sleep", "20"]).spawn());
    let mut victims = victims.into_iter().collect::<Result<Vec<_>>>()?;
    victims.iter_mut().try_for_each(|victim| victim.line().map(drop))?;
    let mut pids: Vec<_> = victims.iter().map(conformance::Running::pid).collect();
    pids.sort_unstable();
    for (dir, pid) in groups(sandbox)?.iter().flat_map(|dir| pids.iter().map(move |pid| (dir, pid)))
    {
        fs::write(dir.join("cgroup.procs"), pid.to_string())?;
    }
    expect::equal("who is in it", &group.processes(), pids, "cgroups(7)")?;
    group.kill(&Explain::new(false))?;
    expect::equal("who is in it now", &group.processes(), vec![], "cgroups(7)")?;
    for victim in victims {
        let end = victim.wait()?.end;
        expect::equal("how they ended", &end, conformance::End::Signal(9), "signal(7)")?;
    }
    group.remove(&Explain::new(false))
}

// ---- the limits --------------------------------------------------------------------------------

fn memory_of_v1(sandbox: &Sandbox) -> Result<()> {
    memory(sandbox)
}

fn memory_of_v2(sandbox: &Sandbox) -> Result<()> {
    memory(sandbox)
}

fn memory(sandbox: &Sandbox) -> Result<()> {
    let limited = || step06(sandbox).args(["--memory", "20m"]);
    let outcome = limited().probe(["eat-memory", "10"]).output()?;
    outcome.success()?;
    expect::equal("what was said below the limit", &outcome.stderr(), "", "cgroups(7)")?;

    let line = limited().probe(["eat-memory", "100"]).output()?.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");

    // With an init the container's first process is not the one that dies.
    let line = limited().arg("--init").probe(["eat-memory", "100"]).output()?.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");

    // Where a part of it was killed, the container's own exit code counts.
    let script = format!("{} eat-memory 100; exit 3", sandbox.probe_path().display());
    let line = limited().args(["--", "sh", "-c", &script]).output()?;
    line.code(3)?;
    let said = "out of memory (limit 20 MiB): the kernel killed 1 process";
    expect::contains("what was said", &line.stderr(), said, "cgroups(7)")
}

/// The least that one may ask for is enough to start something.
fn the_least_memory_is_enough(sandbox: &Sandbox) -> Result<()> {
    step06(sandbox).args(["--memory", "512k"]).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}

fn cpus_of_v1(sandbox: &Sandbox) -> Result<()> {
    cpus(sandbox)
}

fn cpus_of_v2(sandbox: &Sandbox) -> Result<()> {
    cpus(sandbox)
}

fn cpus(sandbox: &Sandbox) -> Result<()> {
    let _parent = Favoured::new(sandbox)?;
    let burn = format!("{} burn 2 &", sandbox.probe_path().display());
    let script = format!("{} wait", burn.repeat(4));
    let run = step06(sandbox).args(["--cpus", "0.5", "--stats", "--", "sh", "-c", &script]);
    let outcome = run.output()?;
    outcome.success()?;
    let used = seconds(&outcome, "cpuacct", "usage")?;
    let periods: f64 = stat(&outcome, "cpu", "periods")?.parse()?;
    let half = (0.9..1.1).contains(&(used / (periods * 0.05)));
    expect::that("it got 50 of each 100 ms", half, &outcome.stderr(), "cgroups(7)")?;
    let throttled: f64 = stat(&outcome, "cpu", "throttled")?.parse()?;
    expect::that("it was held back most times", throttled >= 10.0, &throttled, "cgroups(7)")
}

/// A parent that comes before everybody else on the machine, or on a busy one the limit would not
/// be what holds the container back.
struct Favoured(PathBuf);

impl Favoured {
    fn new(sandbox: &Sandbox) -> Result<Self> {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("cpu"));
        let hierarchy = hierarchy.context("no cpu controller")?;
        let top = hierarchy.top().context("no group may be made")?;
        let dir = top.join(sandbox.cgroup_parent());
        fs::create_dir(&dir)?;
        let parent = Self(dir);
        match hierarchy.version {
            Version::V1 => fs::write(parent.0.join("cpu.shares"), "262144")?,
            Version::V2 => {
                fs::write(top.join("cgroup.subtree_control"), "+cpu")?;
                fs::write(parent.0.join("cpu.weight"), "10000")?;
            }
        }
        Ok(parent)
    }
}

impl Drop for Favoured {
    fn drop(&mut self) {
        let _ = fs::remove_dir(&self.0);
    }
}

fn pids_of_v1(sandbox: &Sandbox) -> Result<()> {
    pids(sandbox)
}

fn pids_of_v2(sandbox: &Sandbox) -> Result<()> {
    pids(sandbox)
}

fn pids(sandbox: &Sandbox) -> Result<()> {
    let bomb = |limit| step06(sandbox).args(["--pids-limit", limit]).probe(["fork-bomb", "50"]);
    let bombed = bomb("10").output()?.json()?.to_string();
    assert_snapshot!(bombed, @r#"{"forks":9,"refusal":"EAGAIN"}"#);
    let bombed = bomb("-1").output()?.json()?.to_string();
    assert_snapshot!(bombed, @r#"{"forks":50,"refusal":null}"#);
    Ok(())
}

fn limits_hold_in_a_user_namespace(sandbox: &Sandbox) -> Result<()> {
    let mapped = || step06(sandbox).args(["--userns", "0:100000:65536"]);
    let line = mapped().args(["--memory", "20m"]).probe(["eat-memory", "100"]).output()?;
    let line = line.error_line(137)?;
    assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");
    let bombed = mapped().args(["--pids-limit", "10"]).probe(["fork-bomb", "50"]).output()?;
    assert_snapshot!(bombed.json()?.to_string(), @r#"{"forks":9,"refusal":"EAGAIN"}"#);
    Ok(())
}

// ---- the numbers -------------------------------------------------------------------------------

/// The value of one line of the table.
fn stat(outcome: &Outcome, controller: &str, what: &str) -> Result<String> {
    Ok(stat_and_unit(outcome, controller, what)?.0)
}

fn stat_and_unit(outcome: &Outcome, controller: &str, what: &str) -> Result<(String, String)> {
    let stderr = outcome.stderr();
    let line = stderr.lines().find(|line| {
        let mut words = line.split_whitespace();
        (words.next(), words.next()) == (Some(controller), Some(what))
    });
    let line = line.with_context(|| format!("no {controller} {what} in {stderr}"))?;
    let mut words = line.split_whitespace().skip(2).map(String::from);
    words.next().zip(words.next()).with_context(|| format!("no value in {line}"))
}

/// A value of the table that is a time.
fn seconds(outcome: &Outcome, controller: &str, what: &str) -> Result<f64> {
    let (number, unit) = stat_and_unit(outcome, controller, what)?;
    let number: f64 = number.parse()?;
    Ok(match unit.as_str() {
        "s" => number,
        "ms" => number / 1e3,
        _ => number / 1e6,
    })
}

/// The table, with `…` for the values that differ from run to run.
fn table(outcome: &Outcome) -> String {
    let line = |line: &str| match line.starts_with("CONTROLLER") {
        true => line.to_string(),
        false => format!("{:<23}…  {}", &line[..23], line[34..].trim_start()),
    };
    // The last two are new in Linux 6.9 and 6.12.
    let old = |line: &&str| !line.starts_with("pids        peak") && !line.contains("refused");
    outcome.stderr().lines().filter(old).map(line).collect::<Vec<_>>().join("\n")
}

fn stats_are_what_was_used(sandbox: &Sandbox) -> Result<()> {
    let limits = ["--memory", "64m", "--cpus", "1.5", "--pids-limit", "20", "--stats"];
    let eaten = step06(sandbox).args(limits).probe(["eat-memory", "10"]).output()?;
    eaten.success()?;
    assert_snapshot!(table(&eaten), @r#"
    CONTROLLER  COUNTED    VALUE      LIMIT
    memory      current    …  64 MiB
    memory      peak       …  64 MiB
    memory      oom-kills  …  -
    cpu         periods    …  1.5 CPU
    cpu         throttled  …  -
    cpu         waited     …  -
    cpuacct     usage      …  -
    cpuacct     user       …  -
    cpuacct     system     …  -
    pids        current    …  20
    "#);
    let peak: f64 = stat(&eaten, "memory", "peak")?.parse()?;
    expect::that("10 MiB were eaten", (10.0..16.0).contains(&peak), &peak, "cgroups(7)")?;

    let bombed = step06(sandbox).args(limits).probe(["fork-bomb", "50"]).output()?;
    if bombed.stderr().contains("pids        peak") {
        expect::equal("the peak", &stat(&bombed, "pids", "peak")?, "20", "cgroups(7)")?;
        expect::equal("the refusals", &stat(&bombed, "pids", "refused")?, "1", "cgroups(7)")?;
    }

    let burnt = step06(sandbox).arg("--stats").probe(["burn", "1"]).output()?;
    let said = burnt.json()?["milliseconds"].as_f64().context("a number")? / 1e3;
    let counted = seconds(&burnt, "cpuacct", "usage")?;
    let agree = (counted - said).abs() < 0.1;
    expect::that("both count the same", agree, &(said, counted), "cgroups(7)")
}

// ---- what is seen, and what is refused, inside ---------------------------------------------------

fn sys_fs_cgroup_shows_the_containers_own_groups_only(sandbox: &Sandbox) -> Result<()> {
    let inside = step06(sandbox).report()?;
    let mounts = inside["mounts"].to_string();
    let dir = inside["cgroup_dir"].as_array().context("a list")?.clone();
    let all = Hierarchy::all()?;
    for hierarchy in &all {
        let name = match (hierarchy.version, all.len()) {
            (Version::V2, 1) => continue,
            (Version::V2, _) => "unified",
            (Version::V1, _) => hierarchy.controllers[0].trim_start_matches("name="),
        };
        let there = dir.iter().any(|one| one == name);
        expect::that(&format!("there is {name}"), there, &dir, "cgroups(7)")?;
    }
    expect::that("there are cgroup mounts", mounts.contains("cgroup"), &mounts, "cgroups(7)")
}

fn the_container_cannot_change_its_limits_or_leave(sandbox: &Sandbox) -> Result<()> {
    let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
    let version = hierarchy.context("no memory controller")?.version;
    let (dir, limit) = match version {
        Version::V1 => ("/sys/fs/cgroup/memory", "memory.limit_in_bytes"),
        Version::V2 => ("/sys/fs/cgroup", "memory.max"),
    };
    let attempts = [
        format!("open-write={dir}/{limit}"),
        format!("open-write={dir}/cgroup.procs"),
        format!("open-write={dir}/../cgroup.procs"),
        format!("read={dir}/release_agent"),
        format!("create={dir}/group"),
        "create=/sys/fs/cgroup/group".into(),
        format!("remount-rw={dir}"),
        format!("umount={dir}"),
        "mount=cgroup,/tmp,memory".into(),
        "mount=cgroup2,/tmp".into(),
        "unshare=cgroup".into(),
    ];
    let tried = step06(sandbox).probe(["try"].into_iter().chain(attempts.iter().map(|a| &**a)));
    let tried = tried.output()?.json()?;
    let done: Vec<_> = attempts.iter().filter(|attempt| tried[attempt.as_str()] == "ok").collect();
    expect::that("nothing of it could be done", done.is_empty(), &tried, "cgroups(7)")
}

/// Even root with the right to mount finds no root of the host's tree, and so no file that names a
/// program for the host to run (CVE-2022-0492).
fn there_is_no_release_agent_even_for_one_who_may_mount(sandbox: &Sandbox) -> Result<()> {
    let script = "mkdir /tmp/x && mount -t cgroup -o memory memory /tmp/x && ls /tmp/x";
    let run = step06(sandbox).args(["--cap-add", "SYS_ADMIN", "--tmpfs", "/tmp"]);
    let listed = run.args(["--", "sh", "-c", script]).output()?;
    listed.success()?;
    let files = listed.stdout();
    expect::contains("the group", &files, "memory.limit_in_bytes", "cgroups(7)")?;
    let host = !files.contains("release_agent") && !files.contains(&sandbox.cgroup_parent());
    expect::that("it is not the host's root", host, &files, "cgroup_namespaces(7)")
}

fn no_descriptor_of_a_group_reaches_the_command(sandbox: &Sandbox) -> Result<()> {
    let inside = step06(sandbox).report()?;
    let fds = inside["fds"].to_string();
    expect::that("none is of a cgroup", !fds.contains("cgroup"), &fds, "open(2)")
}

// ---- without the right to make groups ------------------------------------------------------------

fn without_delegation_limits_are_refused() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let mut said = Vec::new();
        for limit in [["--memory", "64m"], ["--cpus", "1"], ["--pids-limit", "9"]] {
            let line =
                step06(sandbox).args(limit).probe(["exit", "0"]).output()?.error_line(125)?;
            let (head, tail) = line.split_once(": neither ").context("a reason")?;
            let (_, tail) = tail.split_once(" nor ").context("a way out")?;
            said.push(format!("{head}: neither GROUP nor {tail}"));
        }
        assert_snapshot!(said.join("\n"), @r#"
    step06: cgroup: --memory: the memory controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --cpus: the cpu controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    step06: cgroup: --pids-limit: the pids controller is not delegated to the caller: neither GROUP nor a group above it is writable (systemd delegates one by: systemd-run --user --scope -p Delegate=yes)
    "#);
        Ok(())
    })
}

fn without_delegation_a_container_runs_in_the_callers_group() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let inside = step06(sandbox).report()?;
        let groups = inside["cgroup"].as_array().context("a list")?;
        let roots = groups.iter().all(|one| one.as_str().is_some_and(|one| one.ends_with(":/")));
        expect::that("every group is the root", roots, groups, "cgroup_namespaces(7)")?;
        let run = step06(sandbox).args(["--explain", "--stats", "--pids-limit", "-1"]);
        let said = run.probe(["exit", "0"]).output()?.stderr();
        expect::contains("what is counted", &said, "nothing was counted", "cgroups(7)")?;
        let note = "# no group is delegated to the caller: the container stays in the caller's own";
        expect::contains("what is explained", &said, note, "cgroups(7)")
    })
}

/// A group that root has made and given away.
struct Delegated(PathBuf);

impl Delegated {
    fn new(sandbox: &Sandbox, hierarchy: &Hierarchy) -> Result<Self> {
        let top = hierarchy.top().context("no group may be made")?;
        if hierarchy.has("memory") && hierarchy.version == Version::V2 {
            fs::write(top.join("cgroup.subtree_control"), "+memory +pids -cpu")?;
        }
        let dir = top.join(sandbox.cgroup_parent());
        fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
        for name in ["", "cgroup.procs", "tasks", "cgroup.subtree_control"] {
            let path = dir.join(name);
            if path.exists() {
                chown(path, Some(1000), Some(1000))?;
            }
        }
        Ok(Self(dir))
    }

    /// Runs step 6 from a group in it. Of v2 that is a leaf, next to which there is room for groups
    /// that have limits.
    fn run(&self, sandbox: &Sandbox, args: &[&str]) -> Result<Outcome> {
        let leaf = self.0.join("caller");
        let _ = fs::create_dir(&leaf);
        let v1 = leaf.join("tasks").exists();
        self.run_in(sandbox, if v1 { &self.0 } else { &leaf }, args)
    }

    fn run_in(&self, sandbox: &Sandbox, dir: &Path, args: &[&str]) -> Result<Outcome> {
        let name = sandbox.cgroup_parent();
        let script = "while ! grep -q $0 /proc/self/cgroup; do sleep 0.05; done; exec \"$@\"";
        let run = sandbox.run("/bin/sh").args(["-c", script, &name, STEP06, "--network", "none"]);
        let running = run.args(args).spawn()?;
        fs::write(dir.join("cgroup.procs"), running.pid().to_string())?;
        running.wait()
    }
}

impl Drop for Delegated {
    fn drop(&mut self) {
        let deadline = Instant::now() + Duration::from_secs(5);
        let remove = |dir: &Path| fs::remove_dir(dir).is_ok() || !dir.exists();
        while !(remove(&self.0.join("caller")) && remove(&self.0)) && Instant::now() < deadline {
            std::thread::sleep(Duration::from_millis(5));
        }
    }
}

fn in_a_delegated_group_of_v1_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

fn in_a_delegated_group_of_v2_limits_hold() -> Result<()> {
    in_a_delegated_group("memory")
}

fn in_a_delegated_group(controller: &str) -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has(controller));
        let hierarchy = hierarchy.context("no such controller")?;
        let delegated = Delegated::new(sandbox, &hierarchy)?;
        let probe = sandbox.probe_path().display().to_string();
        let args = ["--memory", "20m", "--", &probe, "eat-memory", "100"];
        let line = delegated.run(sandbox, &args)?.error_line(137)?;
        assert_snapshot!(line, @"cgroup: out of memory (limit 20 MiB): the kernel killed 1 process");
        Ok(())
    })
}

/// In v2 a group with processes in it cannot have children with limits.
fn a_caller_that_is_in_the_way_is_told_of() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
        let delegated = Delegated::new(sandbox, &hierarchy.context("no memory")?)?;
        let probe = sandbox.probe_path().display().to_string();
        let run = |args: &[&str]| {
            let args = [args, &["--", &probe, "exit", "0"]].concat();
            delegated.run_in(sandbox, &delegated.0, &args)
        };
        let line = run(&["--memory", "20m"])?.error_line(125)?;
        let line = line.replace(&delegated.0.display().to_string(), "GROUP");
        assert_snapshot!(line, @"step06: cgroup: --memory: enabling memory below GROUP: a group of v2 may not have both processes and limited children; move the processes in GROUP/cgroup.procs to a child group first");
        run(&[])?.success()?; // and without a limit it does not matter

        // What the group itself was not given it cannot give on either.
        let line = run(&["--cpus", "1"])?.error_line(125)?;
        let line = line.replace(&delegated.0.display().to_string(), "GROUP");
        assert_snapshot!(line, @"step06: cgroup: --cpus: the group GROUP is not given the cpu controller (root gives it by: echo +cpu > /sys/fs/cgroup/cgroup.subtree_control; systemd does where a unit has Delegate=cpu)");
        Ok(())
    })
}

fn in_a_delegated_group_of_v2_the_container_is_born() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.version == Version::V2);
        let delegated = Delegated::new(sandbox, &hierarchy.context("no cgroup v2")?)?;
        let probe = sandbox.probe_path().display().to_string();
        let outcome = delegated.run(sandbox, &["--explain", "--", &probe, "report", "cgroup"])?;
        let inside = outcome.json()?["cgroup"].to_string();
        expect::contains("the group", &inside, "0::/\"", "cgroup_namespaces(7)")?;
        let made = format!("mkdir --mode=1755 {}/layers/", delegated.0.display());
        expect::contains("what is explained", &outcome.stderr(), &made, "cgroups(7)")?;
        expect::contains("what is explained", &outcome.stderr(), "# clone3 has done it", "clone(2)")
    })
}

// ---- the command line ----------------------------------------------------------------------------

fn values_that_are_none_are_refused(sandbox: &Sandbox) -> Result<()> {
    let mut said = String::new();
    for args in [
        ["--memory", "much"],
        ["--memory", "-1"],
        ["--memory", "4k"],
        ["--memory", "16777216t"],
        ["--cpus", "1e3"],
        ["--cpus", "0"],
        ["--cpus", "20000"],
        ["--pids-limit", "0"],
        ["--pids-limit", "4294967297"],
        ["--device-cgroup-rule", "c 1:3"],
        ["--device-cgroup-rule", "c 9999:3 r"],
        ["--cgroup-parent", "../.."],
        ["--cgroup-parent", "/system.slice"],
    ] {
        let run = sandbox.run(STEP06).args(args).probe(["exit", "0"]);
        said += &run.output()?.error_line(125)?;
        said += "\n";
    }
    assert_snapshot!(said, @r#"
    step06: cgroup: --memory "much": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --memory "-1": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --memory "4k": expected at least 512k, or nothing can start in it
    step06: cgroup: --memory "16777216t": expected less than 2^63 bytes
    step06: cgroup: --cpus "1e3": expected a number of CPUs as in 2 or 0.5
    step06: cgroup: --cpus "0": expected at least 0.01
    step06: cgroup: --cpus "20000": expected at most 10000
    step06: cgroup: --pids-limit "0": expected 1 to 4194304, or -1 for no limit
    step06: cgroup: --pids-limit "4294967297": expected 1 to 4194304, or -1 for no limit
    step06: cgroup: --device-cgroup-rule "c 1:3": expected TYPE MAJOR:MINOR ACCESS as in 'c 1:3 rwm' (a type is a, b or c; a number may be *)
    step06: cgroup: --device-cgroup-rule "c 9999:3 r": expected TYPE MAJOR:MINOR ACCESS as in 'c 1:3 rwm' (a type is a, b or c; a number may be *)
    step06: cgroup: --cgroup-parent "../..": expected NAME or NAME/NAME… of letters, digits and _ . : @ -
    step06: cgroup: --cgroup-parent "/system.slice": expected NAME or NAME/NAME… of letters, digits and _ . : @ -
    "#);
    Ok(())
}

fn the_help_tells_of_the_limits(sandbox: &Sandbox) -> Result<()> {
    let help = sandbox.run(STEP06).arg("--help").output()?;
    help.success()?;
    let help = help.stdout();
    let (_, section) = help.split_once("Control group:").context("no section of its own")?;
    let section = section.split("\n\n").next().unwrap_or_default();
    assert_snapshot!(section.trim_start_matches('\n'), @r#"
      -m, --memory <SIZE>              The most memory the container may have: bytes, or a number with k, m, g or t
          --cpus <N>                   The most CPU time, as a number of CPUs such as 0.5
          --pids-limit <N>             The most processes and threads at a time; -1 is no limit
          --device-cgroup-rule <RULE>  Let the container use devices beyond null, zero, terminals and the like, as in 'c 10:229 rw'
          --stats                      When the container has ended, print what it used
          --cgroup-parent <NAME>       The group to make the container's group in [default: layers]
    "#);
    Ok(())
}

/// What of a `--explain` is about one hierarchy, with the groups' names taken out.
fn explained(sandbox: &Sandbox, hierarchy: &Hierarchy, args: &[&str]) -> Result<String> {
    let outcome = step06(sandbox).arg("--explain").args(args).probe(["exit", "0"]).output()?;
    outcome.success()?;
    let parent = hierarchy.mount_point.join(sandbox.cgroup_parent()).display().to_string();
    let tell = |line: &str| {
        let (head, tail) = line.split_once(&parent)?;
        let mut names = tail.splitn(3, '/').skip(1);
        let (name, file) = (names.next(), names.next());
        let name = name.map(|name| if name.contains('.') { name } else { "ID" });
        let path: Vec<_> = [Some("PARENT"), name, file].into_iter().flatten().collect();
        Some(format!("{head}{}", path.join("/")))
    };
    Ok(outcome.stderr().lines().filter_map(tell).collect::<Vec<_>>().join("\n"))
}

fn explain_tells_every_act_on_v1(sandbox: &Sandbox) -> Result<()> {
    let memory = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
    let said = explained(sandbox, &memory.context("no memory")?, &["--memory", "64m"])?;
    // Not every kernel counts swap.
    let said: Vec<_> = said.lines().filter(|line| !line.contains("memsw")).collect();
    let said = said.join("\n");
    assert_snapshot!(said, @r#"
    host       cgroup        mkdir --mode=1755 PARENT
    host       cgroup        mkdir --mode=1755 PARENT/ID
    host       cgroup        echo 67108864 > PARENT/ID/memory.limit_in_bytes
    container  cgroup        echo 0 > PARENT/ID/tasks
    host       cgroup        rmdir PARENT/ID
    host       cgroup        rmdir PARENT
    "#);
    Ok(())
}

fn explain_tells_every_act_on_v2(sandbox: &Sandbox) -> Result<()> {
    let memory = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
    let said = explained(sandbox, &memory.context("no memory")?, &["--memory", "64m"])?;
    // Not every kernel counts swap, or takes programs for devices.
    let everywhere =
        |line: &&str| !["memory.swap", "device", "bpf"].iter().any(|it| line.contains(it));
    let said: Vec<_> = said.lines().filter(everywhere).collect();
    let said = said.join("\n");
    assert_snapshot!(said, @r#"
    host       cgroup        mkdir --mode=1755 PARENT
    host       cgroup        mkdir --mode=1755 PARENT/ID
    host       cgroup        echo +memory > PARENT/cgroup.subtree_control
    host       cgroup        echo +cpu > PARENT/cgroup.subtree_control
    host       cgroup        echo +pids > PARENT/cgroup.subtree_control
    host       cgroup        echo 67108864 > PARENT/ID/memory.max
    container  cgroup        echo 0 > PARENT/ID/cgroup.procs  # clone3 has done it
    host       cgroup        rmdir PARENT/ID
    host       cgroup        rmdir PARENT
    "#);
    Ok(())
}

conformance::checkpoint! {
    the_cgroup_namespace_is_its_own,
    the_container_sees_its_groups_as_roots,
    the_command_starts_inside_its_group_in_every_hierarchy: [Root],
    the_group_is_gone_when_the_container_is: [Root],
    a_killed_runtime_leaves_groups_that_the_next_one_clears: [Root],
    thirty_at_once,
    groups_that_somebody_else_made_stay: [Root],
    a_group_that_another_process_holds_is_told_of: [Root],
    a_group_in_use_is_not_cleared_by_another_runtime: [Root],
    a_group_that_is_there_is_not_taken_over: [Root],
    killing_a_group_of_v1_ends_all_who_are_in_it: [Root, CgroupV1("memory")],
    killing_a_group_of_v2_ends_all_who_are_in_it: [Root, CgroupV2("")],
    memory_of_v1: [CgroupV1("memory")],
    memory_of_v2: [CgroupV2("memory")],
    the_least_memory_is_enough: [Root],
    cpus_of_v1: [CgroupV1("cpu")],
    cpus_of_v2: [CgroupV2("cpu")],
    pids_of_v1: [CgroupV1("pids")],
    pids_of_v2: [CgroupV2("pids")],
    devices_of_v1: [Root, CgroupV1("devices")],
    devices_of_v2: [Root, CgroupV2(""), Other(no_devices_of_v2)],
    changing_devices_of_v1: [Root, CgroupV1("devices")],
    changing_devices_of_v2: [Root, CgroupV2(""), Other(no_device_programs)],
    limits_hold_in_a_user_namespace: [Root],
    stats_are_what_was_used: [Root],
    sys_fs_cgroup_shows_the_containers_own_groups_only,
    the_container_cannot_change_its_limits_or_leave: [Root],
    there_is_no_release_agent_even_for_one_who_may_mount: [CgroupV1("memory")],
    no_descriptor_of_a_group_reaches_the_command,
    without_delegation_limits_are_refused: [UserNamespaces],
    without_delegation_a_container_runs_in_the_callers_group: [UserNamespaces],
    in_a_delegated_group_of_v1_limits_hold: [Root, CgroupV1("memory")],
    in_a_delegated_group_of_v2_limits_hold: [Root, CgroupV2("memory")],
    a_caller_that_is_in_the_way_is_told_of: [Root, CgroupV2("memory")],
    in_a_delegated_group_of_v2_the_container_is_born: [Root, CgroupV2("")],
    values_that_are_none_are_refused,
    the_help_tells_of_the_limits,
    explain_tells_every_act_on_v1: [CgroupV1("memory")],
    explain_tells_every_act_on_v2: [CgroupV2("memory")],
}
