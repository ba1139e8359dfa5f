//! Other limits for a group that somebody is in.

use anyhow::{Context, Result, bail};
use step05::Explain;

use super::Group;
use crate::{Controller, enable};

impl Group {
    /// Whether there is none, in any hierarchy.
    pub fn is_empty(&self) -> bool {
        self.trees.is_empty()
    }

    /// Holds the group to what is asked of `controllers`, or if the kernel refuses a part of it, to
    /// what it was held to before. In v2 the groups above are first made to give on what nobody has
    /// asked for until now.
    pub fn change(&mut self, explain: &Explain, controllers: &[Box<dyn Controller>]) -> Result<()> {
        let asked = || controllers.iter().map(Box::as_ref).filter(|one| one.asked().is_some());
        for tree in &mut self.trees {
            let hierarchy = tree.hierarchy.clone();
            tree.hierarchy = enable::reach(explain, hierarchy, &tree.files.dir, asked())?;
        }
        for controller in asked() {
            let flag = controller.asked().context("it was asked for")?;
            if self.files(controller).is_none() {
                bail!("{flag}: the group has no {} controller", controller.name());
            }
        }
        self.limit(explain, controllers)
    }
}
