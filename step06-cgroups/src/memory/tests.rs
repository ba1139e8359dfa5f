//! What is written for which flags, in which order, to a group that has which values.

use rstest::rstest;

use super::*;
use crate::{
    Version::{V1, V2},
    files::fake::Fake,
    limits::tests::{asked, numbers, told},
};

const NONE: &str = "9223372036854771712";

/// Files of a new group, where everything is to be had.
fn new(version: Version) -> Fake {
    let files: &[_] = match version {
        V1 => &[
            (LIMIT_OF_V1, NONE),
            (BOTH_OF_V1, NONE),
            ("memory.soft_limit_in_bytes", NONE),
            ("memory.swappiness", "60"),
            ("memory.oom_control", "oom_kill_disable 0\nunder_oom 0\noom_kill 0\n"),
        ],
        V2 => &[
            ("memory.max", "max"),
            (SWAP_OF_V2, "max"),
            ("memory.low", "0"),
            ("memory.min", "0"),
            ("memory.high", "max"),
            ("memory.oom.group", "0"),
        ],
    };
    Fake::new(version, files)
}

/// The writes, in order, as `VALUE>FILE` with the files' common beginning left out.
fn writes(flags: &str, fake: &Fake) -> String {
    let memory = asked(flags).memory;
    memory.check(fake.0.version).expect(flags);
    let settings = memory.settings(&fake.0).expect(flags);
    let write = |one: &Setting| format!("{}>{}", one.value, one.file.replacen("memory.", "", 1));
    settings.iter().map(write).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case(V1, "--memory 2m", "2097152>limit_in_bytes 2097152>memsw.limit_in_bytes")]
#[case(V2, "--memory 2m", "0>swap.max 2097152>max")]
#[case(V1, "--memory 2m --memory-swap 3m", "2097152>limit_in_bytes 3145728>memsw.limit_in_bytes")]
#[case(V2, "--memory 2m --memory-swap 3m", "1048576>swap.max 2097152>max")]
#[case(V1, "--memory 2m --memory-swap -1", "2097152>limit_in_bytes -1>memsw.limit_in_bytes")]
#[case(V2, "--memory 2m --memory-swap -1", "max>swap.max 2097152>max")]
#[case(V1, "--memory-reservation 1m", "1048576>soft_limit_in_bytes")]
#[case(V2, "--memory-reservation 1m", "1048576>low")]
#[case(V1, "--memory-swappiness 0", "0>swappiness")]
#[case(V1, "--oom-kill-disable", "1>oom_control")]
#[case(V1, "--oom-kill-disable=false", "0>oom_control")]
#[case(V2, "--memory-min 4k --memory-high 2m", "4096>min 2097152>high")]
#[case(V2, "--memory-oom-group --memory 2m", "1>oom.group 0>swap.max 2097152>max")]
#[case(V1, "", "")]
#[case(V2, "", "")]
fn of_a_new_group(#[case] version: Version, #[case] flags: &str, #[case] expected: &str) {
    assert_eq!(writes(flags, &new(version)), expected);
}

/// In v1 the limit of both may at no moment be less than that of RAM alone. What was not asked for
/// is as it was: the group has as much swap as before.
#[rstest]
#[case("4", "4", "--memory 2m", "2097152>limit 2097152>memsw")]
#[case("2", "2", "--memory 4m", "4194304>memsw 4194304>limit")]
#[case("2", "3", "--memory 4m", "5242880>memsw 4194304>limit")]
#[case("4", "6", "--memory 2m", "2097152>limit 4194304>memsw")]
#[case("4", "6", "--memory 5m", "5242880>limit 7340032>memsw")]
#[case("2", "3", "--memory 4m --memory-swap 4m", "4194304>memsw 4194304>limit")]
#[case("4", "6", "--memory 2m --memory-swap 2m", "2097152>limit 2097152>memsw")]
#[case("4", "6", "--memory-swap 5m", "5242880>memsw")]
#[case("4", "6", "--memory-swap -1", "-1>memsw")]
#[case("4", "-", "--memory 8m", "8388608>limit")]
#[case("4", "-", "--memory 8m --memory-swap 9m", "8388608>limit 9437184>memsw")]
fn of_a_live_group_of_v1(
    #[case] limit: &str,
    #[case] both: &str,
    #[case] flags: &str,
    #[case] expected: &str,
) {
    let mib = |text: &str| text.parse::<u64>().map_or(NONE.into(), |mib| (mib << 20).to_string());
    let fake = Fake::new(V1, &[(LIMIT_OF_V1, &mib(limit)), (BOTH_OF_V1, &mib(both))]);
    assert_eq!(
        writes(flags, &fake).replace(".limit_in_bytes", "").replace("_in_bytes", ""),
        expected
    );
}

#[rstest]
#[case("4194304", "2097152", "--memory 2m", "2097152>max")]
#[case("4194304", "2097152", "--memory 8m --memory-swap 8m", "0>swap.max 8388608>max")]
#[case("4194304", "0", "--memory-swap 6m", "2097152>swap.max")]
fn of_a_live_group_of_v2(
    #[case] limit: &str,
    #[case] swap: &str,
    #[case] flags: &str,
    #[case] expected: &str,
) {
    let fake = Fake::new(V2, &[("memory.max", limit), (SWAP_OF_V2, swap)]);
    assert_eq!(writes(flags, &fake), expected);
}

/// Where the kernel does not count swap, nothing is written for what was not asked.
#[rstest]
#[case(V1, LIMIT_OF_V1, "2097152>limit_in_bytes")]
#[case(V2, "memory.max", "2097152>max")]
fn without_swap(#[case] version: Version, #[case] file: &str, #[case] expected: &str) {
    assert_eq!(writes("--memory 2m", &Fake::new(version, &[(file, "max")])), expected);
}

#[rstest]
#[case(V1, "--memory 64m --memory-swap 32m", "--memory 64 MiB is above --memory-swap 32 MiB")]
#[case(V2, "--memory 64m --memory-swap 32m", "--memory 64 MiB is above --memory-swap 32 MiB")]
#[case(
    V1,
    "--memory 64m --memory-reservation 65m",
    "--memory-reservation 65 MiB is above --memory 64 MiB"
)]
#[case(V2, "--memory 64m --memory-min 65m", "--memory-min 65 MiB is above --memory 64 MiB")]
#[case(V2, "--memory 64m --memory-high 65m", "--memory-high 65 MiB is above --memory 64 MiB")]
#[case(
    V2,
    "--memory-swappiness 5",
    "--memory-swappiness: cgroup v2 has no such setting (in v1 it is memory.swappiness)"
)]
#[case(
    V2,
    "--oom-kill-disable",
    "--oom-kill-disable: cgroup v2 has no such setting (in v1 it is memory.oom_control)"
)]
#[case(
    V1,
    "--memory-min 1m",
    "--memory-min: cgroup v1 has no such setting (in v2 it is memory.min)"
)]
#[case(
    V1,
    "--memory-high 1m",
    "--memory-high: cgroup v1 has no such setting (in v2 it is memory.high)"
)]
#[case(
    V1,
    "--memory-oom-group",
    "--memory-oom-group: cgroup v1 has no such setting (in v2 it is memory.oom.group)"
)]
fn contradictions(#[case] version: Version, #[case] flags: &str, #[case] said: &str) {
    assert_eq!(asked(flags).memory.check(version).expect_err(flags).to_string(), said);
}

#[rstest]
#[case(V1)]
#[case(V2)]
fn swap_needs_a_limit_of_ram(#[case] version: Version) {
    let memory = asked("--memory-swap 64m").memory;
    memory.check(version).expect("a live group may have a limit");
    let error = memory.settings(&new(version).0).expect_err("this one has none");
    assert!(error.to_string().ends_with("needs --memory"), "{error}");
}

#[test]
fn a_live_group_that_has_more_ram_than_that_of_both() {
    let fake = Fake::new(V1, &[(LIMIT_OF_V1, "4194304"), (BOTH_OF_V1, "4194304")]);
    let error = asked("--memory-swap 2m").memory.settings(&fake.0).expect_err("too little");
    assert_eq!(error.to_string(), "--memory 4 MiB is above --memory-swap 2 MiB");
}

#[rstest]
#[case("--memory-swap -1", "--memory-swap")]
#[case("--memory-reservation 1m", "--memory-reservation")]
#[case("--memory-min 1m", "--memory-min")]
#[case("--memory-high 1m", "--memory-high")]
#[case("--memory-swappiness 1", "--memory-swappiness")]
#[case("--oom-kill-disable", "--oom-kill-disable")]
#[case("--memory-oom-group", "--memory-oom-group")]
fn each_flag_asks(#[case] flags: &str, #[case] flag: &str) {
    assert_eq!(asked(flags).memory.asked(), Some(flag));
}

#[rstest]
#[case("--memory 2m", "MemoryMax=2097152 MemorySwapMax=0")]
#[case("--memory 2m --memory-swap 3m", "MemoryMax=2097152 MemorySwapMax=1048576")]
#[case("--memory 2m --memory-swap -1", "MemoryMax=2097152 MemorySwapMax=18446744073709551615")]
#[case(
    "--memory-reservation 3 --memory-min 4 --memory-high 1m",
    "MemoryLow=3 MemoryMin=4 MemoryHigh=1048576"
)]
#[case("", "")]
fn of_a_scope(#[case] flags: &str, #[case] expected: &str) {
    assert_eq!(numbers(asked(flags).memory.properties(None)), expected);
}

/// Swap is what it was unless something is said of it.
#[rstest]
#[case("--memory 2m", "1048576\n", "MemoryMax=2097152")]
#[case("--memory 2m", "max\n", "MemoryMax=2097152 MemorySwapMax=0")]
#[case("--memory-swap 3m", "1048576\n", "MemorySwapMax=2097152")]
#[case("", "1048576\n", "")]
fn of_a_scope_that_is_there(#[case] flags: &str, #[case] now: &str, #[case] expected: &str) {
    let group = Fake::new(V2, &[("memory.max", now)]);
    assert_eq!(numbers(asked(flags).memory.properties(Some(&group.0))), expected);
}

#[rstest]
#[case(
    V1,
    &[
        (LIMIT_OF_V1, "4194304"),
        (BOTH_OF_V1, "6291456"),
        ("memory.soft_limit_in_bytes", "1048576"),
        ("memory.stat", "swap 1\ntotal_swap 4096\n"),
        ("memory.failcnt", "7"),
        ("memory.oom_control", "oom_kill_disable 1\nunder_oom 1\noom_kill 0\n"),
    ],
    "swap=4 KiB/2 MiB reserved=1 MiB/- failcnt=7/- oom-kills=0/- under-oom=1/-"
)]
#[case(
    V2,
    &[
        ("memory.low", "1048576"),
        ("memory.min", "4096"),
        ("memory.high", "2097152"),
        ("memory.swap.current", "4096"),
        (SWAP_OF_V2, "8192"),
        ("memory.events", "low 1\nhigh 2\nmax 3\noom 4\noom_kill 5\n"),
    ],
    "swap=4 KiB/8 KiB reserved=1 MiB/- min=4 KiB/- high=2/2 MiB max=3/- oom=4/- oom-kills=5/-"
)]
fn usage(#[case] version: Version, #[case] files: &[(&str, &str)], #[case] expected: &str) {
    let fake = Fake::new(version, files);
    assert_eq!(told(&Memory::default().usage(&fake.0).expect("reading")), expected);
}
