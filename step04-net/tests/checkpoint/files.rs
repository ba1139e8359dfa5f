//! `/etc/hosts`, `/etc/hostname` and `/etc/resolv.conf`.

use anyhow::Result;
use conformance::{Rootfs, Sandbox, expect};
use serde_json::json;

use crate::scene::step04;

const HOSTS: &str = "file:/etc/hosts";

pub fn names_are_found_by_the_containers_own_files(sandbox: &Sandbox) -> Result<()> {
    let look = ["report", "hostname", HOSTS, "file:/etc/hostname"];
    let before = sandbox.probe(look).output()?.json()?;
    let run = step04(sandbox).args(["--hostname", "box", "--network", "bridge"]);
    let inside = run.probe(look).output()?.json()?;
    expect::equal(
        "/etc/hosts",
        &inside[HOSTS],
        "127.0.0.1 localhost\n::1 localhost ip6-localhost ip6-loopback\n10.88.0.2 box\n",
        "hosts(5)",
    )?;
    expect::equal("/etc/hostname", &inside["file:/etc/hostname"], "box\n", "hostname(5)")?;
    let after = sandbox.probe(look).output()?.json()?;
    expect::same("the host's files", &after, &before, "mount_namespaces(7)")?;

    let run = step04(sandbox).args(["--hostname", "box", "--network", "none"]);
    let inside = run.probe(["resolve", "box"]).output()?.json()?;
    expect::equal("box without a network", &inside, json!(["127.0.0.1"]), "hosts(5)")
}

pub fn the_files_are_mounted_into_any_rootfs(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    for more in [None, Some("--read-only")] {
        let run = step04(sandbox).rootfs(&rootfs).args(["--hostname", "box"]).args(more);
        let inside = run.probe(["resolve", "box"]).output()?.json()?;
        expect::equal("box", &inside, json!(["10.88.0.2"]), "hosts(5)")?;
    }
    let run = step04(sandbox).rootfs(&rootfs).args(["--network", "host", "--hostname", "box"]);
    let inside = run.probe(["resolve", "box"]).output()?.json()?;
    expect::equal("box with the host's network", &inside, json!(["127.0.0.1"]), "hosts(5)")
}

pub fn resolvers_and_names_can_be_given(sandbox: &Sandbox) -> Result<()> {
    let run = step04(sandbox).args(["--dns", "192.0.2.53", "--dns", "2001:db8::53"]).args([
        "--add-host",
        "db:192.0.2.7",
        "--add-host",
        "host:host-gateway",
    ]);
    let inside =
        run.probe(["report", "hostname", HOSTS, "file:/etc/resolv.conf"]).output()?.json()?;
    let resolv = inside["file:/etc/resolv.conf"].as_str().unwrap_or_default();
    let servers: Vec<_> = resolv.lines().filter(|line| line.starts_with("nameserver")).collect();
    let wanted = ["nameserver 192.0.2.53", "nameserver 2001:db8::53"];
    expect::equal("the resolvers", &servers, wanted, "resolv.conf(5)")?;
    let hosts = inside[HOSTS].as_str().unwrap_or_default();
    expect::contains("/etc/hosts", hosts, "\n192.0.2.7 db\n10.88.0.1 host\n", "hosts(5)")
}

/// On the bridge: the host's 127.0.0.53 is not the container's, and the bridge speaks IPv4.
pub fn resolvers_that_cannot_be_reached_are_left_out(sandbox: &Sandbox) -> Result<()> {
    let file = sandbox.dir().join("resolv.conf");
    let resolv = |host: &str, args: &[&str]| -> Result<String> {
        std::fs::write(&file, host)?;
        let script = "mount -n --bind \"$1\" /etc/resolv.conf; shift; exec \"$@\"";
        let run = sandbox.run("unshare").args(["--mount", "sh", "-ec", script, "sh"]).arg(&file);
        let run = run.arg(env!("CARGO_BIN_EXE_step04")).args(args);
        let inside = run.probe(["report", "hostname", "file:/etc/resolv.conf"]).output()?.json()?;
        Ok(inside["file:/etc/resolv.conf"].as_str().unwrap_or_default().to_string())
    };
    const HOST: &str = "search a b\nnameserver 127.0.0.53\nnameserver 2001:db8::53\n\
                        nameserver 192.0.2.53\noptions edns0\n";
    let wanted = "search a b\noptions edns0\nnameserver 192.0.2.53\n";
    let seen = resolv(HOST, &["--network", "bridge"])?;
    expect::equal("/etc/resolv.conf on the bridge", &seen, wanted, "resolv.conf(5)")?;
    let seen = resolv(HOST, &["--network", "host"])?;
    expect::contains(
        "/etc/resolv.conf with the host's network",
        &seen,
        "127.0.0.53",
        "resolv.conf(5)",
    )?;
    let wanted = "search a b\noptions edns0\nnameserver 192.0.2.1\n";
    let seen = resolv(HOST, &["--network", "bridge", "--dns", "192.0.2.1"])?;
    expect::equal("/etc/resolv.conf with --dns 192.0.2.1", &seen, wanted, "resolv.conf(5)")
}

pub fn a_volume_comes_before_the_files(sandbox: &Sandbox) -> Result<()> {
    let file = sandbox.dir().join("hosts");
    std::fs::write(&file, "192.0.2.9 mine\n")?;
    let volume = format!("{}:/etc/hosts", file.display());
    let inside = step04(sandbox)
        .args(["-v", &volume])
        .probe(["report", "hostname", HOSTS])
        .output()?
        .json()?;
    expect::equal("/etc/hosts", &inside[HOSTS], "192.0.2.9 mine\n", "mount(8)")
}

pub fn everybody_may_read_them(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run("sh").args(["-ec", "umask 077; exec \"$@\"", "sh"]);
    let run = run.arg(env!("CARGO_BIN_EXE_step04"));
    let files = ["stat:/etc/hosts", "stat:/etc/hostname", "stat:/etc/resolv.conf"];
    let inside = run.probe([&["report", "hostname"], &files[..]].concat()).output()?.json()?;
    for file in files {
        expect::equal(file, &inside[file]["mode"], "0644", "umask(2)")?;
    }
    Ok(())
}

/// The host's own `/` is read-only for a container: what is missing there cannot be made.
pub fn a_host_without_the_files_will_do(sandbox: &Sandbox) -> Result<()> {
    let script = "mount -t tmpfs none /etc; \"$@\" || echo failed; umount /etc; rm -rf /run/mount";
    let run = sandbox.run("sh").args(["-ec", script, "sh"]).arg(env!("CARGO_BIN_EXE_step04"));
    let outcome = run.probe(["ls", "/etc"]).output()?;
    expect::equal("what is in /etc", &outcome.json()?, json!([]), "mount(2)")
}
