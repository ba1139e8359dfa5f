//! What the program says: refusals, help, `--explain`.

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test};
use insta::assert_snapshot;
use step06::Hierarchy;

use super::scene::{STEP06, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        values_that_are_none_are_refused,
        the_help_tells_of_the_limits,
        explain_tells_every_act_on_v1: [CgroupV1("memory")],
        explain_tells_every_act_on_v2: [CgroupV2("memory")],
    }
}

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
        ["--memory-swap", "64m"],
        ["--memory-reservation", "-1"],
        ["--memory-min", "5%"],
        ["--memory-high", "4k"],
        ["--memory-swappiness", "101"],
        ["--oom-kill-disable=perhaps", "--stats"],
        ["--cpu-quota", "999"],
        ["--cpu-period", "1000001"],
        ["--cpu-burst", "-1"],
        ["--cpu-shares", "1"],
        ["--cpu-weight", "0"],
        ["--cpuset-cpus", ""],
        ["--cpuset-cpus", "1-"],
        ["--cpuset-cpus", "3-1"],
        ["--cpuset-mems", "all"],
        ["--cpuset-partition", "mine"],
        ["--pids-limit", "0"],
        ["--pids-limit", "4294967297"],
        ["--device-cgroup-rule", "c 1:3"],
        ["--device-cgroup-rule", "c 9999:3 r"],
        ["--cgroup-parent", "../.."],
        ["--cgroup-parent", "/system.slice"],
        ["--cgroup-manager", "podman"],
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
    step06: cgroup: --memory-swap: it is the most RAM and swap together, and needs --memory
    step06: cgroup: --memory-reservation "-1": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --memory-min "5%": expected bytes, or a number with k, m, g or t as in 64m
    step06: cgroup: --memory-high "4k": expected at least 512k, or nothing can start in it
    step06: invalid value '101' for '--memory-swappiness <N>': 101 is not in 0..=100
    step06: invalid value 'perhaps' for '--oom-kill-disable[=<BOOL>]' [possible values: true, false]
    step06: cgroup: --cpu-quota "999": expected 1000 to 1000000000 microseconds, or -1 for no limit
    step06: invalid value '1000001' for '--cpu-period <US>': 1000001 is not in 1000..=1000000
    step06: cgroup: --cpu-burst "-1": expected 0 to 1000000000 microseconds
    step06: invalid value '1' for '--cpu-shares <N>': 1 is not in 2..=262144
    step06: invalid value '0' for '--cpu-weight <N>': 0 is not in 1..=10000
    step06: cgroup: --cpuset-cpus "": expected numbers and ranges of them as in 0-3,7
    step06: cgroup: --cpuset-cpus "1-": expected numbers and ranges of them as in 0-3,7
    step06: cgroup: --cpuset-cpus "3-1": expected numbers and ranges of them as in 0-3,7
    step06: cgroup: --cpuset-mems "all": expected numbers and ranges of them as in 0-3,7
    step06: invalid value 'mine' for '--cpuset-partition <KIND>' [possible values: member, root, isolated]
    step06: cgroup: --pids-limit "0": expected 1 to 4194304, or -1 for no limit
    step06: cgroup: --pids-limit "4294967297": expected 1 to 4194304, or -1 for no limit
    step06: cgroup: --device-cgroup-rule "c 1:3": expected TYPE MAJOR:MINOR ACCESS as in 'c 1:3 rwm' (a type is a, b or c; a number may be *)
    step06: cgroup: --device-cgroup-rule "c 9999:3 r": expected TYPE MAJOR:MINOR ACCESS as in 'c 1:3 rwm' (a type is a, b or c; a number may be *)
    step06: cgroup: --cgroup-parent "../..": expected NAME or NAME/NAME… of letters, digits and _ . : @ -
    step06: cgroup: --cgroup-parent "/system.slice": expected NAME or NAME/NAME… of letters, digits and _ . : @ -
    step06: cgroup: --cgroup-manager "podman": expected auto, cgroupfs or systemd
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
      -m, --memory <SIZE>                 The most memory the container may have: bytes, or a number with k, m, g or t
          --memory-swap <SIZE>            The most RAM and swap together; -1 is as much swap as there is [default: no swap]
          --memory-reservation <SIZE>     What others are to be reclaimed before, when memory is short
          --memory-min <SIZE>             What is never reclaimed (v2)
          --memory-high <SIZE>            Above this it is slowed down and reclaimed, and not killed (v2)
          --memory-swappiness <N>         How willingly the kernel swaps it out: 0 to 100 (v1)
          --oom-kill-disable[=<BOOL>]     At the limit let processes wait, and do not kill them (v1)
          --memory-oom-group[=<BOOL>]     At the limit kill all processes, and not only one (v2)
          --cpus <N>                      The most CPU time, as a number of CPUs such as 0.5
          --cpu-quota <US>                The same as microseconds of each period; -1 is no limit
          --cpu-period <US>               Microseconds after which it may have as much again: 1000 to 1000000 [default: 100000]
          --cpu-burst <US>                Microseconds that it may save up, at most as many as the quota
          --cpu-shares <N>                Its part of the CPU time that others want too: 2 to 262144, where all have 1024
          --cpu-weight <N>                The same in the numbers of v2: 1 to 10000, where all have 100 (v2)
          --cpu-idle[=<BOOL>]             Let it have only CPU time that nobody else wants
          --cpuset-cpus <CPUS>            The CPUs that it may run on, as in 0-3,7
          --cpuset-mems <NODES>           The memory nodes that it may have memory from
          --cpuset-partition <KIND>       member: its CPUs are for others too; root: for it alone; isolated: and not balanced (v2)
          --pids-limit <N>                The most processes and threads at a time; -1 is no limit
          --device-read-bps <DEV:RATE>    The most bytes a second to read from a disk, as in /dev/sda:10m; max is no limit
          --device-write-bps <DEV:RATE>   The most bytes a second to write to a disk
          --device-read-iops <DEV:RATE>   The most reads a second from a disk, as in /dev/sda:1000; max is no limit
          --device-write-iops <DEV:RATE>  The most writes a second to a disk
          --blkio-weight <N>              Its share of busy disks: 10 to 1000; who says nothing has 100
          --blkio-weight-device <DEV:N>   Its share of one disk, as in /dev/sda:200
          --hugetlb <SIZE=LIMIT>          The most memory in huge pages of one size, as in 2m=64m; may be given more than once
          --net-cls <CLASSID>             Mark its packets with a class, MAJOR:MINOR as tc has it, or as a number (cgroup v1 alone)
          --device-cgroup-rule <RULE>     Let the container use devices beyond null, zero, terminals and the like, as in 'c 10:229 rw'
          --stats                         When the container has ended, print what it used
          --cgroup-parent <NAME>          The group to make the container's group in [default: layers; systemd's: system.slice or user.slice]
          --cgroup-manager <WHO>          Who makes the group: auto, cgroupfs or systemd [default: auto]
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
    host       cgroup        echo +io > PARENT/cgroup.subtree_control
    host       cgroup        echo 67108864 > PARENT/ID/memory.max
    container  cgroup        echo 0 > PARENT/ID/cgroup.procs  # clone3 has done it
    host       cgroup        rmdir PARENT/ID
    host       cgroup        rmdir PARENT
    "#);
    Ok(())
}
