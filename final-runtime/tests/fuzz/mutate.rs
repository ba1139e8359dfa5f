//! Inputs that are made of others by small changes, the same ones each time: what a fuzzer does first.

/// Numbers that look random: xorshift.
pub struct Numerals(u64);

impl Numerals {
    /// Another beginning, other numbers.
    pub fn new(seed: u64) -> Self {
        Self(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }

    fn pick<'a, T: ?Sized>(&mut self, all: &[&'a T]) -> &'a T {
        all[self.below(all.len())]
    }
}

/// What numbers and words of text become: the borders of types, and what has a meaning elsewhere.
const WORDS: [&str; 20] = [
    "0",
    "1",
    "-1",
    "127",
    "65535",
    "65536",
    "2147483647",
    "2147483648",
    "4294967295",
    "4294967296",
    "9223372036854775807",
    "18446744073709551615",
    "18446744073709551616",
    "1e400",
    "null",
    "true",
    "\"\"",
    "\"..\"",
    "[]",
    "{}",
];

const BYTES: [u8; 8] = [0, 1, 0x7f, 0x80, 0xff, b'"', b'/', b'}'];

/// One to four changes to `input`; `other` is another input, of which a piece may be taken.
pub fn mutate(input: &[u8], other: &[u8], random: &mut Numerals) -> Vec<u8> {
    let mut bytes = input.to_vec();
    for _ in 0..=random.below(4) {
        change(&mut bytes, other, random);
    }
    bytes
}

fn change(bytes: &mut Vec<u8>, other: &[u8], random: &mut Numerals) {
    let at = random.below(bytes.len());
    let end = bytes.len().min(at + 1 + random.below(64));
    match random.below(8) {
        _ if bytes.is_empty() => bytes.extend(other),
        0 => bytes[at] ^= 1 << random.below(8),
        1 => bytes[at] = BYTES[random.below(BYTES.len())],
        2 => drop(bytes.drain(at..end)),
        3 => bytes.truncate(at),
        4 => {
            let again = bytes[at..end].to_vec();
            bytes.splice(at..at, again);
        }
        5 => {
            let from = random.below(other.len());
            let to = other.len().min(from + random.below(128));
            bytes.splice(at..at, other[from..to].iter().copied());
        }
        _ => replace_a_word(bytes, at, random),
    }
}

/// The number, or the text in quotes, that begins at `at` or behind it.
fn replace_a_word(bytes: &mut Vec<u8>, at: usize, random: &mut Numerals) {
    let begins = |byte: &u8| byte.is_ascii_digit() || *byte == b'"';
    let Some(start) = bytes[at..].iter().position(begins).map(|first| at + first) else { return };
    let text = bytes[start] == b'"';
    let inside = |byte: &u8| if text { *byte != b'"' } else { byte.is_ascii_digit() };
    let length = bytes[start + 1..].iter().take_while(|byte| inside(byte)).count() + 1;
    let end = (start + length + usize::from(text)).min(bytes.len());
    bytes.splice(start..end, random.pick(&WORDS).bytes());
}
