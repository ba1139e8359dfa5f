//! Step 6's command line, and the layers.

use std::path::PathBuf;

use anyhow::{Context, Result, bail, ensure};
use nix::{
    fcntl::{OFlag, open},
    sys::stat::Mode,
};
use step06::{Container, Layer, Mount, RunDir, Side, Stack, Step, UserNamespace, mount_api, sh};

use crate::{Overlay, vacant};

/// The flags of step 7.
#[derive(clap::Args, Debug)]
#[group(skip)]
pub struct Args {
    /// Those of step 6.
    #[command(flatten)]
    pub step06: step06::Args,

    /// Directory of files to put on top of --rootfs and of the layers given before. Without any of
    /// them the host's own `/` is the one layer; for one who is not root it is read-only instead
    #[arg(long, value_name = "DIR", help_heading = "Union file system")]
    pub layer: Vec<PathBuf>,

    /// Keep what the container changes, in DIR/upper, and go on from what is there
    #[arg(long, value_name = "DIR", help_heading = "Union file system")]
    pub upper: Option<PathBuf>,

    /// When the container has ended, print what it added (A), changed (C) and deleted (D)
    #[arg(long, help_heading = "Union file system")]
    pub diff: bool,

    /// When the container has ended, make its changes a new layer: the directory DIR
    #[arg(long, value_name = "DIR", value_parser = new_layer, help_heading = "Union file system")]
    pub commit: Option<PathBuf>,
}

impl Step for Args {
    const NAME: &'static str = "step07";
    const ABOUT: &'static str =
        "Run a command on layers of files that it cannot change for others, on top of step 6.";

    fn container(mut self) -> Result<Container> {
        let files = &mut self.step06.step05.step04.step03;
        let read_only = files.read_only;
        let layers: Vec<_> = files.rootfs.take().into_iter().chain(self.layer).collect();
        // For the steps before, one of the layers stands for all.
        files.rootfs = layers.first().cloned();
        let mut container = self.step06.container()?;

        let host = layers.is_empty();
        let layers = if host { vec!["/".into()] } else { layers };
        if host && !host_can_be_layer(&mut container.stack)? {
            ensure!(
                self.upper.is_none() && !self.diff && self.commit.is_none(),
                "overlay: the host's own / cannot be a layer for this user: give --rootfs or --layer"
            );
            return Ok(container); // read-only, as in the steps before
        }
        put_in(&mut container.stack, layers, self.upper, read_only)?;
        watch(&mut container, self.diff, self.commit)?;
        Ok(container)
    }
}

/// Whether what is mounted on the host's root directory may be left away, as overlay does. In a
/// user namespace it may not be: nobody shall see there what was covered outside. See "Restrictions
/// on mount namespaces" in mount_namespaces(7).
fn host_can_be_layer(stack: &mut Stack) -> Result<bool> {
    let flags = OFlag::O_PATH | OFlag::O_CLOEXEC;
    let root = open("/", flags, Mode::empty()).context("overlay: opening /")?;
    Ok(stack.get_mut::<UserNamespace>().is_none() && mount_api::copy(root, false).is_ok())
}

/// The layer, and what it means for others.
fn put_in(
    stack: &mut Stack,
    layers: Vec<PathBuf>,
    upper: Option<PathBuf>,
    read_only: bool,
) -> Result<()> {
    let run_dir = stack.get_mut::<RunDir>().context("overlay: there is no run directory")?;
    let mut overlay = Overlay::new(layers.clone(), run_dir.path());
    if let Some(user) = stack.get_mut::<UserNamespace>() {
        user.id_mapped = layers.into_iter().chain(upper.clone()).collect();
    }
    if let Some(mount) = stack.get_mut::<Mount>() {
        (mount.rootfs, mount.read_only) = (overlay.merged(), read_only);
    }
    upper.into_iter().for_each(|dir| overlay.keep_in(dir));
    stack.below::<Mount>(overlay);
    Ok(())
}

/// `--diff` and `--commit`, when the container has ended.
fn watch(container: &mut Container, diff: bool, commit: Option<PathBuf>) -> Result<()> {
    if (diff || commit.is_some())
        && let Some(overlay) = container.stack.get_mut::<Overlay>()
    {
        overlay.watch()?;
    }
    container.when_ended(move |stack, explain| {
        let Some(overlay) = stack.get_mut::<Overlay>() else { return Ok(()) };
        let explain = explain.at(Side::Host, overlay.name());
        overlay.settle();
        let upper = overlay.upper();
        let mut looked = Ok(());
        if diff {
            explain
                .say(format_args!("{}  # and compare", sh(["find".as_ref(), upper.as_os_str()])));
            looked = overlay.look("diff", |union| {
                union.diff()?.iter().for_each(|change| eprintln!("{change}"));
                Ok(())
            });
        }
        if let Some(layer) = commit {
            let words = ["cp".as_ref(), "-a".as_ref(), upper.as_os_str(), layer.as_os_str()];
            explain.say(sh(words));
            looked = looked.and(overlay.look("commit", move |union| union.commit(&layer)));
        }
        looked
    });
    Ok(())
}

fn new_layer(text: &str) -> Result<PathBuf> {
    let path = PathBuf::from(text);
    match vacant(&path) {
        Ok(()) => Ok(path),
        Err(error) => bail!("overlay: --commit {text:?}: {error:#}"),
    }
}
