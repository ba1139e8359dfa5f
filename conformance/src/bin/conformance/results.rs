//! What a test program says: the format of Rust's test harness, and of libtest-mimic.

use serde::{Deserialize, Serialize};

/// How a test went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    /// It ran, and found nothing wrong.
    Passed,
    /// It ran, and says what it found.
    Failed(String),
    /// It could not run here: why.
    NotRun(String),
}

/// The verdict of a line `test NAME ... ok`; `None` for any other line. What a failed test found
/// stands elsewhere.
pub fn line(line: &str) -> Option<(String, Verdict)> {
    let line = without_colours(line);
    let (name, verdict) = line.strip_prefix("test ")?.split_once(" ... ")?;
    let name = name.trim().trim_end_matches(" - should panic").to_string();
    let verdict = verdict.trim();
    if let Some(reason) = verdict.strip_prefix("ignored") {
        let reason = reason.trim_matches([',', ' ', '(', ')']);
        return Some((name, Verdict::NotRun(reason.to_string())));
    }
    match verdict {
        "ok" => Some((name, Verdict::Passed)),
        "FAILED" => Some((name, Verdict::Failed(String::new()))),
        _ => None,
    }
}

/// All verdicts in what a program printed, those of failed tests with what they found.
pub fn all(output: &str) -> Vec<(String, Verdict)> {
    let mut all = Vec::new();
    for text in output.lines() {
        all.extend(line(text));
    }
    // A test may have printed in the midst of its own line: its name stands among the failures.
    for (name, found) in failures(output) {
        match all.iter_mut().find(|(known, _)| *known == name) {
            Some((_, verdict)) => *verdict = Verdict::Failed(found),
            None => all.push((name, Verdict::Failed(found))),
        }
    }
    all
}

/// The sections `---- NAME ----` and what stands in them.
fn failures(output: &str) -> Vec<(String, String)> {
    let mut failures: Vec<(String, String)> = Vec::new();
    for line in output.lines().map(without_colours) {
        let heading = line.strip_prefix("---- ").and_then(|rest| rest.strip_suffix(" ----"));
        match (heading, failures.last_mut()) {
            (Some(name), _) => {
                let name = name.trim_end_matches(" stdout").to_string();
                failures.push((name, String::new()));
            }
            (None, _) if line == "failures:" || line.starts_with("test result:") => {
                failures.retain(|(_, text)| !text.is_empty());
                if !failures.is_empty() {
                    break;
                }
            }
            (None, Some((_, text))) => {
                text.push_str(&line);
                text.push('\n');
            }
            (None, None) => {}
        }
    }
    failures.iter_mut().for_each(|(_, text)| *text = text.trim().to_string());
    failures
}

/// Without the escape sequences that terminals take for colours.
fn without_colours(line: &str) -> String {
    let mut plain = String::new();
    let mut rest = line.trim_end_matches('\r');
    while let Some((before, after)) = rest.split_once("\x1b[") {
        plain.push_str(before);
        rest = after.split_once('m').map_or("", |(_, after)| after);
    }
    plain + rest
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn verdicts_are_read_from_lines() {
        let passed = |name: &str| Some((name.to_string(), Verdict::Passed));
        assert_eq!(line("test pid_is_one   ... ok"), passed("pid_is_one"));
        assert_eq!(line("test a::b ... \x1b[32mok\x1b[0m\r"), passed("a::b"));
        let not_run = Some(("oom".into(), Verdict::NotRun("needs real root".into())));
        assert_eq!(line("test oom ... ignored, needs real root"), not_run);
        assert_eq!(line("test result: ok. 3 passed; 0 failed"), None);
        assert_eq!(line("running 3 tests"), None);
    }

    #[test]
    fn failures_are_told_with_what_they_found() {
        let output = "running 2 tests\ntest a ... ok\ntest b ... noise\nFAILED\n\nfailures:\n\n\
                      ---- b ----\nexpected 1\nsaw 2\n\n\nfailures:\n    b\n\ntest result: FAILED.";
        let failed = Verdict::Failed("expected 1\nsaw 2".into());
        assert_eq!(all(output), [("a".into(), Verdict::Passed), ("b".into(), failed)]);
    }
}
