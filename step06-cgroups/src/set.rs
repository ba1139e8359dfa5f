//! Sets of CPUs and of memory nodes, as the kernel writes them: `0-3,7`. See "List format" in
//! cpuset(7).

use std::{fmt, ops::RangeInclusive, str::FromStr};

use anyhow::{Error, Result, bail};

/// Numbers, as ranges in order that do not touch: what `0-999999999` takes is one of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Set(Vec<RangeInclusive<u32>>);

impl Set {
    fn of(mut ranges: Vec<RangeInclusive<u32>>) -> Self {
        ranges.sort_by_key(|range| *range.start());
        let mut set: Vec<RangeInclusive<u32>> = Vec::new();
        for range in ranges {
            match set.last_mut() {
                Some(last) if *range.start() <= last.end().saturating_add(1) => {
                    *last = *last.start()..=*last.end().max(range.end());
                }
                _ => set.push(range),
            }
        }
        Self(set)
    }

    /// What of it is not in `other`.
    pub fn without(&self, other: &Self) -> Self {
        let mut rest = self.0.clone();
        for taken in &other.0 {
            let before = |range: &RangeInclusive<u32>| match taken.start().checked_sub(1) {
                Some(last) => *range.start()..=last.min(*range.end()),
                None => RangeInclusive::new(1, 0),
            };
            let after = |range: &RangeInclusive<u32>| match taken.end().checked_add(1) {
                Some(first) => first.max(*range.start())..=*range.end(),
                None => RangeInclusive::new(1, 0),
            };
            rest = rest.iter().flat_map(|range| [before(range), after(range)]).collect();
            rest.retain(|range| !range.is_empty());
        }
        Self(rest)
    }

    /// As bits, which is how systemd is told of them: the first byte has the numbers 0 to 7, lowest
    /// first. `None` if it has more than any kernel has CPUs.
    pub fn mask(&self) -> Option<Vec<u8>> {
        const MOST: usize = 8192;
        let last = self.0.last().map_or(0, |range| *range.end() as usize);
        let mut mask = (last < MOST).then(|| vec![0; last / 8 + 1])?;
        for number in self.0.iter().cloned().flatten().map(|number| number as usize) {
            mask[number / 8] |= 1 << (number % 8);
        }
        Some(mask)
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many are in it.
    pub fn len(&self) -> u64 {
        self.0.iter().map(|range| u64::from(range.end() - range.start()) + 1).sum()
    }
}

impl FromStr for Set {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let number = |text: &str| -> Option<u32> {
            let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok())?
        };
        let range = |part: &str| {
            let (first, last) = part.split_once('-').unwrap_or((part, part));
            let range = number(first)?..=number(last)?;
            (!range.is_empty()).then_some(range)
        };
        match text.split(',').map(range).collect::<Option<Vec<_>>>() {
            Some(ranges) => Ok(Self::of(ranges)),
            None => bail!("expected numbers and ranges of them as in 0-3,7"),
        }
    }
}

impl fmt::Display for Set {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        for (index, range) in self.0.iter().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            match (range.start(), range.end()) {
                (first, last) if first == last => write!(f, "{comma}{first}")?,
                (first, last) => write!(f, "{comma}{first}-{last}")?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn set(text: &str) -> Set {
        match text {
            "" => Set::default(),
            text => text.parse().expect(text),
        }
    }

    #[rstest]
    #[case("0", Some(&[1][..]))]
    #[case("1,7", Some(&[0b1000_0010][..]))]
    #[case("0-3,9", Some(&[0b1111, 0b10][..]))]
    #[case("16", Some(&[0, 0, 1][..]))]
    #[case("0-4294967295", None)]
    fn masks(#[case] text: &str, #[case] mask: Option<&[u8]>) {
        assert_eq!(set(text).mask().as_deref(), mask);
    }

    #[rstest]
    #[case("0", "0", 1)]
    #[case("0-3,7", "0-3,7", 5)]
    #[case("7,0-3", "0-3,7", 5)]
    #[case("0,1,2", "0-2", 3)]
    #[case("0-5,2-3", "0-5", 6)]
    #[case("1-2,2-4", "1-4", 4)]
    #[case("00,08", "0,8", 2)]
    #[case("3-3", "3", 1)]
    #[case("0-4294967295", "0-4294967295", 1 << 32)]
    #[case("4294967295,4294967295", "4294967295", 1)]
    fn sets(#[case] text: &str, #[case] shown: &str, #[case] len: u64) {
        assert_eq!(set(text).to_string(), shown);
        assert_eq!(set(text).len(), len);
    }

    #[rstest]
    #[case("0-3", "0-3", "")]
    #[case("0-3", "1", "0,2-3")]
    #[case("0-3", "0", "1-3")]
    #[case("0-3", "3-9", "0-2")]
    #[case("0-3,7", "1-2,7", "0,3")]
    #[case("1-999999999", "0-1", "2-999999999")]
    #[case("0-4294967295", "4294967295", "0-4294967294")]
    #[case("5", "0-1", "5")]
    #[case("5", "", "5")]
    fn what_is_left(#[case] text: &str, #[case] other: &str, #[case] left: &str) {
        assert_eq!(set(text).without(&set(other)).to_string(), left);
    }

    #[rstest]
    fn no_sets(
        #[values(
            "",
            " ",
            ",",
            "0,",
            ",0",
            "0,,1",
            "1-",
            "-1",
            "-",
            "3-1",
            "1-2-3",
            "0 1",
            "+1",
            "a",
            "0-a",
            "0x1",
            "4294967296",
            "0-7:2/4",
            "all",
            "0-3\n"
        )]
        text: &str,
    ) {
        let error = text.parse::<Set>().expect_err(text).to_string();
        assert!(error.starts_with("expected numbers"), "{error}");
    }
}
