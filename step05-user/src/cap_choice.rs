//! Which capabilities a container gets: Docker's default list, `--cap-add`, `--cap-drop`.

use std::str::FromStr;

use anyhow::{Error, Result, bail};

use crate::{Cap, CapSet};

/// What Docker leaves to a container's root: enough for what packages do when they are installed
/// and services when they start; nothing that acts on the machine as a whole.
const DEFAULT: [Cap; 14] = [
    Cap::CHOWN,
    Cap::DAC_OVERRIDE,
    Cap::FOWNER,
    Cap::FSETID,
    Cap::KILL,
    Cap::SETGID,
    Cap::SETUID,
    Cap::SETPCAP,
    Cap::NET_BIND_SERVICE,
    Cap::NET_RAW,
    Cap::SYS_CHROOT,
    Cap::MKNOD,
    Cap::AUDIT_WRITE,
    Cap::SETFCAP,
];

/// A value of `--cap-add` or `--cap-drop`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CapName {
    /// All that there are.
    All,
    /// This one.
    One(Cap),
}

impl FromStr for CapName {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        if text.eq_ignore_ascii_case("all") { Ok(Self::All) } else { text.parse().map(Self::One) }
    }
}

/// What a person asked for.
#[derive(Clone, Debug, Default)]
pub struct CapChoice {
    /// `--cap-add`
    pub add: Vec<CapName>,
    /// `--cap-drop`
    pub drop: Vec<CapName>,
}

impl CapChoice {
    /// The capabilities that are asked for, of those that the runtime has to give (`held`).
    ///
    /// As in Docker: `ALL` to add wins over `ALL` to drop, and one that is named to be added wins
    /// over its being dropped. Of the default list, and of `ALL`, what the runtime does not have
    /// is left out in silence: it may run in a container itself. What is asked for by name and
    /// cannot be given is an error.
    pub fn of(&self, held: CapSet) -> Result<CapSet> {
        let (add_all, add) = split(&self.add);
        let (drop_all, drop) = split(&self.drop);
        if let Some(cap) = add.without(held).iter().next() {
            bail!(
                "capabilities: {cap} cannot be given: the runtime or the kernel does not have it"
            );
        }
        let start = match (add_all, drop_all) {
            (true, _) => held,
            (false, true) => CapSet::EMPTY,
            (false, false) => CapSet::from_iter(DEFAULT).and(held),
        };
        Ok(start.without(drop).or(add))
    }
}

/// Whether `ALL` is among them, and the set of the others.
fn split(names: &[CapName]) -> (bool, CapSet) {
    let named = names.iter().filter_map(|name| match name {
        CapName::All => None,
        CapName::One(cap) => Some(*cap),
    });
    (names.contains(&CapName::All), named.collect())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn names(text: &str) -> Vec<CapName> {
        text.split_terminator(',').map(|name| name.parse().expect(name)).collect()
    }

    fn choose(add: &str, drop: &str, held: CapSet) -> Result<CapSet> {
        CapChoice { add: names(add), drop: names(drop) }.of(held)
    }

    #[test]
    fn the_choice_is_dockers() {
        let all = CapSet::from_bits((1 << 41) - 1);
        let default = CapSet::from_bits(0xa804_25fb); // CapBnd in a container of Docker's
        let of = |text: &str| -> CapSet { split(&names(text)).1 };
        for (add, drop, expected) in [
            ("", "", default),
            ("sys_time", "", default.or(of("SYS_TIME"))),
            ("", "CAP_CHOWN,Kill", default.without(of("CHOWN,KILL"))),
            ("", "ALL", CapSet::EMPTY),
            ("net_raw,Net_Admin", "all", of("NET_RAW,NET_ADMIN")),
            ("all", "", all),
            ("ALL", "SYS_ADMIN", all.without(of("SYS_ADMIN"))),
            ("ALL", "ALL", all),
            ("KILL", "KILL", default),
            ("", "SYS_TIME", default),
        ] {
            assert_eq!(choose(add, drop, all).expect(add), expected, "+{add} -{drop}");
        }
    }

    #[test]
    fn what_the_runtime_has_not_it_cannot_give() {
        let held = split(&names("CHOWN,SYS_TIME")).1;
        assert_eq!(choose("", "", held).expect("trimmed"), split(&names("CHOWN")).1);
        assert_eq!(choose("ALL", "", held).expect("trimmed"), held);
        let error = choose("SYS_ADMIN", "", held).expect_err("not held").to_string();
        assert_eq!(
            error,
            "capabilities: CAP_SYS_ADMIN cannot be given: the runtime or the kernel does not have it"
        );
    }
}
