//! The scenery: containers that stay, and another machine beside the host.
//!
//! In a sandbox, the sandbox is the host. A neighbour is a network namespace more, at the other
//! end of a cable.

use std::{fs, time::Duration};

use anyhow::{Context, Result};
use conformance::{Outcome, Run, Running, Sandbox};
use nix::{sys::signal::Signal, unistd::Pid};

pub fn step04(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step04"))
}

/// A container that waits until it is told to end.
pub struct Staying(Running);

impl Staying {
    pub fn new(run: Run<'_>) -> Result<Self> {
        let mut running = run.limit(Duration::from_secs(60)).probe(["trap"]).spawn()?;
        running.line()?;
        Ok(Self(running))
    }

    /// The container's first process.
    pub fn init(&self) -> Result<Pid> {
        init(&self.0)
    }

    pub fn end(self) -> Result<()> {
        self.outcome().map(drop)
    }

    /// Ends it too, and returns what the runtime had to say.
    pub fn outcome(self) -> Result<Outcome> {
        self.0.signal(Signal::SIGTERM)?;
        let outcome = self.0.wait()?;
        outcome.code(40 + Signal::SIGTERM as i32)?;
        Ok(outcome)
    }

    pub fn kill_runtime(self) -> Result<()> {
        self.0.signal(Signal::SIGKILL)?;
        self.0.wait().map(drop)
    }
}

/// The first process of the container that this runtime runs.
pub fn init(runtime: &Running) -> Result<Pid> {
    let pid = runtime.pid();
    let children = fs::read_to_string(format!("/proc/{pid}/task/{pid}/children"))?;
    let child = children.split_whitespace().next().context("the runtime has no child")?;
    Ok(Pid::from_raw(child.parse()?))
}

/// A server that has said that it is ready.
pub fn ready(run: Run<'_>) -> Result<Running> {
    let mut server = run.spawn()?;
    server.line()?;
    Ok(server)
}

/// A shell script on the host.
pub fn host(sandbox: &Sandbox, script: &str) -> Result<String> {
    let outcome = sandbox.run("sh").args(["-ec", script]).output()?;
    outcome.success()?;
    Ok(outcome.stdout())
}

/// What the firewall holds.
pub fn ruleset(sandbox: &Sandbox) -> Result<String> {
    host(sandbox, "nft list ruleset")
}

/// What is in a file of `/proc/sys/net`, as the host's network namespace has it.
pub fn sysctl(sandbox: &Sandbox, name: &str) -> Result<String> {
    let outcome = sandbox.probe(["cat", &format!("/proc/sys/net/{name}")]).output()?;
    outcome.success()?;
    Ok(outcome.stdout().trim().to_string())
}

/// In the network namespace of this process.
pub fn beside<'a>(sandbox: &'a Sandbox, pid: Pid) -> Run<'a> {
    sandbox.run("nsenter").arg(format!("--net=/proc/{pid}/ns/net"))
}

/// Another machine, which has an address in the host's own subnet and no route to containers.
pub struct Neighbour<'a> {
    sandbox: &'a Sandbox,
    name: &'static str,
    process: Running,
}

impl<'a> Neighbour<'a> {
    /// The host gets the address `SUBNET.1`, the neighbour `SUBNET.2`; the cable has this name at
    /// both ends.
    pub fn new(sandbox: &'a Sandbox, name: &'static str, subnet: &str) -> Result<Self> {
        let mut process = sandbox
            .run("unshare")
            .args(["--net", "--"])
            .arg(sandbox.probe_path())
            .arg("trap")
            .limit(Duration::from_secs(60))
            .spawn()?;
        process.line()?;
        let pid = process.pid();
        host(
            sandbox,
            &format!(
                "ip link add {name} type veth peer name {name} netns {pid}
                 ip addr add {subnet}.1/24 dev {name}
                 ip link set {name} up"
            ),
        )?;
        let neighbour = Self { sandbox, name, process };
        neighbour.script(&format!(
            "ip link set lo up
             ip addr add {subnet}.2/24 dev {name}
             ip link set {name} up"
        ))?;
        Ok(neighbour)
    }

    /// A program on that machine.
    pub fn run(&self) -> Run<'a> {
        beside(self.sandbox, self.process.pid())
    }

    pub fn script(&self, script: &str) -> Result<()> {
        self.run().args(["--", "sh", "-ec", script]).output()?.success().map(drop)
    }
}

impl Drop for Neighbour<'_> {
    fn drop(&mut self) {
        // The kernel takes both ends with the machine, but not at once.
        let _ = host(self.sandbox, &format!("ip link del {}", self.name));
    }
}

/// Says something to a server, which must answer that it has heard it, and from where.
pub fn talk(client: Run<'_>, verb: &str, to: &str) -> Result<String> {
    let outcome = client.probe([verb, to, "hello"]).output()?;
    outcome.success().with_context(|| format!("nobody answers at {to}"))?;
    let heard = outcome.stdout();
    let from = heard.trim().strip_prefix("got hello from ");
    from.map(str::to_string).with_context(|| format!("expected an answer, not {outcome}"))
}

/// Nobody must answer; says why.
pub fn silence(client: Run<'_>, to: &str) -> Result<String> {
    let outcome: Outcome = client.probe(["connect", to, "hello"]).output()?;
    outcome.code(1)?;
    let why = outcome.stderr();
    Ok(why.trim().rsplit(": ").next().unwrap_or_default().to_string())
}
