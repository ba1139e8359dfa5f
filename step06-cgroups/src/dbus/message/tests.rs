//! Against what systemd 252 and its own tools have said to each other, on a little-endian machine.

use rstest::rstest;

use super::*;

/// `systemctl stop nope.scope`, but for the flag that lets it ask for a password.
const STOP: &[u8] = b"l\x01\0\x01\x1c\0\0\0\x01\0\0\0\xa0\0\0\0\
    \x01\x01o\0\x19\0\0\0/org/freedesktop/systemd1\0\0\0\0\0\0\0\
    \x03\x01s\0\x08\0\0\0StopUnit\0\0\0\0\0\0\0\0\
    \x02\x01s\0\x20\0\0\0org.freedesktop.systemd1.Manager\0\0\0\0\0\0\0\0\
    \x06\x01s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0\
    \x08\x01g\0\x02ss\0\
    \x0a\0\0\0nope.scope\0\0\x07\0\0\0replace\0";

/// The answer.
pub const UNKNOWN: &[u8] = b"l\x03\x01\x01\x20\0\0\0\x01\0\0\0\x67\0\0\0\
    \x05\x01u\0\x01\0\0\0\
    \x04\x01s\0\x23\0\0\0org.freedesktop.systemd1.NoSuchUnit\0\0\0\0\0\
    \x07\x01s\0\x18\0\0\0org.freedesktop.systemd1\0\0\0\0\0\0\0\0\
    \x08\x01g\0\x01s\0\0\
    \x1b\0\0\0Unit nope.scope not loaded.\0";

/// An answer with nothing in it.
const DONE: &[u8] = b"l\x02\x01\x01\0\0\0\0\x07\0\0\0\x08\0\0\0\x05\x01u\0\x01\0\0\0";

#[test]
fn a_call_is_what_systemctl_sends() {
    let mut body = Writer::default();
    body.string("nope.scope");
    body.string("replace");
    let call = Call {
        destination: "org.freedesktop.systemd1",
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.systemd1.Manager",
        member: "StopUnit",
        signature: "ss",
        body: body.into_bytes(),
    };
    assert_eq!(call.to_bytes(1).escape_ascii().to_string(), STOP.escape_ascii().to_string());
}

#[test]
fn an_answer_is_read() {
    let answer = Message::parse(UNKNOWN).expect("it is an error");
    assert_eq!((answer.kind, answer.reply_to), (Kind::Error, Some(1)));
    assert_eq!(answer.error.as_deref(), Some("org.freedesktop.systemd1.NoSuchUnit"));
    assert_eq!(answer.text().expect("it has a text"), "Unit nope.scope not loaded.");
    let done = Message::parse(DONE).expect("it is a return");
    assert_eq!((done.kind, done.reply_to), (Kind::Return, Some(1)));
    assert!(done.text().is_err(), "it brings nothing");
    assert_eq!(Message::parse(STOP).expect("it is a call").kind, Kind::Call);
}

#[test]
fn a_part_is_no_message() {
    for whole in [STOP, UNKNOWN, DONE] {
        for end in 0..whole.len() {
            assert!(Message::parse(&whole[..end]).is_err(), "the first {end} bytes");
        }
        assert!(Message::parse(&[whole, b"\0"].concat()).is_err(), "one byte more");
    }
}

/// Whatever comes, it is a message or an error, and soon.
#[test]
fn any_byte_may_be_any_other() {
    for whole in [STOP, UNKNOWN, DONE] {
        for at in 0..whole.len() {
            for byte in 0..=255 {
                let mut bytes = whole.to_vec();
                bytes[at] = byte;
                if let Ok(message) = Message::parse(&bytes) {
                    let _ = message.text();
                }
            }
        }
    }
}

/// The byte at this place changed makes it wrong.
#[rstest]
#[case::order(UNKNOWN, 0, b'B', "order of bytes")]
#[case::kind(UNKNOWN, 1, 5, "unknown kind (5)")]
#[case::no_kind(UNKNOWN, 1, 0, "unknown kind (0)")]
#[case::version(UNKNOWN, 3, 2, "version of D-Bus (2)")]
#[case::body(UNKNOWN, 4, 0x21, "another length")]
#[case::long_body(UNKNOWN, 7, 1, "too long")]
#[case::serial(UNKNOWN, 8, 0, "no serial number")]
#[case::long_fields(UNKNOWN, 15, 1, "too long")]
#[case::type_of_an_error(DONE, 16, 4, "field 4 is of type \"u\"")]
#[case::type_of_a_field(UNKNOWN, 18, b'x', "of type \"x\"")]
#[case::what_it_answers(DONE, 16, 42, "does not say to what")]
#[case::which_error(UNKNOWN, 24, 42, "does not say which")]
#[case::length_of_a_string(UNKNOWN, 28, 0x24, "does not end with its zero")]
#[case::length_of_the_fields(UNKNOWN, 12, 0x66, "longer than they say")]
fn one_byte_makes_it_wrong(
    #[case] whole: &[u8],
    #[case] at: usize,
    #[case] byte: u8,
    #[case] why: &str,
) {
    let mut bytes = whole.to_vec();
    bytes[at] = byte;
    let error = format!("{:#}", Message::parse(&bytes).expect_err("it is wrong"));
    assert!(error.contains(why), "{error}");
}
