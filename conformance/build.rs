//! Compiles the probe: a static program that tests run as a container's command.
//!
//! It is not a binary of this package, since a root file system that holds nothing else must be
//! able to run it: it is linked statically, and with the standard library alone.

use std::{env, path::PathBuf, process::Command};

fn main() {
    println!("cargo::rerun-if-changed=probe");
    let var = |name: &str| env::var_os(name).unwrap_or_else(|| panic!("cargo sets {name}"));
    let probe = PathBuf::from(var("OUT_DIR")).join("probe");
    let result = Command::new(var("RUSTC"))
        .args(["probe/main.rs", "--crate-name=probe", "--edition=2024"])
        .args(["-Ctarget-feature=+crt-static", "-Cpanic=abort", "-Copt-level=s", "-Cstrip=symbols"])
        .arg("--target")
        .arg(var("TARGET"))
        .arg("-o")
        .arg(&probe)
        .output()
        .expect("cargo's own rustc runs");
    let errors = String::from_utf8_lossy(&result.stderr);
    if !result.status.success() {
        let hint = match ["-lc", "-lutil", "-lpthread", "crt1.o", "crtbeginT.o"]
            .iter()
            .any(|part| errors.contains(&format!("cannot find {part}")))
        {
            true => {
                "\nThe static C library is missing: install libc6-dev (Debian, Ubuntu), \
                     glibc-static (Fedora) or the like."
            }
            false => "",
        };
        panic!("the probe does not compile:\n{errors}{hint}");
    }
    for warning in errors.lines().filter(|line| line.starts_with("warning: ")) {
        println!("cargo::warning=probe: {warning}");
    }
}
