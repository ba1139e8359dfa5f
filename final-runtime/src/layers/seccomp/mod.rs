//! The layer that lets the container's processes make only some of the system calls.
//!
//! `linux.seccomp` is made into a small program, which the kernel asks at every system call of the
//! process that has loaded it, and of all that descend from it: nothing takes it away again. See
//! seccomp(2), and "Seccomp" in the runtime specification's `config-linux.md`.
//!
//! | file | subject |
//! | --- | --- |
//! | `arch.rs` | the architectures, of which one machine runs several |
//! | `numbers.rs`, `syscalls.tbl` | the numbers of system calls |
//! | `rules.rs` | what an object `linux.seccomp` says, in numbers |
//! | `mux.rs` | calls that lead to others, on 32-bit x86 |
//! | `compile.rs` | from rules to a program |
//! | `bpf.rs` | the programs' instructions |
//! | `load.rs` | giving a program to the kernel |
//! | `listener.rs` | the agent that decides about the calls with the action NOTIFY |
//! | `profile.rs`, `default.json` | profiles that depend on capabilities, and the default one |
//! | `choice.rs` | which of them a container has |

mod arch;
mod bpf;
mod choice;
mod compile;
#[cfg(test)]
mod interpreter;
mod listener;
mod load;
mod mux;
mod numbers;
pub mod profile;
mod rules;
#[cfg(test)]
mod tests;

use anyhow::{Context, Result, ensure};
use nix::unistd::Pid;
use step07::{Explain, Layer};

pub use self::{
    arch::{ABIS, NATIVE},
    bpf::Instruction,
    choice::Choice,
    listener::{State, container_process_state},
    load::has as has_flag,
};
use self::{listener::Listener, rules::Rules};
use crate::spec::seccomp::{Arch, Seccomp as Spec};

/// A filter as the kernel takes it.
#[derive(Debug)]
pub struct Filter {
    /// The program.
    pub program: Vec<Instruction>,
    /// SECCOMP_FILTER_FLAG_…
    flags: u64,
    /// Whether an agent decides about some calls.
    notify: bool,
}

impl Filter {
    /// Compiles `linux.seccomp`. Errors name the part of the object that is wrong.
    pub fn compile(spec: &Spec) -> Result<Self> {
        let listens = spec.listener_path.is_some();
        ensure!(
            listens || spec.listener_metadata.is_none(),
            "listenerMetadata: without listenerPath"
        );
        let rules = Rules::of(spec)?;
        let notify = rules.notify();
        Ok(Self { program: compile::compile(&rules)?, flags: load::flags(spec, notify), notify })
    }
}

/// The layer that loads a filter.
///
/// The kernel takes a filter only from one who has CAP_SYS_ADMIN, or whose programs will get no new
/// privileges. So there are two moments for it: with `no_new_privs` it is [sealed](Layer::seal)
/// with the filter, when nothing but execve(2) is left to do and the filter need allow nothing else.
/// Without, the filter comes on [entering](Layer::enter), and has to allow what the layers above
/// do: it stands directly below the layer that gives the capabilities up.
pub struct Seccomp {
    spec: Spec,
    no_new_privs: bool,
    state: Option<Box<State>>,
    prepared: Option<Prepared>,
}

struct Prepared {
    filter: Filter,
    listener: Option<Listener>,
}

impl Seccomp {
    /// With or without the process's `no_new_privs`.
    pub fn new(spec: Spec, no_new_privs: bool) -> Self {
        Self { spec, no_new_privs, state: None, prepared: None }
    }

    /// What the agent of `listenerPath` is told: the JSON of a container process state, for the
    /// process of this number on the host. See [`container_process_state`].
    pub fn tell_agent(&mut self, state: impl Fn(Pid) -> Result<Vec<u8>> + 'static) {
        self.state = Some(Box::new(state));
    }

    fn load(&mut self, explain: &Explain) -> Result<()> {
        let Prepared { filter, listener } = self.prepared.as_mut().context("was not prepared")?;
        let count = filter.program.len();
        explain.say(format_args!("seccomp --mode filter  # {count} instructions"));
        match listener {
            None => load::load(filter, false).map(drop),
            Some(listener) => listener.load(filter),
        }
    }
}

impl Layer for Seccomp {
    fn name(&self) -> &'static str {
        "seccomp"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let filter = Filter::compile(&self.spec)?;
        let foreign: Vec<_> = Rules::foreign(&self.spec).map(Arch::name).collect();
        if !foreign.is_empty() {
            explain.say(format_args!("# without {}: not of this machine", foreign.join(", ")));
        }
        let listener = match filter.notify {
            true => Some(Listener::connect(explain, &self.spec)?),
            false => None,
        };
        self.prepared = Some(Prepared { filter, listener });
        Ok(())
    }

    fn attach(&mut self, _explain: &Explain, child: Pid) -> Result<()> {
        let Some(Prepared { listener: Some(listener), .. }) = &mut self.prepared else {
            return Ok(());
        };
        let state = self.state.as_ref().context("nobody says what the agent is to be told")?;
        listener.tell(&state(child)?)
    }

    // ANCHOR: seccomp-seal
    fn enter(&mut self, explain: &Explain) -> Result<()> {
        if self.no_new_privs { Ok(()) } else { self.load(explain) }
    }

    fn seal(&mut self, explain: &Explain) -> Result<()> {
        if self.no_new_privs { self.load(explain) } else { Ok(()) }
    }
    // ANCHOR_END: seccomp-seal

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        self.prepared = None;
        Ok(())
    }
}
