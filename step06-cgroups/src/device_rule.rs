//! `c 1:3 rwm`: a device, or many, and what may be done with them.
//!
//! The words are those of `devices.allow` in v1, which Docker and OCI have too. See the kernel's
//! admin-guide/cgroup-v1/devices.

use std::{fmt, str::FromStr};

use anyhow::{Context, Error, Result, bail};

/// Devices, and what a group may do with them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DeviceRule {
    /// Of which type.
    pub kind: Kind,
    /// The driver's number; `None` for any.
    pub major: Option<u32>,
    /// The device's number; `None` for any.
    pub minor: Option<u32>,
    /// What may be done, or may not.
    pub access: Access,
    /// Which of both it says. Of the rules in a list about a device the last one counts.
    pub allow: bool,
}

/// A type of device, with the number that BPF has for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Either.
    All,
    /// `BPF_DEVCG_DEV_BLOCK`.
    Block,
    /// `BPF_DEVCG_DEV_CHAR`.
    Char,
}

impl Kind {
    /// The kernel's number; `None` for all.
    pub fn number(self) -> Option<u32> {
        match self {
            Self::All => None,
            Self::Block => Some(1),
            Self::Char => Some(2),
        }
    }
}

/// A set of acts, as bits with the numbers that BPF has for them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Access(u32);

/// `BPF_DEVCG_ACC_READ`, `…_WRITE`, `…_MKNOD`.
const ACTS: [(char, u32); 3] = [('r', 2), ('w', 4), ('m', 1)];

impl Access {
    /// Reading, writing, and making.
    pub const ALL: Self = Self(7);
    /// Making only.
    pub const MAKE: Self = Self(1);

    /// As the kernel has it.
    pub fn bits(self) -> u32 {
        self.0
    }

    /// Those of this set that are not in the other.
    pub fn without(self, other: Self) -> Self {
        Self(self.0 & !other.0)
    }

    /// Whether there is nothing in it.
    pub fn is_empty(self) -> bool {
        self.0 == 0
    }
}

impl FromStr for Access {
    type Err = Error;

    /// Some of `rwm`, each at most once.
    fn from_str(text: &str) -> Result<Self> {
        acts(text).with_context(|| format!("access {text:?}: expected some of rwm"))
    }
}

impl DeviceRule {
    /// A character device, to be used in every way.
    pub const fn char(major: u32, minor: Option<u32>) -> Self {
        Self { kind: Kind::Char, major: Some(major), minor, access: Access::ALL, allow: true }
    }

    /// Every device of a type, to be made but not to be used.
    pub const fn make(kind: Kind) -> Self {
        Self { kind, major: None, minor: None, access: Access::MAKE, allow: true }
    }

    /// The same for each type in turn. (v1 takes `a` for "everything", whatever comes after it.)
    pub fn by_kind(self) -> impl Iterator<Item = Self> {
        let kinds: &[Kind] = match self.kind {
            Kind::All => &[Kind::Block, Kind::Char],
            Kind::Block => &[Kind::Block],
            Kind::Char => &[Kind::Char],
        };
        kinds.iter().map(move |kind| Self { kind: *kind, ..self })
    }

    /// Whether it is about every device and every act: what was said before is of no effect then.
    pub fn is_everything(&self) -> bool {
        self.kind == Kind::All
            && (self.major, self.minor) == (None, None)
            && self.access == Access::ALL
    }

    /// As it is shown: one that denies has the word `not` before it.
    pub fn shown(&self) -> String {
        format!("{}{self}", if self.allow { "" } else { "not " })
    }

    /// Whether both are about the same devices.
    pub fn same_devices(&self, other: &Self) -> bool {
        (self.kind, self.major, self.minor) == (other.kind, other.major, other.minor)
    }
}

impl fmt::Display for DeviceRule {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let kind = match self.kind {
            Kind::All => 'a',
            Kind::Block => 'b',
            Kind::Char => 'c',
        };
        let number = |number: Option<u32>| number.map_or("*".into(), |number| number.to_string());
        let (major, minor) = (number(self.major), number(self.minor));
        let granted = ACTS.iter().filter(|(_, bit)| self.access.0 & bit != 0);
        let access: String = granted.map(|(letter, _)| letter).collect();
        write!(f, "{kind} {major}:{minor} {access}")
    }
}

impl FromStr for DeviceRule {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).ok_or_else(|| {
            Error::msg(format!(
                "cgroup: --device-cgroup-rule {text:?}: expected TYPE MAJOR:MINOR ACCESS \
                 as in 'c 1:3 rwm' (a type is a, b or c; a number may be *)"
            ))
        })
    }
}

fn parse(text: &str) -> Option<DeviceRule> {
    let mut words = text.split(' ');
    let (kind, numbers, access) = (words.next()?, words.next()?, words.next()?);
    let kind = match kind {
        "a" => Kind::All,
        "b" => Kind::Block,
        "c" => Kind::Char,
        _ => return None,
    };
    // As many bits as the kernel has for each.
    let (major, minor) = numbers.split_once(':')?;
    let (major, minor) = (number(major, 12)?, number(minor, 20)?);
    let access = acts(access).ok()?;
    words.next().is_none().then_some(DeviceRule { kind, major, minor, access, allow: true })
}

/// A number of so many bits, or any; `None` if it is neither.
fn number(text: &str, bits: u32) -> Option<Option<u32>> {
    if text == "*" {
        return Some(None);
    }
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|number| digits && *number < 1 << bits).map(Some)
}

/// Letters, each at most once.
fn acts(text: &str) -> Result<Access> {
    let mut access = 0;
    for letter in text.chars() {
        match ACTS.iter().find(|(of_act, _)| *of_act == letter) {
            Some((_, bit)) if access & bit == 0 => access |= bit,
            _ => bail!("neither r, w nor m, or twice"),
        }
    }
    if access == 0 {
        bail!("nothing");
    }
    Ok(Access(access))
}

#[cfg(test)]
pub(crate) mod tests {
    use rstest::rstest;

    use super::*;

    /// Rules as they are shown.
    pub(crate) fn read(rules: &[&str]) -> Vec<DeviceRule> {
        let read = |text: &&str| {
            let denied = text.strip_prefix("not ");
            let rule = denied.unwrap_or(text).parse().expect(text);
            DeviceRule { allow: denied.is_none(), ..rule }
        };
        rules.iter().map(read).collect()
    }

    #[rstest]
    #[case("c 1:3 rwm", "c 1:3 rwm")]
    #[case("b 8:* mr", "b 8:* rm")]
    #[case("a *:* w", "a *:* w")]
    #[case("c 4095:1048575 r", "c 4095:1048575 r")]
    fn rules(#[case] text: &str, #[case] shown: &str) {
        let rule: DeviceRule = text.parse().expect(text);
        assert_eq!(rule.to_string(), shown);
    }

    #[rstest]
    fn no_rules(
        #[values(
            "",
            "c",
            "c 1:3",
            "c 1:3 ",
            "c  1:3 r",
            "c 1:3 r ",
            "c 1:3 rr",
            "c 1:3 x",
            "d 1:3 r",
            "c 1 r",
            "c :3 r",
            "c 1: r",
            "c -1:3 r",
            "c +1:3 r",
            "c 4096:0 r",
            "c 0:1048576 r",
            "c 1:3:5 r",
            "C 1:3 r",
            "c 0x1:3 r",
            "c 1:3\nr",
            "c 99999999999:1 r",
            "c ½:1 r"
        )]
        text: &str,
    ) {
        let error = text.parse::<DeviceRule>().expect_err(text).to_string();
        let begin = format!("cgroup: --device-cgroup-rule {text:?}: expected ");
        assert!(error.starts_with(&begin), "{error}");
    }
}
