//! The container's side: from birth to `exec`.

use std::{
    any::Any,
    convert::Infallible,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

use anyhow::{Context, Error, Result, anyhow};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sched::CloneFlags,
    sys::{prctl::set_pdeathsig, signal::Signal},
};

use crate::{
    Container, Explain, Failure, Side,
    clone::sibling,
    report::{Gate, Writer},
    signals::{Signals, default_sigpipe},
};

/// The container's first process. Never returns into the runtime's code: it becomes the command,
/// or reports why not and ends.
pub(crate) fn main(
    container: &mut Container,
    signals: &Signals,
    gate: Gate,
    mut report: Writer,
) -> ! {
    let mut held = false;
    // A panic must end this process too, and must not look like success.
    let failure = catch_unwind(AssertUnwindSafe(|| {
        let Err(failure) = live(container, signals, gate, &mut report, &mut held);
        failure
    }));
    let failure = failure.unwrap_or_else(|panic| Failure::new(125, panic_message(&*panic)));
    let starter = container.stack.layers().find_map(|layer| layer.hold()).filter(|_| held);
    match starter {
        Some(hold) => hold.failed(&failure),
        None => report.failed(&failure),
    }
    exit_now(failure.code)
}

// ANCHOR: container-side
fn live(
    container: &mut Container,
    signals: &Signals,
    mut gate: Gate,
    report: &mut Writer,
    held: &mut bool,
) -> Result<Infallible, Failure> {
    let Container { stack, process, explain, outlives, .. } = container;
    die_with_host(report).map_err(failed)?;
    if stack.joins() {
        for layer in stack.layers().filter(|layer| layer.joins()) {
            let explain = explain.at(Side::Container, layer.name());
            layer.join(&explain).context(layer.name()).map_err(failed)?;
        }
        let explain = explain.at(Side::Container, "namespaces");
        reborn(&explain, stack.namespaces(), report).map_err(failed)?;
    }
    if !gate.wait() {
        exit_now(125); // the host's own error is the one that is told
    }
    let exec = explain.at(Side::Container, "exec");
    let mut command = None;
    for layer in stack.layers() {
        let explain = explain.at(Side::Container, layer.name());
        layer.enter(&explain).context(layer.name()).map_err(failed)?;
        if layer.meets() {
            report.waits().map_err(failed)?;
            if !gate.wait() {
                exit_now(125);
            }
        }
        if let Some(hold) = layer.hold() {
            command = Some(process.ready(&exec)?); // or nobody need start it
            live_on().and_then(|()| report.held()).map_err(failed)?;
            *held = true;
            hold.wait().map_err(failed)?;
        }
        if !*held {
            // A change of user ids, which the layer may have made, has cleared this.
            die_with_host(report).map_err(failed)?;
        }
    }
    signals.restore().map_err(failed)?;
    default_sigpipe().map_err(failed)?;
    let command = match command {
        Some(command) => command,
        None => process.ready(&exec)?,
    };
    if *outlives {
        live_on().map_err(failed)?;
    }
    let seal = || {
        stack.layers().try_for_each(|layer| {
            let explain = explain.at(Side::Container, layer.name());
            layer.seal(&explain).context(layer.name()).map_err(failed)
        })
    };
    Err(command.exec(&exec, seal))
}
// ANCHOR_END: container-side

fn failed(error: Error) -> Failure {
    Failure::new(Failure::code_of(&error), format!("{error:#}"))
}

/// Asks the kernel to kill this process when the host's ends, even by SIGKILL. See
/// PR_SET_PDEATHSIG(2const).
fn die_with_host(report: &Writer) -> Result<()> {
    set_pdeathsig(Signal::SIGKILL).context("asking to die with the runtime")?;
    // If the host was faster than the call above, nobody reads the report pipe any more.
    let mut fds = [PollFd::new(report.fd().as_fd(), PollFlags::empty())];
    poll(&mut fds, PollTimeout::ZERO).context("looking after the runtime")?;
    let gone = fds[0].revents().is_some_and(|events| events.contains(PollFlags::POLLERR));
    if gone { Err(anyhow!("the runtime is gone")) } else { Ok(()) }
}

/// Takes the wish back: it goes on when the runtime ends.
fn live_on() -> Result<()> {
    set_pdeathsig(None).context("asking to outlive the runtime")
}

/// Goes on in a new process that takes this one's place under the same parent, in `namespaces` of its
/// own beside those that were joined.
fn reborn(explain: &Explain, namespaces: CloneFlags, report: &mut Writer) -> Result<()> {
    let Some(child) = sibling(explain, namespaces)? else {
        return die_with_host(report);
    };
    report.reborn(child.pid)?;
    exit_now(0)
}

/// Ends at once: destructors and exit handlers belong to the host's copy of this memory.
fn exit_now(code: u8) -> ! {
    // SAFETY: _exit(2) only ends the process.
    unsafe { libc::_exit(code.into()) }
}

fn panic_message(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no message"))
}
