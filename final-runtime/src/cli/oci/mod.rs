//! The command line of an OCI runtime, as runc has it: one file a verb.
//!
//! Some of its verbs are also those of an engine (`run`, `exec`, `ps`, `kill`, `pause`, `update`).
//! Which is meant, the container tells: one that was made from a bundle is this command line's, one
//! that was made from an image is the other's. `run` is this one's with `--bundle`.

mod checkpoint;
mod create;
mod delete;
mod events;
mod exec;
mod features;
mod kill;
mod list;
mod log;
mod pause;
mod ps;
mod resume;
mod run;
mod spec;
mod start;
mod state;
mod update;

use std::{
    ffi::{OsStr, OsString},
    path::PathBuf,
};

use anyhow::{Context, Result};
use clap::{Args, Command, FromArgMatches, Parser, Subcommand};
use nix::unistd::{Uid, User};
use step07::Failure;

use crate::oci::{Container, Root, default_root};

use log::{Format, Log};

/// Run containers of bundles, as an OCI runtime.
#[derive(Parser)]
#[command(name = "final-runtime", bin_name = "final-runtime", version = VERSION, max_term_width = 100)]
pub struct Cli {
    #[command(flatten)]
    global: Global,

    #[command(subcommand)]
    verb: Verb,
}

/// What engines look for after the name: the version of the specification.
pub const VERSION: &str = concat!("version ", env!("CARGO_PKG_VERSION"), "\nspec: 1.3.0");

/// What holds for every verb.
#[derive(clap::Args)]
pub struct Global {
    /// Where containers are written down [default: /run/final-runtime]
    #[arg(long, global = true, value_name = "DIR")]
    root: Option<PathBuf>,

    /// Write errors to a file rather than to standard error
    #[arg(long, global = true, value_name = "FILE")]
    log: Option<PathBuf>,

    /// How they are written: text or json
    #[arg(long, global = true, value_name = "FORMAT", default_value = "text")]
    log_format: Format,

    /// Accepted for engines that pass it on
    #[arg(long, global = true, hide = true)]
    debug: bool,

    /// Have control groups from systemd; cgroupsPath is SLICE:PREFIX:NAME
    #[arg(long, global = true)]
    systemd_cgroup: bool,

    /// For `spec`: a container of an ordinary user's. The other verbs see themselves what their
    /// caller may do
    #[arg(long, global = true, value_name = "WHETHER", default_value = "auto",
        num_args = 0..=1, default_missing_value = "true", value_parser = ["true", "false", "auto"])]
    rootless: String,

    /// Tell each act on the kernel as the shell command that would do the same
    #[arg(long, global = true)]
    explain: bool,
}

impl Global {
    fn root(&self) -> Root {
        Root::new(self.root.clone().unwrap_or_else(default_root))
    }

    /// Whether there are flags that engines give to an OCI runtime, and nobody to an engine.
    fn is_an_engines(&self) -> bool {
        self.log.is_some() || self.systemd_cgroup
    }

    fn container(&self, id: &str) -> Result<Container> {
        Container::find(&self.root(), id)
    }
}

#[derive(Subcommand)]
enum Verb {
    Create(create::Args),
    Start(start::Args),
    State(state::Args),
    Kill(kill::Args),
    Delete(delete::Args),
    Run(run::Args),
    Exec(Box<exec::Args>),
    Ps(ps::Args),
    List(list::Args),
    Pause(pause::Args),
    Resume(resume::Args),
    Update(Box<update::Args>),
    Events(events::Args),
    Spec(spec::Args),
    Features(features::Args),
    Checkpoint(checkpoint::Args),
    Restore(checkpoint::Args),
}

impl Verb {
    /// The container that a verb means which an engine has too.
    fn of_both(&self) -> Option<&str> {
        match self {
            Self::Kill(args) => Some(&args.id),
            Self::Exec(args) => Some(&args.id),
            Self::Ps(args) => Some(&args.id),
            Self::Pause(args) => Some(&args.id),
            Self::Update(args) => Some(&args.id),
            _ => None,
        }
    }
}

/// A container's state, with what runc tells besides and engines read.
fn described(container: &Container) -> Result<serde_json::Value> {
    let mut state = serde_json::to_value(container.state()?).context("state")?;
    state["rootfs"] = container.rootfs()?.display().to_string().into();
    state["created"] = container.record.created.clone().into();
    let uid = Uid::from_raw(container.record.owner);
    let name = User::from_uid(uid).ok().flatten().map(|user| user.name);
    state["owner"] = name.unwrap_or_else(|| format!("#{uid}")).into();
    Ok(state)
}

/// Prints JSON.
fn print(value: &serde_json::Value) -> Result<u8> {
    println!("{value:#}");
    Ok(0)
}

/// The flags before a verb, on either command line, that have a value.
const WITH_VALUE: [&str; 6] =
    ["--root", "--log", "--log-format", "--rootless", "--storage-driver", "--storage-opt"];

/// What is given with a flag, as one word or as two.
fn value_of<'a>(flag: &str, args: &'a [OsString]) -> Option<&'a OsStr> {
    let two = args.windows(2).find(|two| two[0] == flag).map(|two| two[1].as_os_str());
    let one = |word: &'a OsString| word.to_str()?.strip_prefix(flag)?.strip_prefix('=');
    two.or_else(|| args.iter().find_map(one).map(OsStr::new))
}

/// The first word that is neither a flag nor the value of one.
fn verb(args: &[OsString]) -> Option<&OsStr> {
    let mut words = args.iter().skip(1);
    while let Some(word) = words.next() {
        match word.to_str() {
            Some(flag) if WITH_VALUE.contains(&flag) => drop(words.next()),
            Some(flag) if flag.starts_with('-') => {}
            _ => return Some(word),
        }
    }
    None
}

/// The verbs that only an OCI runtime has.
const OWN: [&str; 11] = [
    "create",
    "start",
    "state",
    "delete",
    "list",
    "resume",
    "events",
    "spec",
    "features",
    "checkpoint",
    "restore",
];

/// Verbs of both command lines, with no words behind them that mean nothing to them.
const OF_BOTH: [&str; 4] = ["kill", "pause", "ps", "update"];

/// Whether words that are wrong were meant for this command line: because of the verb, or because they
/// name a container that it knows.
fn is_meant(args: &[OsString]) -> bool {
    let is_one = |of: &[&str]| of.iter().any(|known| verb(args) == Some(known.as_ref()));
    let root = || Root::new(value_of("--root", args).map_or_else(default_root, PathBuf::from));
    let names_one =
        |root: Root| args.iter().any(|word| word.to_str().is_some_and(|word| root.has(word)));
    is_one(&OWN) || is_one(&OF_BOTH) && names_one(root())
}

/// Describes the arguments of a verb to clap.
type Describe = fn(Command) -> Command;

/// The verbs that engines call most.
const OFTEN: [(&str, Describe); 7] = [
    ("create", create::Args::augment_args),
    ("start", start::Args::augment_args),
    ("state", state::Args::augment_args),
    ("kill", kill::Args::augment_args),
    ("delete", delete::Args::augment_args),
    ("run", run::Args::augment_args),
    ("exec", exec::Args::augment_args),
];

impl Cli {
    /// What right arguments of a verb that is called often mean. To describe all verbs to clap takes
    /// longer than all that many of them do: so it is told of this one alone.
    fn of_one_verb(args: &[OsString]) -> Option<Self> {
        let verb = verb(args)?;
        let (name, describe) = OFTEN.iter().find(|(name, _)| verb == *name)?;
        let command = Global::augment_args(Command::new("final-runtime"));
        let command = command.subcommand(describe(Command::new(*name)));
        let matches = command.try_get_matches_from(args).ok()?;
        Self::from_arg_matches(&matches).ok()
    }

    /// What the arguments mean on this command line; `None`: they are meant for the other.
    pub fn of(args: &[OsString]) -> Option<Result<Self, clap::Error>> {
        let cli = Self::of_one_verb(args).map_or_else(|| Self::try_parse_from(args), Ok);
        match &cli {
            // Which verb it was is not told by an error.
            Err(_) => is_meant(args).then_some(cli),
            Ok(Self { verb: Verb::Run(run), .. }) => run.names_a_bundle().then_some(cli),
            Ok(Self { verb, global }) => match verb.of_both() {
                Some(id) => (global.is_an_engines() || global.root().has(id)).then_some(cli),
                None => Some(cli),
            },
        }
    }

    /// Does what was asked, and says with which code the program is to end.
    pub fn run(self) -> u8 {
        let Self { global, verb } = self;
        let result = match verb {
            Verb::Create(args) => args.run(&global),
            Verb::Start(args) => args.run(&global),
            Verb::State(args) => args.run(&global),
            Verb::Kill(args) => args.run(&global),
            Verb::Delete(args) => args.run(&global),
            Verb::Run(args) => args.run(&global),
            Verb::Exec(args) => args.run(&global),
            Verb::Ps(args) => args.run(&global),
            Verb::List(args) => args.run(&global),
            Verb::Pause(args) => args.run(&global),
            Verb::Resume(args) => args.run(&global),
            Verb::Update(args) => args.run(&global),
            Verb::Events(args) => args.run(&global),
            Verb::Spec(args) => args.run(&global),
            Verb::Features(args) => args.run(),
            Verb::Checkpoint(args) => args.run("checkpoint"),
            Verb::Restore(args) => args.run("restore"),
        };
        result.unwrap_or_else(|error| {
            let log = Log { file: global.log.as_deref(), format: global.log_format };
            log.error(&format!("{error:#}"));
            Failure::code_of(&error)
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fs;

    use conformance::TempDir;

    use super::*;

    /// Whether these words are meant for this command line, and whether they are right.
    fn of(words: &str) -> Option<bool> {
        let args: Vec<_> = words.split(' ').map(OsString::from).collect();
        Cli::of(&args).map(|cli| cli.is_ok())
    }

    #[test]
    fn the_verb_says_which_command_line_is_meant() {
        assert_eq!(of("final-runtime --root /none state one"), Some(true));
        assert_eq!(of("final-runtime --log start state"), Some(false));
        assert_eq!(of("final-runtime create"), Some(false));
        assert_eq!(of("final-runtime run --bundle /b one"), Some(true));
        // Of an image, a command that is called as a verb is.
        assert_eq!(of("final-runtime run base state"), None);
        assert_eq!(of("final-runtime --root /none exec one list"), None);
        assert_eq!(of("final-runtime --storage-driver start images"), None);
        assert_eq!(of("final-runtime --help"), None);
    }

    #[test]
    fn of_verbs_that_both_have_the_container_says_it_or_the_flags() {
        let temp = TempDir::new("oci-root").expect("a directory");
        fs::create_dir(temp.path().join("one")).expect("a directory");
        fs::write(temp.path().join("one/record.json"), "").expect("a file");
        let root = temp.path().display();
        assert_eq!(of(&format!("final-runtime --root {root} kill one 9")), Some(true));
        assert_eq!(of(&format!("final-runtime --root {root} kill one NOSUCH")), Some(false));
        assert_eq!(of(&format!("final-runtime --root={root} ps --nosuch one")), Some(false));
        assert_eq!(of(&format!("final-runtime --root {root} kill two NOSUCH")), None);
        assert_eq!(of(&format!("final-runtime --root {root} kill two 9")), None);
        assert_eq!(of(&format!("final-runtime --root {root} --log /l kill two 9")), Some(true));
        assert_eq!(
            of(&format!("final-runtime --root {root} --systemd-cgroup pause two")),
            Some(true)
        );
    }

    #[test]
    fn the_version_is_that_of_the_specification_too() {
        assert!(VERSION.ends_with(&format!("spec: {}", crate::spec::VERSION)));
    }
}
