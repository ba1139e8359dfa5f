//! Numbers in a header: octal digits, or GNU's and star's way for larger ones, big-endian bytes
//! after a byte with the highest bit set.

use anyhow::{Context, Result, bail, ensure};

/// A number that is not negative. A field of spaces and zero bytes is 0.
pub fn unsigned(field: &[u8]) -> Result<u64> {
    let number = signed(field)?;
    u64::try_from(number).ok().with_context(|| format!("{number} is negative"))
}

/// A number that may be negative, which only binary ones can be.
pub fn signed(field: &[u8]) -> Result<i64> {
    match field {
        [0x80, rest @ ..] => binary(0, rest),
        [0xff, rest @ ..] => binary(-1, rest),
        _ => octal(field),
    }
}

fn binary(sign: i64, bytes: &[u8]) -> Result<i64> {
    let add = |number: i64, byte: &u8| {
        let shifted = number.checked_mul(256)?;
        Some(shifted | i64::from(*byte))
    };
    bytes.iter().try_fold(sign, add).context("a number is too large")
}

/// Spaces, digits, and an end of spaces and zero bytes.
fn octal(field: &[u8]) -> Result<i64> {
    let start = field.iter().position(|byte| *byte != b' ').unwrap_or(field.len());
    let digits = &field[start..];
    let end = digits.iter().position(|byte| matches!(byte, b' ' | 0)).unwrap_or(digits.len());
    let (digits, end) = digits.split_at(end);
    ensure!(end.iter().all(|byte| matches!(byte, b' ' | 0)), "a number is followed by more");
    let mut number: i64 = 0;
    for digit in digits {
        let b'0'..=b'7' = digit else { bail!("`{}` is no octal number", digits.escape_ascii()) };
        // Twelve digits at most.
        number = number * 8 + i64::from(digit - b'0');
    }
    Ok(number)
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(b"0000644\0", 0o644)]
    #[case(b"   644 \0", 0o644)]
    #[case(b"644\0\0\0\0\0", 0o644)]
    #[case(b"77777777", 0o77777777)]
    #[case(b"\0\0\0\0\0\0\0\0", 0)]
    #[case(b"        ", 0)]
    #[case(b"777777777777", 0o777777777777)]
    #[case(b"\x80\0\0\0\0\0\0\x01", 1)]
    #[case(b"\x80\0\0\0\x7f\xff\xff\xff\xff\xff\xff\xff", i64::MAX)]
    #[case(b"\xff\xff\xff\xff\xff\xff\xff\xff", -1)]
    #[case(b"\xff\xff\xff\xff\x80\0\0\0\0\0\0\0", i64::MIN)]
    fn numbers(#[case] field: &[u8], #[case] number: i64) {
        assert_eq!(signed(field).expect("a number"), number);
        assert_eq!(unsigned(field).ok(), number.try_into().ok());
    }

    #[rstest]
    fn what_is_not_a_number_is_refused(
        #[values(
            b"0000648\0",
            b"-000644\0",
            b"+000644\0",
            b"0x00644\0",
            b"644 644\0",
            b"644\0x\0\0\0",
            b"\0\0\0\0\0\0\x001",
            b"\x81\0\0\0\0\0\0\0",
            b"\xfe\0\0\0\0\0\0\0"
        )]
        field: &[u8],
    ) {
        signed(field).expect_err("no number");
    }

    #[rstest]
    fn what_does_not_fit_is_refused(
        #[values(
            b"\x80\0\0\0\x80\0\0\0\0\0\0\0",
            b"\x80\0\0\x01\0\0\0\0\0\0\0\0",
            b"\xff\xff\xff\xff\x7f\0\0\0\0\0\0\0"
        )]
        field: &[u8],
    ) {
        signed(field).expect_err("too large");
    }
}
