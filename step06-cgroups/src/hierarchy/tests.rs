//! Machines as they are, by their `/proc/self/mountinfo` and `/proc/self/cgroup`.

use rstest::rstest;

use super::*;

/// One line a hierarchy: version, controllers, mount point, the caller's own group.
fn summary(mountinfo: &str, cgroup: &str) -> Vec<String> {
    let line = |one: &Hierarchy| {
        let own = one.own.as_ref().map_or("-".into(), |own| own.display().to_string());
        let controllers = one.controllers.join(",");
        format!("{:?} {controllers} {} {own}", one.version, one.mount_point.display())
    };
    parse(mountinfo, cgroup).iter().map(line).collect()
}

#[rstest]
#[case::v2_with_systemd(
    "\
25 30 0:23 / /sys rw,nosuid,nodev,noexec,relatime shared:7 - sysfs sysfs rw
35 25 0:30 / /sys/fs/cgroup rw,nosuid,nodev,noexec,relatime shared:9 - cgroup2 cgroup2 rw,nsdelegate,memory_recursiveprot",
    "0::/user.slice/user-1000.slice/user@1000.service/app.slice/run.scope",
    &["V2  /sys/fs/cgroup /sys/fs/cgroup/user.slice/user-1000.slice/user@1000.service/app.slice/run.scope"]
)]
#[case::v1_with_controllers_that_share_a_hierarchy(
    "\
24 17 0:20 / /sys/fs/cgroup ro,nosuid,nodev,noexec shared:8 - tmpfs tmpfs ro,mode=755
25 24 0:21 / /sys/fs/cgroup/systemd rw,nosuid,nodev,noexec,relatime shared:9 - cgroup cgroup rw,xattr,release_agent=/usr/lib/systemd/systemd-cgroups-agent,name=systemd
28 24 0:25 / /sys/fs/cgroup/cpu,cpuacct rw,nosuid,nodev,noexec,relatime shared:11 - cgroup cgroup rw,cpuacct,cpu
29 24 0:26 / /sys/fs/cgroup/memory rw,nosuid,nodev,noexec,relatime shared:12 - cgroup cgroup rw,memory",
    "\
11:memory:/user.slice
4:cpuacct,cpu:/
1:name=systemd:/user.slice/user-1000.slice/session-1.scope",
    &[
        "V1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/user.slice",
        "V1 cpuacct,cpu /sys/fs/cgroup/cpu,cpuacct /sys/fs/cgroup/cpu,cpuacct",
        "V1 name=systemd /sys/fs/cgroup/systemd /sys/fs/cgroup/systemd/user.slice/user-1000.slice/session-1.scope",
    ]
)]
#[case::hybrid(
    "\
31 23 0:28 / /sys/fs/cgroup rw,relatime - tmpfs tmpfs rw,mode=755
33 31 0:30 / /sys/fs/cgroup/cpuacct rw,relatime - cgroup cgroup rw,cpuacct
32 31 0:29 / /sys/fs/cgroup/cpu rw,relatime - cgroup cgroup rw,cpu
35 31 0:32 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
41 31 0:38 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw",
    "4:memory:/process_api/dc26\n2:cpuacct:/\n1:cpu:/\n0::/",
    &[
        "V1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/process_api/dc26",
        "V1 cpuacct /sys/fs/cgroup/cpuacct /sys/fs/cgroup/cpuacct",
        "V1 cpu /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu",
        "V2  /sys/fs/cgroup/unified /sys/fs/cgroup/unified",
    ]
)]
#[case::in_docker_with_v1_and_no_cgroup_namespace(
    "\
650 640 0:60 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - tmpfs tmpfs rw,mode=755
651 650 0:30 /docker/5f2c /sys/fs/cgroup/memory ro,nosuid,nodev,noexec,relatime master:17 - cgroup cgroup rw,memory",
    "9:memory:/docker/5f2c/inner",
    &["V1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/inner"]
)]
#[case::in_docker_with_v2_and_a_cgroup_namespace(
    "1185 1184 0:28 / /sys/fs/cgroup ro,nosuid,nodev,noexec,relatime - cgroup2 cgroup rw,nsdelegate",
    "0::/",
    &["V2  /sys/fs/cgroup /sys/fs/cgroup"]
)]
#[case::in_a_cgroup_namespace_that_still_sees_the_mounts_of_the_one_outside(
    "35 25 0:30 /../.. /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw",
    "0::/",
    &["V2  /sys/fs/cgroup -"]
)]
#[case::in_docker_in_docker_the_mount_of_the_inner_one_is_taken(
    "\
700 690 0:30 /../.. /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw
710 690 0:30 / /run/cgroup rw,relatime - cgroup2 cgroup2 rw",
    "0::/init",
    &["V2  /run/cgroup /run/cgroup/init"]
)]
#[case::of_two_mounts_the_one_that_shows_more(
    "\
700 690 0:30 /docker/5f2c /mnt/part rw,relatime - cgroup2 cgroup2 rw
710 690 0:30 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw",
    "0::/docker/5f2c",
    &["V2  /sys/fs/cgroup /sys/fs/cgroup/docker/5f2c"]
)]
#[case::moved_out_of_the_namespace(
    "35 25 0:30 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw",
    "0::/../other",
    &["V2  /sys/fs/cgroup -"]
)]
#[case::a_group_that_was_removed(
    "35 25 0:30 / /sys/fs/cgroup rw,relatime - cgroup2 cgroup2 rw",
    "0::/gone (deleted)",
    &["V2  /sys/fs/cgroup -"]
)]
#[case::a_hierarchy_that_is_mounted_nowhere(
    "29 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory",
    "11:memory:/\n3:pids:/\n0::/",
    &["V1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory"]
)]
#[case::one_whose_name_begins_like_another(
    "\
28 24 0:25 / /sys/fs/cgroup/cpuset rw - cgroup cgroup rw,cpuset
29 24 0:26 / /sys/fs/cgroup/cpu rw - cgroup cgroup rw,cpu",
    "1:cpu:/a",
    &["V1 cpu /sys/fs/cgroup/cpu /sys/fs/cgroup/cpu/a"]
)]
#[case::blanks_in_the_mount_point_and_colons_in_the_group(
    r"29 24 0:26 / /mnt/my\040groups\134x rw - cgroup cgroup rw,memory",
    "11:memory:/a:b",
    &[r"V1 memory /mnt/my groups\x /mnt/my groups\x/a:b"]
)]
#[case::what_is_covered_by_another_mount(
    "\
17 1 254:0 / / rw - ext4 /dev/vda rw
24 17 0:20 / /sys/fs/cgroup rw - tmpfs tmpfs rw
29 24 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
41 24 0:38 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
50 24 0:38 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw",
    "4:memory:/a\n0::/b",
    &["V2  /sys/fs/cgroup /sys/fs/cgroup/b"]
)]
#[case::one_on_a_mount_that_was_moved_over_the_root_later(
    "\
20 30 0:23 / /sys rw - sysfs sysfs rw
29 20 0:26 / /sys/fs/cgroup/memory rw - cgroup cgroup rw,memory
30 1 254:0 / / rw - ext4 /dev/vda rw",
    "4:memory:/a",
    &["V1 memory /sys/fs/cgroup/memory /sys/fs/cgroup/memory/a"]
)]
#[case::no_cgroups_at_all("25 30 0:23 / /sys rw - sysfs sysfs rw", "", &[])]
#[case::lines_that_make_no_sense("- cgroup\n1 - cgroup2", "0\n1:\n::", &[])]
fn a_machine(#[case] mountinfo: &str, #[case] cgroup: &str, #[case] expected: &[&str]) {
    assert_eq!(summary(mountinfo, cgroup), expected);
}
