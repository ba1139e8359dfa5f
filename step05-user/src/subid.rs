//! Subordinate ids: numbers that the system lends a user for the user's own containers.
//!
//! See subuid(5), subgid(5). Each line is `NAME-OR-UID:FIRST:COUNT`; a user may have several.

use std::{fs, io::ErrorKind};

use anyhow::{Context, Result, ensure};
use nix::unistd::{Uid, User};

use crate::{IdMaps, Range, id_map::parse_number};

/// The ids that are lent to user `uid`; `host` and `count` are theirs, `container` counts up from
/// `container`. An error says which file has none.
pub(crate) fn maps(uid: Uid, container: u32) -> Result<IdMaps> {
    let name = User::from_uid(uid).context("looking up the caller's name")?.map(|user| user.name);
    let ranges = |file: &str, flag: &str| -> Result<Vec<Range>> {
        let text = match fs::read_to_string(file) {
            Err(error) if error.kind() == ErrorKind::NotFound => String::new(),
            text => text.with_context(|| format!("reading {file}"))?,
        };
        let ranges = parse(&text, name.as_deref(), uid, container);
        let user = name.clone().unwrap_or_else(|| uid.to_string());
        ensure!(!ranges.is_empty(), "{file} lends {user} no ids (usermod {flag} would add some)");
        Ok(ranges)
    };
    let uid = ranges("/etc/subuid", "--add-subuids")?;
    Ok(IdMaps { uid, gid: ranges("/etc/subgid", "--add-subgids")? })
}

/// Lines of other users are passed over, and so are broken ones, as by newuidmap(1) itself.
fn parse(text: &str, name: Option<&str>, uid: Uid, mut container: u32) -> Vec<Range> {
    let mut ranges = Vec::new();
    for line in text.lines() {
        let Some((owner, ids)) = line.split_once(':') else { continue };
        if Some(owner) != name && parse_number(owner) != Some(uid.as_raw()) {
            continue;
        }
        let ids =
            ids.split_once(':').map(|(host, count)| (parse_number(host), parse_number(count)));
        let Some((Some(host), Some(count))) = ids else { continue };
        let Some(next) = container.checked_add(count) else { continue };
        if count > 0 && host.checked_add(count).is_some() {
            ranges.push(Range { container, host, count });
            container = next;
        }
    }
    ranges
}

#[cfg(test)]
mod tests {
    use super::*;

    const FILE: &str = "\
# a comment
alice:100000:65536
1000:300000:10
bob:200000:65536
alice:400000:0
alice:500000
alice:x:1
alice:4294967295:1
alice:600000:5
";

    fn of(name: Option<&str>, uid: u32, container: u32) -> Vec<String> {
        let ranges = parse(FILE, name, Uid::from_raw(uid), container);
        ranges.iter().map(Range::to_string).collect()
    }

    #[test]
    fn a_users_lines_are_those_with_the_name_or_the_number() {
        assert_eq!(
            of(Some("alice"), 1000, 1),
            ["1 100000 65536", "65537 300000 10", "65547 600000 5"]
        );
        assert_eq!(of(Some("bob"), 1001, 0), ["0 200000 65536"]);
        assert_eq!(of(None, 1000, 0), ["0 300000 10"]);
        assert!(of(Some("carol"), 1002, 0).is_empty());
    }

    #[test]
    fn a_user_whose_name_is_a_number_has_no_more_than_that_name_says() {
        // `1000` the name and 1000 the number are not told apart by the file itself.
        assert_eq!(of(Some("1000"), 7, 0), ["0 300000 10"]);
        assert!(of(Some("x"), 7, 0).is_empty());
    }
}
