//! What is sent to the kernel and what comes back, byte by byte; and what is refused.

use super::*;

fn thin() -> Target {
    Target { start: 0, length: 2048, kind: "thin".into(), words: "253:0 7".into() }
}

/// As the kernel answers: the sizes say what is there.
fn answered(mut packet: Packet, count: u32, answer: &[u8]) -> Packet {
    packet.0.truncate(HEADER);
    packet.0.extend(answer);
    packet.put(at::TARGET_COUNT, &count.to_ne_bytes());
    packet.with_room(0).expect("it fits")
}

#[test]
fn a_table_stands_where_the_kernel_reads_it() {
    let packet = Packet::new("name", 5).and_then(|packet| packet.uuid("LAYERS-1"));
    let packet = packet.and_then(|packet| packet.table(&thin())).expect("it fits");
    let mut packet = packet.with_room(0).expect("it fits");
    assert_eq!(packet.bytes().len(), 312 + 40 + 8); // "253:0 7" and a zero
    assert_eq!((packet.version(), packet.flags()), ([4, 0, 0], 5));
    assert_eq!(packet.number(at::DATA_SIZE), 360);
    assert_eq!(&packet.0[48..53], b"name\0");
    assert_eq!(&packet.0[176..185], b"LAYERS-1\0");
    assert_eq!(&packet.0[312 + 8..312 + 16], &2048u64.to_ne_bytes());
    assert_eq!(&packet.0[312 + 20..312 + 24], &48u32.to_ne_bytes());
    assert_eq!(&packet.0[312 + 24..312 + 29], b"thin\0");
    assert_eq!(&packet.0[352..], b"253:0 7\0");
    assert_eq!(packet.targets().expect("one"), [thin()]);
}

#[test]
fn the_next_target_of_an_answer_is_counted_from_the_first() {
    let question = |target: &Target| {
        let packet = Packet::new("", 0).and_then(|packet| packet.table(target));
        packet.expect("it fits").0.split_off(HEADER)
    };
    let second = Target { start: 2048, words: "253:0 8".into(), ..thin() };
    let third = Target { start: 4096, words: "253:0 9".into(), ..thin() };
    let mut bytes = [&thin(), &second, &third].map(question);
    bytes[1][20..24].copy_from_slice(&96u32.to_ne_bytes());
    let packet = answered(Packet::new("", 0).expect("it fits"), 3, &bytes.concat());
    assert_eq!(packet.targets().expect("three"), [thin(), second, third]);
}

#[test]
fn a_list_of_devices() {
    let entry = |device: u64, next: u32, name: &[u8]| {
        [&device.to_ne_bytes()[..], &next.to_ne_bytes(), name].concat()
    };
    let names = |answer: &[u8]| answered(Packet::new("", 0).expect("it fits"), 0, answer).names();
    let two = [entry(1, 24, b"pool\0\0\0\0\0\0\0\0"), entry(2, 0, b"b\0")].concat();
    assert_eq!(names(&two).expect("two"), ["pool", "b"]);
    assert_eq!(names(&entry(0, 0, b"")).expect("none"), Vec::<String>::new());
    assert_eq!(names(b"").expect("none"), Vec::<String>::new());
}

#[test]
fn an_answer_that_makes_no_sense_is_refused() {
    let packet = || Packet::new("", 0).expect("it fits");
    answered(packet(), 1, &[0; 39]).targets().expect_err("half a target");
    answered(packet(), 1, &[[1; 40]].concat()).targets().expect_err("a kind without an end");
    answered(packet(), 2, &[0xff; 40]).targets().expect_err("an offset beyond the end");
    answered(packet(), 0, &[0xff; 20]).names().expect_err("a name without an end");
    let mut lying = answered(packet(), 1, &[0; 48]);
    lying.put(at::DATA_SIZE, &4096u32.to_ne_bytes());
    lying.targets().expect_err("an answer beyond its end");
    lying.put(at::DATA_START, &8192u32.to_ne_bytes());
    lying.targets().expect_err("an answer that ends before it begins");
}

#[test]
fn a_question_that_does_not_fit_is_refused() {
    Packet::new(&"n".repeat(127), 0).expect("127 bytes and a zero");
    Packet::new(&"n".repeat(128), 0).expect_err("128 bytes and a zero");
    Packet::new("a\0b", 0).expect_err("two names");
    let packet = || Packet::new("name", 0).expect("it fits");
    packet().uuid(&"u".repeat(128)).expect("128 bytes and a zero");
    packet().uuid(&"u".repeat(129)).expect_err("129 bytes and a zero");
    packet().table(&Target { kind: "k".repeat(16), ..thin() }).expect_err("no such kind");
}
