//! What holds for every step alike, and for the last one under load.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use conformance::{Run, Sandbox, binary, expect, unprivileged};

/// The steps, each with the namespaces that it adds.
const STEPS: [(&str, &[&str]); 7] = [
    ("step01", &["uts", "ipc"]),
    ("step02", &["pid"]),
    ("step03", &["mnt"]),
    ("step04", &["net"]),
    ("step05", &[]), // its user namespace is for who is not root
    ("step06", &["cgroup"]),
    ("step07", &[]),
];

fn step<'a>(sandbox: &'a Sandbox, name: &str) -> Result<Run<'a>> {
    let run = sandbox.run(binary(name)?);
    Ok(match name {
        "step06" | "step07" => run.args(["--cgroup-parent", &sandbox.cgroup_parent()]),
        _ => run,
    })
}

/// Those of this step and the steps before are new, and no others.
fn each_step_adds_its_namespaces_and_no_others(sandbox: &Sandbox) -> Result<()> {
    let outside = sandbox.probe(["report"]).output()?.json()?;
    let mut own: Vec<&str> = Vec::new();
    for (name, added) in STEPS {
        own.extend(added);
        let inside = step(sandbox, name)?.report()?;
        for kind in ["uts", "ipc", "pid", "mnt", "net", "cgroup", "user"] {
            let what = format!("{name}: the {kind} namespace");
            let (inside, outside) = (&inside["namespaces"][kind], &outside["namespaces"][kind]);
            match own.contains(&kind) {
                true => expect::differs(&what, inside, outside, "namespaces(7)")?,
                false => expect::same(&what, inside, outside, "namespaces(7)")?,
            }
        }
    }
    Ok(())
}

fn every_step_passes_the_exit_code_on(sandbox: &Sandbox) -> Result<()> {
    for (name, _) in STEPS {
        for code in [0, 7, 255] {
            step(sandbox, name)?.probe(["exit", &code.to_string()]).output()?.code(code)?;
        }
        step(sandbox, name)?.arg("/nosuch").output()?.error_line(127)?;
    }
    Ok(())
}

fn every_step_hands_on_three_descriptors_alone(sandbox: &Sandbox) -> Result<()> {
    for (name, _) in STEPS {
        let report = step(sandbox, name)?.descriptor(77).report()?;
        let fds = report["fds"].as_object().context("descriptors")?;
        let extra: Vec<_> = fds.keys().filter(|fd| !["0", "1", "2"].contains(&&fd[..])).collect();
        // Before step 3 the command is in the caller's own world, and may have what the caller has.
        let alone = extra.is_empty() || ["step01", "step02"].contains(&name);
        expect::that(&format!("{name}: its descriptors"), alone, &extra, "CVE-2024-21626")?;
    }
    Ok(())
}

/// What root of a container must not be able to do, in the step from which on it is true.
fn from_step_5_on_roots_power_has_an_end(sandbox: &Sandbox) -> Result<()> {
    let attempts = ["mount=tmpfs,/tmp", "sethostname", "load-module", "settime", "chroot-escape"];
    for name in ["step05", "step06", "step07"] {
        let run = step(sandbox, name)?.probe([&["try"][..], &attempts].concat());
        let results = run.output()?.json()?;
        for (attempt, result) in results.as_object().context("results")? {
            let what = format!("{name}: {attempt}");
            expect::that(&what, result != "ok", &result.to_string(), "capabilities(7)")?;
        }
    }
    Ok(())
}

fn a_hundred_at_once_leave_nothing(sandbox: &Sandbox) -> Result<()> {
    let limit = Duration::from_secs(120);
    let start = |_| step(sandbox, "step07")?.probe(["exit", "3"]).limit(limit).spawn();
    let all: Vec<_> = (0..100).map(start).collect::<Result<_>>()?;
    for running in all {
        running.wait()?.code(3)?;
    }
    Ok(())
}

fn a_thousand_one_after_another_leave_nothing(sandbox: &Sandbox) -> Result<()> {
    for round in 0..1000 {
        let run = step(sandbox, "step07")?.args(["--network", "none"]).probe(["exit", "0"]);
        run.output()?.success().with_context(|| format!("round {round}"))?;
    }
    Ok(())
}

fn an_ordinary_users_containers_leave_nothing_either() -> Result<()> {
    unprivileged(|sandbox| {
        let start = |_| sandbox.run(binary("step07")?).probe(["exit", "3"]).spawn();
        let all: Vec<_> = (0..20).map(start).collect::<Result<_>>()?;
        for running in all {
            let outcome = running.wait()?;
            ensure!(outcome.code(3).is_ok(), "{outcome}");
        }
        Ok(())
    })
}

conformance::checkpoint! {
    each_step_adds_its_namespaces_and_no_others: [Filesystem("overlay")],
    every_step_passes_the_exit_code_on: [Filesystem("overlay")],
    every_step_hands_on_three_descriptors_alone: [Filesystem("overlay")],
    from_step_5_on_roots_power_has_an_end: [Filesystem("overlay")],
    a_hundred_at_once_leave_nothing: [Filesystem("overlay")],
    a_thousand_one_after_another_leave_nothing: [Filesystem("overlay")],
    an_ordinary_users_containers_leave_nothing_either: [Filesystem("overlay"), UserNamespaces],
}
