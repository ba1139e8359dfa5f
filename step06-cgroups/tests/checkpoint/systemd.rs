//! Groups that systemd makes, on a machine that it runs.

use std::{
    fs,
    path::PathBuf,
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{End, Machine, Run, Running, Sandbox, Trees, checkpoint::Test, expect};
use insta::assert_snapshot;
use nix::sys::signal::{Signal, kill};

use super::scene::STEP06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        a_container_is_in_a_scope_of_systemds:
            [Root, CgroupV2(""), Path(Machine::NEEDS)],
        what_is_asked_of_systemd_is_told: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        limits_hold_in_a_scope_and_systemd_keeps_them: [Root, CgroupV2("memory"), Path(Machine::NEEDS)],
        a_container_that_does_not_come_to_be_leaves_no_scope: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        what_a_container_used_is_there_to_be_read_when_it_has_ended:
            [Root, CgroupV2(""), Path(Machine::NEEDS)],
        the_scope_of_a_killed_runtime_ends_by_itself: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        who_is_put_into_a_scope_from_outside_is_not_killed: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        ten_scopes_at_once: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        groups_can_be_had_without_systemd: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        a_slice_can_be_chosen: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        systemd_is_not_asked_from_another_pid_namespace: [Root, CgroupV2(""), Path(Machine::NEEDS)],
        an_ordinary_users_systemd_makes_a_scope:
            [Root, CgroupV2(""), Path(Machine::NEEDS)],
        with_both_versions_the_container_is_where_systemd_has_groups_and_next_to_them:
            [Root, CgroupV1("memory"), CgroupV2(""), Path(Machine::NEEDS)],
        limits_hold_in_an_ordinary_users_scope: [Root, CgroupV2("memory"), Path(Machine::NEEDS)],
    }
}

fn step06<'a>(machine: &Machine<'a>) -> Run<'a> {
    machine.run(STEP06).args(["--network", "none"])
}

fn users_step06<'a>(machine: &Machine<'a>) -> Run<'a> {
    machine.users_run(STEP06).args(["--network", "none"])
}

fn wait_until(what: &str, so: impl Fn() -> bool) -> Result<()> {
    let deadline = Instant::now() + Duration::from_secs(20);
    while !so() {
        ensure!(Instant::now() < deadline, "it is not so that {what}");
        sleep(Duration::from_millis(5));
    }
    Ok(())
}

/// The only scope, and the container's group in it.
fn scope_and_group(machine: &Machine) -> Result<(PathBuf, PathBuf)> {
    let scope = machine.scopes().pop().context("there is no scope")?;
    let name = scope.file_name().context("a name")?.to_string_lossy().into_owned();
    let id = name.trim_start_matches("layers-").trim_end_matches(".scope");
    Ok((scope.clone(), scope.join(id)))
}

fn started(mut container: Running) -> Result<Running> {
    container.line()?; // its first act
    Ok(container)
}

fn nothing_is_left(machine: &Machine) -> Result<()> {
    expect::equal("what is left", &machine.scopes(), Vec::<PathBuf>::new(), "systemd.scope(5)")?;
    let units = machine.run("systemctl").args(["list-units", "--all", "--plain"]).output()?;
    let units = units.stdout();
    expect::that("no unit is left", !units.contains("layers-"), &units, "systemd.scope(5)")
}

fn a_container_is_in_a_scope_of_systemds(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let container = started(step06(&machine).arg("--init").probe(["sleep", "20"]).spawn()?)?;
    let (scope, group) = scope_and_group(&machine)?;
    let slice = scope.parent().map(|slice| slice.display().to_string());
    expect::equal("the slice", &slice.as_deref(), Some("system.slice"), "systemd.slice(5)")?;
    let inside = fs::read_to_string(machine.group(&group).join("cgroup.procs"))?;
    expect::equal("who is in the group", &inside.lines().count(), 2, "cgroups(7)")?; // and init
    let unit = scope.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let shown = machine.show(&unit, "ActiveState,Delegate,ControlGroup,TasksMax")?;
    let shown = shown.replace(&unit, "SCOPE");
    assert_snapshot!(shown, @"
    ControlGroup=/system.slice/SCOPE
    Delegate=yes
    TasksMax=infinity
    ActiveState=active
    ");
    let runtime = *container.descendants().first().context("a runtime")?;
    kill(runtime, Signal::SIGTERM)?;
    container.wait()?.code(143)?;
    nothing_is_left(&machine)
}

fn what_is_asked_of_systemd_is_told(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let outcome = step06(&machine).arg("--explain").probe(["exit", "0"]).output()?;
    outcome.success()?;
    let said = outcome.stderr();
    let (_, id) = said.split_once("/run/layers/").context("a run directory")?;
    let (_, processes) = said.split_once("PIDs au 2 ").context("processes")?;
    let mut processes = processes.split(' ');
    let mut said = said.replace(&id[..12], "ID");
    for name in ["FIRST", "KEEPER"] {
        let number = processes.next().context("a process")?;
        said = said.replace(&format!(" {number} "), &format!(" {name} "));
    }
    // Not every kernel counts the same, and takes programs for devices.
    let everywhere = |line: &&str| !["bpf", "echo +"].iter().any(|it| line.contains(it));
    let about = |line: &&str| line.contains("cgroup   ") && everywhere(line);
    let told: Vec<_> = said.lines().filter(about).collect();
    assert_snapshot!(told.join("\n"), @r"
    host       cgroup        sleep infinity &  # stays in layers-ID.scope until it is stopped
    host       cgroup        busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StartTransientUnit 'ssa(sv)a(sa(sv))' layers-ID.scope fail 6 Description s 'container layers-ID.scope' Slice s system.slice PIDs au 2 FIRST KEEPER Delegate b true CollectMode s inactive-or-failed TasksMax t 18446744073709551615 0
    host       cgroup        mkdir /sys/fs/cgroup/system.slice/layers-ID.scope/keeper
    host       cgroup        echo KEEPER > /sys/fs/cgroup/system.slice/layers-ID.scope/keeper/cgroup.procs
    host       cgroup        mkdir --mode=1755 /sys/fs/cgroup/system.slice/layers-ID.scope/ID
    host       cgroup        echo FIRST > /sys/fs/cgroup/system.slice/layers-ID.scope/ID/cgroup.procs
    container  cgroup        unshare --cgroup
    host       cgroup        rmdir /sys/fs/cgroup/system.slice/layers-ID.scope/ID
    host       cgroup        busctl call org.freedesktop.systemd1 /org/freedesktop/systemd1 org.freedesktop.systemd1.Manager StopUnit ss layers-ID.scope replace
    ");
    Ok(())
}

fn limits_hold_in_a_scope_and_systemd_keeps_them(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let limits = ["--memory", "64m", "--cpus", "0.5", "--pids-limit", "20"];
    let run = step06(&machine).args(limits).arg("--init").probe(["sleep", "20"]);
    let container = started(run.spawn()?)?;
    let (scope, group) = scope_and_group(&machine)?;
    let unit = scope.file_name().unwrap_or_default().to_string_lossy().into_owned();
    let files = || {
        let file = |name: &str, dir: &PathBuf| {
            let path = machine.group(dir).join(name);
            fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
        };
        let both = |name: &str| Ok(format!("{}{}", file(name, &scope)?, file(name, &group)?));
        let all: Vec<_> =
            ["memory.max", "cpu.max", "pids.max"].into_iter().map(both).collect::<Result<_>>()?;
        Ok::<_, anyhow::Error>(all.concat())
    };
    assert_snapshot!(files()?, @"
    67108864
    67108864
    50000 100000
    50000 100000
    21
    20
    ");
    let properties = "CPUQuotaPerSecUSec,MemoryMax,MemorySwapMax,TasksMax";
    assert_snapshot!(machine.show(&unit, properties)?, @"
    CPUQuotaPerSecUSec=500ms
    MemoryMax=67108864
    MemorySwapMax=0
    TasksMax=21
    ");
    // Both make systemd write its own files again.
    machine.run("systemctl").arg("daemon-reload").output()?.success()?;
    let set = ["set-property", "--runtime", &unit, "CPUWeight=50"];
    machine.run("systemctl").args(set).output()?.success()?;
    expect::contains("the limits", &files()?, "67108864\n67108864\n50000 100000\n50000", "")?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGTERM)?;
    container.wait()?.code(143)?;

    let eaten = step06(&machine).args(["--memory", "32m"]).probe(["eat-memory", "64"]).output()?;
    eaten.code(137)?;
    let cause = "out of memory (limit 32 MiB): the kernel killed 1 process";
    expect::contains("what is told", &eaten.stderr(), cause, "cgroups(7)")?;
    // Little of it goes to the kernel's own account of one more group.
    step06(&machine).args(["--memory", "1m"]).probe(["exit", "0"]).output()?.success()?;
    nothing_is_left(&machine)
}

fn a_container_that_does_not_come_to_be_leaves_no_scope(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    step06(&machine).args(["--", "/no/such/command"]).output()?.code(127)?;
    nothing_is_left(&machine)
}

/// systemd removes a scope as soon as nobody is in it, and the runtime may be late.
fn what_a_container_used_is_there_to_be_read_when_it_has_ended(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let run = step06(&machine).args(["--stats", "--init"]).probe(["sleep", "20"]);
    let container = started(run.spawn()?)?;
    let (_, group) = scope_and_group(&machine)?;
    let runtime = *container.descendants().first().context("a runtime")?;
    kill(runtime, Signal::SIGSTOP)?;
    fs::write(machine.group(&group).join("cgroup.kill"), "1")?;
    let procs = machine.group(&group).join("cgroup.procs");
    wait_until("all have left", || fs::read_to_string(&procs).is_ok_and(|procs| procs.is_empty()))?;
    // That systemd has heard of it, and of much else since.
    machine.run("systemctl").arg("daemon-reload").output()?.success()?;
    expect::that("the group is there", procs.exists(), &procs, "systemd.scope(5)")?;
    container.signal(Signal::SIGCONT)?; // nsenter has stopped with it, and lets it go on
    let outcome = container.wait()?;
    outcome.code(137)?;
    expect::contains("what is told", &outcome.stderr(), "cpuacct     usage", "cgroups(7)")?;
    nothing_is_left(&machine)
}

fn the_scope_of_a_killed_runtime_ends_by_itself(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let container = started(step06(&machine).arg("--init").probe(["sleep", "20"]).spawn()?)?;
    expect::equal("how many scopes there are", &machine.scopes().len(), 1, "systemd.scope(5)")?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGKILL)?;
    expect::equal("its end", &container.wait()?.end, End::Signal(9), "signal(7)")?;
    wait_until("the scope has ended", || machine.scopes().is_empty())?;
    step06(&machine).probe(["exit", "0"]).output()?.success()?;
    nothing_is_left(&machine)
}

/// Somebody on the host puts a process of their own into the container's group.
fn who_is_put_into_a_scope_from_outside_is_not_killed(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let probe = sandbox.probe_path().display().to_string();
    let outsider = started(machine.run(&probe).args(["sleep", "20"]).spawn()?)?;
    let container = started(step06(&machine).arg("--init").probe(["sleep", "20"]).spawn()?)?;
    let (_, group) = scope_and_group(&machine)?;
    let process = *outsider.descendants().first().context("a process")?;
    fs::write(machine.group(&group).join("cgroup.procs"), process.to_string())?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGTERM)?;
    let outcome = container.wait()?;
    let said = outcome.code(125)?.stderr().replace(&group.display().to_string(), "GROUP");
    let (head, tail) = said.split_once("process ").context("a process")?;
    let tail = tail.trim_start_matches(|c: char| c.is_ascii_digit());
    assert_snapshot!(format!("{head}process PID{tail}"), @"step06: cgroup: still in use by process PID (probe): removing the group /sys/fs/cgroup/GROUP: Device or resource busy (os error 16)");
    expect::equal("how many scopes there are", &machine.scopes().len(), 1, "systemd.scope(5)")?;
    kill(process, Signal::SIGUSR1)?; // it is there to take it
    expect::equal("its end", &outsider.wait()?.end, End::Signal(10), "signal(7)")?;
    wait_until("the scope has ended", || machine.scopes().is_empty())?;
    nothing_is_left(&machine)
}

fn ten_scopes_at_once(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let start = |_| step06(&machine).probe(["exit", "0"]).spawn();
    let containers = (0..10).map(start).collect::<Result<Vec<_>>>()?;
    for container in containers {
        let outcome = container.wait()?;
        outcome.success()?;
        expect::equal("what it said", &outcome.stderr(), String::new(), "systemd.scope(5)")?;
    }
    nothing_is_left(&machine)
}

/// Where the container's processes were, if no scope was made.
fn plain_group(machine: &Machine, args: &[&str]) -> Result<String> {
    let run = step06(machine).args(args).arg("--explain").probe(["exit", "0"]);
    let outcome = run.output()?;
    outcome.success()?;
    let said = outcome.stderr();
    let asked = said.contains("StartTransientUnit");
    expect::that("systemd was not asked", !asked, &said, "cgroups(7)")?;
    let (_, made) = said.split_once("mkdir --mode=1755 ").context("no group was made")?;
    Ok(made.lines().next().unwrap_or_default().to_string())
}

fn groups_can_be_had_without_systemd(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    for (args, group) in [
        (&["--cgroup-manager", "cgroupfs"][..], "/sys/fs/cgroup/layers"),
        (&["--cgroup-manager", "cgroupfs", "--cgroup-parent", "x.slice"], "/sys/fs/cgroup/x.slice"),
        (&["--cgroup-parent", "mine"], "/sys/fs/cgroup/mine"),
    ] {
        expect::equal("the group", &plain_group(&machine, args)?, group, "cgroups(7)")?;
    }
    let systemd = ["--cgroup-manager", "systemd", "--cgroup-parent", "mine"];
    let line = step06(&machine).args(systemd).probe(["exit", "0"]).output()?.error_line(125)?;
    assert_snapshot!(line, @"step06: cgroup: --cgroup-parent mine: systemd keeps scopes in slices: expected NAME.slice");
    nothing_is_left(&machine)
}

fn a_slice_can_be_chosen(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let slice = |name: &str| step06(&machine).args(["--cgroup-parent", name]);
    let container = started(slice("a-b.slice").arg("--init").probe(["sleep", "20"]).spawn()?)?;
    let scope = scope_and_group(&machine)?.0;
    let above = scope.parent().map(|slice| slice.display().to_string());
    expect::equal("the slice", &above.as_deref(), Some("a.slice/a-b.slice"), "systemd.slice(5)")?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGTERM)?;
    container.wait()?;
    let line = slice("b-.slice").probe(["exit", "0"]).output()?.error_line(125)?;
    let line =
        line.split("layers-").map(|part| part.trim_start_matches(|c: char| c.is_ascii_hexdigit()));
    assert_snapshot!(line.collect::<Vec<_>>().join("layers-ID"), @"step06: cgroup: asking systemd for layers-ID.scope: Unit b-.slice failed to load properly, please adjust/correct and reload service manager: Invalid argument (InvalidArgs)");
    nothing_is_left(&machine)
}

/// What is process 7 here may be anybody there.
fn systemd_is_not_asked_from_another_pid_namespace(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    let run = |args: &[&str]| {
        let run = machine.run_from_outside(STEP06).args(["--network", "none"]);
        run.args(args).probe(["exit", "0"]).output()
    };
    let line = run(&["--cgroup-manager", "systemd"])?.error_line(125)?;
    assert_snapshot!(line, @"step06: cgroup: --cgroup-manager systemd: /run/systemd/private: it numbers processes otherwise than this one does: their PID namespaces are not the same");
    let outcome = run(&["--explain"])?;
    outcome.success()?;
    let note = "# not from systemd: /run/systemd/private: it numbers processes otherwise";
    expect::contains("what is explained", &outcome.stderr(), note, "pid_namespaces(7)")
}

fn an_ordinary_users_systemd_makes_a_scope(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    machine.log_in()?;
    let container = started(users_step06(&machine).arg("--init").probe(["sleep", "20"]).spawn()?)?;
    let scope = scope_and_group(&machine)?.0;
    let above = scope.parent().map(|slice| slice.display().to_string());
    let slice = Some("user.slice/user@1000.service/user.slice");
    expect::equal("the slice", &above.as_deref(), slice, "systemd.slice(5)")?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGTERM)?;
    container.wait()?.code(143)?;
    nothing_is_left(&machine)
}

fn limits_hold_in_an_ordinary_users_scope(sandbox: &Sandbox) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Unified)?;
    machine.log_in()?;
    let run = users_step06(&machine).args(["--memory", "32m"]);
    let eaten = run.probe(["eat-memory", "64"]).output()?;
    eaten.code(137)?;
    let cause = "out of memory (limit 32 MiB): the kernel killed 1 process";
    expect::contains("what is told", &eaten.stderr(), cause, "cgroups(7)")?;
    nothing_is_left(&machine)
}

/// In version 1 systemd has groups in those trees that it needs, and a scope in them; the program
/// makes the container's in the others.
fn with_both_versions_the_container_is_where_systemd_has_groups_and_next_to_them(
    sandbox: &Sandbox,
) -> Result<()> {
    let machine = Machine::boot(sandbox, Trees::Hybrid)?;
    let limits = ["--memory", "64m", "--pids-limit", "20", "--init"];
    let container = started(step06(&machine).args(limits).probe(["sleep", "20"]).spawn()?)?;
    let (scope, group) = scope_and_group(&machine)?;
    let file = |controller: &str, dir: &PathBuf, name: &str| {
        let path = machine.group_v1(controller, dir)?.join(name);
        fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()))
    };
    let limits = || {
        Ok::<_, anyhow::Error>(
            file("memory", &scope, "memory.limit_in_bytes")?
                + &file("memory", &group, "memory.limit_in_bytes")?
                + &file("pids", &group, "pids.max")?,
        )
    };
    let expected = "67108864\n67108864\n20\n";
    expect::equal("the limits", &limits()?, expected, "systemd.resource-control(5)")?;
    machine.run("systemctl").arg("daemon-reload").output()?.success()?;
    expect::equal("the limits now", &limits()?, expected, "systemd.resource-control(5)")?;
    let first = fs::read_to_string(machine.group(&group).join("cgroup.procs"))?;
    let first = first.lines().next().context("nobody is in the group")?;
    let seen = fs::read_to_string(format!("/proc/{first}/cgroup"))?;
    let id = group.file_name().context("a name")?.to_string_lossy();
    let outside: Vec<_> = seen.lines().filter(|line| !line.ends_with(&*id)).collect();
    expect::equal("where it is not in a group of its own", &outside, Vec::<&str>::new(), "")?;
    kill(*container.descendants().first().context("a runtime")?, Signal::SIGTERM)?;
    container.wait()?.code(143)?;

    let eaten = step06(&machine).args(["--memory", "32m"]).probe(["eat-memory", "64"]).output()?;
    eaten.code(137)?;
    let cause = "out of memory (limit 32 MiB): the kernel killed 1 process";
    expect::contains("what is told", &eaten.stderr(), cause, "cgroups(7)")?;
    nothing_is_left(&machine)
}
