//! What does each layer cost? The time from nothing to the end of a command that does nothing.
//!
//! Each step is the one before and one more layer, so the difference between two lines is what that
//! layer costs. The floor is a fork and an exec without any container.
//!
//!     cargo bench -p conformance
//!
//! All of it runs in a sandbox, so that no bridge and no firewall of this machine is touched.

use std::{
    path::Path,
    process::{Command, ExitCode, Stdio},
    time::Duration,
};

use anyhow::{Context, Result};
use conformance::{Rootfs, binary};
use criterion::Criterion;

/// A step, what it is called here, and its flags beyond the rootfs.
const STEPS: [(&str, &str, &[&str]); 9] = [
    ("step01", "1 uts, ipc", &[]),
    ("step02", "2 pid", &[]),
    ("step02", "2 pid, with init", &["--init"]),
    ("step03", "3 mount", &[]),
    ("step04", "4 net, none", &["--network", "none"]),
    ("step04", "4 net, bridge", &["--network", "bridge"]),
    ("step05", "5 user", &["--network", "none"]),
    ("step06", "6 cgroup", &["--network", "none"]),
    ("step07", "7 union", &["--network", "none", "--layer"]),
];

fn main() -> ExitCode {
    match run() {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("layers: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn run() -> Result<()> {
    let programs = STEPS.iter().map(|(step, ..)| binary(step)).collect::<Result<Vec<_>>>()?;
    // target/release/deps/layers-0123456789abcdef
    let target = std::env::current_exe()?;
    let target = target.ancestors().nth(3).context("this program is not in a target directory")?;
    conformance::enter_sandbox()?;
    let (rootfs, layer) = (Rootfs::new()?, Rootfs::new()?);
    let probe = rootfs.at("bin/probe");

    let mut criterion = Criterion::default()
        .output_directory(&target.join("criterion"))
        .sample_size(40)
        .warm_up_time(Duration::from_secs(1))
        .measurement_time(Duration::from_secs(4))
        .configure_from_args();
    let mut group = criterion.benchmark_group("start and end of");
    let mut measure = |name: &str, command: &mut Command| -> Result<()> {
        command.stdin(Stdio::null());
        let output = command.output().with_context(|| format!("running {command:?}"))?;
        let errors = String::from_utf8_lossy(&output.stderr);
        if !output.status.success() {
            // On this machine, or for this user, there is no such layer.
            eprintln!("{name}: not measured: {errors}");
            return Ok(());
        }
        group.bench_function(name, |bencher| {
            bencher.iter(|| command.status().is_ok_and(|status| status.success()));
        });
        Ok(())
    };

    measure("0 fork and exec", Command::new(&probe).args(["exit", "0"]))?;
    for ((step, name, flags), program) in STEPS.iter().zip(&programs) {
        let mut command = Command::new(program);
        let inside = match *step >= "step03" {
            true => Path::new("/bin/probe"),
            false => &probe,
        };
        if *step >= "step03" {
            command.arg("--rootfs").arg(rootfs.path());
        }
        command.args(*flags).args(flags.contains(&"--layer").then(|| layer.path()));
        measure(name, command.arg("--").arg(inside).args(["exit", "0"]))?;
    }
    group.finish();
    Ok(())
}
