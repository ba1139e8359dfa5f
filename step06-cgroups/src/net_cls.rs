//! The net_cls controller: a mark on the packets of a group, by which a firewall or a traffic shaper
//! knows them.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | the mark | a number in `net_cls.classid` | none: the group itself is known |
//! | nft(8) matches by | `meta cgroup 0x00010010` | `socket cgroupv2 level 2 "layers/ID"` |
//! | tc(8) matches by | the filter `cgroup`: class `1:10` | what nft has marked |
//!
//! A socket has the mark of the group in which it was made, and a packet is known by its socket. So
//! it is known where it is sent and received, which is in the container's network namespace: on the
//! host only if that is the container's too. See the kernel's admin-guide/cgroup-v1/net_cls.

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, anyhow, bail};
use step05::Explain;

use crate::{
    Controller, Files, Hierarchy, Version,
    limits::{flag, only_in},
};

/// The controller, and the mark that was asked for.
#[derive(clap::Args, Clone, Debug, Default)]
#[group(skip)]
pub struct NetCls {
    /// Mark its packets with a class, MAJOR:MINOR as tc has it, or as a number (cgroup v1 alone)
    #[arg(
        id = "net_cls",
        long = "net-cls",
        value_name = "CLASSID",
        value_parser = flag("--net-cls", ClassId::from_str),
        allow_hyphen_values = true
    )]
    pub class: Option<ClassId>,
}

/// A class: 16 bits for the traffic shaper that has it, 16 for its number there.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ClassId(pub u32);

impl FromStr for ClassId {
    type Err = Error;

    /// `MAJOR:MINOR` is hexadecimal, as everywhere in tc(8).
    fn from_str(text: &str) -> Result<Self> {
        let number = match text.split_once(':') {
            Some((major, minor)) => match (digits(major, 16), digits(minor, 16)) {
                (Some(major @ 1..=0xffff), Some(minor @ 0..=0xffff)) => Some(major << 16 | minor),
                _ => None,
            },
            None => match text.strip_prefix("0x") {
                Some(text) => digits(text, 16),
                None => digits(text, 10),
            },
        };
        match number {
            None => bail!("expected MAJOR:MINOR in hexadecimal as in 1:10, or a number of 32 bits"),
            Some(0) => bail!("class 0 is no class"),
            Some(number) => Ok(Self(number)),
        }
    }
}

fn digits(text: &str, radix: u32) -> Option<u32> {
    let digits = !text.is_empty() && text.chars().all(|c| c.is_digit(radix));
    u32::from_str_radix(text, radix).ok().filter(|_| digits)
}

/// As nft shows it.
impl fmt::Display for ClassId {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "0x{:08x}", self.0)
    }
}

impl Controller for NetCls {
    fn name(&self) -> &'static str {
        "net_cls"
    }

    /// It has no such controller, but another way to the same end: see `limit`.
    fn listed(&self) -> bool {
        false
    }

    fn asked(&self) -> Option<&'static str> {
        self.class.map(|_| "--net-cls")
    }

    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        let Some(class) = self.class else { return Ok(()) };
        match files.version {
            Version::V1 => files.write(explain, "net_cls.classid", class),
            Version::V2 => {
                let refusal = only_in(Version::V1, "--net-cls", "net_cls.classid");
                let instead = by_group(&files.above());
                Err(anyhow!("{refusal}; nft knows all containers of --cgroup-parent by: {instead}"))
            }
        }
    }
}

/// How nft matches the packets of a group of v2, and of those in it. The path is what nft looks up
/// below `/sys/fs/cgroup` when it is given the rule, the level how many groups deep that is.
fn by_group(files: &Files) -> String {
    let all = Hierarchy::all().unwrap_or_default();
    let root = all.into_iter().find(|one| one.version == Version::V2).map(|one| one.mount_point);
    let depth = root.and_then(|root| Some(files.dir.strip_prefix(root).ok()?.components().count()));
    let path = files.dir.strip_prefix("/sys/fs/cgroup").unwrap_or(&files.dir);
    format!("socket cgroupv2 level {} \"{}\"", depth.unwrap_or(1), path.display())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::files::fake::Fake;

    #[rstest]
    #[case("1:10", 0x1_0010)]
    #[case("1:0", 0x1_0000)]
    #[case("ffff:ffff", 0xffff_ffff)]
    #[case("a:B", 0xa_000b)]
    #[case("65552", 0x1_0010)]
    #[case("0x10010", 0x1_0010)]
    #[case("0x00010010", 0x1_0010)]
    #[case("4294967295", 0xffff_ffff)]
    fn classes(#[case] text: &str, #[case] number: u32) {
        assert_eq!(text.parse::<ClassId>().expect(text), ClassId(number));
    }

    #[rstest]
    fn no_classes(
        #[values(
            "",
            ":",
            "1:",
            ":10",
            "0:10",
            "10000:1",
            "1:10000",
            "1:2:3",
            "g:1",
            "-1",
            "+1",
            "1:+1",
            "0x",
            "0xg",
            "1e3",
            "4294967296",
            "0x100000000",
            "ff",
            " 1"
        )]
        text: &str,
    ) {
        let error = text.parse::<ClassId>().expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }

    #[rstest]
    fn class_0_is_none(#[values("0", "0x0", "00")] text: &str) {
        assert_eq!(text.parse::<ClassId>().expect_err(text).to_string(), "class 0 is no class");
    }

    #[test]
    fn the_class_is_written() {
        let fake = Fake::new(Version::V1, &[("net_cls.classid", "0\n")]);
        let class = NetCls { class: Some(ClassId(0x1_0010)) };
        class.limit(&Explain::new(false), &fake.0).expect("writing the class");
        assert_eq!(fake.contents(), [("net_cls.classid".into(), "0x00010010".to_string())]);
    }
}
