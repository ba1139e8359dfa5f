//! How control groups are mounted in a guest, as systemd would do it. See cgroups(7).
//!
//! A controller is in one tree only: in that of version 2, or in one of version 1. So no boot of a
//! machine can have all that the tests are about, and there are two layouts, each for a boot of its
//! own. (To move a controller all groups must be gone, and those of memory stay as long as a page
//! is left that was charged to them.)

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};
use nix::mount::{MsFlags, mount};
use serde::{Deserialize, Serialize};

/// Which version the controllers are in.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub enum Layout {
    /// One tree of version 2, and no other.
    #[default]
    Unified,
    /// Every controller in version 1, and beside it a tree of version 2 that has none.
    Hybrid,
}

/// Controllers that systemd has always kept in one tree.
const TOGETHER: [&str; 2] = ["cpu,cpuacct", "net_cls,net_prio"];

const ROOT: &str = "/sys/fs/cgroup";

impl Layout {
    /// Mounts it in a machine that has none mounted yet.
    pub fn mount(self) -> Result<()> {
        match self {
            Self::Unified => {
                // With the root of a cgroup namespace guarded as one that somebody was given.
                tree("cgroup2", ROOT, "nsdelegate")?;
                // systemd counts the memory and the processes of everything.
                fs::write(Path::new(ROOT).join("cgroup.subtree_control"), "+memory +pids")
                    .context("setting memory and pids to work")
            }
            Self::Hybrid => {
                tree("tmpfs", ROOT, "mode=755")?;
                tree("cgroup2", &format!("{ROOT}/unified"), "")?;
                let all = fs::read_to_string("/proc/cgroups").context("reading /proc/cgroups")?;
                trees(&all).iter().try_for_each(|controllers| {
                    tree("cgroup", &format!("{ROOT}/{controllers}"), controllers)?;
                    links(controllers)
                })?;
                tree("cgroup", &format!("{ROOT}/systemd"), "none,name=systemd")
            }
        }
    }
}

/// The controllers of each tree, from the text of `/proc/cgroups`: name, tree, groups, whether it
/// is switched on.
fn trees(cgroups: &str) -> Vec<String> {
    let words = cgroups.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let on = words.filter(|words| words.len() == 4 && words[3] == "1").map(|words| words[0]);
    let mut trees: Vec<String> = Vec::new();
    for controller in on {
        let together = |names: &str| names.split(',').any(|name| name == controller);
        let fellows = TOGETHER.iter().find(|names| together(names));
        let tree = trees
            .iter_mut()
            .find(|tree| fellows.is_some_and(|names| names.split(',').any(|name| *tree == name)));
        match tree {
            Some(tree) => *tree = format!("{tree},{controller}"),
            None => trees.push(controller.to_string()),
        }
    }
    trees
}

fn tree(kind: &str, place: &str, options: &str) -> Result<()> {
    let _ = fs::create_dir(place);
    mount(Some(kind), place, Some(kind), MsFlags::empty(), Some(options))
        .with_context(|| format!("mounting {kind} on {place}"))
}

/// Each controller of a tree is found by its own name too.
fn links(controllers: &str) -> Result<()> {
    let names = controllers.split(',').filter(|name| *name != controllers);
    names.into_iter().try_for_each(|name| {
        let link = PathBuf::from(ROOT).join(name);
        symlink(controllers, &link).with_context(|| format!("making the link {}", link.display()))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn controllers_that_belong_together_are_in_one_tree() {
        let text = "#subsys_name\thierarchy\tnum_cgroups\tenabled\ncpuset\t0\t1\t1\n\
                    cpu\t0\t1\t1\ncpuacct\t0\t1\t1\nmemory\t0\t1\t0\nnet_cls\t0\t1\t1\n";
        assert_eq!(trees(text), ["cpuset", "cpu,cpuacct", "net_cls"]);
    }
}
