//! What differs from one run to the next, and from one machine to another, and is no difference.
//!
//! Numbers from 256 on (of processes, of namespaces, sizes; exit codes are below), ids of twelve
//! hexadecimal digits (of containers), numbers of interfaces (`@if5`), and the kernel's release:
//! each is replaced by a name for it, `<1>`, `<2>`. So what is the same in two places of a session
//! must be the same in both again, and what differs must differ. Also how many seconds have passed,
//! and how many spaces there are between two words.

use std::collections::HashMap;

/// A session's outputs, in order, in the form in which they are compared.
pub fn normal<'a>(outputs: impl IntoIterator<Item = &'a str>) -> Vec<String> {
    let mut names = Names::default();
    outputs.into_iter().map(|text| names.replace(&single_spaced(&tidy(text)))).collect()
}

/// Without what a shell that reads a script adds: the number of the line.
pub fn tidy(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let line = line.trim_end();
        let message = line.strip_prefix("bash: line ").and_then(|rest| rest.split_once(": "));
        message.map_or(line.to_string(), |(_, message)| format!("bash: {message}"))
    });
    lines.collect::<Vec<_>>().join("\n").trim_end().to_string()
}

fn single_spaced(text: &str) -> String {
    let lines = text.lines().map(|line| {
        let mut words: Vec<_> = line.split_whitespace().collect();
        for at in 1..words.len() {
            if words[at].starts_with("second") && words[at - 1].parse::<u32>().is_ok() {
                (words[at - 1], words[at]) = ("some", "seconds");
            }
        }
        words.join(" ")
    });
    lines.collect::<Vec<_>>().join("\n")
}

#[derive(Default)]
struct Names(HashMap<String, usize>);

impl Names {
    fn replace(&mut self, text: &str) -> String {
        let word = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '-';
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let length = rest.find(|c| !word(c)).unwrap_or(rest.len());
            let (token, after) = rest.split_at(length);
            out += &self.word(token);
            let next = after.find(word).unwrap_or(after.len());
            out += &after[..next];
            rest = &after[next..];
        }
        out
    }

    /// A word of letters, digits, dots and dashes.
    fn word(&mut self, word: &str) -> String {
        if is_release(word) || is_interface(word) {
            return self.name(word);
        }
        // Ids and numbers may be parts of a word: `memory-0123456789ab`, `10.88.0.2`.
        let part = |text: &str| match text {
            text if is_id(text) => self.name(text),
            text => self.numbers(text),
        };
        let mut part = part;
        word.split_inclusive(['.', '-'])
            .map(|piece| {
                let end = piece.strip_suffix(['.', '-']).map_or("", |_| &piece[piece.len() - 1..]);
                part(&piece[..piece.len() - end.len()]) + end
            })
            .collect()
    }

    fn numbers(&mut self, text: &str) -> String {
        let mut out = String::new();
        let mut rest = text;
        while !rest.is_empty() {
            let digits = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
            let (number, after) = rest.split_at(digits);
            let exact = number.parse().is_ok_and(|number: u64| number < 256);
            out += &if exact || digits == 0 { number.to_string() } else { self.name(number) };
            let next = after.find(|c: char| c.is_ascii_digit()).unwrap_or(after.len());
            out += &after[..next];
            rest = &after[next..];
        }
        out
    }

    fn name(&mut self, value: &str) -> String {
        let next = self.0.len() + 1;
        format!("<{}>", self.0.entry(value.to_string()).or_insert(next))
    }
}

/// As in `6.1.0-40-amd64`.
fn is_release(word: &str) -> bool {
    let Some((version, _)) = word.split_once('-') else { return false };
    let numbers: Vec<_> = version.split('.').collect();
    numbers.len() == 3
        && numbers.iter().all(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_interface(word: &str) -> bool {
    word.strip_prefix("if").is_some_and(|n| !n.is_empty() && n.bytes().all(|b| b.is_ascii_digit()))
}

fn is_id(text: &str) -> bool {
    let hex = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
    text.len() == 12 && text.bytes().all(hex)
}
