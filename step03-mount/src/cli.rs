//! Step 2's command line, and what concerns files.

use std::path::PathBuf;

use anyhow::Result;
use step02::{Container, Init, Step, Uts};

use crate::{Mount, Propagation, Tmpfs, Variable, Volume, env, volume::absolute};

/// The flags of step 3.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 2.
    #[command(flatten)]
    pub step02: step02::Args,

    /// Directory that becomes the container's `/` [default: the host's own, read-only]
    #[arg(long, value_name = "DIR", help_heading = "Mount namespace")]
    pub rootfs: Option<PathBuf>,

    /// Make the rootfs read-only
    #[arg(long, help_heading = "Mount namespace")]
    pub read_only: bool,

    /// Show a file or directory of the host in the container; may be given more than once
    #[arg(short, long, value_name = "SRC:DST[:ro]", help_heading = "Mount namespace")]
    pub volume: Vec<Volume>,

    /// Mount an empty directory in memory, with options as in `size=64m,mode=1777,exec`
    #[arg(long, value_name = "DST[:OPTIONS]", help_heading = "Mount namespace")]
    pub tmpfs: Vec<Tmpfs>,

    /// Working directory in the container; made if it is missing
    #[arg(
        short,
        long,
        value_name = "DIR",
        value_parser = parse_workdir,
        help_heading = "Mount namespace"
    )]
    pub workdir: Option<PathBuf>,

    /// Set an environment variable, or pass on the caller's; may be given more than once
    #[arg(short, long, value_name = "NAME[=VALUE]", help_heading = "Mount namespace")]
    pub env: Vec<Variable>,
}

impl Step for Args {
    const NAME: &'static str = "step03";
    const ABOUT: &'static str =
        "Run a command in a file system of its own (mount namespace), on top of step 2.";

    fn container(self) -> Result<Container> {
        let mut container = self.step02.container()?;
        let mut mount = Mount {
            volumes: self.volume,
            tmpfs: self.tmpfs,
            workdir: self.workdir,
            ..Mount::default()
        };
        if let Some(rootfs) = self.rootfs {
            (mount.rootfs, mount.read_only) = (rootfs, self.read_only);
            let uts = container.stack.get_mut::<Uts>();
            let hostname = uts.and_then(|uts| uts.hostname.clone());
            env::clean(&mut container.process, hostname.as_deref());
        }
        self.env.into_iter().for_each(|variable| variable.set(&mut container.process));
        container.process.cwd = mount.workdir.clone();
        container.stack.below::<Init>(Propagation);
        container.stack.below::<Init>(mount);
        Ok(container)
    }
}

fn parse_workdir(text: &str) -> Result<PathBuf> {
    absolute(text, format_args!("mount: --workdir {text:?}"))
}
