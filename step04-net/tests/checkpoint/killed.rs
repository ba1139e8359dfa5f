//! SIGKILL of the runtime, after which somebody else must clear up.

use std::{thread::sleep, time::Duration};

use anyhow::Result;
use conformance::{Sandbox, expect};
use nix::sys::signal::Signal;

use crate::scene::{Staying, host, ruleset, step04, sysctl, talk};

/// Left behind by a runtime: a lease, a published port, the bridge, forwarding.
fn killed(sandbox: &Sandbox) -> Result<()> {
    Staying::new(step04(sandbox).args(["-p", "8080:80"]))?.kill_runtime()?;
    expect::contains("the rules", &ruleset(sandbox)?, "tcp . 8080", "nft(8)")
}

fn clean(sandbox: &Sandbox) -> Result<()> {
    expect::equal("the rules", &ruleset(sandbox)?, "", "nft(8)")?;
    expect::equal("forwarding", &sysctl(sandbox, "ipv4/ip_forward")?, "0", "ip(7)")
    // The check for traces sees interfaces, routes, and files in /run.
}

pub fn the_next_run_clears_up_after_one_that_was_killed(sandbox: &Sandbox) -> Result<()> {
    killed(sandbox)?;
    // The port and the address are free again, though nobody gave them back.
    let run = step04(sandbox).args(["-p", "8080:80", "--subnet", "10.99.0.0/24"]);
    let inside = run.report()?;
    let address = &inside["interfaces"]["eth0"]["addresses"][0];
    expect::equal("the address", address, "10.99.0.2/24", "flock(2)")?;
    clean(sandbox)
}

pub fn a_run_without_a_network_clears_up_too(sandbox: &Sandbox) -> Result<()> {
    for network in ["none", "host"] {
        killed(sandbox)?;
        let run = step04(sandbox).args(["--network", network]).probe(["exit", "0"]);
        run.output()?.success()?;
        clean(sandbox)?;
    }
    Ok(())
}

pub fn who_may_not_clear_up_leaves_it_to_others(sandbox: &Sandbox) -> Result<()> {
    killed(sandbox)?;
    let run = sandbox.run("unshare").args(["--map-root-user", env!("CARGO_BIN_EXE_step04")]);
    run.probe(["exit", "0"]).output()?.success()?;
    step04(sandbox).probe(["exit", "0"]).output()?.success()?;
    clean(sandbox)
}

/// The bridge tells that forwarding is on for its sake.
pub fn what_is_left_without_the_bridge_is_cleared_away(sandbox: &Sandbox) -> Result<()> {
    killed(sandbox)?;
    host(sandbox, "ip link del layers0")?;
    step04(sandbox).probe(["exit", "0"]).output()?.success()?;
    expect::equal("the rules", &ruleset(sandbox)?, "", "nft(8)")?;
    expect::equal("forwarding", &sysctl(sandbox, "ipv4/ip_forward")?, "1", "ip(7)")
}

pub fn the_living_keep_theirs_when_the_dead_are_cleared_away(sandbox: &Sandbox) -> Result<()> {
    let dead = Staying::new(step04(sandbox).args(["-p", "8080:80"]))?;
    let server = step04(sandbox).args(["-p", "8081:80"]).probe(["listen", "0.0.0.0:80"]);
    let server = crate::scene::ready(server)?;
    dead.kill_runtime()?;
    let inside = step04(sandbox).report()?;
    let address = &inside["interfaces"]["eth0"]["addresses"][0];
    expect::equal("the address of the dead", address, "10.88.0.2/16", "flock(2)")?;
    talk(sandbox.run("env"), "connect", "127.0.0.1:8081")?;
    server.wait()?.success().map(drop)
}

/// From the first act on to the last: after whichever the runtime is killed, the next run sees to
/// what is left.
pub fn killed_at_any_moment(sandbox: &Sandbox) -> Result<()> {
    for milliseconds in (0..60).step_by(3) {
        let run = step04(sandbox).args(["-p", "8080:80"]).probe(["exit", "0"]).spawn()?;
        sleep(Duration::from_millis(milliseconds));
        let _ = run.signal(Signal::SIGKILL); // it may have ended
        run.wait()?;
        let run = step04(sandbox).args(["-p", "8080:80"]).probe(["exit", "0"]);
        run.output()?.success()?;
        clean(sandbox)?;
    }
    Ok(())
}
