//! systemd, where it runs the host: finding it, and asking it.
//!
//! On such a machine the tree of groups is systemd's, and others are to ask it for a part. There
//! is one systemd for the machine, which root asks, and one for each user who is logged in. Both
//! are reached through a bus, and both listen on a socket of their own besides, for the times when
//! there is no bus. See org.freedesktop.systemd1(5), sd_booted(3) and systemd's CGROUP_DELEGATION.

use std::{
    borrow::Cow,
    env, fs,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, ensure};
use nix::unistd::geteuid;
use step05::sh;

pub use crate::dbus::Value as Setting;
use crate::dbus::{Call, Connection, Deadline, Message, Refused, Writer};

/// How long it may take to say that it is there. It does so in a few milliseconds, unless it is at
/// work on all its units (`systemctl daemon-reload`).
const GREETING: Duration = Duration::from_secs(5);

const NAME: &str = "org.freedesktop.systemd1";
const MANAGER: &str = "org.freedesktop.systemd1.Manager";
const PATH: &str = "/org/freedesktop/systemd1";

/// Whether systemd is this host's init: sd_booted(3).
pub fn runs_the_host() -> bool {
    fs::symlink_metadata("/run/systemd/system").is_ok_and(|meta| meta.is_dir())
}

/// A property of a unit: what it is called, and what it is to be.
pub type Property = (Cow<'static, str>, Setting);

/// One systemd: the machine's, or a user's own.
#[derive(Debug)]
pub struct Systemd {
    connection: Connection,
    whose: Whose,
}

/// Whose systemd it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Whose {
    /// The machine's.
    System,
    /// That of a user who is logged in.
    User,
}

impl Whose {
    /// Root asks the machine's. Who is root in a user namespace alone is a user to it.
    pub fn ours() -> Self {
        let map = fs::read_to_string("/proc/self/uid_map").unwrap_or_default();
        let real = map.split_whitespace().eq(["0", "0", "4294967295"]);
        if geteuid().is_root() && real { Self::System } else { Self::User }
    }

    /// The slice that is there for whatever else there is.
    pub fn default_slice(self) -> &'static str {
        match self {
            Self::System => "system.slice",
            Self::User => "user.slice",
        }
    }

    /// Where it may be reached: through a bus, or directly.
    fn sockets(self) -> [(PathBuf, bool); 2] {
        let runtime = || match env::var_os("XDG_RUNTIME_DIR") {
            Some(dir) => PathBuf::from(dir),
            None => format!("/run/user/{}", geteuid()).into(),
        };
        match self {
            Self::System => [
                ("/run/dbus/system_bus_socket".into(), true),
                ("/run/systemd/private".into(), false),
            ],
            Self::User => {
                [(runtime().join("bus"), true), (runtime().join("systemd/private"), false)]
            }
        }
    }
}

impl Systemd {
    /// Connects to the one that this process is to ask, by the first way on which it answers.
    pub fn connect() -> Result<Self> {
        ensure!(
            runs_the_host(),
            "systemd does not run this host (there is no /run/systemd/system)"
        );
        let whose = Whose::ours();
        let mut first = None;
        for (path, bus) in whose.sockets() {
            match Self::by(&path, bus, whose) {
                Ok(systemd) => return Ok(systemd),
                Err(error) if path.exists() => drop(first.get_or_insert(error)),
                Err(_) => {}
            }
        }
        let [(bus, _), (private, _)] = whose.sockets();
        Err(first.unwrap_or_else(|| {
            anyhow!("neither {} nor {} is there", bus.display(), private.display())
        }))
    }

    fn by(path: &Path, bus: bool, whose: Whose) -> Result<Self> {
        let deadline = Deadline::after(GREETING);
        let mut connection = Connection::open(path, deadline)?;
        ensure!(
            numbers_processes_as_we_do(&connection)?,
            "{}: it numbers processes otherwise than this one does: their PID namespaces are not \
             the same",
            path.display()
        );
        connection.greet(deadline)?;
        let mut systemd = Self { connection, whose };
        if bus {
            systemd.connection.call(&hello(), deadline)?;
        }
        systemd.connection.call(&ping(), deadline)?;
        Ok(systemd)
    }

    /// Asks for a new unit. The answer is the path of the job that starts it.
    pub fn start(
        &mut self,
        unit: &str,
        properties: &[Property],
        deadline: Deadline,
    ) -> Result<String> {
        let body = transient(unit, properties);
        let answer = self.manager("StartTransientUnit", "ssa(sv)a(sa(sv))", body, deadline)?;
        Ok(answer.text()?.to_string())
    }

    /// The shell command for [`start`](Self::start).
    pub fn tell_start(&self, unit: &str, properties: &[Property]) -> String {
        let (count, properties) = told(properties);
        let start = "StartTransientUnit 'ssa(sv)a(sa(sv))'";
        format!("{} {start} {unit} {MODE} {count} {properties} 0", self.busctl())
    }

    /// Gives a unit that is there other properties, until the machine is switched off.
    pub fn set(&mut self, unit: &str, properties: &[Property], deadline: Deadline) -> Result<()> {
        let mut body = Writer::default();
        body.string(unit);
        body.u32(1); // a Boolean: not for ever
        body.properties(properties);
        self.manager("SetUnitProperties", "sba(sv)", body, deadline).map(drop)
    }

    /// The shell command for [`set`](Self::set).
    pub fn tell_set(&self, unit: &str, properties: &[Property]) -> String {
        let (count, properties) = told(properties);
        format!("{} SetUnitProperties 'sba(sv)' {unit} true {count} {properties}", self.busctl())
    }

    /// Asks for a unit to be stopped. The answer is the path of the job that does it.
    pub fn stop(&mut self, unit: &str, deadline: Deadline) -> Result<String> {
        let mut body = Writer::default();
        body.string(unit);
        body.string("replace");
        let answer = self.manager("StopUnit", "ss", body, deadline)?;
        Ok(answer.text()?.to_string())
    }

    /// The shell command for [`stop`](Self::stop).
    pub fn tell_stop(&self, unit: &str) -> String {
        format!("{} StopUnit ss {unit} replace", self.busctl())
    }

    /// Waits until a job is done, one way or the other: it is gone then.
    ///
    /// Asked again and again, and not told by a signal: a signal might be anybody's, and whoever
    /// listens to signals must not stop listening.
    pub fn wait(&mut self, job: &str, deadline: Deadline) -> Result<()> {
        let mut pause = Duration::from_micros(500);
        loop {
            let mut body = Writer::default();
            body.string("org.freedesktop.systemd1.Job");
            body.string("State");
            let state = Call {
                destination: NAME,
                path: job,
                interface: "org.freedesktop.DBus.Properties",
                member: "Get",
                signature: "ss",
                body: body.into_bytes(),
            };
            match self.connection.call(&state, deadline) {
                Ok(_) => deadline.pause(pause).context(self.path())?,
                Err(error) if error.is::<Refused>() => return Ok(()),
                Err(error) => return Err(error),
            }
            pause = (pause * 2).min(Duration::from_millis(20));
        }
    }

    fn path(&self) -> String {
        self.connection.path().display().to_string()
    }

    fn manager(
        &mut self,
        member: &str,
        signature: &str,
        body: Writer,
        deadline: Deadline,
    ) -> Result<Message> {
        let body = body.into_bytes();
        let call =
            Call { destination: NAME, path: PATH, interface: MANAGER, member, signature, body };
        self.connection.call(&call, deadline)
    }

    fn busctl(&self) -> String {
        let user = match self.whose {
            Whose::System => &[][..],
            Whose::User => &["--user"],
        };
        sh(["busctl"].iter().chain(user).chain(&["call", NAME, PATH, MANAGER]))
    }
}

/// The arguments of `StartTransientUnit`.
fn transient(unit: &str, properties: &[Property]) -> Writer {
    let mut body = Writer::default();
    body.string(unit);
    body.string(MODE);
    body.properties(properties);
    body.array(8, |_| {}); // no further units
    body
}

/// How many there are, and all of them as busctl(1) takes them.
fn told(properties: &[Property]) -> (usize, String) {
    let one = |(name, value): &Property| format!("{name} {value}");
    (properties.len(), properties.iter().map(one).collect::<Vec<_>>().join(" "))
}

impl Writer {
    fn properties(&mut self, properties: &[Property]) {
        self.array(8, |out| {
            for (name, value) in properties {
                out.align(8);
                out.string(name);
                out.variant(value);
            }
        });
    }
}

/// One that conflicts with what systemd is about to do is refused.
const MODE: &str = "fail";

/// Said first of all on a bus.
fn hello<'a>() -> Call<'a> {
    Call {
        destination: "org.freedesktop.DBus",
        path: "/org/freedesktop/DBus",
        interface: "org.freedesktop.DBus",
        member: "Hello",
        signature: "",
        body: Vec::new(),
    }
}

/// Whether there is not only a bus, but also systemd on it.
fn ping<'a>() -> Call<'a> {
    Call {
        destination: NAME,
        path: PATH,
        interface: "org.freedesktop.DBus.Peer",
        member: "Ping",
        signature: "",
        body: Vec::new(),
    }
}

/// systemd is given processes by number. If it is in another PID namespace, as when its socket was
/// mounted into a container, the numbers are other processes', and it would move and kill those.
fn numbers_processes_as_we_do(connection: &Connection) -> Result<bool> {
    let peer = connection.peer()?;
    if peer.as_raw() <= 0 {
        return Ok(false);
    }
    let namespace = |process: &str| fs::read_link(format!("/proc/{process}/ns/pid")).ok();
    Ok(match namespace(&peer.to_string()) {
        Some(theirs) => Some(theirs) == namespace("self"),
        // Another user's process does not let itself be looked at; its being there must do.
        None => Path::new(&format!("/proc/{peer}")).exists(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What `systemd-run --scope --unit=v.scope -p TasksMax=7 -p Delegate=yes true` sends, by which
    /// its own process, 145, comes into the scope.
    #[test]
    #[cfg_attr(target_endian = "big", ignore = "the bytes are a little-endian machine's")]
    fn a_scope_is_asked_for_as_systemd_run_does() {
        let sent = b"\x07\0\0\0v.scope\0\x04\0\0\0fail\0\0\0\0p\0\0\0\0\0\0\0\
            \x0b\0\0\0Description\0\x01s\0\0\x0d\0\0\0/usr/bin/true\0\0\0\
            \x08\0\0\0TasksMax\0\x01t\0\x07\0\0\0\0\0\0\0\
            \x08\0\0\0Delegate\0\x01b\0\x01\0\0\0\0\0\0\0\
            \x04\0\0\0PIDs\0\x02au\0\0\0\0\x04\0\0\0\x91\0\0\0\
            \0\0\0\0\0\0\0\0";
        let properties = [
            ("Description".into(), Setting::Text("/usr/bin/true".into())),
            ("TasksMax".into(), Setting::Number(7)),
            ("Delegate".into(), Setting::Flag(true)),
            ("PIDs".into(), Setting::Numbers(vec![145])),
        ];
        let bytes = transient("v.scope", &properties).into_bytes();
        assert_eq!(bytes.escape_ascii().to_string(), sent.escape_ascii().to_string());
    }
}
