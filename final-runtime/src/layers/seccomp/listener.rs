//! The agent that decides about the calls with the action NOTIFY: a process that listens on the
//! socket `listenerPath` and is sent the descriptor of the filter there.
//!
//! The socket is the host's, so the host connects to it. The descriptor comes into being in the
//! container, at the very moment from which the filter may refuse every call that could send it
//! on. So it is sent by a second thread, which began before, and which no filter holds. See
//! "Seccomp" in the runtime specification's `config-linux.md`, seccomp_unotify(2), SCM_RIGHTS in
//! unix(7).

use std::{
    fs::File,
    io::{IoSlice, Write},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::{fs::FileExt, net::UnixStream},
    },
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    sys::{
        memfd::{MFdFlags, memfd_create},
        socket::{ControlMessage, MsgFlags, sendmsg},
    },
    unistd::Pid,
};
use serde_json::{Value, json};
use step07::{Explain, sh};

use super::{Filter, load::load};
use crate::spec::seccomp::Seccomp;

/// Says what the agent is to be told of the process with this number.
pub type State = dyn Fn(Pid) -> Result<Vec<u8>>;

/// A connection to the agent, and what it will be told.
pub struct Listener {
    agent: UnixStream,
    /// A file, since the container's side is another process by the time it is written.
    state: File,
}

/// The JSON that goes with the descriptor: `state` is the container's, as hooks are given it.
pub fn container_process_state(spec: &Seccomp, pid: Pid, state: &Value) -> Vec<u8> {
    let mut told = json!({
        "ociVersion": state["ociVersion"],
        "fds": ["seccompFd"],
        "pid": pid.as_raw(),
        "state": state,
    });
    if let Some(metadata) = &spec.listener_metadata {
        told["metadata"] = json!(metadata);
    }
    told.to_string().into_bytes()
}

impl Listener {
    /// Host: connects to the agent.
    pub fn connect(explain: &Explain, spec: &Seccomp) -> Result<Self> {
        let path = spec.listener_path.as_ref().filter(|path| !path.as_os_str().is_empty());
        let path = path.context("listenerPath: the action SCMP_ACT_NOTIFY needs an agent there")?;
        let agent = explain.act(
            sh(["socat".as_ref(), "-".as_ref(), path.as_os_str()]),
            format_args!("listenerPath: connecting to {}", path.display()),
            || UnixStream::connect(path),
        )?;
        let state = memfd_create("seccomp", MFdFlags::MFD_CLOEXEC).context("making a memfd")?;
        Ok(Self { agent, state: state.into() })
    }

    /// Host: leaves for the container what the agent is to be told.
    pub fn tell(&mut self, state: &[u8]) -> Result<()> {
        ensure!(!state.is_empty(), "the agent is to be told nothing");
        self.state.write_all(state).context("writing to a memfd")
    }

    /// Container: loads the filter, and sends its descriptor to the agent.
    pub fn load(&self, filter: &Filter) -> Result<()> {
        let length = self.state.metadata().context("looking at a memfd")?.len();
        let mut state = vec![0; length.try_into()?];
        self.state.read_exact_at(&mut state, 0).context("reading from a memfd")?;
        let mut agent = self.agent.try_clone().context("duplicating the agent's socket")?;

        let (loaded, sent) = (Arc::new(OnceLock::new()), Arc::new(OnceLock::new()));
        let (fd, result) = (Arc::clone(&loaded), Arc::clone(&sent));
        let ready = Arc::new(AtomicBool::new(false));
        let runs = Arc::clone(&ready);
        thread::Builder::new()
            .spawn(move || {
                runs.store(true, Ordering::Release);
                let fd = loop {
                    match fd.get() {
                        Some(fd) => break fd,
                        None => thread::yield_now(),
                    }
                };
                let _ = result.set(send(&mut agent, fd, &state));
            })
            .context("starting a thread")?;
        while !ready.load(Ordering::Acquire) {
            thread::yield_now(); // its start is system calls as well
        }
        // From here on this thread must not make a system call: each could be one that waits for
        // the agent. It cannot wait but by looking.
        let fd = load(filter, true)?.context("the kernel gave no listener")?;
        let _ = loaded.set(fd);
        std::mem::forget(loaded); // closing it is a system call too; execve(2) does it
        loop {
            match sent.get() {
                Some(Ok(())) => return Ok(()),
                Some(Err(why)) => return Err(anyhow!("listenerPath: telling the agent: {why}")),
                None => std::hint::spin_loop(),
            }
        }
    }
}

/// The descriptor goes with the first byte of the state.
fn send(agent: &mut UnixStream, fd: &OwnedFd, state: &[u8]) -> std::io::Result<()> {
    let fds = [fd.as_raw_fd()];
    let rights = [ControlMessage::ScmRights(&fds)];
    let data = [IoSlice::new(state)];
    let flags = MsgFlags::MSG_NOSIGNAL;
    let sent = sendmsg::<()>(agent.as_raw_fd(), &data, &rights, flags, None)?;
    agent.write_all(&state[sent..])?;
    agent.shutdown(std::net::Shutdown::Write)
}
