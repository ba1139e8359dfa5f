//! A connection: made, and used to call.
//!
//! Nothing here waits longer than it is told to. Neither who listens on the socket nor whether they
//! ever answer is in this program's hands, and a container that hangs while it is made is worse
//! than one that is refused.

use std::{
    error, fmt,
    io::{self, ErrorKind, Read, Write},
    os::fd::AsRawFd,
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    sys::socket::{
        AddressFamily, SockFlag, SockType, UnixAddr, connect, getsockopt, socket,
        sockopt::PeerCredentials,
    },
    unistd::Pid,
};

use super::message::{self, Call, FIXED, Kind, Message};

/// When the patience ends.
#[derive(Clone, Copy, Debug)]
pub struct Deadline {
    at: Instant,
    patience: Duration,
}

impl Deadline {
    /// So long from now.
    pub fn after(patience: Duration) -> Self {
        Self { at: Instant::now() + patience, patience }
    }

    /// What is left; an error if that is nothing.
    pub fn left(&self) -> Result<Duration> {
        let left = self.at.saturating_duration_since(Instant::now());
        ensure!(!left.is_zero(), "no answer within {} s", self.patience.as_secs_f64());
        Ok(left)
    }

    /// Waits a moment for something to happen.
    pub fn pause(&self, moment: Duration) -> Result<()> {
        sleep(self.left()?.min(moment));
        Ok(())
    }
}

/// The answer was an error: the peer understood, and would not.
#[derive(Debug)]
pub struct Refused {
    /// Which one, as in `org.freedesktop.systemd1.UnitExists`.
    pub name: String,
    /// The same for a person.
    pub text: String,
}

impl fmt::Display for Refused {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let short = self.name.rsplit('.').next().unwrap_or_default();
        write!(f, "{} ({short})", self.text.trim_end_matches('.'))
    }
}

impl error::Error for Refused {}

/// A socket on whose other side somebody speaks D-Bus.
#[derive(Debug)]
pub struct Connection {
    socket: UnixStream,
    path: PathBuf,
    serial: u32,
    /// What has come of the next message, or of the next line.
    heard: Vec<u8>,
}

impl Connection {
    /// Connects, and says nothing yet.
    pub fn open(path: &Path, deadline: Deadline) -> Result<Self> {
        let socket = open_socket(path, deadline);
        let socket = socket.with_context(|| format!("connecting to {}", path.display()))?;
        Ok(Self { socket, path: path.to_owned(), serial: 0, heard: Vec::new() })
    }

    /// Who listens there, as this process numbers them; 0 if it does not see them.
    pub fn peer(&self) -> Result<Pid> {
        let peer = getsockopt(&self.socket, PeerCredentials).context("asking who listens")?;
        Ok(Pid::from_raw(peer.pid()))
    }

    /// Where it leads to.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Says who this is, which comes before the first call. The kernel has told them already
    /// (SO_PEERCRED).
    pub fn greet(&mut self, deadline: Deadline) -> Result<()> {
        self.wait(deadline, Self::authenticate)
    }

    /// Calls, and waits for the answer. One that is an error is a [`Refused`].
    pub fn call(&mut self, call: &Call, deadline: Deadline) -> Result<Message> {
        self.wait(deadline, |it, deadline| it.try_call(call, deadline))
    }

    /// Whatever goes wrong, the error says with whom.
    fn wait<T>(
        &mut self,
        deadline: Deadline,
        act: impl FnOnce(&mut Self, Deadline) -> Result<T>,
    ) -> Result<T> {
        act(self, deadline).map_err(|error| match error.is::<Refused>() {
            true => error,
            false => error.context(format!("{}", self.path.display())),
        })
    }

    /// With no name of our own in it: they take the one that the kernel has told.
    ///
    /// All that is to be said at once, and nothing more before the answer: systemd, as it listens
    /// on its own socket, leaves a message lie that it has read together with `BEGIN`.
    fn authenticate(&mut self, deadline: Deadline) -> Result<()> {
        self.send(b"\0AUTH EXTERNAL\r\nDATA\r\nBEGIN\r\n", deadline)?;
        for expected in ["DATA", "OK"] {
            let line = self.line(deadline)?;
            let word = line.split(' ').next().unwrap_or_default();
            ensure!(word == expected, "this user is not let in ({})", line.escape_debug());
        }
        Ok(())
    }

    fn try_call(&mut self, call: &Call, deadline: Deadline) -> Result<Message> {
        self.serial += 1;
        let serial = self.serial;
        self.send(&call.to_bytes(serial), deadline)?;
        loop {
            let message = self.message(deadline)?;
            if message.reply_to != Some(serial) {
                continue; // a signal, or a late answer
            }
            match message.kind {
                Kind::Return => return Ok(message),
                Kind::Error => {
                    let text = message.text().map(String::from);
                    let name = message.error.unwrap_or_default();
                    return Err(
                        Refused { text: text.unwrap_or_else(|_| name.clone()), name }.into()
                    );
                }
                Kind::Call | Kind::Signal => {}
            }
        }
    }

    /// The next message.
    fn message(&mut self, deadline: Deadline) -> Result<Message> {
        let header: [u8; FIXED] = self.take(FIXED, deadline)?.try_into().expect("as many as asked");
        let mut bytes = header.to_vec();
        bytes.extend(self.take(message::length(&header)? - FIXED, deadline)?);
        Message::parse(&bytes)
    }

    /// The next line, without its end.
    fn line(&mut self, deadline: Deadline) -> Result<String> {
        const MOST: usize = 1024;
        loop {
            if let Some(end) = self.heard.windows(2).position(|two| two == b"\r\n") {
                let line = self.take(end + 2, deadline)?;
                return Ok(String::from_utf8_lossy(&line[..end]).into_owned());
            }
            ensure!(self.heard.len() < MOST, "it does not speak D-Bus");
            self.hear(deadline)?;
        }
    }

    fn take(&mut self, count: usize, deadline: Deadline) -> Result<Vec<u8>> {
        while self.heard.len() < count {
            self.hear(deadline)?;
        }
        let rest = self.heard.split_off(count);
        Ok(std::mem::replace(&mut self.heard, rest))
    }

    fn hear(&mut self, deadline: Deadline) -> Result<()> {
        let mut buffer = [0; 4096];
        let socket = &mut self.socket;
        let read = in_time(deadline, |left| {
            socket.set_read_timeout(Some(left))?;
            socket.read(&mut buffer)
        })?;
        ensure!(read > 0, "the connection was closed");
        self.heard.extend(&buffer[..read]);
        Ok(())
    }

    fn send(&mut self, mut bytes: &[u8], deadline: Deadline) -> Result<()> {
        let socket = &mut self.socket;
        while !bytes.is_empty() {
            let written = in_time(deadline, |left| {
                socket.set_write_timeout(Some(left))?;
                socket.write(bytes)
            })?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}

/// Tries as long as there is time.
fn in_time<T>(deadline: Deadline, mut act: impl FnMut(Duration) -> io::Result<T>) -> Result<T> {
    loop {
        match act(deadline.left()?) {
            Err(error)
                if matches!(error.kind(), ErrorKind::WouldBlock | ErrorKind::Interrupted) => {}
            done => return done.context("the connection is broken"),
        }
    }
}

/// Where nobody takes connections, connect(2) would wait without end: it is asked again and again
/// instead.
fn open_socket(path: &Path, deadline: Deadline) -> Result<UnixStream> {
    let flags = SockFlag::SOCK_CLOEXEC | SockFlag::SOCK_NONBLOCK;
    let socket = socket(AddressFamily::Unix, SockType::Stream, flags, None)?;
    let address = UnixAddr::new(path)?;
    loop {
        match connect(socket.as_raw_fd(), &address) {
            Ok(()) => break,
            Err(Errno::EAGAIN | Errno::EINTR) => deadline.pause(Duration::from_millis(5))?,
            Err(errno) => bail!(errno),
        }
    }
    let socket = UnixStream::from(socket);
    socket.set_nonblocking(false)?;
    Ok(socket)
}

#[cfg(test)]
mod tests;
