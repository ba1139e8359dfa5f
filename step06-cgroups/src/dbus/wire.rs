//! Values as bytes, the "marshalling format": each begins at a multiple of its size, numbers are in
//! the machine's own order, strings have their length before and a zero after them.

use std::fmt;

use anyhow::{Context, Result, ensure};

/// A value that says of itself what it is: a variant.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `b`
    Flag(bool),
    /// `t`
    Number(u64),
    /// `u`
    Short(u32),
    /// `x`
    Signed(i64),
    /// `i`
    SignedShort(i32),
    /// `s`
    Text(String),
    /// `as`
    Texts(Vec<String>),
    /// `au`
    Numbers(Vec<u32>),
    /// `ay`
    Bytes(Vec<u8>),
}

impl Value {
    /// Its type.
    pub fn signature(&self) -> &'static str {
        match self {
            Self::Flag(_) => "b",
            Self::Number(_) => "t",
            Self::Short(_) => "u",
            Self::Signed(_) => "x",
            Self::SignedShort(_) => "i",
            Self::Text(_) => "s",
            Self::Texts(_) => "as",
            Self::Numbers(_) => "au",
            Self::Bytes(_) => "ay",
        }
    }
}

/// As busctl(1) is told it: type and value, of an array the length first.
impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        write!(f, "{} ", self.signature())?;
        match self {
            Self::Flag(flag) => write!(f, "{flag}"),
            Self::Number(number) => write!(f, "{number}"),
            Self::Short(number) => write!(f, "{number}"),
            Self::Signed(number) => write!(f, "{number}"),
            Self::SignedShort(number) => write!(f, "{number}"),
            Self::Text(text) => f.write_str(&step05::sh([text])),
            Self::Texts(texts) => {
                list(f, &texts.iter().map(|text| step05::sh([text])).collect::<Vec<_>>())
            }
            Self::Numbers(numbers) => list(f, numbers),
            Self::Bytes(bytes) => list(f, bytes),
        }
    }
}

fn list(f: &mut fmt::Formatter, items: &[impl fmt::Display]) -> fmt::Result {
    write!(f, "{}", items.len())?;
    items.iter().try_for_each(|item| write!(f, " {item}"))
}

/// Values one after another.
#[derive(Debug, Default)]
pub struct Writer(Vec<u8>);

impl Writer {
    /// What has been written.
    pub fn into_bytes(self) -> Vec<u8> {
        self.0
    }

    /// Fills up to a multiple of `to`.
    pub fn align(&mut self, to: usize) {
        self.0.resize(self.0.len().next_multiple_of(to), 0);
    }

    /// `y`
    pub fn byte(&mut self, byte: u8) {
        self.0.push(byte);
    }

    /// `u`
    pub fn u32(&mut self, number: u32) {
        self.align(4);
        self.0.extend(number.to_ne_bytes());
    }

    /// `t`
    pub fn u64(&mut self, number: u64) {
        self.align(8);
        self.0.extend(number.to_ne_bytes());
    }

    /// `s` or `o`
    pub fn string(&mut self, text: &str) {
        self.u32(length(text.len()));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// `g`
    pub fn signature(&mut self, text: &str) {
        self.0.push(u8::try_from(text.len()).expect("signatures are short, and constants"));
        self.0.extend(text.as_bytes());
        self.0.push(0);
    }

    /// `a…`, of elements that begin at a multiple of `align`.
    pub fn array(&mut self, align: usize, elements: impl FnOnce(&mut Self)) {
        self.u32(0);
        let length_at = self.0.len() - 4;
        self.align(align); // which does not count
        let start = self.0.len();
        elements(self);
        let length = length(self.0.len() - start);
        self.0[length_at..length_at + 4].copy_from_slice(&length.to_ne_bytes());
    }

    /// `v`
    pub fn variant(&mut self, value: &Value) {
        self.signature(value.signature());
        match value {
            Value::Flag(flag) => self.u32(u32::from(*flag)),
            Value::Number(number) => self.u64(*number),
            Value::Short(number) => self.u32(*number),
            Value::Signed(number) => self.u64(number.cast_unsigned()),
            Value::SignedShort(number) => self.u32(number.cast_unsigned()),
            Value::Text(text) => self.string(text),
            Value::Texts(all) => self.array(4, |out| all.iter().for_each(|one| out.string(one))),
            Value::Numbers(all) => self.array(4, |out| all.iter().for_each(|one| out.u32(*one))),
            Value::Bytes(bytes) => self.array(1, |out| out.0.extend(bytes)),
        }
    }
}

fn length(bytes: usize) -> u32 {
    u32::try_from(bytes).expect("a request is a few kilobytes")
}

/// Reads values one after another, and trusts none of them.
#[derive(Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    /// Of the whole message, or of its body: places are counted from its beginning.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self { bytes, at: 0 }
    }

    /// How far it has read.
    pub fn at(&self) -> usize {
        self.at
    }

    fn take(&mut self, count: usize) -> Result<&'a [u8]> {
        let rest = &self.bytes[self.at..];
        let taken = rest.get(..count).context("the message ends in the middle of a value")?;
        self.at += count;
        Ok(taken)
    }

    /// Skips what fills up to a multiple of `to`.
    pub fn align(&mut self, to: usize) -> Result<()> {
        let padding = self.take(self.at.next_multiple_of(to) - self.at)?;
        ensure!(padding.iter().all(|byte| *byte == 0), "the padding is not zero");
        Ok(())
    }

    /// `y`
    pub fn byte(&mut self) -> Result<u8> {
        Ok(self.take(1)?[0])
    }

    /// `u`
    pub fn u32(&mut self) -> Result<u32> {
        self.align(4)?;
        let bytes = self.take(4)?;
        Ok(u32::from_ne_bytes(bytes.try_into().expect("four were taken")))
    }

    /// `s` or `o`
    pub fn string(&mut self) -> Result<&'a str> {
        let length = self.u32()?;
        self.text(length as usize)
    }

    /// `g`
    pub fn signature(&mut self) -> Result<&'a str> {
        let length = self.byte()?;
        self.text(length.into())
    }

    fn text(&mut self, length: usize) -> Result<&'a str> {
        let text = std::str::from_utf8(self.take(length)?).context("a string is not UTF-8")?;
        ensure!(self.byte()? == 0 && !text.contains('\0'), "a string does not end with its zero");
        Ok(text)
    }

    /// The bytes of an array whose elements begin at a multiple of `align`, for a reader of their
    /// own if that is the alignment of this place too.
    pub fn array_end(&mut self, align: usize) -> Result<usize> {
        let length = self.u32()? as usize;
        self.align(align)?;
        let end = self.at.checked_add(length).filter(|end| *end <= self.bytes.len());
        end.context("an array is longer than its message")
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(Value::Flag(true), "b true")]
    #[case(Value::Number(u64::MAX), "t 18446744073709551615")]
    #[case(Value::Text("system.slice".into()), "s system.slice")]
    #[case(Value::Text("a b".into()), "s 'a b'")]
    #[case(Value::Short(7), "u 7")]
    #[case(Value::Signed(-7), "x -7")]
    #[case(Value::SignedShort(-7), "i -7")]
    #[case(Value::Texts(vec!["a".into(), "b c".into()]), "as 2 a 'b c'")]
    #[case(Value::Numbers(vec![1, 2]), "au 2 1 2")]
    #[case(Value::Bytes(vec![255]), "ay 1 255")]
    fn values_are_told_as_busctl_takes_them(#[case] value: Value, #[case] told: &str) {
        assert_eq!(value.to_string(), told);
    }

    /// What fills up to the first element is not counted in an array's length.
    #[test]
    fn arrays_are_measured_from_their_first_element() {
        let mut out = Writer::default();
        out.array(8, |out| out.u64(7));
        let mut expected = 8u32.to_ne_bytes().to_vec();
        expected.extend([0; 4]);
        expected.extend(7u64.to_ne_bytes());
        assert_eq!(out.into_bytes(), expected);
    }

    #[rstest]
    #[case(&[3, 0, 0, 0, b'a', b'b', b'c', 0], Some("abc"))]
    #[case(&[0, 0, 0, 0, 0], Some(""))]
    #[case(&[3, 0, 0, 0, b'a', b'b', b'c', 1], None)]
    #[case(&[3, 0, 0, 0, b'a', 0, b'c', 0], None)]
    #[case(&[3, 0, 0, 0, b'a', b'b', b'c'], None)]
    #[case(&[2, 0, 0, 0, 0xff, 0xff, 0], None)]
    #[case(&[0xff, 0xff, 0xff, 0xff, b'a', 0], None)]
    #[case(&[1, 0], None)]
    #[cfg_attr(target_endian = "big", ignore = "the bytes are a little-endian machine's")]
    fn strings_end_with_the_zero_that_their_length_says(
        #[case] bytes: &[u8],
        #[case] text: Option<&str>,
    ) {
        assert_eq!(Reader::new(bytes).string().ok(), text);
    }

    #[test]
    fn padding_is_zero() {
        for (filler, good) in [(0, true), (1, false)] {
            let bytes = [9, filler, 0, 0, 0, 0, 0, 0, 7];
            let mut reader = Reader::new(&bytes);
            assert_eq!(reader.byte().expect("one byte"), 9);
            assert_eq!(reader.align(8).is_ok(), good);
        }
    }
}
