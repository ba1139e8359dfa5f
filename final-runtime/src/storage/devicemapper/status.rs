//! What a pool says of itself: one line, whose words are listed in thin-provisioning.rst.

use anyhow::{Context, Result, bail};

/// How a pool is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Status {
    /// A number that it keeps for us.
    pub transaction: u64,
    /// Blocks of its own records, of 4 KiB.
    pub metadata: Blocks,
    /// Blocks of data, of the size that it was made with.
    pub data: Blocks,
    /// Where its records are that it keeps for us to read.
    pub held: Option<u64>,
    /// What it lets be done.
    pub mode: Mode,
    /// Whether something went wrong, and thin_check(8) has to look at it.
    pub needs_check: bool,
}

/// So many of so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Blocks {
    /// Those that are in use.
    pub used: u64,
    /// All of them.
    pub total: u64,
}

/// What a pool lets be done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Mode {
    /// Everything.
    Write,
    /// Nothing new is written, as there is no room.
    OutOfData,
    /// No change at all, after an error.
    ReadOnly,
}

impl Status {
    /// Reads the line.
    pub fn parse(line: &str) -> Result<Self> {
        let words: Vec<_> = line.split_whitespace().collect();
        let [transaction, metadata, data, held, mode, rest @ ..] = &words[..] else {
            match line.trim() {
                "Fail" => bail!(
                    "the pool has failed: its records cannot be used (see the kernel's log; thin_check and thin_repair may help)"
                ),
                _ => bail!("the pool says something unknown of itself: {line:?}"),
            }
        };
        let unknown = || format!("the pool says something unknown of itself: {line:?}");
        Ok(Self {
            transaction: transaction.parse().with_context(unknown)?,
            metadata: Blocks::parse(metadata).with_context(unknown)?,
            data: Blocks::parse(data).with_context(unknown)?,
            held: held.parse().ok(),
            mode: match *mode {
                "rw" => Mode::Write,
                "out_of_data_space" => Mode::OutOfData,
                "ro" => Mode::ReadOnly,
                _ => bail!(unknown()),
            },
            needs_check: rest.contains(&"needs_check"),
        })
    }

    /// Whether its records can be changed. A pool without room for data can still remove devices.
    pub fn healthy(&self) -> Result<()> {
        let help = "(see the kernel's log; thin_check and thin_repair may help)";
        if self.needs_check {
            bail!("the pool's records need to be checked {help}");
        }
        match self.mode {
            Mode::ReadOnly => bail!("the pool has become read-only {help}"),
            Mode::Write | Mode::OutOfData => Ok(()),
        }
    }
}

impl Blocks {
    /// Those that are not in use.
    pub fn free(&self) -> u64 {
        self.total.saturating_sub(self.used)
    }

    fn parse(text: &str) -> Result<Self> {
        let (used, total) = text.split_once('/').context("expected USED/TOTAL")?;
        Ok(Self { used: used.parse()?, total: total.parse()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pool_that_is_well() {
        let line = "7 141/4096 12/16384 - rw discard_passdown queue_if_no_space - 1024";
        let status = Status::parse(line).expect(line);
        assert_eq!(status.transaction, 7);
        assert_eq!(status.metadata, Blocks { used: 141, total: 4096 });
        assert_eq!((status.data.used, status.data.free()), (12, 16372));
        assert_eq!((status.mode, status.needs_check, status.held), (Mode::Write, false, None));
        status.healthy().expect("it is");
    }

    #[test]
    fn a_full_pool_can_still_remove() {
        let line = "7 1/9 16/16 4711 out_of_data_space discard_passdown error_if_no_space - 9";
        let status = Status::parse(line).expect(line);
        assert_eq!((status.mode, status.held), (Mode::OutOfData, Some(4711)));
        status.healthy().expect("its records can be changed");
    }

    #[test]
    fn a_pool_that_is_not_well_says_so() {
        let error = |line: &str| {
            let status = Status::parse(line).and_then(|status| status.healthy());
            status.expect_err(line).to_string()
        };
        assert!(error("Fail").contains("has failed"));
        assert!(error("Error").contains("something unknown"));
        assert!(error("x 1/9 1/9 - rw").contains("something unknown"));
        assert!(error("1 1/9 19 - rw").contains("something unknown"));
        assert!(error("1 1/9 1/9 - sideways").contains("something unknown"));
        assert!(error("1 1/9 1/9 - ro discard_passdown - - 9").contains("read-only"));
        let line = "1 1/9 1/9 - rw discard_passdown queue_if_no_space needs_check 9";
        assert!(error(line).contains("need to be checked"));
    }
}
