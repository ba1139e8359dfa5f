//! `process.cwd`. A directory may be open to root alone, or to the command's user alone (as on a file
//! system of the user's own): it is tried as either. See chdir(2).

use std::{cell::Cell, path::PathBuf, rc::Rc};

use anyhow::{Context, Result, bail};
use nix::{errno::Errno, unistd::chdir};
use step07::{Explain, Layer, cwd_is_inside_root, sh};

/// The layer that goes there, below that which gives up root's power, and once more above it.
pub struct Cwd {
    path: PathBuf,
    there: Rc<Cell<bool>>,
    last: bool,
}

impl Cwd {
    /// The lower and the upper one.
    pub fn both(path: &std::path::Path) -> (Self, Self) {
        let there = Rc::new(Cell::new(false));
        let layer = |last| Self { path: path.into(), there: Rc::clone(&there), last };
        (layer(false), layer(true))
    }
}

impl Layer for Cwd {
    fn name(&self) -> &'static str {
        "cwd"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        // ANCHOR: exercise-8-2
        if self.there.get() {
            return Ok(());
        }
        let path = &self.path;
        explain.say(sh(["cd".as_ref(), path.as_os_str()]));
        match chdir(path) {
            Err(Errno::EACCES | Errno::EPERM) if !self.last => return Ok(()),
            moved => moved.with_context(|| format!("entering {}", path.display()))?,
        }
        if !cwd_is_inside_root() {
            bail!("entering {}: it is outside of the container", path.display());
        }
        self.there.set(true);
        Ok(())
        // ANCHOR_END: exercise-8-2
    }
}
