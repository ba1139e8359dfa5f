//! What is refused before anything is made, and what the kernel is asked after a write.

use rstest::rstest;

use super::*;
use crate::{
    Version::{V1, V2},
    files::fake::Fake,
    limits::tests::{asked, numbers},
};

#[rstest]
#[case(V1, "--cpuset-cpus 0 --cpuset-mems 0", "0>cpuset.cpus 0>cpuset.mems")]
#[case(
    V2,
    "--cpuset-partition isolated --cpuset-cpus 1,0",
    "0-1>cpuset.cpus isolated>cpuset.cpus.partition"
)]
#[case(V1, "", "")]
fn writes(#[case] version: Version, #[case] flags: &str, #[case] expected: &str) {
    let settings = asked(flags).cpuset.settings(&Fake::new(version, &[]).0).expect(flags);
    let write = |one: &Setting| format!("{}>{}", one.value, one.file);
    assert_eq!(settings.iter().map(write).collect::<Vec<_>>().join(" "), expected);
}

/// In v2 it is enabled where it is asked for, and only there.
#[rstest]
#[case("", None)]
#[case("--cpuset-cpus 0", Some("--cpuset-cpus"))]
#[case("--cpuset-mems 0", Some("--cpuset-mems"))]
#[case("--cpuset-partition root", Some("--cpuset-partition"))]
fn each_flag_asks(#[case] flags: &str, #[case] flag: Option<&str>) {
    let cpuset = asked(flags).cpuset;
    assert_eq!((cpuset.asked(), cpuset.listed()), (flag, flag.is_some()));
}

#[rstest]
#[case("--cpuset-cpus 0-999999999", "--cpuset-cpus 0-999999999: this machine has ")]
#[case("--cpuset-cpus 4294967295", "and no 4294967295")]
#[case("--cpuset-mems 1023", "and no 1023")]
fn what_is_not_there(#[case] flags: &str, #[case] said: &str) {
    for version in [V1, V2] {
        let error = asked(flags).cpuset.check(version).expect_err(flags).to_string();
        assert!(error.contains(said), "{error}");
    }
}

#[test]
fn partitions_are_of_v2() {
    let error = asked("--cpuset-partition root").cpuset.check(V1).expect_err("v1").to_string();
    let said =
        "--cpuset-partition: cgroup v1 has no such setting (in v2 it is cpuset.cpus.partition)";
    assert_eq!(error, said);
}

/// The files are the kernel's answer: these keep what was written, and the others say otherwise.
#[rstest]
#[case(
    "--cpuset-cpus 0-1",
    "1",
    "member",
    Some("--cpuset-cpus 0-1: the groups above, or those beside it, leave no 0 to it")
)]
#[case(
    "--cpuset-cpus 0-1",
    "",
    "member",
    Some("--cpuset-cpus 0-1: the groups above, or those beside it, leave no 0-1 to it")
)]
#[case("--cpuset-cpus 0-1", "0-3", "member", None)]
#[case("--cpuset-partition root", "0", "root", None)]
#[case(
    "--cpuset-partition root",
    "0",
    "root invalid (Parent is not a partition root)",
    Some(
        "--cpuset-partition: the kernel says in cpuset.cpus.partition: root invalid (Parent is not a partition root)"
    )
)]
fn the_kernel_has_the_last_word(
    #[case] flags: &str,
    #[case] effective: &str,
    #[case] partition: &str,
    #[case] said: Option<&str>,
) {
    let files = [("cpuset.cpus.effective", effective), (PARTITION, partition)];
    let seen = asked(flags).cpuset.see_that_it_was_given(&Fake::new(V2, &files).0);
    assert_eq!(seen.err().map(|error| error.to_string()).as_deref(), said);
}

#[test]
fn what_the_group_above_lacks_is_named() {
    let above = Fake::new(V1, &[("cpuset.cpus", "0-1\n")]);
    let files = Files { version: V1, dir: above.0.path("below") };
    let setting = Setting::new("--cpuset-cpus", "cpuset.cpus", 2);
    let why = |errno| Cpuset::default().why(&files, &setting, errno);
    assert_eq!(why(libc::EACCES).as_deref(), Some("the group above it has 0-1"));
    assert_eq!(why(libc::EBUSY), None);
}

#[rstest]
#[case("--cpuset-cpus 0-2", "AllowedCPUs=Bytes([7])")]
#[case("--cpuset-mems 1", "AllowedMemoryNodes=Bytes([2])")]
#[case("", "")]
fn of_a_scope(#[case] flags: &str, #[case] expected: &str) {
    assert_eq!(numbers(asked(flags).cpuset.properties(None)), expected);
}
