//! What is said about storage drivers, and whether the numbers say it too.

use std::fmt::{self, Write as _};

use crate::results::{Results, short};

/// What became of a claim.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Verdict {
    Holds,
    InPart,
    NoLonger,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str(match self {
            Self::Holds => "holds",
            Self::InPart => "holds in part",
            Self::NoLonger => "no longer holds",
        })
    }
}

/// A claim, and how it is judged; `None` where what it needs was not measured.
type Claim = (&'static str, fn(&Results) -> Option<(Verdict, String)>);

/// As in comparisons of storage drivers of Docker's early years.
const CLAIMS: [Claim; 8] = [
    ("overlay has only two layers", two_layers),
    ("overlay copies the whole file, however little is changed", whole_file),
    ("with many layers, copying a file up from a low one is slower", depth),
    ("devicemapper copies only the blocks that are changed, in large files and small", blocks),
    ("containers on devicemapper do not share what they read: each has a copy in memory", |r| {
        copies(r, "devicemapper/ext4")
    }),
    ("containers on btrfs do not share what they read: each has a copy in memory", |r| {
        copies(r, "btrfs/btrfs")
    }),
    ("starting and stopping many containers on devicemapper fills the disk", disk_full),
    ("copy-on-write leaves a file in pieces all over the disk", pieces),
];

/// A row for each claim that could be judged.
pub fn table(results: &Results) -> String {
    let mut text = String::from("| it is said that | verdict | measured |\n| --- | --- | --- |\n");
    for (claim, judge) in CLAIMS {
        let (verdict, why) = match judge(results) {
            Some((verdict, why)) => (verdict.to_string(), why),
            None => ("not measured".into(), "–".into()),
        };
        let _ = writeln!(text, "| {claim} | {verdict} | {why} |");
    }
    text
}

/// The largest and the smallest file whose change was measured, in MiB.
fn sizes(results: &Results, name: &str) -> Option<(u64, u64)> {
    let mut all =
        [512, 128, 64, 16, 1].into_iter().filter(|size| kib(results, name, *size).is_some());
    let largest = all.next()?;
    Some((largest, all.next_back().unwrap_or(largest)))
}

fn kib(results: &Results, name: &str, size: u64) -> Option<f64> {
    results.get(name, &format!("one byte in {size} MiB, KiB written"))
}

fn two_layers(results: &Results) -> Option<(Verdict, String)> {
    let depths = [126, 64, 16];
    let deepest =
        depths.into_iter().find(|depth| at_depth(results, "overlay/ext4", *depth).is_some());
    deepest.map(|depth| (Verdict::NoLonger, format!("a container on {depth} layers works")))
}

fn whole_file(results: &Results) -> Option<(Verdict, String)> {
    let (size, _) = sizes(results, "overlay/ext4")?;
    let ext4 = kib(results, "overlay/ext4", size)?;
    let whole = |kib: f64| kib > 1024.0 * size as f64 * 0.9;
    let shared = kib(results, "overlay/xfs", size).or(kib(results, "overlay/btrfs", size))?;
    let verdict = match (whole(ext4), whole(shared)) {
        (true, true) => Verdict::Holds,
        (true, false) => Verdict::InPart,
        (false, _) => Verdict::NoLonger,
    };
    let why = format!(
        "one byte of {size} MiB: {} KiB written on ext4, {} KiB where files can share blocks",
        short(ext4),
        short(shared)
    );
    Some((verdict, why))
}

fn at_depth(results: &Results, name: &str, depth: u64) -> Option<f64> {
    results.get(name, &format!("one byte at depth {depth}, ms (least)"))
}

fn depth(results: &Results) -> Option<(Verdict, String)> {
    let name = "overlay/ext4";
    let shallow = at_depth(results, name, 1)?;
    let (depth, deep) = [126, 64, 16]
        .into_iter()
        .find_map(|depth| Some((depth, at_depth(results, name, depth)?)))?;
    let verdict = if deep > shallow * 1.5 { Verdict::Holds } else { Verdict::NoLonger };
    let why = format!(
        "{} ms from the only layer, {} ms below {depth} of them",
        short(shallow),
        short(deep)
    );
    Some((verdict, why))
}

fn blocks(results: &Results) -> Option<(Verdict, String)> {
    let name = "devicemapper/ext4";
    let (large, small) = sizes(results, name)?;
    let (most, least) = (kib(results, name, large)?, kib(results, name, small)?);
    let verdict = if most < 1024.0 { Verdict::Holds } else { Verdict::NoLonger };
    let why = format!(
        "one byte: {} KiB written in a file of {small} MiB, {} KiB in one of {large} MiB",
        short(least),
        short(most)
    );
    Some((verdict, why))
}

fn copies(results: &Results, name: &str) -> Option<(Verdict, String)> {
    let what = "four readers of 64 MiB, MiB of memory";
    let (this, overlay) = (results.get(name, what)?, results.get("overlay/ext4", what)?);
    let verdict = if this > overlay * 2.0 { Verdict::Holds } else { Verdict::NoLonger };
    let why =
        format!("four readers of 64 MiB: {} MiB; on overlay {} MiB", short(this), short(overlay));
    Some((verdict, why))
}

fn disk_full(results: &Results) -> Option<(Verdict, String)> {
    let left = results.get("devicemapper/ext4", "left by a container, KiB")?;
    let verdict = if left > 512.0 { Verdict::Holds } else { Verdict::NoLonger };
    let why = format!("of 1 MiB that each wrote, {} KiB stay when it is removed", short(left));
    Some((verdict, why))
}

fn pieces(results: &Results) -> Option<(Verdict, String)> {
    let what = "fragments after overwriting";
    let (cow, plain) = (results.get("btrfs/btrfs", what)?, results.get("overlay/ext4", what)?);
    let verdict = if cow > plain * 10.0 { Verdict::Holds } else { Verdict::NoLonger };
    let why = format!("128 MiB in {} pieces on btrfs, in {} on ext4", short(cow), short(plain));
    Some((verdict, why))
}
