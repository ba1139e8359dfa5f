//! The end of root's privileges: who the command is, which capabilities it has, and that no
//! program can give it more.
//!
//! See capabilities(7), credentials(7), PR_SET_NO_NEW_PRIVS(2const).

use anyhow::{Context, Error, Result, anyhow, ensure};
use nix::{
    errno::Errno,
    sys::prctl::{get_no_new_privs, set_keepcaps, set_no_new_privs},
    unistd::{Gid, Uid, getresgid, getresuid, setgroups, setresgid, setresuid},
};

use crate::{CapSet, CapSets, Explain, Layer, User, lazy, map_file::setgroups_denied, sh};

/// The layer above all that need root's power to set the container up, and below those that need
/// none of it.
#[derive(Clone, Debug)]
pub struct Capabilities {
    /// Who the command is.
    pub user: User,
    /// What it may do.
    pub sets: CapSets,
    /// That no program which it executes gives it more: neither a set-user-ID bit nor a file's
    /// capabilities count.
    pub no_new_privs: bool,
}

impl Layer for Capabilities {
    fn name(&self) -> &'static str {
        "capabilities"
    }

    // ANCHOR: capabilities-enter
    fn enter(&mut self, explain: &Explain) -> Result<()> {
        explain.say(lazy(|| self.setpriv()));
        // ANCHOR: exercise-5-9
        self.sets.apply_bounding()?;
        self.set_groups()?;
        // Otherwise the change of user would clear the sets, or not, by rules of its own.
        set_keepcaps(true).context("keeping capabilities over the change of user")?;
        self.become_user()?;
        set_keepcaps(false).context("no longer keeping capabilities")?;
        self.sets.apply()?;
        if self.no_new_privs {
            set_no_new_privs().context("setting no_new_privs")?;
        }
        self.check()
        // ANCHOR_END: exercise-5-9
    }
    // ANCHOR_END: capabilities-enter
}

impl Capabilities {
    /// Those that were asked for and no others, even if they are none: what a runtime was started
    /// with is not the command's (CVE-2022-36109). Only where the namespace denies setgroups(2)
    /// the caller's groups stay, as they were the caller's before.
    fn set_groups(&self) -> Result<()> {
        let mut asked: Vec<_> = self.user.groups.iter().copied().map(Gid::from_raw).collect();
        match setgroups(&asked) {
            Err(Errno::EPERM) if asked.is_empty() && setgroups_denied() => return Ok(()),
            set => set.map_err(|errno| {
                hinted(format!("setting the groups {:?}", self.user.groups), errno)
            })?,
        }
        let mut groups = groups().context("reading the groups")?;
        groups.sort_by_key(|gid| gid.as_raw());
        asked.sort_by_key(|gid| gid.as_raw());
        ensure!(groups == asked, "the kernel set the groups {groups:?} instead of {asked:?}");
        Ok(())
    }

    fn become_user(&self) -> Result<()> {
        // ANCHOR: exercise-5-6
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        setresgid(gid, gid, gid).map_err(|errno| hinted(format!("becoming group {gid}"), errno))?;
        setresuid(uid, uid, uid).map_err(|errno| hinted(format!("becoming user {uid}"), errno))
        // ANCHOR_END: exercise-5-6
    }

    /// Trusts nobody, this file included: what comes next is somebody else's program.
    fn check(&self) -> Result<()> {
        let (uids, gids) = (getresuid()?, getresgid()?);
        let (uid, gid) = (Uid::from_raw(self.user.uid), Gid::from_raw(self.user.gid));
        ensure!([uids.real, uids.effective, uids.saved] == [uid; 3], "still user {uids:?}");
        ensure!([gids.real, gids.effective, gids.saved] == [gid; 3], "still group {gids:?}");
        let sets = CapSets::current()?;
        ensure!(sets == self.sets, "the kernel set {sets}, instead of {}", self.sets);
        ensure!(get_no_new_privs()? || !self.no_new_privs, "no_new_privs is not set");
        Ok(())
    }

    /// All of it as one command.
    fn setpriv(&self) -> String {
        let list = |caps: CapSet| {
            let added = caps.iter().map(|cap| format!(",+{}", cap.name().to_lowercase()));
            format!("-all{}", added.collect::<String>())
        };
        let groups: Vec<_> = self.user.groups.iter().map(u32::to_string).collect();
        let mut words = vec![
            "exec".to_string(),
            "setpriv".into(),
            format!("--bounding-set={}", list(self.sets.bounding)),
            format!("--inh-caps={}", list(self.sets.inheritable)),
            format!("--ambient-caps={}", list(self.sets.ambient)),
            format!("--regid={}", self.user.gid),
            format!("--reuid={}", self.user.uid),
        ];
        words.push(match groups.is_empty() {
            true if setgroups_denied() => "--keep-groups".into(),
            true => "--clear-groups".into(),
            false => format!("--groups={}", groups.join(",")),
        });
        words.extend(self.no_new_privs.then(|| "--no-new-privs".into()));
        words.push("sh".into());
        sh(words)
    }
}

/// The supplementary groups. nix's `getgroups` has the C library read in `/proc` how many there may be.
fn groups() -> nix::Result<Vec<Gid>> {
    // SAFETY: of a length of 0 the kernel writes nothing, and returns how many there are.
    let count = Errno::result(unsafe { libc::getgroups(0, std::ptr::null_mut()) })?;
    let mut ids = vec![0; usize::try_from(count).unwrap_or(0)];
    // SAFETY: the kernel writes no more than `count` numbers. Nobody else changes the groups.
    Errno::result(unsafe { libc::getgroups(count, ids.as_mut_ptr()) })?;
    Ok(ids.into_iter().map(Gid::from_raw).collect())
}

fn hinted(doing: String, errno: Errno) -> Error {
    let hint = match errno {
        Errno::EINVAL => " (there is no such id in the user namespace: see --userns)",
        Errno::EPERM if setgroups_denied() => " (a user namespace of one id has no other groups)",
        _ => "",
    };
    anyhow!("{doing}: {errno}{hint}")
}
