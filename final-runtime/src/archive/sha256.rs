//! Digests of content, as OCI writes them. See the image specification, descriptor.md, "Digests".

use std::{fmt, str::FromStr};

use anyhow::{Error, Result, bail};

/// A SHA-256.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Sha256([u8; 32]);

impl From<[u8; 32]> for Sha256 {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

/// As in `sha256:9f86d0…`.
impl fmt::Display for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        f.write_str("sha256:")?;
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for Sha256 {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl FromStr for Sha256 {
    type Err = Error;

    /// Nothing but `sha256:` and 64 digits in lower case: a digest becomes a part of file names.
    fn from_str(text: &str) -> Result<Self> {
        let digits = text.strip_prefix("sha256:").map(str::as_bytes);
        let Some(digits) = digits.filter(|digits| digits.len() == 64) else {
            bail!("{text:?} is no SHA-256 digest");
        };
        let mut bytes = [0; 32];
        for (byte, pair) in bytes.iter_mut().zip(digits.chunks_exact(2)) {
            for digit in pair {
                let value = match digit {
                    b'0'..=b'9' => digit - b'0',
                    b'a'..=b'f' => digit - b'a' + 10,
                    _ => bail!("{text:?} is no SHA-256 digest"),
                };
                *byte = *byte << 4 | value;
            }
        }
        Ok(Self(bytes))
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const DIGITS: &str = "0123456789abcdef";

    #[test]
    fn a_digest_is_read_as_it_is_written() -> Result<()> {
        let text = format!("sha256:{}", DIGITS.repeat(4));
        let digest: Sha256 = text.parse()?;
        assert_eq!(digest.to_string(), text);
        assert_eq!(digest.0[..3], [0x01, 0x23, 0x45]);
        Ok(())
    }

    #[rstest]
    fn what_is_not_a_digest_is_refused(
        #[values("", "sha256:", "sha256", "md5:", "sha256:../../x", "sha512:")] start: &str,
        #[values("", "0", "A", "g", "/", "ä")] end: &str,
    ) {
        format!("{start}{end}").parse::<Sha256>().expect_err("too short");
        if start != "sha256:" || !matches!(end, "" | "0") {
            format!("{start}{}{end}", DIGITS.repeat(4)).parse::<Sha256>().expect_err("wrong");
            let long = DIGITS.repeat(4);
            let text = format!("{start}{}{end}", &long[..64 - end.len()]);
            text.parse::<Sha256>().expect_err("wrong");
        }
        format!("sha256:{}0", DIGITS.repeat(4)).parse::<Sha256>().expect_err("too long");
    }
}
