//! Groups and mounts with which nothing can be done: one line says so, and nothing is half made.

use std::{fs, path::Path};

use anyhow::{Context, Result};
use conformance::{Outcome, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::{Hierarchy, Version};

use super::scene::{STEP06, groups, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        a_group_of_threads_is_told_of: [Root, CgroupV2("")],
        a_group_that_may_have_no_groups_in_it_is_told_of: [Root, CgroupV2("")],
        a_group_of_v1_that_stands_still_is_told_of: [Root, CgroupV1("freezer")],
        a_group_of_v2_that_stands_still_is_told_of: [Root, CgroupV2("")],
        a_controller_of_v1_that_is_not_mounted_is_told_of: [Root, CgroupV1("memory")],
        a_machine_without_cgroups_is_told_of: [Root],
    }
}

/// Root's group for the containers, in the tree of v2 or in one with a controller of v1.
fn parent(sandbox: &Sandbox, controller: &str) -> Result<std::path::PathBuf> {
    let found = |one: &Hierarchy| match controller {
        "" => one.version == Version::V2,
        name => one.has(name),
    };
    let hierarchy = Hierarchy::all()?.into_iter().find(found).context("no such hierarchy")?;
    let dir = hierarchy.top().context("no group may be made")?.join(sandbox.cgroup_parent());
    fs::create_dir(&dir).with_context(|| format!("making {}", dir.display()))?;
    Ok(dir)
}

/// The error, when a container is to be in that group, with names taken out.
fn refused(sandbox: &Sandbox, dir: &Path) -> Result<String> {
    let line = step06(sandbox).probe(["exit", "0"]).output()?.error_line(125)?;
    expect::equal("what is left", &groups(sandbox)?, Vec::<std::path::PathBuf>::new(), "rmdir(2)")?;
    let line = line.replace(&dir.display().to_string(), "PARENT");
    let (head, tail) = line.split_once("PARENT/").context("a group")?;
    Ok(format!("{head}PARENT/ID{}", &tail[12..]))
}

fn a_group_of_threads_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let dir = parent(sandbox, "")?;
    fs::write(dir.join("cgroup.type"), "threaded")?;
    let line = refused(sandbox, &dir);
    fs::remove_dir(&dir)?;
    assert_snapshot!(line?, @r#"step06: cgroup: making the group PARENT/ID: it is domain invalid since PARENT holds threads, and lets no process in (cgroup.type; cgroups(7) has it under "Thread mode")"#);
    Ok(())
}

fn a_group_that_may_have_no_groups_in_it_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let mut said = String::new();
    for file in ["cgroup.max.descendants", "cgroup.max.depth"] {
        let dir = parent(sandbox, "")?;
        fs::write(dir.join(file), "0")?;
        let line = refused(sandbox, &dir);
        fs::remove_dir(&dir)?;
        said += &format!("{}\n", line?);
    }
    assert_snapshot!(said, @"
    step06: cgroup: a group above may have no more in it (cgroup.max.descendants, cgroup.max.depth): making the group PARENT/ID: Resource temporarily unavailable (os error 11)
    step06: cgroup: a group above may have no more in it (cgroup.max.descendants, cgroup.max.depth): making the group PARENT/ID: Resource temporarily unavailable (os error 11)
    ");
    Ok(())
}

/// The container would never begin, and the runtime would wait for it.
fn a_group_of_v1_that_stands_still_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let dir = parent(sandbox, "freezer")?;
    fs::write(dir.join("freezer.state"), "FROZEN")?;
    let line = refused(sandbox, &dir);
    fs::remove_dir(&dir)?;
    assert_snapshot!(line?, @"step06: cgroup: making the group PARENT/ID: PARENT stands still, and with it what is in it (root lets it go on by: echo THAWED > PARENT/freezer.state)");
    Ok(())
}

fn a_group_of_v2_that_stands_still_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let dir = parent(sandbox, "")?;
    fs::write(dir.join("cgroup.freeze"), "1")?;
    let line = refused(sandbox, &dir);
    fs::remove_dir(&dir)?;
    assert_snapshot!(line?, @"step06: cgroup: making the group PARENT/ID: PARENT stands still, and with it what is in it (root lets it go on by: echo 0 > PARENT/cgroup.freeze)");
    Ok(())
}

/// Where some of it has been unmounted.
fn without(sandbox: &Sandbox, mount: &str, args: &[&str]) -> Result<Outcome> {
    let script = format!("umount --no-mtab --lazy --recursive {mount} && exec \"$@\"");
    let parent = sandbox.cgroup_parent();
    let run = sandbox.run("/usr/bin/unshare").args(["--mount", "sh", "-c", &script, "sh", STEP06]);
    let run = run.args(["--network", "none", "--cgroup-parent", &parent]).args(args);
    run.probe(["exit", "0"]).output()
}

fn a_controller_of_v1_that_is_not_mounted_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let memory = Hierarchy::all()?.into_iter().find(|one| one.has("memory"));
    let mount = memory.context("no memory")?.mount_point.display().to_string();
    let line = without(sandbox, &mount, &["--memory", "64m"])?.error_line(125)?;
    assert_snapshot!(line, @"step06: cgroup: --memory: the memory controller is in a hierarchy of cgroup v1 that is not mounted here (root mounts it by: mount -t cgroup -o memory cgroup DIR)");
    without(sandbox, &mount, &["--pids-limit", "9"])?.success()?;
    Ok(())
}

fn a_machine_without_cgroups_is_told_of(sandbox: &Sandbox) -> Result<()> {
    let line = without(sandbox, "/sys/fs/cgroup", &["--memory", "64m"])?.error_line(125)?;
    let expected = ["step06: cgroup: --memory: ", "the memory controller", "mounted here"];
    for part in expected {
        expect::contains("the line", &line, part, "cgroups(7)")?;
    }
    without(sandbox, "/sys/fs/cgroup", &[])?.success()?;
    Ok(())
}
