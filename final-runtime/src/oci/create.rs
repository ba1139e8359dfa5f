//! `create`: everything of a container but the command.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::unistd::getuid;
use step07::{Cgroup, CgroupManager, Explain};

use super::{
    console::Console,
    delete::{delete_own, force, give_back},
    gate::StartGate,
    hooks,
    place::{Place, Root},
    record::Record,
    stack::{self, Asked},
    start::begin,
};
use crate::{
    layers::terminal::Terminal,
    lifecycle::{
        record::{Keep, birth, now, save},
        relay::Relay,
        supervise::attend,
    },
    spec::{Config, load},
};

/// What `create` and `run` are asked for.
#[derive(Clone, Debug)]
pub struct Create {
    /// Where `config.json` is.
    pub bundle: PathBuf,
    /// Where an engine waits for the terminal.
    pub console_socket: Option<PathBuf>,
    /// Where to write the first process's number.
    pub pid_file: Option<PathBuf>,
    /// What the command line says of the layers.
    pub asked: Asked,
    /// Whether each act on the kernel is told.
    pub explain: bool,
}

/// A container that is made, by the process that made it.
pub struct Made {
    /// Its state directory, held.
    pub place: Place,
    /// What is written down of it.
    pub record: Record,
    /// What it was made by.
    pub config: Config,
    /// Its layers, and its first process.
    pub container: step07::Container,
}

/// Makes a container and leaves it at its gate.
pub fn create(root: &Root, id: &str, create: &Create) -> Result<()> {
    let made = make(root, id, create)?;
    made.container.leave();
    Ok(())
}

/// Makes a container and runs its command. Returns the command's exit code when it has ended and
/// nothing is left of it; 0 at once if it is detached.
pub fn run(root: &Root, id: &str, create: &Create, detach: bool, keep: bool) -> Result<u8> {
    let Made { place, record, config, mut container } = make(root, id, create)?;
    let explain = Explain::new(create.explain);
    let relay = match create.console_socket.is_none() && !detach {
        true => Relay::new(&mut container.stack)?,
        false => Relay::default(),
    };
    let begun = begin(&place, &record, &config, &explain);
    drop(place);
    if let Err(error) = begun {
        container.leave();
        let _ = force(root, id, &explain); // the first error is the one to tell
        return Err(error);
    }
    if detach {
        container.leave();
        return Ok(0);
    }
    let ended = attend(&container, relay)?;
    container.leave();
    if !keep {
        delete_own(root, &record, &config, &Explain::new(create.explain))?;
    }
    Ok(ended.tell_rest()?.code())
}

/// Makes a container. If anything fails, nothing is left of it.
pub fn make(root: &Root, id: &str, create: &Create) -> Result<Made> {
    let bundle = fs::canonicalize(&create.bundle)
        .with_context(|| format!("spec: finding the bundle {}", create.bundle.display()))?;
    let config = load(&bundle)?;
    let process = config.process.clone().context("spec: process: it is missing")?;
    let console = console(process.terminal, create.console_socket.as_deref())?;
    let place = root.claim(id)?;
    give_back(&place.dir, &Explain::new(create.explain))?; // what a killed `create` may have left
    let mut record = Record {
        id: id.into(),
        bundle,
        created: now(),
        owner: getuid().as_raw(),
        pid: 0,
        birth: 0,
        keyring: !create.asked.no_new_keyring,
        groups: Vec::new(),
        scope: None,
    };
    match try_make(&place, &mut record, &config, create, console.as_ref()) {
        Ok(container) => Ok(Made { place, record, config, container }),
        Err(error) => {
            let _ = place.remove(); // the first error is the one to tell
            hooks::after_end(&config, &record, &Explain::new(create.explain));
            Err(error)
        }
    }
}

// ANCHOR: oci-try-make
fn try_make(
    place: &Place,
    record: &mut Record,
    config: &Config,
    create: &Create,
    console: Option<&Console>,
) -> Result<step07::Container> {
    save(&place.dir.join("config.json"), config, Keep::Quick).context("state")?;
    let explain = Explain::new(create.explain);
    let mut container = stack::container(config, record, &create.asked, explain)?;
    stack::hold(&mut container, StartGate::new(place)?, config, record);
    if let Some(cgroup) = container.stack.get_mut::<Cgroup>() {
        let places = cgroup.places().context("cgroup")?;
        record.groups = places.into_iter().map(Into::into).collect();
        let by_systemd = cgroup.manager == CgroupManager::Systemd;
        record.scope = by_systemd.then(|| cgroup.unit.clone());
    }
    record.save(&place.dir).context("state")?; // from here on a killed `create` leaves traces
    let pid = container.start()?.pid();
    if let (Some(console), Some(terminal)) = (console, container.stack.get_mut::<Terminal>()) {
        console.send(&terminal.take_pair()?.master)?;
    }
    record.pid = pid.as_raw();
    record.birth = birth(record.pid).unwrap_or_default();
    let cgroup = container.stack.get_mut::<Cgroup>();
    let groups = cgroup.map(|cgroup| cgroup.group().places()).unwrap_or_default();
    record.groups = groups.into_iter().map(Into::into).collect();
    record.save(&place.dir).context("state")?;
    if let Some(file) = &create.pid_file {
        write_pid(file, record.pid)?;
    }
    Ok(container)
}
// ANCHOR_END: oci-try-make

/// The engine that a terminal is for. Without one, it is the person's, and this process has to stay.
fn console(terminal: bool, socket: Option<&Path>) -> Result<Option<Console>> {
    match (terminal, socket) {
        (true, Some(socket)) => Console::connect(socket).map(Some),
        (false, Some(_)) => {
            anyhow::bail!("terminal: --console-socket is for a process with a terminal")
        }
        (_, None) => Ok(None),
    }
}

/// As a whole or not at all: an engine may look at any moment.
pub fn write_pid(file: &Path, pid: i32) -> Result<()> {
    let name = file.file_name().unwrap_or_default().to_string_lossy();
    let new = file.with_file_name(format!(".{name}.new"));
    let write = || fs::write(&new, pid.to_string()).and_then(|()| fs::rename(&new, file));
    write().with_context(|| format!("writing --pid-file {}", file.display()))
}
