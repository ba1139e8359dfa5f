//! `run`: a new container, from an image.

use std::{
    ffi::{OsStr, OsString},
    io::{IsTerminal, stdin, stdout},
};

use anyhow::Result;
use step07::{Capabilities, Container, Failure, Net, Overlay, RunDir, Step, UserNamespace, Uts};

use crate::{
    layers::{stdio::Stdio, terminal::Terminal},
    lifecycle::{
        containers::Held,
        detach::{Side, detach},
        record::{Config, User, now},
        supervise::supervise,
    },
    store::Store,
};

/// Run a command in a new container
///
/// Without a command, and at a terminal, it is the image's own command with a terminal (-it).
#[derive(clap::Args)]
#[command(
    mut_arg("command", |arg| arg.default_value(None)
        .help("The command to run, and its arguments [default: the image's own]")),
    mut_arg("rootfs", |arg| arg.hide(true)),
    mut_arg("layer", |arg| arg.hide(true)),
    mut_arg("upper", |arg| arg.hide(true)),
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

    /// What it is made from: `base` is made of this host's own tools
    image: String,

    #[command(flatten)]
    steps: step07::Args,
}

impl Args {
    pub fn run(self, store: &Store) -> Result<u8> {
        if !self.detach {
            let (held, container) = self.make(store)?;
            return supervise(&store.containers, held, container, None);
        }
        match detach()? {
            Side::Foreground(id) => {
                println!("{}", id?);
                Ok(0)
            }
            // What goes wrong in the background, the foreground process tells.
            Side::Background(starter) => match self.make(store) {
                Ok((held, container)) => {
                    supervise(&store.containers, held, container, Some(starter))
                }
                Err(error) => {
                    starter.failed(&error);
                    Ok(Failure::code_of(&error))
                }
            },
        }
    }

    /// The steps' container with an image's layers under it, and written down. Nothing has been
    /// done to the kernel yet.
    fn make(mut self, store: &Store) -> Result<(Held, Container)> {
        store.containers.recover()?; // the container's own start does the rest
        let image = store.images.find(&self.image)?;
        self.steps.layer = store.images.layers(&image);
        let mut container = self.steps.container()?;

        let stack = &mut container.stack;
        let id = stack.get_mut::<RunDir>().expect("step 4 put it there").id().to_string();
        let uts = stack.get_mut::<Uts>().expect("step 1 put it there");
        let hostname = uts.hostname.get_or_insert_with(|| id.clone()).clone();
        let changes = store.containers.dir(&id).join("changes");
        let overlay = stack.get_mut::<Overlay>().expect("step 7 put it there");
        overlay.keep_in(changes.clone());
        if let Some(user) = stack.get_mut::<UserNamespace>() {
            user.id_mapped.push(changes);
        }
        let net = stack.get_mut::<Net>().expect("step 4 put it there");
        let ports = net.publish.iter().map(ToString::to_string).collect();
        net.files.hostname.clone_from(&hostname);
        let capabilities = stack.get_mut::<Capabilities>().expect("step 5 put it there");
        let user = User::of(capabilities);

        let process = &mut container.process;
        let at_terminal =
            process.args.is_empty() && stdin().is_terminal() && stdout().is_terminal();
        if process.args.is_empty() {
            process.args = image.command.iter().map(OsString::from).collect();
        }
        process.cwd.get_or_insert_with(|| "/".into());
        process.set_env("HOSTNAME", &hostname);
        let tty = self.tty || (at_terminal && !self.detach);
        if tty {
            stack.below::<Capabilities>(Terminal::new(user.uid, true));
        } else {
            stack.above::<Capabilities>(Stdio::new(self.interactive));
        }

        let text = |os: &OsStr| os.to_string_lossy().into_owned();
        let held = store.containers.create(Config {
            name: self.name.unwrap_or_else(|| format!("{}-{}", image.name, &id[..6])),
            image: image.name,
            created: now(),
            args: process.args.iter().map(|arg| text(arg)).collect(),
            env: process
                .env
                .iter()
                .map(|(name, value)| format!("{}={}", text(name), text(value)))
                .collect(),
            cwd: process.cwd.as_ref().map(|cwd| text(cwd.as_os_str())),
            user,
            tty,
            auto_remove: self.rm,
            ports,
            layers: image.layers,
            id,
        })?;
        Ok((held, container))
    }
}
