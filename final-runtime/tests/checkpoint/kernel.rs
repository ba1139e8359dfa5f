//! Programs that the kernel runs: a filter of system calls, and one that decides about devices. See
//! seccomp(2), bpf(2).

use anyhow::{Result, ensure};
use conformance::{End, Need::CgroupV1, Sandbox};
use serde_json::{Value, json};
use step07::step06::{bpf, device_program};

use crate::bundle::Bundle;

const HIGH: i64 = 1 << 32;

/// A comparison with these values, and whether it holds of each of these arguments.
struct Comparison<'a> {
    op: &'a str,
    value: i64,
    value_two: i64,
    arguments: &'a [(i64, bool)],
}

/// Calls with a number as their first argument, of which none does anything.
const CALLS: [(&str, libc::c_long); 6] = [
    ("sched_get_priority_max", libc::SYS_sched_get_priority_max),
    ("sched_get_priority_min", libc::SYS_sched_get_priority_min),
    ("getpgid", libc::SYS_getpgid),
    ("getsid", libc::SYS_getsid),
    ("getpriority", libc::SYS_getpriority),
    ("timer_getoverrun", libc::SYS_timer_getoverrun),
];

/// One filter for all of them, each with a call of its own, which fails as no kernel has it fail.
fn filter(sandbox: &Sandbox, all: &[Comparison]) -> Result<()> {
    let (mut rules, mut words) = (Vec::new(), vec!["try".to_string()]);
    let word = |number, argument: i64| format!("syscall={number},{argument}");
    for (one, (name, number)) in all.iter().zip(CALLS) {
        let arg =
            json!({ "index": 0, "value": one.value, "valueTwo": one.value_two, "op": one.op });
        rules.push(json!({
            "names": [name], "action": "SCMP_ACT_ERRNO", "errnoRet": libc::ENOSPC, "args": [arg],
        }));
        words.extend(one.arguments.iter().map(|(argument, _)| word(number, *argument)));
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    let filter = json!({ "defaultAction": "SCMP_ACT_ALLOW", "syscalls": rules });
    let outcome = Bundle::new(sandbox, &words)?.set("linux.seccomp", filter).output()?;
    ensure!(outcome.end == End::Code(0), "the filter cannot be had: {}", outcome.stderr());
    let seen = outcome.json()?;
    for (one, (name, number)) in all.iter().zip(CALLS) {
        for (argument, holds) in one.arguments {
            let gave = &seen[word(number, *argument)];
            let (holds, does) =
                if *holds { ("holds", "lets it through") } else { ("does not hold", "refuses it") };
            ensure!(
                (gave == "ENOSPC") == (holds == "holds"),
                "{} with {:#x} {holds} of the argument {argument:#x} of {name}, but the filter {does} \
                 (the call gave {gave})",
                one.op,
                one.value
            );
        }
    }
    Ok(())
}

pub fn a_filter_compares_all_64_bits(sandbox: &Sandbox) -> Result<()> {
    let of = |op, value, arguments| Comparison { op, value, value_two: 0, arguments };
    filter(
        sandbox,
        &[
            of("SCMP_CMP_EQ", HIGH | 7, &[(HIGH | 7, true), (7, false), ((2 * HIGH) | 7, false)]),
            of("SCMP_CMP_NE", HIGH | 7, &[(HIGH | 7, false), (7, true), (HIGH | 8, true)]),
            of("SCMP_CMP_GT", 5, &[(5, false), (6, true), (HIGH, true)]),
            of("SCMP_CMP_GE", HIGH | 5, &[(HIGH | 5, true), (9, false), (2 * HIGH, true)]),
            of("SCMP_CMP_LT", HIGH | 5, &[(HIGH | 5, false), (9, true), (2 * HIGH, false)]),
            of("SCMP_CMP_LE", 5, &[(5, true), (6, false), (HIGH, false)]),
        ],
    )
}

pub fn a_filter_looks_at_the_bits_of_the_mask_alone(sandbox: &Sandbox) -> Result<()> {
    let of = |value, value_two, arguments| Comparison {
        op: "SCMP_CMP_MASKED_EQ",
        value,
        value_two,
        arguments,
    };
    filter(
        sandbox,
        &[
            of(0xf0, 0x10, &[(0x1f, true), (0x2f, false), (HIGH | 0x10, true)]),
            of(HIGH, HIGH, &[(HIGH | 3, true), (3, false), (3 * HIGH, true)]),
        ],
    )
}

/// Why the kernel takes no programs for devices.
pub fn without_device_programs() -> Option<String> {
    let error = bpf::Program::load(&device_program::assemble(&[])).err()?;
    Some(format!("needs eBPF programs for devices: {error}"))
}

/// No driver has these numbers: who may open such a device is told ENXIO, and who may not, EPERM.
pub fn a_program_grants_what_a_rule_grants_and_no_more(sandbox: &Sandbox) -> Result<()> {
    if CgroupV1("devices").missing().is_none() {
        // The controller of v1 goes before. Whoever does not see it makes do with v2.
        sandbox.probe(["try", "umount=/sys/fs/cgroup/devices"]).output()?.success()?;
    }
    let say = |allow: bool, kind: &str, minor: Option<i64>, access: &str| json!({ "allow": allow, "type": kind, "major": 240, "minor": minor, "access": access });
    let rule = |kind, minor, access| say(true, kind, minor, access);
    let device = |path: &str, kind: &str, minor: i64| json!({ "path": path, "type": kind, "major": 240, "minor": minor });
    let rules = json!([
        { "allow": false, "access": "rwm" },
        rule("c", Some(1), "r"),
        rule("c", Some(2), "rw"),
        rule("b", Some(3), "w"),
        rule("c", Some(4), "rw"),
        say(false, "c", Some(4), "w"),
    ]);
    let devices = json!([
        device("/dev/c1", "c", 1),
        device("/dev/c2", "c", 2),
        device("/dev/c3", "c", 3),
        device("/dev/c4", "c", 4),
        device("/dev/b1", "b", 1),
        device("/dev/b3", "b", 3),
    ]);
    let wanted = [
        ("read=/dev/c1", true, "its rule grants reading"),
        ("open-write=/dev/c1", false, "its rule grants reading alone"),
        ("read=/dev/c2", true, "its rule grants both"),
        ("open-write=/dev/c2", true, "its rule grants both"),
        ("read=/dev/c3", false, "no rule is about this minor number"),
        ("read=/dev/c4", true, "its rules grant reading, and deny writing alone"),
        ("open-write=/dev/c4", false, "a later rule denies writing"),
        ("read=/dev/b1", false, "the rule is about the character device of these numbers"),
        ("open-write=/dev/b3", true, "its rule grants writing"),
        ("read=/dev/b3", false, "its rule grants writing alone"),
        ("open-write=/dev/null", true, "every container has it"),
    ];
    may(sandbox, &devices, rules, &wanted)?;
    let all_but_one = json!([{ "allow": true, "access": "rwm" }, say(false, "c", Some(2), "w")]);
    let wanted = [
        ("read=/dev/c2", true, "writing alone is denied"),
        ("open-write=/dev/c2", false, "it is denied out of everything"),
        ("open-write=/dev/c1", true, "everything else is allowed"),
        ("read=/dev/b3", true, "everything else is allowed"),
    ];
    may(sandbox, &devices, all_but_one, &wanted)
}

/// What a container under these rules may do with its devices, each with the reason.
fn may(
    sandbox: &Sandbox,
    devices: &Value,
    rules: Value,
    wanted: &[(&str, bool, &str)],
) -> Result<()> {
    let words: Vec<_> = wanted.iter().map(|(word, ..)| *word).collect();
    let bundle = Bundle::new(sandbox, &[&["try"], &words[..]].concat())?
        .set("linux.devices", devices.clone())
        .set("linux.resources", json!({ "devices": rules }));
    let outcome = bundle.output()?;
    ensure!(outcome.end == End::Code(0), "the container does not run: {}", outcome.stderr());
    let seen = outcome.json()?;
    for (word, allowed, why) in wanted {
        let is = seen[*word] != "EPERM";
        let (expected, became) =
            if *allowed { ("allowed", "refused") } else { ("refused", "allowed") };
        ensure!(
            is == *allowed,
            "{} was {became}, expected that it is {expected}, since {why} (it gave {})",
            word.replace('=', " "),
            seen[*word]
        );
    }
    Ok(())
}
