//! What an image's configuration makes of a container.

use std::{fs, thread::sleep, time::Duration};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};

use crate::{
    others::configured,
    scene::{remove, run, said, start, store, verb},
};

const CONFIG: [&str; 18] = [
    "--config.entrypoint",
    "/bin/sh",
    "--config.entrypoint",
    "-c",
    "--config.cmd",
    "echo $A $B $HOME; pwd; id -u; id -g; id -G",
    "--config.env",
    "A=image",
    "--config.env",
    "B=image",
    "--config.user",
    "user",
    "--config.workingdir",
    "/made/for/it",
    "--config.label",
    "io.x=binary:///bin/touch",
    "--config.exposedports",
    "80/tcp",
];

fn load(sandbox: &Sandbox, config: &[&str]) -> Result<()> {
    let layout = configured(sandbox, config)?;
    said(sandbox, &["load", "-i", &layout.display().to_string()]).map(drop)
}

fn seen(sandbox: &Sandbox, args: &[&str]) -> Result<String> {
    Ok(run(sandbox, &[&["--rm"], args].concat()).output()?.success()?.stdout())
}

pub fn the_configuration_is_honoured(sandbox: &Sandbox) -> Result<()> {
    load(sandbox, &CONFIG)?;
    let (who, user): (&str, &[&str]) = match sandbox.has_user_namespace() {
        false => ("7\n8\n8 9\n", &[]),
        true => ("0\n0\n0\n", &["-u", "0"]), // of one id
    };
    let seen = seen(sandbox, &[user, &["one:1"]].concat())?;
    let home = if user.is_empty() { "/home/user" } else { "/root" };
    let wanted = format!("image image {home}\n/made/for/it\n{who}");
    expect::equal("the image's own command", &seen, wanted.as_str(), "config.md")
}

pub fn what_is_asked_for_goes_before(sandbox: &Sandbox) -> Result<()> {
    load(sandbox, &CONFIG)?;
    let root: &[&str] = &["-u", "0"];
    let seen = |args: &[&str]| seen(sandbox, &[root, args].concat());
    expect::equal(
        "arguments",
        &seen(&["-e", "B=mine", "one:1", "echo $A $B"])?,
        "image mine\n",
        "",
    )?;
    expect::equal("a directory", &seen(&["-w", "/tmp", "one:1", "pwd"])?, "/tmp\n", "")?;
    let flags = ["--entrypoint", "/bin/echo", "one:1", "a", "b"];
    expect::equal("an entry point", &seen(&flags)?, "a b\n", "")?;
    let flags = ["--entrypoint", "", "one:1", "/bin/echo", "c"];
    expect::equal("none", &seen(&flags)?, "c\n", "")?;
    let line = run(sandbox, &["--entrypoint", "", "one:1"]).output()?.error_line(125)?;
    expect::contains("no command", &line, "no command of its own", "")
}

pub fn volumes_begin_as_the_image_has_them(sandbox: &Sandbox) -> Result<()> {
    let volumes = ["--config.volume", "/data", "--config.volume", "/new/place"];
    load(sandbox, &[&volumes[..], &["--config.cmd", "/bin/sh"]].concat())?;
    let script = "cat /data/deep/file; echo more >> /data/deep/file; echo x > /new/place/y; \
                  ls -d /new/place; cat /data/deep/file";
    let outcome = run(sandbox, &["--name", "a", "one:1", "/bin/sh", "-c", script]).output()?;
    let wanted = "data\n/new/place\ndata\nmore\n";
    expect::equal("what it sees", &outcome.success()?.stdout(), wanted, "config.md")?;
    let again = seen(sandbox, &["one:1", "/bin/sh", "-c", "cat /data/deep/file"])?;
    expect::equal("another", &again, "data\n", "")?;
    let shared = sandbox.dir().join("tmp").display().to_string();
    let mine =
        seen(sandbox, &["-v", &format!("{shared}:/data/"), "one:1", "/bin/sh", "-c", "ls /data"])?;
    expect::equal("in place of it", &mine, "", "")?;
    said(sandbox, &["rm", "-v", "a"])?;
    let left = fs::read_dir(store(sandbox).join("containers"))?.count();
    expect::equal("containers that are left", &left, 0, "")
}

/// CVE-2022-23648: the image has a link there, or a path that leads up.
pub fn a_volume_reads_nothing_of_the_host(sandbox: &Sandbox) -> Result<()> {
    let secret = sandbox.dir().join("secret");
    fs::create_dir(&secret)?;
    fs::write(secret.join("file"), "secret")?;
    let up = format!("../../../../../../..{}", secret.display());
    let volumes = [
        "--config.volume",
        &up,
        "--config.volume",
        "/etc/../../..",
        "--config.volume",
        "/proc/self/root",
    ];
    load(sandbox, &[&volumes[..], &["--config.cmd", "/bin/sh"]].concat())?;
    let script =
        format!("find / -xdev -name file | grep secret; ls {}; echo end", secret.display());
    let outcome = run(sandbox, &["--rm", "one:1", "/bin/sh", "-c", &script]).output()?;
    let text = outcome.stdout() + &outcome.stderr();
    expect::that(
        "what it sees",
        !text.contains("secret/file") && !text.contains("\nfile"),
        &text,
        "openat2(2)",
    )?;
    expect::equal("the host", &fs::read_to_string(secret.join("file"))?, "secret", "")?;
    fs::remove_dir_all(secret)?;
    let left = said(sandbox, &["ps", "-aq"])?;
    expect::equal("containers that are left", &left, "", "")
}

pub fn stop_sends_the_images_signal(sandbox: &Sandbox) -> Result<()> {
    let script = "trap 'exit 5' USR1; echo ready; while :; do sleep 0.1; done";
    let config = [
        "--config.stopsignal",
        "SIGUSR1",
        "--config.cmd",
        "/bin/sh",
        "--config.cmd",
        "-c",
        "--config.cmd",
        script,
    ];
    load(sandbox, &config)?;
    for (flags, code) in [(&[][..], 5), (&["--stop-signal", "KILL"], 137)] {
        let (id, _running) = start(sandbox, &[flags, &["one:1"]].concat())?;
        while said(sandbox, &["logs", &id])?.is_empty() {
            sleep(Duration::from_millis(20));
        }
        said(sandbox, &["stop", &id])?;
        let told = said(sandbox, &["ps", "-a"])?;
        expect::contains("its end", &told, &format!("Exited ({code})"), "")?;
        remove(sandbox, &id)?;
    }
    Ok(())
}

pub fn all_exposed_ports_are_published(sandbox: &Sandbox) -> Result<()> {
    load(
        sandbox,
        &[
            "--config.exposedports",
            "80/tcp",
            "--config.exposedports",
            "53/udp",
            "--config.cmd",
            "/bin/sleep",
            "--config.cmd",
            "60",
        ],
    )?;
    let parent = sandbox.cgroup_parent();
    let flags = ["run", "-d", "--cgroup-parent", &parent, "--network", "bridge", "-P", "one:1"];
    let (outcome, _running) = verb(sandbox, &flags).detaching().spawn()?.leave()?;
    let id = outcome.success()?.stdout().trim().to_string();
    let ports = said(sandbox, &["ps"])?;
    for part in [":80", ":53/udp"] {
        expect::contains("ps", &ports, part, "")?;
    }
    let record = said(sandbox, &["inspect", &id])?;
    ensure!(record.contains("ports"), "{record}");
    remove(sandbox, &id).context("removing it")
}
