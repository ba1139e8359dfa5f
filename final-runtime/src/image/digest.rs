//! Digests: the names of content. See image-spec, descriptor.md, "Digests".
//!
//! A digest becomes a file's name and a part of a URL. So only what is one is read as one: an
//! algorithm that we can compute, and as many lower-case hexadecimal digits as it has.

use std::{
    fmt,
    io::{self, Error, ErrorKind, Read},
    str::FromStr,
};

use anyhow::{Result, bail};
use serde::{Deserialize, Serialize};
use sha2::{Digest as _, Sha256, Sha512};

/// `ALGORITHM:HEX`.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Digest {
    algorithm: Algorithm,
    hex: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
enum Algorithm {
    Sha256,
    Sha512,
}

impl Algorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha256",
            Self::Sha512 => "sha512",
        }
    }

    fn digits(self) -> usize {
        match self {
            Self::Sha256 => 64,
            Self::Sha512 => 128,
        }
    }
}

impl Digest {
    /// SHA-256 of these bytes.
    pub fn of(bytes: &[u8]) -> Self {
        let mut hasher = Hasher::default();
        hasher.update(bytes);
        hasher.finish()
    }

    /// `sha256` or `sha512`.
    pub fn algorithm(&self) -> &'static str {
        self.algorithm.name()
    }

    /// The digits alone.
    pub fn hex(&self) -> &str {
        &self.hex
    }

    /// The first twelve digits, by which people call it.
    pub fn short(&self) -> &str {
        &self.hex[..12]
    }

    /// What computes digests of this algorithm.
    pub fn hasher(&self) -> Hasher {
        match self.algorithm {
            Algorithm::Sha256 => Hasher::Sha256(Sha256::new()),
            Algorithm::Sha512 => Hasher::Sha512(Sha512::new()),
        }
    }
}

impl FromStr for Digest {
    type Err = anyhow::Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, hex) = text.split_once(':').unwrap_or(("", text));
        let known = [Algorithm::Sha256, Algorithm::Sha512];
        let Some(algorithm) = known.into_iter().find(|algorithm| algorithm.name() == name) else {
            bail!("{text:?} is no digest: expected sha256: or sha512: and hexadecimal digits");
        };
        let digits = hex.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
        if !digits || hex.len() != algorithm.digits() {
            let count = algorithm.digits();
            bail!("{text:?} is no digest: expected {count} of 0-9 and a-f after {name}:");
        }
        Ok(Self { algorithm, hex: hex.into() })
    }
}

impl TryFrom<String> for Digest {
    type Error = anyhow::Error;

    fn try_from(text: String) -> Result<Self> {
        text.parse()
    }
}

impl From<Digest> for String {
    fn from(digest: Digest) -> Self {
        digest.to_string()
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{}:{}", self.algorithm(), self.hex)
    }
}

/// Computes a digest piece by piece.
#[derive(Clone, Debug)]
pub enum Hasher {
    /// 256 bits.
    Sha256(Sha256),
    /// 512 bits.
    Sha512(Sha512),
}

impl Default for Hasher {
    fn default() -> Self {
        Self::Sha256(Sha256::new())
    }
}

impl Hasher {
    /// The next bytes.
    pub fn update(&mut self, bytes: &[u8]) {
        match self {
            Self::Sha256(hasher) => hasher.update(bytes),
            Self::Sha512(hasher) => hasher.update(bytes),
        }
    }

    /// The digest of all of them.
    pub fn finish(self) -> Digest {
        let hex = |bytes: &[u8]| bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        match self {
            Self::Sha256(hasher) => {
                Digest { algorithm: Algorithm::Sha256, hex: hex(&hasher.finalize()) }
            }
            Self::Sha512(hasher) => {
                Digest { algorithm: Algorithm::Sha512, hex: hex(&hasher.finalize()) }
            }
        }
    }
}

/// Reads what is to have a digest and, if it is known, a size; the end is an error if it has not.
/// Whoever has read it to the end without an error has read what was meant.
#[derive(Debug)]
pub struct Verified<R> {
    inner: R,
    hasher: Option<Hasher>,
    digest: Digest,
    size: Option<u64>,
    read: u64,
}

impl<R: Read> Verified<R> {
    /// What `inner` says, if it is what `digest` and `size` say it is.
    pub fn new(inner: R, digest: &Digest, size: Option<u64>) -> Self {
        let hasher = Some(digest.hasher());
        Self { inner, hasher, digest: digest.clone(), size, read: 0 }
    }

    /// Reads what is left, for one who does not need it but wants to know that it is right.
    pub fn finish(mut self) -> io::Result<R> {
        io::copy(&mut self, &mut io::sink())?;
        Ok(self.inner)
    }

    fn check_size(&self, ended: bool) -> io::Result<()> {
        let digest = &self.digest;
        match self.size {
            Some(size) if self.read > size => {
                Err(invalid(format!("{digest} is longer than the {size} bytes it should have")))
            }
            Some(size) if ended && self.read < size => {
                let read = self.read;
                Err(invalid(format!("{digest} ends after {read} of {size} bytes")))
            }
            _ => Ok(()),
        }
    }
}

fn invalid(text: String) -> Error {
    Error::new(ErrorKind::InvalidData, text)
}

impl<R: Read> Read for Verified<R> {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        let count = self.inner.read(buffer)?;
        let ended = count == 0 && !buffer.is_empty();
        self.read += count as u64;
        self.check_size(ended)?;
        if !ended {
            self.hasher.iter_mut().for_each(|hasher| hasher.update(&buffer[..count]));
        } else if let Some(hasher) = self.hasher.take() {
            let found = hasher.finish();
            if found != self.digest {
                return Err(invalid(format!("{} has the digest {found}", self.digest)));
            }
        }
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const EMPTY: &str = "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";

    #[test]
    fn a_digest_is_read_as_it_is_written() {
        let long = format!("sha512:{}", "0f".repeat(64));
        for text in [EMPTY, &long] {
            assert_eq!(text.parse::<Digest>().expect(text).to_string(), text);
        }
        assert_eq!(Digest::of(b"").to_string(), EMPTY);
        assert_eq!(Digest::of(b"").short(), "e3b0c44298fc");
    }

    #[rstest]
    #[case("")]
    #[case("sha256:")]
    #[case("sha256:../../x")]
    #[case("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    #[case("sha256:E3B0C44298FC1C149AFBF4C8996FB92427AE41E4649B934CA495991B7852B855")]
    #[case("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85")]
    #[case("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b8555")]
    #[case("sha256:g3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    #[case("sha512:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    #[case("SHA256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855")]
    #[case("md5:d41d8cd98f00b204e9800998ecf8427e")]
    #[case("sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85\n")]
    #[case("sha256:ä3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b85")]
    fn nothing_else_is_one(#[case] text: &str) {
        text.parse::<Digest>().expect_err(text);
    }

    #[rstest]
    #[case(b"text", Some(4), Ok(()))]
    #[case(b"text", None, Ok(()))]
    #[case(b"tex", Some(4), Err("ends after 3 of 4 bytes"))]
    #[case(b"texts", Some(4), Err("is longer than the 4 bytes it should have"))]
    #[case(b"tezt", Some(4), Err("has the digest sha256:"))]
    #[case(b"tex", None, Err("has the digest sha256:"))]
    fn what_is_read_is_what_was_meant(
        #[case] content: &[u8],
        #[case] size: Option<u64>,
        #[case] expected: Result<(), &str>,
    ) {
        let read = Verified::new(content, &Digest::of(b"text"), size).finish();
        match (read, expected) {
            (Ok(_), Ok(())) => {}
            (Err(error), Err(part)) => assert!(error.to_string().contains(part), "{error}"),
            (read, _) => panic!("{read:?}"),
        }
    }

    #[test]
    fn an_endless_stream_is_left_off() {
        let endless = Verified::new(io::repeat(0), &Digest::of(b""), Some(1 << 20));
        endless.finish().expect_err("it does not end");
    }
}
