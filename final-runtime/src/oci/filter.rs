//! `linux.seccomp` as a layer, and what its agent is told of the container.

use anyhow::Context;

use super::record::Record;
use crate::{
    layers::seccomp::{Seccomp, container_process_state},
    spec::{Config, State, Status},
};

/// The layer, if the configuration asks for a filter; `status` is the container's meanwhile.
pub fn layer(
    config: &Config,
    record: &Record,
    no_new_privs: bool,
    status: Status,
) -> Option<Seccomp> {
    let spec = config.linux.as_ref()?.seccomp.clone()?;
    let state = record.state(config, status);
    let mut seccomp = Seccomp::new(spec.clone(), no_new_privs);
    seccomp.tell_agent(move |pid| {
        let first = if state.pid == 0 { pid.as_raw() } else { state.pid };
        let state = State { pid: first, ..state.clone() };
        let state = serde_json::to_value(state).context("the container's state")?;
        Ok(container_process_state(&spec, pid, &state))
    });
    Some(seccomp)
}
