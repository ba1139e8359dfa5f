//! `run`: a new container, from an image.

use std::{
    ffi::{OsStr, OsString},
    io::{IsTerminal, Write, stdin, stdout},
};

use anyhow::{Context, Result};
use step07::{CapSets, Capabilities, Container, Net, PidsLimit, RunDir, Step, Uts};

use crate::{
    account::Wanted,
    image::Image,
    layers::{rootfs, stdio::Stdio, terminal::Terminal},
    lifecycle::{
        container::Held,
        detach::{Side, detach},
        record::{Config, Limits, User, Volume, now},
        supervise::supervise,
    },
    own_binary,
    storage::{Access, find},
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

    /// What it is made from: `base` is made of this host's own tools
    image: String,

    #[command(flatten)]
    steps: step07::Args,
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
        store.recover(Default::default())?; // what is left in groups of this one, its start finds
        let image = store.images.find(&self.image)?;
        let asked = Asked::of(&self.steps);
        self.steps.layer = vec!["/".into()]; // until it is known what it stands on
        let mut container = self.steps.container()?;
        let id = run_dir(&mut container).id().to_string();

        if let Some(wanted) = &self.user {
            let snapshots = store.drivers.chosen()?;
            let files = snapshots.root(&image.top, Access::Read)?;
            let account = wanted.find(&|path| find(&files, path));
            snapshots.put(&image.top)?;
            let account = account?;
            become_user(&mut container, account.user);
            if let (Some(home), false) = (account.home, asked.home) {
                container.process.set_env("HOME", home);
            }
        }
        let hostname = name_host(&mut container, &id);

        let process = &mut container.process;
        let at_terminal =
            process.args.is_empty() && stdin().is_terminal() && stdout().is_terminal();
        if process.args.is_empty() {
            process.args = image.command.iter().map(OsString::from).collect();
        }
        process.cwd.get_or_insert_with(|| "/".into());
        process.set_env("HOSTNAME", &hostname);
        let at_terminal = at_terminal && !self.detach;
        let tty = self.tty || at_terminal;
        connect(&mut container, tty, self.interactive || at_terminal);

        let mut config = config(&mut container, image, asked, id);
        (config.hostname, config.tty, config.auto_remove) = (hostname, tty, self.rm);
        config.name = self.name.unwrap_or(config.name);
        let top = config.image_top.clone();
        let held = store.containers.create(config)?;
        let id = &held.container.config.id;
        match store.containers.root(id, &top) {
            Ok(root) => rootfs::put(&mut container, root),
            Err(error) => {
                let _ = store.containers.remove(id); // what is left, `recover` removes
                return Err(error);
            }
        }
        Ok((held, container))
    }
}

/// What the flags of the steps say and their layers do not tell.
struct Asked {
    limits: Limits,
    cgroup_parent: String,
    read_only: bool,
    volumes: Vec<Volume>,
    home: bool,
}

impl Asked {
    fn of(steps: &step07::Args) -> Self {
        let step06 = &steps.step06;
        let step03 = &step06.step05.step04.step03;
        let volume = |volume: &step07::Volume| Volume {
            source: volume.source.clone(),
            target: volume.target.clone(),
            read_only: volume.read_only,
        };
        Self {
            limits: Limits {
                memory: step06.limits.memory.limit.map(|limit| limit.bytes()),
                cpus: step06.limits.cpu.cpus.map(|limit| limit.number()),
                pids: step06.limits.pids.limit.and_then(|limit| match limit {
                    PidsLimit::AtMost(most) => Some(most),
                    PidsLimit::Unlimited => None,
                }),
            },
            cgroup_parent: step06.cgroup_parent.clone().unwrap_or_default().to_string(),
            read_only: step03.read_only,
            volumes: step03.volume.iter().map(volume).collect(),
            home: step03.env.iter().any(|variable| variable.name == "HOME"),
        }
    }
}

fn run_dir(container: &mut Container) -> &mut RunDir {
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

/// The container's id is its name in the network unless another was asked for.
fn name_host(container: &mut Container, id: &str) -> String {
    let uts = container.stack.get_mut::<Uts>().expect("step 1 put it there");
    let hostname = uts.hostname.get_or_insert_with(|| id.to_string()).clone();
    let net = container.stack.get_mut::<Net>().expect("step 4 put it there");
    net.files.hostname.clone_from(&hostname);
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
    let net = container.stack.get_mut::<Net>().expect("step 4 put it there");
    let ports = net.publish.iter().map(ToString::to_string).collect();
    let user = User::of(capabilities(container));
    let process = &container.process;
    let text = |os: &OsStr| os.to_string_lossy().into_owned();
    Config {
        name: format!("{}-{}", image.name, &id[..6]),
        image: image.name,
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
        tty: false,
        auto_remove: false,
        read_only: asked.read_only,
        volumes: asked.volumes,
        ports,
        limits: asked.limits,
        cgroup_parent: asked.cgroup_parent,
        image_top: image.top,
        id,
    }
}
