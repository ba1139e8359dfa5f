//! The hooks of a container: which are called when, and what becomes of one that fails. See
//! "Lifecycle" in runtime.md of the OCI runtime specification.
//!
//! ```text
//!   create   prestart, createRuntime   on the host      all is mounted, the root is still the host's
//!            createContainer           in the container
//!   start    startContainer            in the container, before it becomes the command
//!            poststart                 on the host
//!   delete   poststop                  on the host; one that fails is only told of
//! ```

use std::io::{Write, stderr};

use step07::Explain;

use super::record::Record;
use crate::{
    layers::hooks::{Inside, Moment, Outside},
    spec::{Config, Hook, Status},
};

/// The layer for those that are called on the host while the container is made.
pub fn outside(config: &Config, record: &Record) -> Option<Outside> {
    let hooks = &config.hooks;
    let moments: Vec<_> = [("prestart", &hooks.prestart), ("createRuntime", &hooks.create_runtime)]
        .into_iter()
        .filter_map(|(name, hooks)| moment(name, hooks))
        .collect();
    let state = record.state(config, Status::Creating);
    (!moments.is_empty()).then_some(Outside { moments, state })
}

/// The layer for those that are called in the container while it is made.
pub fn while_made(config: &Config, record: &Record) -> Option<Inside> {
    let moment = moment("createContainer", &config.hooks.create_container)?;
    Some(Inside { moment, state: record.state(config, Status::Creating) })
}

/// The layer for those that are called in it when it is started.
pub fn while_started(config: &Config, record: &Record) -> Option<Inside> {
    let moment = moment("startContainer", &config.hooks.start_container)?;
    Some(Inside { moment, state: record.state(config, Status::Created) })
}

/// Calls those that follow its start.
pub fn after_start(config: &Config, record: &Record, explain: &Explain) -> anyhow::Result<()> {
    match moment("poststart", &config.hooks.poststart) {
        Some(moment) => moment.call(&record.state(config, Status::Running), explain),
        None => Ok(()),
    }
}

/// Calls those that follow its end.
pub fn after_end(config: &Config, record: &Record, explain: &Explain) {
    let Some(moment) = moment("poststop", &config.hooks.poststop) else { return };
    for error in moment.call_each(&record.state(config, Status::Stopped), explain) {
        warn(&format!("{error:#}"));
    }
}

/// Tells what is not as it was asked for, and not worth failing for.
pub fn warn(text: &str) {
    let _ = writeln!(stderr(), "final-runtime: warning: {text}"); // or nobody reads it
}

fn moment(name: &'static str, hooks: &[Hook]) -> Option<Moment> {
    (!hooks.is_empty()).then(|| Moment { name, hooks: hooks.into() })
}
