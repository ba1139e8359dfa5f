//! What is written for which flags, in which order, to a group that has which values.

use rstest::rstest;

use super::*;
use crate::{
    Version::{V1, V2},
    files::fake::Fake,
    limits::tests::{asked, numbers, told},
};

/// A group with this quota, period and burst.
fn group(version: Version, quota: &str, period: u64, burst: u64) -> Fake {
    let (period, burst) = (period.to_string(), burst.to_string());
    match version {
        V1 => Fake::new(
            V1,
            &[
                ("cpu.cfs_quota_us", quota),
                ("cpu.cfs_period_us", &period),
                ("cpu.cfs_burst_us", &burst),
                ("cpu.shares", "1024"),
                ("cpu.idle", "0"),
            ],
        ),
        V2 => Fake::new(
            V2,
            &[
                ("cpu.max", &format!("{} {period}", quota.replace("-1", "max"))),
                ("cpu.max.burst", &burst),
                ("cpu.weight", "100"),
                ("cpu.idle", "0"),
            ],
        ),
    }
}

/// The writes, in order, as `VALUE>FILE` with the files' common beginning left out.
fn writes(flags: &str, fake: &Fake) -> String {
    let cpu = asked(flags).cpu;
    cpu.check(fake.0.version).expect(flags);
    let settings = cpu.settings(&fake.0).expect(flags);
    let name = |file: &str| file.replacen("cpu.", "", 1).replace("cfs_", "").replace("_us", "");
    let write = |one: &Setting| format!("{}>{}", one.value, name(&one.file));
    settings.iter().map(write).collect::<Vec<_>>().join(" ")
}

#[rstest]
#[case(V1, "--cpus 0.5", "100000>period 50000>quota")]
#[case(V2, "--cpus 0.5", "50000 100000>max")]
#[case(V1, "--cpus 0.5 --cpu-period 20000", "10000>quota 20000>period")]
#[case(V2, "--cpus 0.5 --cpu-period 20000", "10000 20000>max")]
#[case(V1, "--cpu-quota 30000", "100000>period 30000>quota")]
#[case(V2, "--cpu-quota 30000", "30000 100000>max")]
#[case(V2, "--cpu-period 20000", "max 20000>max")]
#[case(V1, "--cpu-quota -1", "100000>period -1>quota")]
#[case(V2, "--cpu-quota -1", "max 100000>max")]
#[case(V1, "--cpus 1 --cpu-burst 50000", "50000>burst 100000>period 100000>quota")]
#[case(V2, "--cpus 1 --cpu-burst 50000", "50000>max.burst 100000 100000>max")]
#[case(V1, "--cpu-shares 512", "512>shares")]
#[case(V2, "--cpu-shares 512", "59>weight")]
#[case(V2, "--cpu-weight 512", "512>weight")]
#[case(V1, "--cpu-idle", "1>idle")]
#[case(V2, "--cpu-idle", "1>idle")]
#[case(V2, "--cpu-idle=false --cpu-weight 5", "0>idle 5>weight")]
#[case(V1, "", "")]
#[case(V2, "", "")]
fn of_a_new_group(#[case] version: Version, #[case] flags: &str, #[case] expected: &str) {
    assert_eq!(writes(flags, &group(version, "-1", 100_000, 0)), expected);
}

/// Neither between two writes has the group more than before or after, nor is the burst ever more
/// than the quota.
#[rstest]
#[case(V1, "--cpu-quota 30000 --cpu-period 60000", "30000>quota 60000>period")]
#[case(V1, "--cpu-quota 90000 --cpu-period 200000", "200000>period 90000>quota")]
#[case(V1, "--cpus 0.25 --cpu-burst 20000", "20000>burst 100000>period 25000>quota")]
#[case(V1, "--cpus 1 --cpu-burst 90000", "100000>period 100000>quota 90000>burst")]
#[case(V2, "--cpus 0.25 --cpu-burst 20000", "20000>max.burst 25000 100000>max")]
#[case(V2, "--cpus 1 --cpu-burst 90000", "100000 100000>max 90000>max.burst")]
#[case(V1, "--cpu-burst 0", "0>burst")]
#[case(V2, "--cpu-period 200000", "50000 200000>max")]
#[case(V1, "--cpu-quota -1 --cpu-burst 0", "0>burst 100000>period -1>quota")]
fn of_a_live_group(#[case] version: Version, #[case] flags: &str, #[case] expected: &str) {
    assert_eq!(writes(flags, &group(version, "50000", 100_000, 30_000)), expected);
}

#[rstest]
#[case(
    "--cpu-quota 20000",
    "--cpu-quota: the quota of 20000 microseconds is less than the burst of the group, 30000; \
     give --cpu-burst too"
)]
#[case("--cpu-burst 60000", "--cpu-burst 60000 is more than the quota of 50000 microseconds")]
#[case(
    "--cpu-quota -1 --cpu-burst 5",
    "--cpu-burst: without --cpus or --cpu-quota there is nothing to exceed"
)]
fn what_a_live_group_has_not(
    #[values(V1, V2)] version: Version,
    #[case] flags: &str,
    #[case] said: &str,
) {
    let fake = group(version, "50000", 100_000, 30_000);
    let error = asked(flags).cpu.settings(&fake.0).expect_err(flags);
    assert_eq!(error.to_string(), said);
}

#[rstest]
#[case("--cpu-shares 5")]
#[case("--cpu-weight 5")]
fn an_idle_group_has_no_part(#[case] flags: &str) {
    let fake = Fake::new(V2, &[("cpu.weight", "0"), ("cpu.idle", "1")]);
    let error = asked(flags).cpu.settings(&fake.0).expect_err(flags).to_string();
    assert!(error.ends_with("the group is idle, and has no part; give --cpu-idle=false too"));
    let both = format!("{flags} --cpu-idle=false");
    asked(&both).cpu.settings(&fake.0).expect(&both);
}

#[rstest]
#[case(
    V1,
    "--cpus 1 --cpu-quota 5000",
    "--cpus and --cpu-quota are two ways to say one thing: give one of them"
)]
#[case(
    V2,
    "--cpu-shares 5 --cpu-weight 5",
    "--cpu-shares and --cpu-weight are two ways to say one thing: give one of them"
)]
#[case(
    V1,
    "--cpu-shares 5 --cpu-idle",
    "--cpu-shares and --cpu-idle contradict each other: an idle group has no part"
)]
#[case(
    V2,
    "--cpu-weight 5 --cpu-idle",
    "--cpu-weight and --cpu-idle contradict each other: an idle group has no part"
)]
#[case(
    V1,
    "--cpu-weight 5",
    "--cpu-weight: cgroup v1 has no such setting (in v2 it is cpu.weight)"
)]
#[case(
    V2,
    "--cpus 0.01 --cpu-period 5000",
    "--cpus: 50 of --cpu-period 5000 microseconds are too few: the kernel takes 1000 or more"
)]
#[case(
    V2,
    "--cpus 0.5 --cpu-burst 50001",
    "--cpu-burst 50001 is more than the quota of 50000 microseconds"
)]
fn contradictions(#[case] version: Version, #[case] flags: &str, #[case] said: &str) {
    assert_eq!(asked(flags).cpu.check(version).expect_err(flags).to_string(), said);
}

#[rstest]
#[case("--cpus 1", "--cpus")]
#[case("--cpu-quota 5000", "--cpu-quota")]
#[case("--cpu-period 5000", "--cpu-period")]
#[case("--cpu-burst 5", "--cpu-burst")]
#[case("--cpu-shares 5", "--cpu-shares")]
#[case("--cpu-weight 5", "--cpu-weight")]
#[case("--cpu-idle=false", "--cpu-idle")]
fn each_flag_asks(#[case] flags: &str, #[case] flag: &str) {
    assert_eq!(asked(flags).cpu.asked(), Some(flag));
}

#[rstest]
#[case(
    V1,
    &[
        ("cpu.shares", "512"),
        ("cpu.idle", "0"),
        ("cpu.cfs_burst_us", "20000"),
        ("cpu.stat", "nr_bursts 2\nburst_time 1500000\n"),
    ],
    "shares=512/- bursts=2/- burst=1.5 ms/20.0 ms"
)]
#[case(
    V2,
    &[
        ("cpu.weight", "59"),
        ("cpu.idle", "1"),
        ("cpu.max.burst", "20000"),
        ("cpu.stat", "nr_bursts 2\nburst_usec 1500\n"),
    ],
    "weight=59/- idle=1/- bursts=2/- burst=1.5 ms/20.0 ms"
)]
#[case(V2, &[("cpu.max.burst", "0"), ("cpu.stat", "nr_bursts 0\nburst_usec 0\n")], "")]
fn usage(#[case] version: Version, #[case] files: &[(&str, &str)], #[case] expected: &str) {
    let fake = Fake::new(version, files);
    assert_eq!(told(&Cpu::default().usage(&fake.0).expect("reading")), expected);
}

#[rstest]
#[case("--cpus 0.5", "CPUQuotaPerSecUSec=500000")]
#[case("--cpu-quota 5000 --cpu-period 20000", "CPUQuotaPerSecUSec=250000 CPUQuotaPeriodUSec=20000")]
#[case("--cpus 0.5 --cpu-burst 5000", "")]
#[case("--cpu-shares 512", "CPUWeight=59")]
#[case("--cpu-weight 512", "CPUWeight=512")]
#[case("--cpu-idle", "CPUWeight=0")]
#[case("--cpu-idle=false", "")]
fn of_a_scope(#[case] flags: &str, #[case] expected: &str) {
    assert_eq!(numbers(asked(flags).cpu.properties(None)), expected);
}

/// Of a group that has half of each period of 100 ms, and a burst.
#[rstest]
#[case("", 0, "")]
#[case("--cpu-period 50000", 0, "CPUQuotaPerSecUSec=1000000 CPUQuotaPeriodUSec=50000")]
#[case("--cpu-quota -1", 0, "CPUQuotaPerSecUSec=18446744073709551615")]
#[case("--cpus 0.2", 0, "CPUQuotaPerSecUSec=200000")]
#[case("--cpus 0.2", 10_000, "CPUQuotaPerSecUSec=18446744073709551615")]
#[case("--cpus 0.2 --cpu-burst 0", 10_000, "CPUQuotaPerSecUSec=200000")]
#[case("--cpu-burst 5000", 0, "CPUQuotaPerSecUSec=18446744073709551615")]
#[case("--cpu-idle=false", 0, "CPUWeight=18446744073709551615")]
#[case("--cpu-idle=false --cpu-shares 512", 0, "CPUWeight=59")]
fn of_a_scope_that_is_there(#[case] flags: &str, #[case] burst: u64, #[case] expected: &str) {
    let group = group(V2, "50000", 100_000, burst);
    assert_eq!(numbers(asked(flags).cpu.properties(Some(&group.0))), expected);
}

#[test]
fn what_the_group_above_lacks_is_named() {
    let above = group(V1, "50000", 100_000, 0);
    let files = Files { version: V1, dir: above.0.path("below") };
    let setting = Setting::new("--cpus", "cpu.cfs_quota_us", 1);
    let why = |errno| Cpu::default().why(&files, &setting, errno);
    assert_eq!(why(libc::EINVAL).as_deref(), Some("the group above it has no more than 0.5 CPU"));
    assert_eq!(why(libc::EPERM), None);
}
