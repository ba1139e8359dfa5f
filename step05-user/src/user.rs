//! `--user`: who the command is, by number.

use std::str::FromStr;

use anyhow::{Error, Result, bail};

use crate::id_map::parse_number;

/// A user and its groups, as the container numbers them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct User {
    /// User id.
    pub uid: u32,
    /// Primary group id.
    pub gid: u32,
    /// Supplementary group ids: these and no others.
    pub groups: Vec<u32>,
}

/// What Docker allows, so that no tool that takes ids for signed numbers sees a negative one.
const MAX: u32 = i32::MAX as u32;

impl FromStr for User {
    type Err = Error;

    /// `UID[:GID]`. The group is 0 if it is not given, as for Docker if the image's `/etc/passwd`
    /// does not know the user.
    fn from_str(text: &str) -> Result<Self> {
        let (uid, gid) = text.split_once(':').unwrap_or((text, "0"));
        match (parse_id(uid), parse_id(gid)) {
            (Some(uid), Some(gid)) => Ok(Self { uid, gid, groups: Vec::new() }),
            _ => {
                bail!("capabilities: --user {text:?}: expected UID[:GID], numbers from 0 to {MAX}")
            }
        }
    }
}

/// The value of `--group-add`.
pub(crate) fn parse_group(text: &str) -> Result<u32> {
    match parse_id(text) {
        Some(gid) => Ok(gid),
        None => bail!("capabilities: --group-add {text:?}: expected a number from 0 to {MAX}"),
    }
}

fn parse_id(text: &str) -> Option<u32> {
    parse_number(text).filter(|id| *id <= MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_is_one_number_or_two() {
        let user = |uid, gid| User { uid, gid, groups: Vec::new() };
        for (text, expected) in [
            ("0", user(0, 0)),
            ("1000", user(1000, 0)),
            ("1000:50", user(1000, 50)),
            ("2147483647:2147483647", user(MAX, MAX)),
        ] {
            assert_eq!(text.parse::<User>().expect(text), expected);
        }
    }

    #[test]
    fn anything_else_is_refused_and_never_becomes_root() {
        for text in [
            "",
            ":",
            "1000:",
            ":0",
            "-1",
            "+1",
            "1 ",
            "0x10",
            "1e3",
            "root",
            "1000:staff",
            "1:2:3",
            "1:-1",
            "2147483648",
            "4294967295",
            "4294967296",
            "18446744073709551616",
            "1:4294967296",
        ] {
            let error = text.parse::<User>().expect_err(text).to_string();
            assert_eq!(
                error,
                format!(
                    "capabilities: --user {text:?}: expected UID[:GID], numbers from 0 to 2147483647"
                )
            );
            let group = text.split_once(':').map_or(text, |(_, group)| group);
            assert!(parse_group(group).is_err() || group == "0", "{text}");
        }
    }
}
