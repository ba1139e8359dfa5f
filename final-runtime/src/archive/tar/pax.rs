//! Extended headers: records of a length, a name and a value, for what a header has no room for.
//! See "pax Extended Header" in pax(1).

use anyhow::{Context, Result, bail, ensure};

use super::{Time, sparse::Sparse};

/// What an extended header says of the entry that follows.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct Extended {
    /// Its path.
    pub path: Option<Vec<u8>>,
    /// Where it leads, if it is a link.
    pub link: Option<Vec<u8>>,
    /// Bytes that follow.
    pub size: Option<u64>,
    /// Its owner.
    pub uid: Option<u64>,
    /// Its group.
    pub gid: Option<u64>,
    /// When its content was changed.
    pub mtime: Option<Time>,
    /// Extended attributes, by name.
    pub xattrs: Vec<(Vec<u8>, Vec<u8>)>,
    /// If it has holes.
    pub sparse: Sparse,
}

/// Where GNU tar, star and Go keep extended attributes, as they are.
const XATTR: &[u8] = b"SCHILY.xattr.";

impl Extended {
    /// Reads a header's records. Where a name comes twice readers take the one or the other.
    pub fn read(bytes: &[u8]) -> Result<Self> {
        let mut extended = Self::default();
        for record in records(bytes) {
            let (name, value) = record?;
            let known = extended.set(name, value);
            known.with_context(|| format!("extended header: {}", name.escape_ascii()))?;
        }
        Ok(extended)
    }

    /// Checks a header that is for all entries to come. What it says is not heeded, as nobody's
    /// layers need it; so it must not say what another reader would heed.
    pub fn read_global(bytes: &[u8]) -> Result<()> {
        let extended = Self::read(bytes)?;
        ensure!(extended == Self::default(), "a global header that changes what is in the archive");
        Ok(())
    }

    fn set(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        match name {
            b"path" => once(&mut self.path, text(value)?),
            b"linkpath" => once(&mut self.link, text(value)?),
            b"size" => once(&mut self.size, number(value)?),
            b"uid" => once(&mut self.uid, number(value)?),
            b"gid" => once(&mut self.gid, number(value)?),
            b"mtime" => once(&mut self.mtime, time(value)?),
            _ => match (name.strip_prefix(XATTR), name.strip_prefix(b"GNU.sparse.")) {
                (Some(name), _) => self.set_xattr(name, value),
                (_, Some(name)) => self.sparse.set(name, value),
                // Other times, names of users, comments; what only its own writer understands.
                _ => Ok(()),
            },
        }
    }

    fn set_xattr(&mut self, name: &[u8], value: &[u8]) -> Result<()> {
        let name = unescape(name);
        ensure!(!name.is_empty() && !name.contains(&0), "an attribute without a name");
        ensure!(self.xattrs.iter().all(|(other, _)| *other != name), "it comes twice");
        self.xattrs.push((name, value.to_vec()));
        Ok(())
    }
}

/// Undoes what GNU tar does to names of attributes, as a record's name ends at an equals sign:
/// `%3D` stands for one, and `%25` for a percent sign.
fn unescape(mut name: &[u8]) -> Vec<u8> {
    let mut plain = Vec::new();
    while let [first, rest @ ..] = name {
        let (byte, length) = match name {
            [b'%', b'3', b'D', ..] => (b'=', 3),
            [b'%', b'2', b'5', ..] => (b'%', 3),
            _ => (*first, 1),
        };
        plain.push(byte);
        name = &rest[length - 1..];
    }
    plain
}

/// The record of an attribute. What other readers would not undo is not done to names that can do
/// without.
pub fn write_xattr(name: &[u8], value: &[u8]) -> Vec<u8> {
    let mut escaped = XATTR.to_vec();
    for (at, byte) in name.iter().enumerate() {
        match (byte, &name[at + 1..]) {
            (b'=', _) => escaped.extend(b"%3D"),
            (b'%', [b'3', b'D', ..] | [b'2', b'5', ..]) => escaped.extend(b"%25"),
            _ => escaped.push(*byte),
        }
    }
    write(&escaped, value)
}

pub(super) fn once<T>(place: &mut Option<T>, value: Option<T>) -> Result<()> {
    ensure!(place.is_none(), "it comes twice");
    *place = value;
    Ok(())
}

/// The records of a header: `27 path=a/file/with/a/name\n`, where 27 counts all, itself too.
fn records(mut bytes: &[u8]) -> impl Iterator<Item = Result<(&[u8], &[u8])>> {
    std::iter::from_fn(move || {
        if bytes.is_empty() {
            return None;
        }
        let record = record(bytes).context("a damaged extended header");
        bytes = record.as_ref().map_or(&[], |(_, rest)| rest);
        Some(record.map(|(record, _)| record))
    })
}

type Record<'a> = (&'a [u8], &'a [u8]);

fn record(bytes: &[u8]) -> Result<(Record<'_>, &[u8])> {
    let space = bytes.iter().take(20).position(|byte| *byte == b' ');
    let space = space.context("a record has no length")?;
    let length = number(&bytes[..space])?.context("a record has no length")?;
    let length = usize::try_from(length)?;
    ensure!((space + 1..=bytes.len()).contains(&length), "a record's length is wrong");
    let (record, rest) = bytes.split_at(length);
    let Some((b'\n', record)) = record[space + 1..].split_last() else {
        bail!("a record's length is wrong");
    };
    let equals = record.iter().position(|byte| *byte == b'=');
    let equals = equals.context("a record has no value")?;
    ensure!(equals > 0, "a record has no name");
    Ok(((&record[..equals], &record[equals + 1..]), rest))
}

/// An empty value takes back what was said before, and so says nothing.
fn text(value: &[u8]) -> Result<Option<Vec<u8>>> {
    ensure!(!value.contains(&0), "a zero byte");
    Ok(Some(value.to_vec()).filter(|value| !value.is_empty()))
}

/// Digits, and nothing else.
pub(super) fn number(value: &[u8]) -> Result<Option<u64>> {
    if value.is_empty() {
        return Ok(None);
    }
    ensure!(value.iter().all(u8::is_ascii_digit), "`{}` is no number", value.escape_ascii());
    Ok(Some(str::from_utf8(value)?.parse()?))
}

/// Seconds, with a fraction or without, and also before 1970.
fn time(value: &[u8]) -> Result<Option<Time>> {
    if value.is_empty() {
        return Ok(None);
    }
    let named = || format!("`{}` is no time", value.escape_ascii());
    let (negative, digits) = match value.strip_prefix(b"-") {
        Some(digits) => (true, digits),
        None => (false, value),
    };
    let dot = digits.iter().position(|byte| *byte == b'.');
    let (whole, fraction) = match dot {
        Some(dot) => (&digits[..dot], &digits[dot + 1..]),
        None => (digits, b"".as_slice()),
    };
    let seconds = number(whole).ok().flatten().and_then(|n| i64::try_from(n).ok());
    let seconds = seconds.with_context(named)?;
    ensure!(fraction.iter().all(u8::is_ascii_digit), named());
    let digits = fraction.iter().chain(std::iter::repeat(&b'0')).take(9);
    let nanos = digits.fold(0, |number, digit| number * 10 + i64::from(digit - b'0'));
    Ok(Some(match (negative, nanos) {
        (false, nanos) => Time { seconds, nanos },
        (true, 0) => Time { seconds: -seconds, nanos },
        (true, nanos) => Time { seconds: -seconds - 1, nanos: 1_000_000_000 - nanos },
    }))
}

/// One record. The length counts its own digits too, so it may take a second look.
pub fn write(name: &[u8], value: &[u8]) -> Vec<u8> {
    let rest = name.len() + value.len() + b" =\n".len();
    let mut length = rest;
    while length != rest + length.to_string().len() {
        length = rest + length.to_string().len();
    }
    [length.to_string().as_bytes(), b" ", name, b"=", value, b"\n"].concat()
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    fn header(records: &[(&str, &str)]) -> Vec<u8> {
        records.iter().flat_map(|(name, value)| write(name.as_bytes(), value.as_bytes())).collect()
    }

    #[test]
    fn a_header_is_read() -> Result<()> {
        let header = header(&[
            ("path", "a\nb"),
            ("SCHILY.xattr.user.a", "b=c\0\n"),
            ("size", "12345"),
            ("uid", "1000"),
            ("comment\u{ff}", "=\u{ff}"),
            ("linkpath", ""),
            ("gid", "0"),
        ]);
        let wanted = Extended {
            path: Some(b"a\nb".to_vec()),
            size: Some(12345),
            uid: Some(1000),
            gid: Some(0),
            xattrs: vec![(b"user.a".to_vec(), b"b=c\0\n".to_vec())],
            ..Extended::default()
        };
        assert_eq!(Extended::read(&header)?, wanted);
        Ok(())
    }

    #[rstest]
    #[case("user.a", "user.a")]
    #[case("user.a=b", "user.a%3Db")]
    #[case("user.a%b", "user.a%b")]
    #[case("user.%3D", "user.%253D")]
    #[case("user.%25", "user.%2525")]
    #[case("user.%%3", "user.%%3")]
    fn names_of_attributes_are_escaped(#[case] name: &str, #[case] escaped: &str) -> Result<()> {
        let header = write_xattr(name.as_bytes(), b"=");
        let text = String::from_utf8(header.clone())?;
        assert!(text.contains(&format!(" SCHILY.xattr.{escaped}==")), "{text}");
        assert_eq!(Extended::read(&header)?.xattrs, [(name.into(), b"=".to_vec())]);
        Ok(())
    }

    #[rstest]
    #[case("1", 1, 0)]
    #[case("1.5", 1, 500_000_000)]
    #[case("1.0000000019", 1, 1)]
    #[case("0.000000001", 0, 1)]
    #[case("-1", -1, 0)]
    #[case("-0.25", -1, 750_000_000)]
    #[case("-1.5", -2, 500_000_000)]
    #[case("12.", 12, 0)]
    fn times(#[case] text: &str, #[case] seconds: i64, #[case] nanos: i64) {
        let read = time(text.as_bytes()).expect("a time");
        assert_eq!(read, Some(Time { seconds, nanos }));
    }

    #[rstest]
    fn no_times(#[values("x", "1.x", "+1", ".5", "--1", "1.5.5", "9223372036854775808")] t: &str) {
        let error = time(t.as_bytes()).expect_err(t);
        assert_eq!(error.to_string(), format!("`{t}` is no time"));
    }

    #[rstest]
    fn damaged_headers_are_refused(
        #[values(
            "path=a\n",
            "9\n",
            " 9 path=a\n",
            "+9 path=a\n",
            "8 path=a\n",
            "11 path=a\n",
            "9 path=ab",
            "0 path=a\n",
            "2 path=a\n",
            "99999999999999999999 path=a\n",
            "8 patha\n",
            "5 =a\n",
            "9 path=a\n\0",
            "9 path=a\n9 path=b\n",
            "9 path=\0\n",
            "9 size=x\n",
            "10 size=-1\n",
            "10 size=+1\n",
            "28 size=99999999999999999999\n",
            "9 uid= 1\n",
            "17 SCHILY.xattr.=\n",
            "20 SCHILY.xattr.a\0=\n",
            "18 SCHILY.xattr.a=\n18 SCHILY.xattr.a=\n"
        )]
        header: &str,
    ) {
        Extended::read(header.as_bytes()).expect_err(header);
    }

    #[rstest]
    fn a_global_header_may_say_nothing_of_weight(
        #[values("path", "linkpath", "size", "uid", "mtime", "SCHILY.xattr.a", "GNU.sparse.major")]
        name: &str,
    ) {
        Extended::read_global(&header(&[("comment", "0123")])).expect("a comment");
        Extended::read_global(&header(&[(name, "1")])).expect_err(name);
    }

    #[rstest]
    #[case(0)]
    #[case(1)]
    #[case(90)]
    #[case(91)]
    #[case(92)]
    #[case(93)]
    #[case(990)]
    #[case(991)]
    fn a_record_counts_itself(#[case] size: usize) -> Result<()> {
        let value = "x".repeat(size);
        let record = write(b"a", value.as_bytes());
        let mut read = records(&record);
        assert_eq!(read.next().transpose()?, Some((&b"a"[..], value.as_bytes())));
        assert!(read.next().is_none());
        Ok(())
    }
}
