//! Limits of memory, as people write them.

use std::str::FromStr;

use anyhow::{Error, Result, bail};

use crate::size::size;

/// Bytes of memory that are enough for something to start in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemoryLimit(u64);

/// Bytes of RAM and swap together, or `-1` for as much swap as there is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SwapLimit {
    /// So many.
    AtMost(u64),
    /// As many as the machine, or the groups above, have.
    Unlimited,
}

impl MemoryLimit {
    /// In bytes.
    pub fn bytes(self) -> u64 {
        self.0
    }
}

/// What the runtime itself needs in the group until it has become the command.
const LEAST: u64 = 512 << 10;

impl FromStr for MemoryLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match size(text)? {
            number if number < LEAST => bail!("expected at least 512k, or nothing can start in it"),
            number => Ok(Self(number)),
        }
    }
}

impl FromStr for SwapLimit {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        match text {
            "-1" => Ok(Self::Unlimited),
            text => size(text).map(Self::AtMost),
        }
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("512k", 512 << 10)]
    #[case("64m", 64 << 20)]
    fn limits(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(text.parse::<MemoryLimit>().expect(text), MemoryLimit(bytes));
        assert_eq!(text.parse::<SwapLimit>().expect(text), SwapLimit::AtMost(bytes));
    }

    #[test]
    fn swap_has_a_word_for_all() {
        assert_eq!("-1".parse::<SwapLimit>().expect("-1"), SwapLimit::Unlimited);
        "-2".parse::<SwapLimit>().expect_err("-2");
    }

    #[rstest]
    fn too_little(#[values("0", "0m", "4k", "511k", "524287")] text: &str) {
        let error = text.parse::<MemoryLimit>().expect_err(text).to_string();
        assert!(error.starts_with("expected at least 512k"), "{error}");
    }
}
