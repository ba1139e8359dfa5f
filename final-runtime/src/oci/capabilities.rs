//! `process.capabilities` and `process.user`, as step 5 has them. See capabilities(7), and "Linux
//! Process" in config.md of the OCI runtime specification: what cannot be had is told, and no error.

use anyhow::Result;
use step07::{Cap, CapSet, CapSets, Capabilities};

use super::hooks::warn;
use crate::spec;

/// Who the command is, and what it may do. What nobody can give it is left out, and told: in a user
/// namespace of its own that is nothing, elsewhere what the runtime itself has not.
pub fn capabilities(process: &spec::Process, own_user: bool) -> Result<Capabilities> {
    let user = &process.user;
    let sets = match &process.capabilities {
        None => CapSets::current()?,
        Some(asked) => {
            let can = if own_user { CapSet::known() } else { CapSets::current()?.permitted };
            cap_sets(asked, can)
        }
    };
    Ok(Capabilities {
        user: step07::User { uid: user.uid, gid: user.gid, groups: user.additional_gids.clone() },
        sets,
        no_new_privs: process.no_new_privileges,
    })
}

fn cap_sets(asked: &spec::Capabilities, can: CapSet) -> CapSets {
    let all =
        [&asked.bounding, &asked.effective, &asked.inheritable, &asked.permitted, &asked.ambient];
    let mut left_out: Vec<&String> = Vec::new();
    let [bounding, effective, inheritable, permitted, ambient] = all.map(|names| {
        let mut set = CapSet::EMPTY;
        for name in names {
            match name.parse::<Cap>().ok().filter(|cap| can.has(*cap)) {
                Some(cap) => set = set.or([cap].into_iter().collect()),
                None if left_out.contains(&name) => {}
                None => left_out.push(name),
            }
        }
        set
    });
    if !left_out.is_empty() {
        let names: Vec<_> = left_out.iter().map(|name| name.escape_debug().to_string()).collect();
        warn(&format!("process.capabilities: not to be had here: {}", names.join(", ")));
    }
    // The kernel lets nothing be effective that is not permitted, nor ambient that is not both
    // permitted and inheritable.
    let kept = ambient.and(permitted).and(inheritable);
    if kept != ambient {
        let lost = ambient.without(kept);
        warn(&format!("process.capabilities.ambient: not permitted and inheritable: {lost}"));
    }
    CapSets { effective: effective.and(permitted), permitted, inheritable, bounding, ambient: kept }
}
