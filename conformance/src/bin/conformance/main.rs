//! `cargo conformance`: every test, on several kernels, in one table.
//!
//! A test declares what it needs. What this machine's kernel lacks another may have: so the tests
//! run here first, and then in virtual machines. A test that no kernel could run is reported by
//! name, and with `--strict` it is a failure.
//!
//! | file | subject |
//! | --- | --- |
//! | `means.rs` | what this kernel has of what tests need, and what others add |
//! | `programs.rs` | building the test programs, and finding them |
//! | `results.rs` | what a test program says, line by line |
//! | `host.rs` | running them on this kernel |
//! | `guest.rs` | process 1 of a virtual machine, which runs them there |
//! | `machine.rs` | running virtual machines |
//! | `plan.rs` | what a guest is to do, and how it answers |
//! | `uml.rs` | User-Mode Linux: a kernel that is a process |
//! | `qemu.rs`, `initramfs.rs` | Debian's kernel under QEMU, without hardware support |
//! | `cgroups.rs` | the two ways in which control groups are mounted there |
//! | `modules.rs` | which kernel modules to load, in which order |
//! | `packages.rs` | what has to be installed for that |
//! | `runtimes.rs` | other OCI runtimes, held to the same tests |
//! | `table.rs` | all results, for people and for programs |

mod cgroups;
mod guest;
mod host;
mod initramfs;
mod machine;
mod means;
mod modules;
mod packages;
mod plan;
mod programs;
mod qemu;
mod results;
mod runtimes;
mod table;
mod uml;

use std::{fmt, path::PathBuf, process::ExitCode};

use anyhow::Result;
use clap::{Parser, ValueEnum};

use crate::{means::Means, programs::Programs, table::Table};

/// Run every test on this kernel, and those that need another on another.
#[derive(Parser)]
#[command(name = "cargo conformance", bin_name = "cargo conformance", max_term_width = 100)]
struct Args {
    /// Only tests whose names contain this
    #[arg(value_name = "TEST")]
    filter: Option<String>,

    /// Only the tests of this package; may be given more than once
    #[arg(short, long, value_name = "PACKAGE")]
    package: Vec<String>,

    /// Which kernels; may be given more than once [default: all that this machine can run]
    #[arg(long, value_name = "KERNEL")]
    kernel: Vec<Kernel>,

    /// Hold another OCI runtime to the tests of the OCI command line, beside final-runtime, on this
    /// kernel alone; may be given more than once
    #[arg(long, value_name = "PATH", conflicts_with_all = ["package", "kernel", "strict", "install"])]
    runtime: Vec<PathBuf>,

    /// Fail if a test ran on no kernel
    #[arg(long)]
    strict: bool,

    /// Install what is missing (Debian and Ubuntu, as root)
    #[arg(long)]
    install: bool,

    /// Only say what can be checked here and what cannot, after what is missing has been installed if
    /// that is wished
    #[arg(long, conflicts_with_all = ["runtime", "strict", "filter", "package"])]
    look: bool,

    /// Where the results are written: results.md, results.json, results.xml (JUnit)
    #[arg(long, value_name = "DIR", default_value = "target/conformance")]
    report: PathBuf,
}

/// A kernel to run tests on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Kernel {
    /// This machine's own
    Host,
    /// User-Mode Linux: cgroup v2 with cpu, io, memory and pids; device-mapper
    Uml,
    /// Debian's, in QEMU: every controller of both versions of cgroups, two processors
    Qemu,
}

impl fmt::Display for Kernel {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(self.to_possible_value().expect("none is skipped").get_name())
    }
}

fn main() -> ExitCode {
    if std::process::id() == 1 {
        guest::main();
    }
    if let Some(code) = conformance::helper() {
        return code;
    }
    match run(&Args::parse()) {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("conformance: {error:#}");
            ExitCode::from(125)
        }
    }
}

/// Whether all is well.
fn run(args: &Args) -> Result<bool> {
    let mut table = Table::default();
    match &args.runtime[..] {
        [] => {
            let kernels = look(args, &mut table);
            if args.look {
                return Ok(true);
            }
            test(args, kernels, &mut table)?;
        }
        others => {
            runtimes::run(others, args.filter.clone(), &mut table)?;
            print!("\n{}", table.differences());
        }
    }
    println!("\n{table}");
    table.write(&args.report)?;
    println!("written to {}", args.report.display());
    Ok(table.passed() && (!args.strict || table.complete()))
}

/// Says what can be checked here and what cannot: the kernels that can.
fn look(args: &Args, table: &mut Table) -> Vec<Kernel> {
    let kernels = match &args.kernel[..] {
        [] => vec![Kernel::Host, Kernel::Uml, Kernel::Qemu],
        chosen => chosen.to_vec(),
    };
    print!("{}", Means::look());
    print!("{}", packages::tools(args.install));
    let kernels = packages::ready(&kernels, args.install, table);
    print!("{}", table.left_out());
    kernels
}

/// Every test on each kernel.
fn test(args: &Args, kernels: Vec<Kernel>, table: &mut Table) -> Result<()> {
    let programs = Programs::build(&args.package, None, args.filter.clone())?;
    for kernel in kernels {
        match kernel {
            Kernel::Host => host::run(&programs, table)?,
            Kernel::Uml => uml::UML.run(&programs, table)?,
            Kernel::Qemu => qemu::QEMU.run(&programs, table)?,
        }
    }
    Ok(())
}
