//! What of its groups the container sees, and what it cannot do to them.

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, checkpoint::Test, expect};
use step06::{Hierarchy, Version};

use super::scene::step06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_cgroup_namespace_is_its_own,
        the_container_sees_its_groups_as_roots,
        sys_fs_cgroup_shows_the_containers_own_groups_only,
        the_container_cannot_change_its_limits_or_leave: [Root],
        there_is_no_release_agent_even_for_one_who_may_mount: [CgroupV1("memory")],
        no_descriptor_of_a_group_reaches_the_command,
    }
}

fn the_cgroup_namespace_is_its_own(sandbox: &Sandbox) -> Result<()> {
    let host = sandbox.probe(["report"]).output()?.json()?;
    let inside = step06(sandbox).report()?;
    let (inside, host) = (&inside["namespaces"]["cgroup"], &host["namespaces"]["cgroup"]);
    expect::differs("the cgroup namespace", inside, host, "cgroup_namespaces(7)")
}

fn the_container_sees_its_groups_as_roots(sandbox: &Sandbox) -> Result<()> {
    let inside = step06(sandbox).report()?;
    let groups = inside["cgroup"].as_array().context("a list")?;
    let lines = groups.iter().filter_map(|line| line.as_str());
    let others: Vec<_> = lines.filter(|line| !line.ends_with(":/")).collect();
    ensure!(
        others.is_empty(),
        "the container sees where its groups are in the host's tree\n    expected: /proc/self/cgroup \
         with / in every line\n    seen:     {others:?}\n    read on:  cgroup_namespaces(7): what is \
         the root of a new namespace?"
    );
    Ok(())
}

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
