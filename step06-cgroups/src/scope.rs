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
    Door, Files, Hierarchy, Version,
    dbus::{Deadline, Refused, Value},
    keeper::Keeper,
    systemd::{Property, Systemd, Whose},
};

/// How long systemd may take to start or to stop a scope. It takes milliseconds where it does not
/// have hundreds of other things to do.
const PATIENCE: Duration = Duration::from_secs(10);

/// The same for one who was waited for in vain already.
const LESS: Duration = Duration::from_secs(2);

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

impl Scope {
    /// For the container of this id, in a slice.
    pub fn new(id: &str, slice: String) -> Self {
        Self {
            unit: format!("layers-{id}.scope"),
            slice,
            to_stop: None,
            keeper: None,
            dirs: Vec::new(),
        }
    }

    /// Has systemd make the scope with this process in it.
    pub fn start(&mut self, explain: &Explain, first: Pid, limits: Vec<Property>) -> Result<()> {
        explain.say(format_args!("sleep infinity &  # stays in {} until it is stopped", self.unit));
        let keeper = self.keeper.insert(Keeper::new()?).pid();
        let properties = self.properties([first, keeper], limits);
        self.ask(explain, &properties)?;
        for hierarchy in Hierarchy::of(&first.to_string())? {
            let Some(dir) = hierarchy.own.filter(|dir| self.is_at(dir)) else { continue };
            if hierarchy.version == Version::V2 {
                set_aside(explain, keeper, &dir)?;
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

    fn properties(&self, processes: [Pid; 2], limits: Vec<Property>) -> Vec<Property> {
        let text = |text: &str| Value::Text(text.into());
        let number = |pid: Pid| u32::try_from(pid.as_raw()).expect("pids are positive");
        let mut all = vec![
            ("Description", text(&format!("container {}", self.unit))),
            ("Slice", text(&self.slice)),
            ("PIDs", Value::Numbers(processes.map(number).to_vec())),
            ("Delegate", Value::Flag(true)),
            // Else one that was killed for lack of memory would stay, as failed.
            ("CollectMode", text("inactive-or-failed")),
        ];
        all.extend(limits.into_iter().map(|limit| match limit {
            // The keeper is one more.
            ("TasksMax", Value::Number(most)) => {
                ("TasksMax", Value::Number(most.saturating_add(1)))
            }
            limit => limit,
        }));
        all
    }

    /// Has systemd end it, when nobody is in it any more.
    pub fn stop(&mut self, explain: &Explain) -> Result<()> {
        self.keeper = None;
        let Some(patience) = self.to_stop.take() else { return Ok(()) };
        let stopping = || format!("having systemd stop {}", self.unit);
        let mut systemd = Systemd::connect().with_context(stopping)?;
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

fn is_unknown(error: &anyhow::Error) -> bool {
    let refused = error.downcast_ref::<Refused>();
    refused.is_some_and(|refused| refused.name == "org.freedesktop.systemd1.NoSuchUnit")
}

/// Moves the keeper into a group of its own, since one of v2 with processes in it gives no
/// controllers on to those in it.
fn set_aside(explain: &Explain, keeper: Pid, scope: &Path) -> Result<()> {
    let dir = scope.join("keeper");
    let shell = sh(["mkdir".as_ref(), dir.as_os_str()]);
    explain.act(shell, format_args!("making the group {}", dir.display()), || create_dir(&dir))?;
    Door::open(&Files { version: Version::V2, dir })?.pull(explain, keeper)
}
