//! Rules for devices as a group of cgroup v1 can have them.
//!
//! Such a group has a list, and is in one of two states: it may use what is on the list and nothing
//! else, or all but what is on it. Rules that say more than that, since a later one counts, fit in one
//! of the two or cannot be had. See the kernel's admin-guide/cgroup-v1/devices.

use anyhow::{Result, bail};

use crate::DeviceRule;

/// A group's state, and its list, of block and character devices apart: v1 takes `a` for "everything",
/// whatever comes after it.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct DeviceList {
    /// Whether it may use all but what is listed.
    pub all_but: bool,
    /// What it may use, or what it may not.
    pub listed: Vec<DeviceRule>,
}

impl DeviceList {
    /// What rules come to, of which the last one about a device counts.
    pub fn of(rules: &[DeviceRule]) -> Result<Self> {
        let mut list = Self::default();
        for rule in rules {
            if rule.is_everything() {
                list = Self { all_but: rule.allow, listed: Vec::new() };
            } else if rule.allow == list.all_but {
                rule.by_kind().try_for_each(|one| list.strike(&one))?;
            } else {
                list.listed.extend(rule.by_kind());
            }
        }
        Ok(list)
    }

    /// Takes the devices of a rule from the list, which says the opposite of them.
    fn strike(&mut self, rule: &DeviceRule) -> Result<()> {
        for one in self.listed.iter_mut().filter(|one| one.kind == rule.kind) {
            if within(one.major, rule.major) && within(one.minor, rule.minor) {
                one.access = one.access.without(rule.access);
            } else if overlap(one.major, rule.major)
                && overlap(one.minor, rule.minor)
                && !one.access.without(one.access.without(rule.access)).is_empty()
            {
                let (asked, listed) =
                    if rule.allow { ("allowed", "denied") } else { ("denied", "allowed") };
                bail!(
                    "{rule} is {asked} out of {one}, which is {listed} before: cgroup v1 has no such list"
                );
            }
        }
        self.listed.retain(|one| !one.access.is_empty());
        Ok(())
    }
}

/// Whether a number, or any, is among these.
fn within(number: Option<u32>, these: Option<u32>) -> bool {
    these.is_none() || number == these
}

fn overlap(first: Option<u32>, second: Option<u32>) -> bool {
    within(first, second) || within(second, first)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::device_rule::tests::read;

    #[rstest]
    #[case(&[], "only")]
    #[case(&["c 1:3 rwm", "c 9:* rw"], "only c 1:3 rwm, c 9:* rw")]
    #[case(&["a 1:3 r"], "only b 1:3 r, c 1:3 r")]
    #[case(&["c 1:3 r", "not a *:* rwm"], "only")]
    #[case(&["c 9:* rw", "not c 9:* w"], "only c 9:* r")]
    #[case(&["c 9:1 rw", "c 9:2 r", "c 8:1 r", "not c 9:* rwm"], "only c 8:1 r")]
    #[case(&["c 9:* r", "not c 9:1 w"], "only c 9:* r")]
    #[case(&["c 9:1 r", "not b 9:1 r"], "only c 9:1 r")]
    #[case(&["a *:* rwm"], "all but")]
    #[case(&["c 1:3 r", "a *:* rwm", "not c 9:1 rwm"], "all but c 9:1 rwm")]
    #[case(&["a *:* rwm", "not a 9:1 w"], "all but b 9:1 w, c 9:1 w")]
    #[case(&["a *:* rwm", "not c 9:1 rwm", "c 9:1 r"], "all but c 9:1 wm")]
    #[case(&["a *:* rwm", "not c 9:1 rwm", "not c 1:3 rwm", "c 1:3 rwm"], "all but c 9:1 rwm")]
    fn what_rules_come_to(#[case] rules: &[&str], #[case] expected: &str) {
        let rules = read(rules);
        let list = DeviceList::of(&rules).expect("it can be had");
        let words: Vec<_> = list.listed.iter().map(ToString::to_string).collect();
        let state = if list.all_but { "all but" } else { "only" };
        assert_eq!(format!("{state} {}", words.join(", ")).trim_end(), expected);
    }

    #[rstest]
    #[case(&["c 9:* rwm", "not c 9:1 w"], "c 9:1 w is denied out of c 9:* rwm, which is allowed before")]
    #[case(&["c 9:* r", "not c *:1 r"], "c *:1 r is denied out of c 9:* r, which is allowed before")]
    #[case(&["a *:* rwm", "not c 1:* rw", "c 1:3 rwm"], "c 1:3 rwm is allowed out of c 1:* rw, which is denied before")]
    fn what_cannot_be_had(#[case] rules: &[&str], #[case] said: &str) {
        let rules = read(rules);
        let error = DeviceList::of(&rules).expect_err("it cannot be had").to_string();
        assert_eq!(error, format!("{said}: cgroup v1 has no such list"));
    }
}
