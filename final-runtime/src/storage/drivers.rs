//! The drivers of one store. A new container's file system is kept by the driver that was asked for,
//! or that the store has used so far, or the best one; but others that are there from before, with
//! what is in them.

use std::{
    cell::{Cell, RefCell},
    collections::HashMap,
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::Result;
use step07::{Explain, Side};

use super::{Choice, Key, Snapshots, choice::ALL, record};
use crate::store::make_dir;

/// A store's drivers, each opened when it is first needed.
pub struct Drivers {
    dir: PathBuf,
    choice: Choice,
    why: String,
    options: Vec<String>,
    explain: Cell<Explain>,
    opened: RefCell<HashMap<Choice, Rc<Snapshots>>>,
}

impl Drivers {
    /// Those of the store at `root`.
    pub fn open(root: &Path, asked: Option<Choice>) -> Result<Self> {
        let dir = root.join("storage");
        make_dir(&dir)?;
        let (choice, why) = match asked {
            Some(choice) => (choice, "it was asked for".to_string()),
            None => Choice::best(&dir)?,
        };
        let (options, explain) = (Vec::new(), Cell::new(Explain::new(false)));
        Ok(Self { dir, choice, why, options, explain, opened: RefCell::default() })
    }

    /// The same, with what is asked of the one that was chosen.
    pub fn with_options(self, options: Vec<String>) -> Self {
        Self { options, ..self }
    }

    /// Has what drivers do told from now on.
    pub fn narrate(&self, explain: Explain) {
        let explain = explain.at(Side::Host, "storage");
        self.explain.set(explain);
        self.opened.borrow().values().for_each(|snapshots| snapshots.driver().narrate(explain));
    }

    /// Where new file systems are made.
    pub fn chosen(&self) -> Result<Rc<Snapshots>> {
        self.get(self.choice)
    }

    /// Why they are made there, for a person.
    pub fn why(&self) -> &str {
        &self.why
    }

    /// The driver that has a snapshot of this name. Those of images may be in several; those of
    /// containers are in one.
    pub fn holder(&self, key: &Key) -> Result<Option<Rc<Snapshots>>> {
        let records = |choice: &Choice| self.dir.join(choice.name()).join("records");
        let has = |choice: &Choice| record::exists(&records(choice), key);
        ALL.into_iter().find(has).map(|choice| self.get(choice)).transpose()
    }

    /// All that have ever been used in this store.
    pub fn all(&self) -> Result<Vec<Rc<Snapshots>>> {
        let used = |choice: &Choice| self.dir.join(choice.name()).exists();
        ALL.into_iter().filter(used).map(|choice| self.get(choice)).collect()
    }

    fn get(&self, choice: Choice) -> Result<Rc<Snapshots>> {
        if let Some(snapshots) = self.opened.borrow().get(&choice) {
            return Ok(Rc::clone(snapshots));
        }
        let options = if choice == self.choice { &self.options[..] } else { &[] };
        let snapshots = Rc::new(choice.open(&self.dir, options)?);
        snapshots.driver().narrate(self.explain.get());
        self.opened.borrow_mut().insert(choice, Rc::clone(&snapshots));
        Ok(snapshots)
    }
}
