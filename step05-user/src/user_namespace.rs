//! The user namespace: user and group ids of the container's own, and power over nothing else.
//!
//! See user_namespaces(7). A process in a new user namespace has every capability *in it*: over
//! the namespaces that are made in it, and over files whose owners have a number in it. Over
//! everything else it has what the user outside has for whom it stands.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, anyhow, ensure};
use nix::{
    sched::CloneFlags,
    sys::prctl::get_no_new_privs,
    unistd::{Gid, Pid, Uid, getegid, geteuid, getuid, setgroups, setresgid, setresuid},
};

use crate::{
    Cap, CapSets, Explain, IdMaps, Layer, Userns,
    cap_sets::try_power,
    id_mapped,
    map_file::{self, find_helper, setgroups_denied},
    sh, subid,
};

/// The layer, below all that make namespaces, since this one is to own theirs.
#[derive(Debug)]
pub struct UserNamespace {
    /// Which ids the container has; not [`Userns::Host`], for which there is no layer.
    pub userns: Userns,
    /// Directories that the container is to see with its own numbers for the owners: those of the
    /// host that have none in the container are shifted (see `id_mapped.rs`).
    pub id_mapped: Vec<PathBuf>,
    maps: IdMaps,
}

impl UserNamespace {
    /// With these ids.
    pub fn new(userns: Userns) -> Self {
        Self { userns, id_mapped: Vec::new(), maps: IdMaps::default() }
    }
}

impl Layer for UserNamespace {
    fn name(&self) -> &'static str {
        "user"
    }

    fn namespaces(&self) -> CloneFlags {
        // ANCHOR: exercise-5-1
        CloneFlags::CLONE_NEWUSER
        // ANCHOR_END: exercise-5-1
    }

    /// Finds out which ids there are to have.
    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        self.maps = match &self.userns {
            Userns::Maps(maps) => maps.clone(),
            Userns::Auto => auto(explain)?,
            Userns::Host | Userns::Single => single(),
        };
        Ok(())
    }

    // ANCHOR: user-hooks
    /// Maps are written from outside: the child has no right to, outside its own namespace.
    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        map_file::write(explain, child, &self.maps)?;
        if CapSets::current()?.effective.has(Cap::SYS_ADMIN) {
            for dir in &self.id_mapped {
                id_mapped::shift(explain, child, dir, &self.maps)?;
            }
        }
        Ok(())
    }

    /// Becomes root inside, with no groups left over from outside. Where the namespace denies
    /// setgroups(2), the caller's groups stay: unnamed, but with all the access that they give.
    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let denied = setgroups_denied();
        let groups = if denied { "--keep-groups" } else { "--clear-groups" };
        explain.say(sh(["exec", "setpriv", "--regid=0", groups, "--reuid=0", "sh"]));
        become_root(denied)?;
        try_power().map_err(|errno| {
            anyhow!("using the power that a new user namespace gives: {errno}{}", taken_by())
        })
    }
    // ANCHOR_END: user-hooks
}

// ANCHOR: become-root
/// Real, effective and saved: whoever kept one of these outside could go back to it.
fn become_root(denied: bool) -> Result<()> {
    // ANCHOR: exercise-5-5
    let (root, group) = (Uid::from_raw(0), Gid::from_raw(0));
    setresgid(group, group, group).context("becoming group 0")?;
    if !denied {
        setgroups(&[]).context("giving up the caller's groups")?;
    }
    setresuid(root, root, root).context("becoming user 0")
    // ANCHOR_END: exercise-5-5
}
// ANCHOR_END: become-root

/// Who lets anyone make a user namespace and gives them no power in it; begins with a space.
fn taken_by() -> String {
    let apparmor = "/proc/sys/kernel/apparmor_restrict_unprivileged_userns";
    match fs::read_to_string(apparmor).unwrap_or_default().trim() {
        "1" => format!(" (AppArmor keeps it for programs that have a profile: {apparmor} = 1)"),
        _ => " (a security module takes it away)".into(),
    }
}

fn single() -> IdMaps {
    IdMaps::single(geteuid().as_raw(), getegid().as_raw())
}

/// The ids that the system lends the caller. A caller without privileges stays who it is, as the
/// container's root, so that its files are its own; a privileged one becomes somebody else. If
/// nothing is lent, the former has one id only; the latter would be root inside *and* outside.
fn auto(explain: &Explain) -> Result<IdMaps> {
    // ANCHOR: exercise-5-11
    if CapSets::current()?.effective.has(Cap::SETUID) {
        return subid::maps(getuid(), 0).context("--userns auto");
    }
    match lent() {
        Ok(lent) => {
            let mut maps = single();
            maps.uid.extend(lent.uid);
            maps.gid.extend(lent.gid);
            Ok(maps)
        }
        Err(why) => {
            explain.say(format_args!("# one id only: {why:#}"));
            Ok(single())
        }
    }
    // ANCHOR_END: exercise-5-11
}

/// What newuidmap(1) and newgidmap(1) would map for the caller, if they can.
fn lent() -> Result<IdMaps> {
    for helper in ["newuidmap", "newgidmap"] {
        ensure!(find_helper(helper).is_some(), "{helper} is not installed");
    }
    let powerless = get_no_new_privs().context("reading no_new_privs")?;
    ensure!(!powerless, "no_new_privs takes newuidmap's power away");
    subid::maps(getuid(), 1)
}
