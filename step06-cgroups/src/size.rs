//! How many bytes: `67108864`, `64m`, `1g`.

use anyhow::{Context, Result, ensure};

/// The number of bytes, which the kernel counts in a signed number.
pub fn size(text: &str) -> Result<u64> {
    const EXPECTED: &str = "expected bytes, or a number with k, m, g or t as in 64m";
    let digits = text.trim_end_matches(|c: char| c.is_ascii_alphabetic());
    let unit = ["", "k", "m", "g", "t"].iter().position(|unit| {
        let shown = &text[digits.len()..];
        shown.eq_ignore_ascii_case(unit) || unit.is_empty() && shown.eq_ignore_ascii_case("b")
    });
    let unit = unit.context(EXPECTED)?;
    ensure!(!digits.is_empty() && digits.bytes().all(|byte| byte.is_ascii_digit()), EXPECTED);
    let number = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(1 << (10 * unit)));
    number
        .filter(|number| *number <= i64::MAX.cast_unsigned())
        .context("expected less than 2^63 bytes")
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("0", 0)]
    #[case("67108864", 64 << 20)]
    #[case("1048576b", 1 << 20)]
    #[case("1B", 1)]
    #[case("512k", 512 << 10)]
    #[case("64m", 64 << 20)]
    #[case("64M", 64 << 20)]
    #[case("1g", 1 << 30)]
    #[case("2T", 2 << 40)]
    #[case("0064m", 64 << 20)]
    #[case("9223372036854775807", i64::MAX.cast_unsigned())]
    fn sizes(#[case] text: &str, #[case] bytes: u64) {
        assert_eq!(size(text).expect(text), bytes);
    }

    #[rstest]
    fn no_sizes(
        #[values(
            "",
            " ",
            "m",
            "-1",
            "-1m",
            "+64m",
            "64 m",
            "64mb",
            "64MiB",
            "1.5g",
            "1e9",
            "0x10",
            "64p",
            "max",
            "unlimited",
            "½m",
            "9223372036854775808",
            "18446744073709551616",
            "8388608t",
            "99999999999999999999g"
        )]
        text: &str,
    ) {
        let error = size(text).expect_err(text).to_string();
        assert!(error.starts_with("expected "), "{error}");
    }
}
