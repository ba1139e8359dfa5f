//! Looking after one container from its start to its end.

use anyhow::{Context, Result};
use step07::{Cgroup, Container, Net, Status};

use super::{
    container::Held,
    containers::Containers,
    detach::Starter,
    relay::{Ended, Relay},
};

// ANCHOR: supervise
/// Starts the container, passes on what comes and goes, clears up, and writes down each turn.
///
/// With a `starter` this is a background process, and the person has gone on. The exit code is
/// the command's. A container that does not come to be is not kept.
pub fn supervise(
    containers: &Containers,
    mut held: Held,
    mut container: Container,
    starter: Option<Starter>,
) -> Result<u8> {
    let relay = match (start(&mut held, &mut container), starter) {
        (Ok(mut relay), Some(starter)) => {
            starter.started(&held.container.config.id)?;
            relay.detach();
            relay
        }
        (Ok(relay), None) => relay,
        (Err(error), starter) => {
            drop(container);
            let _ = containers.remove(&held.container.config.id); // what is left, `recover` removes
            return match starter {
                Some(starter) => Ok(starter.failed(&error)),
                None => Err(error),
            };
        }
    };
    let ended = attend(&container, relay);
    let reason =
        container.stack.get_mut::<Cgroup>().and_then(|cgroup| cgroup.cause_of_death().ok()?);
    let finished = container.finish();
    if held.container.config.auto_remove {
        containers.remove(&held.container.config.id)?;
    } else {
        containers.put(&held.container.config.id)?;
        held.exited(ended.as_ref().map_or(125, |ended| ended.status.code()), reason)?;
    }
    // Not before: whoever does not read the rest holds up nobody but this process.
    let status = ended.and_then(Ended::tell_rest);
    finished.and(status).map(Status::code)
}
// ANCHOR_END: supervise

fn start(held: &mut Held, container: &mut Container) -> Result<Relay> {
    let pid = container.start()?.pid();
    let net = container.stack.get_mut::<Net>();
    let (network, address) = net.map_or((None, None), |net| (net.network, net.address()));
    let network = network.map(|network| network.to_string()).unwrap_or_default();
    held.running(pid.as_raw(), network, address)?;
    let mut relay = Relay::new(&mut container.stack)?;
    relay.log_to(&held.container.dir.join("log.json"))?;
    Ok(relay)
}

/// Until the container's first process has ended.
pub fn attend(container: &Container, relay: Relay) -> Result<Ended> {
    relay.run(container.running().context("the container has not started")?)
}
