//! Errors, `--help`, `--explain`.

use std::fs;

use anyhow::{Context, Result};
use conformance::{Rootfs, Sandbox, expect};

use crate::step03;

pub fn bad_input_is_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    fs::create_dir_all(sandbox.dir().join("data"))?;
    fs::write(sandbox.dir().join("file"), "")?;
    let rootfs = Rootfs::new()?;
    rootfs.symlink("srv", "/nowhere/at/all")?;
    let root = rootfs.path().to_str().context("UTF-8")?;
    let mut told = String::new();
    for words in [
        "--rootfs /nope",
        "--rootfs /etc/passwd",
        "--volume data",
        "--volume data:there",
        "--volume data:/there:rx",
        "--volume :/there",
        "--volume nope:/mnt",
        "--volume data:/nope",
        "--volume data:/etc/passwd",
        "--volume file:/etc",
        "--volume data:/",
        "--volume data:/proc",
        "--volume data:/proc/self",
        "--volume file:/proc/sys/kernel/core_pattern",
        "--volume data:/mnt --tmpfs /mnt",
        "--rootfs ROOT --volume data:/etc/passwd/below",
        "--rootfs ROOT --volume data:/srv",
        "--tmpfs there",
        "--tmpfs /mnt:size=much",
        "--tmpfs /mnt:color=red",
        "--env =value",
        "--workdir there",
        "--workdir /nope",
        "--workdir /etc/passwd",
        "--no-such-flag",
    ] {
        let args = words.split(' ').map(|word| if word == "ROOT" { root } else { word });
        let line = step03(sandbox).args(args).probe(["exit", "0"]).output()?.error_line(125)?;
        told += &format!("$ {words}\n{line}\n");
    }
    insta::assert_snapshot!(told);
    Ok(())
}

pub fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let outcome = step03(sandbox).arg("--help").output()?;
    insta::assert_snapshot!(outcome.success()?.stdout());
    Ok(())
}

pub fn explain_tells_every_act(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    fs::create_dir_all(sandbox.dir().join("data"))?;
    let told = |args: &[&str]| -> Result<String> {
        let run = step03(sandbox).arg("--explain").args(args).rootfs(&rootfs);
        let text = run.probe(["exit", "0"]).output()?.success()?.stderr();
        Ok(text.replace(rootfs.path().to_str().context("UTF-8")?, "ROOT"))
    };
    let all = ["--read-only", "-v", "data:/srv/data:ro", "--tmpfs", "/run:size=1m", "-w", "/w"];
    let (plain, full) = (told(&[])?, told(&all)?);
    // Which of these paths there are is the kernel's affair, and tested elsewhere.
    let hidden = ["--bind /dev/null", "-o ro,nr_", "/proc/kcore", "/proc/bus", "/proc/fs"];
    let vary = [&hidden[..], &["/proc/irq", "/proc/sysrq-trigger"]].concat();
    let always = |line: &&str| !vary.iter().any(|part| line.contains(part));
    let known = |text: &str| text.lines().filter(always).collect::<Vec<_>>().join("\n");
    insta::assert_snapshot!(known(&plain));
    insta::assert_snapshot!(known(&full));
    Ok(())
}

/// What `--explain` prints is run by a shell, and makes the same container.
pub fn explain_can_be_followed(sandbox: &Sandbox) -> Result<()> {
    fs::create_dir_all(sandbox.dir().join("data/sub"))?;
    // Where what is mounted, and what is in /dev. mount(8) makes less read-only than we do.
    let look = "cut -d' ' -f5 /proc/self/mountinfo; grep -o ' - [a-z0-9]*' /proc/self/mountinfo; \
                ls -ln /dev | tr -s ' ' | cut -d' ' -f1,3-6,10-; pwd; \
                for dir in / /mnt /sys /proc/sys; do test -w $dir && echo $dir; done; true";
    let flags = ["--explain", "-v", "data:/mnt:ro", "--tmpfs", "/media:size=1m"];
    let outcome = step03(sandbox).args(flags).args(["--", "sh", "-c", look]).output()?;
    outcome.success()?;

    let mut script = String::new();
    for line in outcome.stderr().lines() {
        let command = line.get(24..).context("a line without a command")?;
        // These are how the shell itself comes to be, and what it does last.
        if !command.starts_with("unshare ") && !command.starts_with("exec ") {
            script += &format!("{command}\ntest $? = 0 || exit 9\n");
        }
    }
    let run = sandbox.run("unshare").args(["--fork", "--uts", "--ipc", "--pid", "--mount"]);
    let run = run.args(["--propagation", "unchanged", "sh", "-c", &(script + look)]);
    let followed = run.env("LIBMOUNT_UTAB", "/dev/null").output()?;
    followed.success()?;
    expect::equal("the container made by hand", &followed.stdout(), outcome.stdout(), "mount(8)")
}
