//! Id maps: which number inside a user namespace stands for which number outside.
//!
//! See user_namespaces(7), "User and group ID mappings".

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, bail, ensure};

/// `count` ids from `container` on, inside, are the ids from `host` on, outside.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Range {
    /// The first id as the container sees it.
    pub container: u32,
    /// The first id as the namespace around it sees it.
    pub host: u32,
    /// How many there are; at least 1.
    pub count: u32,
}

/// The maps of one user namespace.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdMaps {
    /// User ids.
    pub uid: Vec<Range>,
    /// Group ids.
    pub gid: Vec<Range>,
}

/// Which user namespace a container gets: the value of `--userns`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Userns {
    /// None of its own: root inside is root outside.
    Host,
    /// The subordinate ids of the caller if the system lends it some, otherwise `Single`.
    Auto,
    /// One id: root inside is the caller outside, and there is nobody else.
    Single,
    /// These.
    Maps(IdMaps),
}

/// As many lines as the kernel takes (since Linux 4.15).
const MAX_RANGES: usize = 340;

impl IdMaps {
    /// `container` id 0 is the user `uid` and the group `gid`, and there are no others.
    pub fn single(uid: u32, gid: u32) -> Self {
        let root = |host| vec![Range { container: 0, host, count: 1 }];
        Self { uid: root(uid), gid: root(gid) }
    }
}

impl Range {
    /// Whether this host id has a number in the container.
    pub fn has_host(self, id: u32) -> bool {
        (self.host..=self.host + (self.count - 1)).contains(&id)
    }
}

/// As the kernel reads it.
impl fmt::Display for Range {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        // ANCHOR: exercise-5-2
        write!(f, "{} {} {}", self.container, self.host, self.count)
        // ANCHOR_END: exercise-5-2
    }
}

impl FromStr for Userns {
    type Err = Error;

    /// `host`, `auto`, `single`, or ranges `[uid=|gid=]CONTAINER:HOST:COUNT` with commas between;
    /// a range without a prefix is of both maps.
    fn from_str(text: &str) -> Result<Self> {
        match text {
            "host" => Ok(Self::Host),
            "auto" => Ok(Self::Auto),
            "single" => Ok(Self::Single),
            ranges => match parse_maps(ranges) {
                Ok(maps) => Ok(Self::Maps(maps)),
                Err(error) => bail!("user: --userns {text:?}: {error}"),
            },
        }
    }
}

fn parse_maps(text: &str) -> Result<IdMaps> {
    let mut maps = IdMaps::default();
    for item in text.split(',') {
        match item.split_once('=') {
            Some(("uid", range)) => maps.uid.push(range.parse()?),
            Some(("gid", range)) => maps.gid.push(range.parse()?),
            _ => {
                maps.uid.push(item.parse()?);
                maps.gid.push(item.parse()?);
            }
        }
    }
    check(&maps.uid, "uid")?;
    check(&maps.gid, "gid")?;
    Ok(maps)
}

impl FromStr for Range {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let fields: Vec<_> = text.split(':').map(parse_number).collect();
        let [Some(container), Some(host), Some(count)] = fields[..] else {
            bail!("expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…");
        };
        ensure!(count > 0, "{text:?} holds no ids");
        // The last 32-bit number means "no id" in system calls, and is never mapped.
        let fits = |first: u32| first.checked_add(count).is_some();
        ensure!(fits(container) && fits(host), "{text:?} goes beyond the last id, 4294967294");
        Ok(Self { container, host, count })
    }
}

/// A 32-bit number of decimal digits and nothing else: no sign, no space, no wrapping round.
pub(crate) fn parse_number(text: &str) -> Option<u32> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    if digits { text.parse().ok() } else { None }
}

/// What the kernel would refuse with a bare EINVAL, in words.
fn check(map: &[Range], which: &str) -> Result<()> {
    ensure!(map.len() <= MAX_RANGES, "the {which} map has more than {MAX_RANGES} ranges");
    let root = map.iter().any(|range| range.container == 0);
    ensure!(
        root,
        "the {which} map has no container id 0, whose part it is to set the container up"
    );
    for (n, a) in map.iter().enumerate() {
        for b in &map[..n] {
            let overlap = |a_first: u32, b_first: u32| {
                a_first < b_first + b.count && b_first < a_first + a.count
            };
            ensure!(
                !overlap(a.container, b.container) && !overlap(a.host, b.host),
                "ranges \"{b}\" and \"{a}\" of the {which} map overlap"
            );
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn range(container: u32, host: u32, count: u32) -> Range {
        Range { container, host, count }
    }

    fn parse(text: &str) -> IdMaps {
        match text.parse().expect(text) {
            Userns::Maps(maps) => maps,
            other => panic!("{text}: {other:?}"),
        }
    }

    #[test]
    fn modes_are_words() {
        for (text, mode) in
            [("host", Userns::Host), ("auto", Userns::Auto), ("single", Userns::Single)]
        {
            assert_eq!(text.parse::<Userns>().expect(text), mode);
        }
    }

    #[test]
    fn ranges_are_of_both_maps_or_of_one() {
        let both = parse("0:100000:65536");
        assert_eq!(both.uid, [range(0, 100_000, 65536)]);
        assert_eq!(both.uid, both.gid);
        let each = parse("0:1000:1,uid=1:100000:9,gid=1:200000:7");
        assert_eq!(each.uid, [range(0, 1000, 1), range(1, 100_000, 9)]);
        assert_eq!(each.gid, [range(0, 1000, 1), range(1, 200_000, 7)]);
        assert_eq!(parse("0:0:4294967295").uid, [range(0, 0, u32::MAX)]);
        assert_eq!(parse("0:4294967294:1").uid, [range(0, u32::MAX - 1, 1)]);
    }

    #[test]
    fn a_bad_map_is_refused_in_words() {
        let error = |text: &str| text.parse::<Userns>().expect_err(text).to_string();
        let form = "expected host, auto, single or [uid=|gid=]CONTAINER:HOST:COUNT,…";
        for text in ["", "root", "Host", "0:1", "0:0:1:1", "0:0:", ":0:1", "-1:0:1", "+0:0:1"] {
            assert_eq!(error(text), format!("user: --userns {text:?}: {form}"));
        }
        for text in [" 0:0:1", "0:0:1,", "0:0:4294967296", "0:0:18446744073709551616", "pid=0:0:1"]
        {
            assert_eq!(error(text), format!("user: --userns {text:?}: {form}"));
        }
        for (text, cause) in [
            ("0:5:0", "\"0:5:0\" holds no ids"),
            ("0:4294967295:1", "goes beyond the last id"),
            ("0:2:4294967295", "goes beyond the last id"),
            ("1:1000:1", "the uid map has no container id 0"),
            ("uid=0:1000:1", "the gid map has no container id 0"),
            ("0:0:10,9:100:1", "ranges \"0 0 10\" and \"9 100 1\" of the uid map overlap"),
            ("0:0:10,gid=10:9:1", "of the gid map overlap"),
        ] {
            assert!(error(text).contains(cause), "{text}: {}", error(text));
        }
        let many = (0..341).map(|n| format!("{n}:{n}:1")).collect::<Vec<_>>().join(",");
        assert!(error(&many).contains("more than 340 ranges"));
    }

    #[test]
    fn a_range_has_its_ends_and_no_more() {
        let range = range(0, 100, 3);
        assert_eq!([99, 100, 102, 103].map(|id| range.has_host(id)), [false, true, true, false]);
    }
}
