//! Looking after one container from its start to its end.

use anyhow::{Context, Result};
use step07::{Cgroup, Container, Failure, Status};

use super::{
    containers::{Containers, Held},
    detach::Starter,
    relay::Relay,
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
    let relay = match start(&mut held, &mut container, starter) {
        Ok(relay) => relay,
        Err(error) => {
            drop(container);
            held.forget(containers)?;
            return Err(error);
        }
    };
    let status = attend(&container, relay);
    let reason =
        container.stack.get_mut::<Cgroup>().and_then(|cgroup| cgroup.cause_of_death().ok()?);
    let finished = container.finish();
    let code = status.as_ref().map_or(125, |status| status.code());
    let record = held.exited(code, reason)?;
    if record.config.auto_remove {
        containers.remove(&record)?;
    }
    finished.and(status).map(Status::code)
}
// ANCHOR_END: supervise

fn start(held: &mut Held, container: &mut Container, starter: Option<Starter>) -> Result<Relay> {
    let mut try_start = || -> Result<Relay> {
        let pid = container.start()?.pid();
        held.running(pid.as_raw())?;
        let mut relay = Relay::new(&mut container.stack)?;
        relay.log_to(&held.container.dir.join("log.json"))?;
        Ok(relay)
    };
    match (try_start(), starter) {
        (Ok(mut relay), Some(starter)) => {
            starter.started(&held.container.config.id)?;
            relay.detach();
            Ok(relay)
        }
        (Err(error), Some(starter)) => {
            starter.failed(&error);
            Err(Failure::new(Failure::code_of(&error), "").into())
        }
        (result, None) => result,
    }
}

/// Until the container's first process has ended.
pub fn attend(container: &Container, relay: Relay) -> Result<Status> {
    relay.run(container.running().context("the container has not started")?)
}
