//! `run`: a new container, from an image.

use std::{
    ffi::{OsStr, OsString},
    io::{IsTerminal, Write, stdin, stdout},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, anyhow};
use step07::{
    CapSets, Capabilities, Container, Explain, Mount, Net, RunDir, Step, UserNamespace, Uts,
    Variable,
};

use crate::{
    account::{Account, Wanted},
    image::{Image, volumes},
    layers::{rootfs, seccomp::Choice, stdio::Stdio, terminal::Terminal},
    lifecycle::{
        container::Held,
        detach::{Side, detach},
        limits::{LimitWords, Worded},
        record::{Config, User, Volume, now},
        supervise::supervise,
    },
    own_binary,
    signal::SignalNumber,
    storage::{Access, Key, find},
    store::Store,
};

/// Run a command in a new container
///
/// Without a command, and at a terminal, it is the image's own command with a terminal (-it).
#[derive(clap::Args)]
#[command(
    mut_arg("command", |arg| arg.default_value(None)
        .help("The command to run, and its arguments [default: the image's own]")),
    // What an image and a store stand for here.
    mut_arg("rootfs", |arg| arg.hide(true).conflicts_with("image")),
    mut_arg("layer", |arg| arg.hide(true).conflicts_with("image")),
    mut_arg("upper", |arg| arg.hide(true).conflicts_with("image")),
    // Users have names here.
    mut_arg("user", |arg| arg.hide(true).short(None).long("uid").conflicts_with("image")),
    // Nobody would read it.
    mut_arg("diff", |arg| arg.conflicts_with("detach")),
    mut_arg("stats", |arg| arg.conflicts_with("detach")),
)]
pub struct Args {
    /// Keep standard input open
    #[arg(short, long)]
    interactive: bool,

    /// Give it a terminal
    #[arg(short, long)]
    tty: bool,

    /// Let it run in the background, and print its id
    #[arg(short, long)]
    detach: bool,

    /// Remove it when it ends
    #[arg(long)]
    rm: bool,

    /// What to call it [default: the image's name and the beginning of its id]
    #[arg(long)]
    name: Option<String>,

    /// Who the command is: names of the container's, or numbers [default: root]
    #[arg(
        id = "who",
        short = 'u',
        long = "user",
        value_name = "USER[:GROUP]",
        allow_hyphen_values = true
    )]
    user: Option<Wanted>,

    /// Command to put before the arguments, in place of the image's own; empty for none
    #[arg(long, value_name = "CMD")]
    entrypoint: Option<OsString>,

    /// Let a free port of the host lead to each port that the image says it listens to
    #[arg(short = 'P', long)]
    publish_all: bool,

    /// What asks it to end, by name or number [default: the image's own, or SIGTERM]
    #[arg(long, value_name = "SIGNAL", value_parser = stop_signal)]
    stop_signal: Option<SignalNumber>,

    /// Which system calls it may make: seccomp=FILE has a profile, seccomp=unconfined means all of
    /// them [default: a profile like Docker's]
    #[arg(long, value_name = "seccomp=…", value_parser = Choice::of_flag)]
    security_opt: Option<Choice>,

    /// What it is made from: `base` is made of this host's own tools
    image: String,

    #[command(flatten)]
    steps: Worded<step07::Args>,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        own_binary::protect()?;
        if !self.detach {
            let (held, container) = self.make(store)?;
            return supervise(&store.containers, held, container, None);
        }
        match detach()? {
            Side::Foreground(id) => {
                writeln!(stdout(), "{}", id?).context("printing the id")?;
                Ok(0)
            }
            // What goes wrong in the background, the foreground process tells.
            Side::Background(starter) => match self.make(store) {
                Ok((held, container)) => {
                    supervise(&store.containers, held, container, Some(starter))
                }
                Err(error) => Ok(starter.failed(&error)),
            },
        }
    }

    /// The steps' container with an image's layers under it, and written down. Nothing has been
    /// done to the kernel yet.
    fn make(mut self, store: &Store) -> Result<(Held, Container)> {
        let step01 = &self.steps.args.step06.step05.step04.step03.step02.step01;
        store.drivers.narrate(Explain::new(step01.explain));
        store.recover(Default::default())?; // what is left in groups of this one, its start finds
        let _kept = store.images.keep()?; // until the container is written down
        let image = store.images.find(&self.image)?;
        let top = store.images.unpack(&image)?;
        let execution = &image.config.config;
        let asked = Asked::of(self.steps.words, &self.steps.args);
        let step03 = &mut self.steps.args.step06.step05.step04.step03;
        if execution.workdir() != Path::new("/") {
            step03.workdir.get_or_insert_with(|| execution.workdir());
        }
        self.steps.args.layer = vec!["/".into()]; // until it is known what it stands on
        let mut container = self.steps.args.container()?;
        let id = run_dir(&mut container).id().to_string();
        execution.set_env(&mut container.process, &asked.env);
        if self.publish_all {
            net(&mut container).publish.extend(execution.publish_all()?);
        }
        if let Some(wanted) = self.user.or(execution.wanted()?) {
            let account = account(store, &wanted, top.as_ref())?;
            become_user(&mut container, account.user);
            if let (Some(home), false) =
                (account.home, asked.has("HOME") || execution.has_env("HOME"))
            {
                container.process.set_env("HOME", home);
            }
        }
        let hostname = name_host(&mut container, &id);

        let process = &mut container.process;
        let at_terminal =
            process.args.is_empty() && stdin().is_terminal() && stdout().is_terminal();
        process.args = execution.command(self.entrypoint.as_deref(), &process.args)?;
        process.cwd.get_or_insert_with(|| "/".into());
        process.set_env("HOSTNAME", &hostname);
        let at_terminal = at_terminal && !self.detach;
        let tty = self.tty || at_terminal;
        connect(&mut container, tty, self.interactive || at_terminal);
        let seccomp = self.security_opt.unwrap_or_default();
        if let Some(filter) = seccomp.layer(&id, capabilities(&mut container))? {
            container.stack.below::<Capabilities>(filter);
        }

        let places = execution.volumes(&asked.taken());
        let stop_signal =
            self.stop_signal.map_or_else(|| execution.stop_signal(), |s| Ok(Some(s)))?;
        let mut config = config(&mut container, image, asked, id);
        (config.hostname, config.tty, config.auto_remove) = (hostname, tty, self.rm);
        (config.stop_signal, config.image_top) = (stop_signal, top);
        config.seccomp = seccomp;
        config.name = self.name.unwrap_or(config.name);
        let volumes = store.containers.dir(&config.id).join("volumes");
        config.volumes.extend(places.iter().enumerate().map(|(number, place)| Volume {
            source: volumes.join(number.to_string()),
            target: place.clone(),
            read_only: false,
        }));
        let held = store.containers.create(config)?;
        if let Err(error) = furnish(store, &held, &mut container, &places) {
            let _ = store.containers.remove(&held.container.config.id); // or else `recover` does
            return Err(error);
        }
        Ok((held, container))
    }
}

/// Gives a container that is written down its file system, and its image's volumes.
fn furnish(
    store: &Store,
    held: &Held,
    container: &mut Container,
    places: &[PathBuf],
) -> Result<()> {
    let config = &held.container.config;
    let top = config.image_top.as_ref();
    let root = store.containers.root(&config.id, top)?;
    rootfs::put(container, root);
    let dir = held.container.dir.join("volumes");
    let volumes = volumes::make(&*store.drivers.chosen()?, top, places, &dir)?;
    if let Some(user) = container.stack.get_mut::<UserNamespace>() {
        user.id_mapped.extend((!volumes.is_empty()).then_some(dir));
    }
    let mount = container.stack.get_mut::<Mount>().expect("step 3 put it there");
    mount.volumes.extend(volumes.into_iter().zip(places).map(|(source, place)| step07::Volume {
        source,
        target: place.clone(),
        read_only: false,
    }));
    Ok(())
}

/// What the flags of the steps say and their layers do not tell.
struct Asked {
    limits: LimitWords,
    cgroup_parent: String,
    read_only: bool,
    volumes: Vec<Volume>,
    tmpfs: Vec<PathBuf>,
    env: Vec<Variable>,
}

impl Asked {
    fn of(limits: LimitWords, steps: &step07::Args) -> Self {
        let step06 = &steps.step06;
        let step03 = &step06.step05.step04.step03;
        let volume = |volume: &step07::Volume| Volume {
            source: volume.source.clone(),
            target: volume.target.clone(),
            read_only: volume.read_only,
        };
        Self {
            limits,
            cgroup_parent: step06.cgroup_parent.clone().unwrap_or_default().to_string(),
            read_only: step03.read_only,
            volumes: step03.volume.iter().map(volume).collect(),
            tmpfs: step03.tmpfs.iter().map(|tmpfs| tmpfs.target.clone()).collect(),
            env: step03.env.clone(),
        }
    }

    fn has(&self, variable: &str) -> bool {
        self.env.iter().any(|asked| asked.name == variable)
    }

    /// Where something is mounted that was asked for.
    fn taken(&self) -> Vec<&Path> {
        let volumes = self.volumes.iter().map(|volume| &volume.target);
        volumes.chain(&self.tmpfs).map(PathBuf::as_path).collect()
    }
}

fn run_dir(container: &mut Container) -> &mut RunDir {
    container.stack.get_mut().expect("step 4 put it there")
}

fn net(container: &mut Container) -> &mut Net {
    container.stack.get_mut().expect("step 4 put it there")
}

fn capabilities(container: &mut Container) -> &mut Capabilities {
    container.stack.get_mut().expect("step 5 put it there")
}

/// In the groups that the image says, and those that were asked for besides.
fn become_user(container: &mut Container, user: step07::User) {
    let capabilities = capabilities(container);
    let groups = std::mem::replace(&mut capabilities.user, user).groups;
    capabilities.user.groups.extend(groups);
    let CapSets { bounding, ambient, .. } = capabilities.sets;
    capabilities.sets = CapSets::new(bounding, ambient, capabilities.user.uid == 0);
}

fn stop_signal(text: &str) -> Result<SignalNumber> {
    text.parse().map_err(|why| anyhow!("run: --stop-signal {text:?}: {why}"))
}

/// Who somebody is in an image.
fn account(store: &Store, wanted: &Wanted, top: Option<&Key>) -> Result<Account> {
    let Some(top) = top else { return wanted.find(&|_| Ok(None)) };
    let snapshots = store.drivers.chosen()?;
    let files = snapshots.root(top, Access::Read)?;
    let account = wanted.find(&|path| find(&files, path));
    snapshots.put(top)?;
    account
}

/// The last part of an image's name, which a container's name can begin with.
fn last_name(image: &Image) -> String {
    let name = image.name.as_ref().map(|name| name.repository.clone());
    let name = name.unwrap_or_else(|| image.id().short().into());
    name.rsplit('/').next().unwrap_or_default().into()
}

/// The container's id is its name in the network unless another was asked for.
fn name_host(container: &mut Container, id: &str) -> String {
    let uts = container.stack.get_mut::<Uts>().expect("step 1 put it there");
    let hostname = uts.hostname.get_or_insert_with(|| id.to_string()).clone();
    net(container).files.hostname.clone_from(&hostname);
    hostname
}

fn connect(container: &mut Container, tty: bool, interactive: bool) {
    let owner = capabilities(container).user.uid;
    if tty {
        container.stack.below::<Capabilities>(Terminal::new(interactive, owner, true));
    } else {
        container.stack.above::<Capabilities>(Stdio::new(interactive));
    }
}

fn config(container: &mut Container, image: Image, asked: Asked, id: String) -> Config {
    let ports = net(container).publish.iter().map(ToString::to_string).collect();
    let user = User::of(capabilities(container));
    let process = &container.process;
    let text = |os: &OsStr| os.to_string_lossy().into_owned();
    Config {
        name: format!("{}-{}", last_name(&image), &id[..6]),
        image: image.called(),
        created: now(),
        args: process.args.iter().map(|arg| text(arg)).collect(),
        env: process
            .env
            .iter()
            .map(|(name, value)| format!("{}={}", text(name), text(value)))
            .collect(),
        cwd: process.cwd.as_ref().map(|cwd| text(cwd.as_os_str())),
        hostname: String::new(),
        user,
        seccomp: Choice::default(),
        tty: false,
        auto_remove: false,
        read_only: asked.read_only,
        volumes: asked.volumes,
        ports,
        limits: asked.limits,
        cgroup_parent: asked.cgroup_parent,
        stop_signal: None,
        manifest: image.descriptor.digest,
        image_top: None,
        id,
    }
}
