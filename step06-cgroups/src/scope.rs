//! A scope: the unit in which systemd keeps processes that it has not started itself.
//!
//! systemd makes the scope's group, in whatever trees it has, and moves the container's first
//! process there. It keeps what it knows of in order in that group; what is below is another's to
//! do with as they like, since the scope is delegated (`Delegate=yes`), and so the container's own
//! group is made there. The scope ends with its last process, whether its runtime lives or not. See
//! systemd.scope(5), systemd.resource-control(5).

use std::{
    fs::create_dir,
    path::{Path, PathBuf},
    time::Duration,
};

use anyhow::{Context, Result, bail};
use nix::unistd::Pid;
use step05::{Explain, sh};

use crate::{
    Controller, Door, Files, Group, Hierarchy, Version,
    dbus::{Deadline, Refused, Value},
    keeper::Keeper,
    systemd::{Property, Systemd, Whose},
};

/// How long systemd may take to start or to stop a scope. It takes milliseconds where it does not
/// have hundreds of other things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for one who was waited for in vain already.
const LESS: Duration = Duration::from_secs(2);

/// The group of the keeper's own.
const KEEPER: &str = "keeper";

/// The scope of one container.
#[derive(Debug)]
pub struct Scope {
    unit: String,
    slice: String,
    /// Since it was asked for there may be something to stop; how long to wait for that.
    to_stop: Option<Duration>,
    /// Is in it as long as it is needed.
    keeper: Option<Keeper>,
    /// Where its groups are.
    dirs: Vec<PathBuf>,
}

/// What the scope of the container with this id is called, where nobody says otherwise.
pub fn scope_of(id: &str) -> String {
    format!("layers-{id}.scope")
}

impl Scope {
    /// One that is to be made, in a slice.
    pub fn new(unit: &str, slice: String) -> Self {
        Self { unit: unit.into(), slice, to_stop: None, keeper: None, dirs: Vec::new() }
    }

    /// The one around a group that another process has made, as far as the group is still there.
    pub fn around(unit: &str, group: &Group) -> Self {
        let mut scope = Self::new(unit, String::new());
        let above = group.all_files().flat_map(|files| files.dir.parent());
        scope.dirs = above.filter(|dir| scope.is_at(dir)).map(Path::to_owned).collect();
        scope.to_stop = Some(PATIENCE);
        scope
    }

    /// Has systemd make the scope with this process in it, and if it is to be kept until it is stopped
    /// the keeper too.
    pub fn start(
        &mut self,
        explain: &Explain,
        first: Pid,
        asked: Vec<Property>,
        keep: bool,
    ) -> Result<()> {
        if keep {
            let what = format!("sleep infinity &  # stays in {} until it is stopped", self.unit);
            explain.say(what);
            self.keeper = Some(Keeper::new()?);
        }
        let properties = self.properties(first, asked);
        self.ask(explain, &properties)?;
        for hierarchy in Hierarchy::of(&first.to_string())? {
            let Some(dir) = hierarchy.own.filter(|dir| self.is_at(dir)) else { continue };
            if let (Version::V2, Some(keeper)) = (hierarchy.version, &self.keeper) {
                set_aside(explain, keeper.pid(), &dir)?;
            }
            self.dirs.push(dir);
        }
        if self.dirs.is_empty() {
            let user = match Whose::ours() {
                Whose::System => "",
                Whose::User => "--user ",
            };
            bail!(
                "systemd did not put process {first} into {unit} (journalctl {user}--unit {unit} \
                 may say why)",
                unit = self.unit
            );
        }
        Ok(())
    }

    fn ask(&mut self, explain: &Explain, properties: &[Property]) -> Result<()> {
        let mut systemd = Systemd::connect()?;
        explain.say(systemd.tell_start(&self.unit, properties));
        self.to_stop = Some(PATIENCE);
        let deadline = Deadline::after(PATIENCE);
        let started = systemd
            .start(&self.unit, properties, deadline)
            .and_then(|job| systemd.wait(&job, deadline));
        started.map_err(|error| {
            // If it refuses there is nothing to stop, least of all another's unit of that name.
            self.to_stop = (!error.is::<Refused>()).then_some(LESS);
            error.context(format!("asking systemd for {}", self.unit))
        })
    }

    /// Whether this is the directory of the scope's group.
    pub fn is_at(&self, dir: &Path) -> bool {
        dir.file_name().is_some_and(|name| *name == *self.unit)
    }

    /// What was asked for last, since of two values for one thing systemd takes the later.
    fn properties(&self, first: Pid, asked: Vec<Property>) -> Vec<Property> {
        let processes = [Some(first), self.keeper.as_ref().map(Keeper::pid)];
        let processes = processes.into_iter().flatten();
        let text = |text: &str| Value::Text(text.into());
        let number = |pid: Pid| u32::try_from(pid.as_raw()).expect("pids are positive");
        let mut all = vec![
            ("Description".into(), text(&format!("container {}", self.unit))),
            ("Slice".into(), text(&self.slice)),
            ("PIDs".into(), Value::Numbers(processes.map(number).collect())),
            ("Delegate".into(), Value::Flag(true)),
            // Else one that was killed for lack of memory would stay, as failed.
            ("CollectMode".into(), text("inactive-or-failed")),
        ];
        let kept = self.keeper.is_some();
        all.extend(asked.into_iter().map(|one| if kept { with_keeper(one) } else { one }));
        all
    }

    /// Holds a container that runs to other limits: its group, and the scope around it.
    ///
    /// systemd does not tell of what the kernel refuses, so the kernel is asked first. But in v1 no
    /// group may have more than the one above it.
    pub fn change(
        &self,
        explain: &Explain,
        group: &mut Group,
        controllers: &[Box<dyn Controller>],
    ) -> Result<()> {
        group.check(controllers)?;
        let now = |one: &dyn Controller| group.files(one).map(|files| one.properties(Some(files)));
        let properties: Vec<_> =
            controllers.iter().filter_map(|one| now(one.as_ref())).flatten().collect();
        let in_v1 = group.all_files().any(|files| files.version == Version::V1);
        if in_v1 {
            self.set(explain, &properties)?;
        }
        group.change(explain, controllers)?;
        if in_v1 { Ok(()) } else { self.set(explain, &properties) }
    }

    fn set(&self, explain: &Explain, properties: &[Property]) -> Result<()> {
        if self.dirs.is_empty() || properties.is_empty() {
            return Ok(()); // there is no scope, or nothing that it has a word for
        }
        let kept = self.dirs.iter().any(|dir| dir.join(KEEPER).exists());
        let properties = properties.iter().cloned();
        let all: Vec<_> = properties.map(|it| if kept { with_keeper(it) } else { it }).collect();
        let setting = || format!("having systemd change {}", self.unit);
        let mut systemd = Systemd::connect().with_context(setting)?;
        explain.say(systemd.tell_set(&self.unit, &all));
        systemd.set(&self.unit, &all, Deadline::after(PATIENCE)).with_context(setting)
    }

    /// Has systemd end it, when nobody is in it any more.
    pub fn stop(&mut self, explain: &Explain) -> Result<()> {
        self.keeper = None;
        let Some(patience) = self.to_stop.take() else { return Ok(()) };
        let stopping = || format!("having systemd stop {}", self.unit);
        let gone = !self.dirs.is_empty() && self.dirs.iter().all(|dir| !dir.exists());
        let mut systemd = match Systemd::connect() {
            Err(_) if gone => return Ok(()), // it has ended by itself
            systemd => systemd.with_context(stopping)?,
        };
        explain.say(systemd.tell_stop(&self.unit));
        let deadline = Deadline::after(patience);
        match systemd.stop(&self.unit, deadline) {
            Ok(job) => systemd.wait(&job, deadline).with_context(stopping)?,
            // It has seen that nobody is there, and was faster.
            Err(error) if is_unknown(&error) => {}
            Err(error) => return Err(error).with_context(stopping),
        }
        while self.dirs.iter().any(|dir| dir.exists()) {
            deadline.pause(Duration::from_millis(1)).with_context(stopping)?;
        }
        Ok(())
    }
}

/// The keeper is one more.
fn with_keeper((name, value): Property) -> Property {
    match value {
        Value::Number(most) if name == "TasksMax" => (name, Value::Number(most.saturating_add(1))),
        value => (name, value),
    }
}

fn is_unknown(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.name == "org.freedesktop.systemd1.NoSuchUnit")
}

/// Moves the keeper into a group of its own, since one of v2 with processes in it gives no
/// controllers on to those in it.
fn set_aside(explain: &Explain, keeper: Pid, scope: &Path) -> Result<()> {
    let dir = scope.join(KEEPER);
    let shell = sh(["mkdir".as_ref(), dir.as_os_str()]);
    explain.act(shell, format_args!("making the group {}", dir.display()), || create_dir(&dir))?;
    Door::open(&Files { version: Version::V2, dir })?.pull(explain, keeper)
}
