//! podman's own bridge: podman makes a network namespace, CNI's plugins fill it, and the runtime joins
//! it by its path. All that the plugins make is in the sandbox's network.

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};

use crate::{
    engine::{Engine, IMAGE, clear, dir},
    podman::podman,
};

/// As podman would write it, but for the place at which it is written down who has which address.
const NETWORK: &str = r#"{
  "cniVersion": "0.4.0", "name": "podman", "plugins": [
    {
      "type": "bridge", "bridge": "cni-podman0",
      "isGateway": true, "ipMasq": true, "hairpinMode": true,
      "ipam": {
        "type": "host-local", "dataDir": "LENT", "routes": [{ "dst": "0.0.0.0/0" }],
        "ranges": [[{ "subnet": "10.88.0.0/16", "gateway": "10.88.0.1" }]]
      }
    },
    { "type": "portmap", "capabilities": { "portMappings": true } },
    { "type": "firewall" },
    { "type": "tuning" }
  ]
}"#;

/// What CNI remembers is below this directory, which the sandbox has not for itself.
const STATE: &str = "/var/lib";

fn as_root(sandbox: &Sandbox, command: &[&str]) -> Result<()> {
    sandbox.run(command[0]).args(&command[1..]).output()?.success().map(drop)
}

fn podman_with_a_bridge(sandbox: &Sandbox) -> Result<Engine<'_>> {
    as_root(sandbox, &["mount", "-n", "-t", "tmpfs", "tmpfs", STATE])?;
    let networks = dir(sandbox, "networks")?;
    let lent = dir(sandbox, "lent")?.display().to_string();
    std::fs::write(networks.join("podman.conflist"), NETWORK.replace("LENT", &lent))?;
    let mut engine = podman(sandbox)?;
    engine.flags.push(format!("--network-config-dir={}", networks.display()));
    Ok(engine)
}

pub fn podman_s_containers_reach_each_other(sandbox: &Sandbox) -> Result<()> {
    let mut engine = podman_with_a_bridge(sandbox)?;
    let parent = format!("--cgroup-parent=/{}", sandbox.cgroup_parent());
    let run = ["run", "--network=bridge", &parent];
    for (name, port) in [("one", "7001"), ("two", "7002")] {
        let (name, publish) = (format!("--name={name}"), format!("--publish={port}:7000"));
        let serve = ["--detach", &name, &publish, IMAGE, "/bin/probe", "listen", "0.0.0.0:7000"];
        engine.leaves(&[&run[..], &serve].concat())?; // it ends when it has answered
    }
    let ready = |name| engine.until(&["logs", name], |text| text.contains("ready"));
    ready("one").and_then(|_| ready("two"))?;

    let address = engine.says(&["inspect", "--format={{.NetworkSettings.IPAddress}}", "one"])?;
    expect::contains("its address", &address, "10.88.", "the bridge's network")?;
    let there = format!("{address}:7000");
    let ask = ["--rm", IMAGE, "/bin/probe", "connect", &there, "from afar"];
    let said = engine.says(&[&run[..], &ask].concat())?;
    expect::contains("what it is answered", &said, "from afar", "")?;

    let published = sandbox.probe(["connect", "10.88.0.1:7002", "from the host"]).output()?;
    published.success().context("the published port")?;
    expect::contains("what that is", &published.stdout(), "from the host", "")?;

    engine.says(&["rm", "--force", "--time=0", "one", "two"])?;
    engine.behind.clear();
    clear(sandbox)?;
    as_root(sandbox, &["nft", "flush", "ruleset"])?;
    as_root(sandbox, &["ip", "link", "delete", "cni-podman0"])?;
    as_root(sandbox, &["umount", "-n", STATE])
}
