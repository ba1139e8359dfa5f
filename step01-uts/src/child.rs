//! The container's side: from birth to `exec`.

use std::{
    any::Any,
    os::fd::AsFd,
    panic::{AssertUnwindSafe, catch_unwind},
};

use anyhow::{Context, Result, anyhow};
use nix::{
    poll::{PollFd, PollFlags, PollTimeout, poll},
    sys::{prctl::set_pdeathsig, signal::Signal},
};

use crate::{
    Explain, Failure, Process, Side, Stack,
    clone::sibling,
    report::{Gate, Writer},
    signals::{Signals, default_sigpipe},
};

/// The container's first process. Never returns into the runtime's code: it becomes the command,
/// or reports why not and ends.
pub(crate) fn main(
    explain: Explain,
    stack: &mut Stack,
    process: &Process,
    signals: &Signals,
    gate: Gate,
    mut report: Writer,
) -> ! {
    // A panic must end this process too, and must not look like success.
    let failure = catch_unwind(AssertUnwindSafe(|| {
        let Err(failure) = live(explain, stack, process, signals, gate, &mut report);
        failure
    }));
    let failure = failure.unwrap_or_else(|panic| Failure::new(125, panic_message(&*panic)));
    report.failed(&failure);
    exit_now(failure.code)
}

// ANCHOR: container-side
fn live(
    explain: Explain,
    stack: &mut Stack,
    process: &Process,
    signals: &Signals,
    gate: Gate,
    report: &mut Writer,
) -> Result<std::convert::Infallible, Failure> {
    let failed =
        |error: anyhow::Error| Failure::new(Failure::code_of(&error), format!("{error:#}"));
    die_with_host(report).map_err(failed)?;
    if !gate.wait() {
        exit_now(125); // the host's own error is the one that is told
    }
    for layer in stack.layers() {
        let explain = explain.at(Side::Container, layer.name());
        layer.enter(&explain).context(layer.name()).map_err(failed)?;
        if layer.reborn() {
            reborn(report).context(layer.name()).map_err(failed)?;
        }
        // A change of user ids, which the layer may have made, has cleared this.
        die_with_host(report).map_err(failed)?;
    }
    signals.restore().map_err(failed)?;
    default_sigpipe().map_err(failed)?;
    Err(process.exec(&explain.at(Side::Container, "exec")))
}
// ANCHOR_END: container-side

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

/// Goes on in a new process that takes this one's place under the same parent.
fn reborn(report: &mut Writer) -> Result<()> {
    let Some(child) = sibling().context("forking into the joined PID namespace")? else {
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
