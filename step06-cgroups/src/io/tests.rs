//! What is written for which flags in both dialects, and what is read.

use rstest::rstest;
use step05::Explain;

use super::*;
use crate::{
    files::fake::Fake,
    limits::tests::{asked, numbers},
};

#[rstest]
#[case(bytes, "/dev/a:1", Some(1))]
#[case(bytes, "/dev/a:10m", Some(10 << 20))]
#[case(bytes, "/dev/a:max", None)]
#[case(operations, "/dev/a:1", Some(1))]
#[case(operations, "/dev/a:4294967294", Some(4_294_967_294))]
#[case(operations, "/dev/a:max", None)]
fn rates(#[case] parse: fn(&str) -> Result<Rate>, #[case] text: &str, #[case] value: Option<u64>) {
    assert_eq!(parse(text).expect(text), OnDisk { device: "/dev/a".into(), value });
}

#[rstest]
fn no_rates(
    #[values(bytes, operations)] parse: fn(&str) -> Result<Rate>,
    #[values(
        "",
        "10m",
        "/dev/a",
        "/dev/a:",
        "/dev/a:0",
        "/dev/a:-1",
        "/dev/a:+1",
        "/dev/a:1.5",
        "/dev/a:1e3",
        "/dev/a:18446744073709551616",
        "/dev/a:MAX",
        "a:1",
        "/dev/a:1 "
    )]
    text: &str,
) {
    let error = parse(text).expect_err(text).to_string();
    assert!(error.starts_with("expected "), "{error}");
}

#[rstest]
fn no_operations(#[values("/dev/a:1k", "/dev/a:4294967295")] text: &str) {
    let error = operations(text).expect_err(text).to_string();
    assert_eq!(error, "expected 1 to 4294967294, or max for no limit");
}

/// Files as the kernel has them, and what is in them when 300 was asked for.
#[rstest]
#[case(Version::V1, &["blkio.bfq.weight"])]
#[case(Version::V1, &["blkio.weight"])]
#[case(Version::V2, &["io.bfq.weight"])]
#[case(Version::V2, &["io.bfq.weight", "io.weight"])]
fn weights_are_written(#[case] version: Version, #[case] names: &[&str]) {
    let files: Vec<_> = names.iter().map(|name| (*name, "---")).collect();
    let fake = Fake::new(version, &files);
    let io = Io { blkio_weight: Some(Weight(300)), ..Io::default() };
    io.limit(&Explain::new(false), &fake.0).expect("writing the weight");
    let expected: Vec<_> = names.iter().map(|name| (name.to_string(), "300".into())).collect();
    assert_eq!(fake.contents(), expected);
}

const OF_THROTTLE: &str = "7:0 Read 4096\n7:0 Write 512\n7:0 Total 4608\nTotal 4608\n";
const OF_BFQ: &str = "7:0 Read 1024\n7:0 Write 512\n8:0 Read 8192\n8:0 Write 0\nTotal 9728\n";
const OF_V2: &str = "7:0 rbytes=4096 wbytes=512 rios=2 wios=1 dbytes=0 dios=0\n8:0 \n\
                     8:16 rbytes=8192 wbytes=0 rios=1 wios=0 dbytes=0 dios=0\n";

#[rstest]
#[case(Version::V1, &[
    ("blkio.throttle.io_service_bytes_recursive", OF_THROTTLE),
    ("blkio.bfq.io_service_bytes_recursive", OF_BFQ),
    ("blkio.throttle.io_serviced_recursive", "7:0 Read 2\n7:0 Write 1\nTotal 3\n"),
], "read=12 KiB written=512 B reads=2 writes=1")]
#[case(Version::V1, &[("blkio.throttle.io_service_bytes_recursive", "Total 0\n")], "")]
#[case(Version::V2, &[("io.stat", OF_V2)], "read=12 KiB written=512 B reads=3 writes=1")]
#[case(Version::V2, &[("io.stat", "")], "read=0 B written=0 B reads=0 writes=0")]
fn counts(#[case] version: Version, #[case] files: &[(&str, &str)], #[case] expected: &str) {
    let fake = Fake::new(version, files);
    let usage = Io::default().usage(&fake.0).expect("reading the usage");
    let shown: Vec<_> = usage.iter().map(|one| format!("{}={}", one.what, one.value)).collect();
    assert_eq!(shown.join(" "), expected);
}

#[rstest]
#[case("10", 10)]
#[case("1000", 1000)]
fn weights(#[case] text: &str, #[case] weight: u16) {
    assert_eq!(text.parse::<Weight>().expect(text), Weight(weight));
}

#[rstest]
fn no_weights(#[values("", "0", "9", "1001", "-10", "+10", "10.0", "default")] text: &str) {
    let error = text.parse::<Weight>().expect_err(text).to_string();
    assert_eq!(error, "expected 10 to 1000");
}

#[rstest]
#[case("--blkio-weight 200", "IOWeight=200")]
#[case("--blkio-weight-device /dev/a:200", "")]
fn of_a_scope(#[case] flags: &str, #[case] expected: &str) {
    assert_eq!(numbers(asked(flags).io.properties(None)), expected);
}
