//! All results: tests by kernel. For people as text and Markdown, for programs as JSON and JUnit.

use std::{collections::BTreeMap, fmt, fs, path::Path};

use anyhow::{Context, Result};
use serde_json::json;

use crate::results::Verdict;

/// Which test went how on which kernel.
#[derive(Default)]
pub struct Table {
    /// In the order in which they ran.
    kernels: Vec<String>,
    /// Program and test, and for each kernel the verdict.
    tests: BTreeMap<(String, String), BTreeMap<String, Verdict>>,
    /// Kernels that could not run, and why.
    absent: Vec<(String, String)>,
    /// What else is to be known of the run.
    notes: Vec<String>,
}

impl Table {
    /// Enters what a program found on a kernel.
    pub fn add(&mut self, kernel: &str, program: &str, verdicts: Vec<(String, Verdict)>) {
        if !self.kernels.iter().any(|known| known == kernel) {
            self.kernels.push(kernel.to_string());
        }
        for (test, verdict) in verdicts {
            let by_kernel = self.tests.entry((program.to_string(), test)).or_default();
            by_kernel.insert(kernel.to_string(), verdict);
        }
    }

    /// Enters that a kernel could not be run at all.
    pub fn lacks(&mut self, kernel: &str, why: String) {
        self.absent.push((kernel.to_string(), why));
    }

    /// Enters what is no result of a test, and yet to be known.
    pub fn note(&mut self, note: String) {
        self.notes.push(note);
    }

    /// A line for each kernel that could not be run.
    pub fn left_out(&self) -> String {
        let line = |(kernel, why): &(String, String)| format!("left out: {kernel}: {why}\n");
        self.absent.iter().map(line).collect()
    }

    /// Whether no test failed anywhere.
    pub fn passed(&self) -> bool {
        self.count(|verdict| matches!(verdict, Verdict::Failed(_))) == 0
    }

    /// Whether every test ran somewhere.
    pub fn complete(&self) -> bool {
        self.ran_nowhere().is_empty()
    }

    /// Whether something is known of a program on some kernel.
    pub fn knows(&self, program: &str) -> bool {
        self.tests.keys().any(|(one, _)| one == program)
    }

    /// The tests of a program that have run on no kernel yet.
    pub fn missing(&self, program: &str) -> Vec<String> {
        let missing = self.ran_nowhere();
        let of_this = missing.into_iter().filter(|(one, _, _)| *one == program);
        of_this.map(|(_, test, _)| test.to_string()).collect()
    }

    /// Program, test, reasons.
    fn ran_nowhere(&self) -> Vec<(&str, &str, String)> {
        let mut nowhere = Vec::new();
        for ((program, test), by_kernel) in &self.tests {
            if by_kernel.values().all(|verdict| matches!(verdict, Verdict::NotRun(_))) {
                let reasons: Vec<_> = by_kernel
                    .iter()
                    .map(|(kernel, verdict)| match verdict {
                        Verdict::NotRun(why) => format!("{kernel}: {why}"),
                        _ => String::new(),
                    })
                    .collect();
                nowhere.push((program.as_str(), test.as_str(), reasons.join("; ")));
            }
        }
        nowhere
    }

    /// A line for each test that did not pass in every column: how it went in each.
    pub fn differences(&self) -> String {
        let word = |verdict: Option<&Verdict>| match verdict {
            Some(Verdict::Passed) => "passed",
            Some(Verdict::Failed(_)) => "FAILED",
            Some(Verdict::NotRun(_)) | None => "-",
        };
        let mut text = String::new();
        for ((_, test), by_kernel) in &self.tests {
            let words: Vec<_> = self.kernels.iter().map(|one| word(by_kernel.get(one))).collect();
            if words.contains(&"FAILED") {
                text += &format!("{test:<60}  {}\n", words.join("  "));
            }
        }
        text
    }

    fn count(&self, is: impl Fn(&Verdict) -> bool) -> usize {
        self.tests.values().flat_map(BTreeMap::values).filter(|verdict| is(verdict)).count()
    }

    /// A row a program: for each kernel how many of its tests passed, failed, did not run.
    fn rows(&self) -> Vec<(&str, Vec<String>)> {
        let mut programs: Vec<&str> = self.tests.keys().map(|(program, _)| &program[..]).collect();
        programs.dedup();
        let row = |program: &str| {
            let cell = |kernel: &String| {
                let of_this = self.tests.iter().filter(|((one, _), _)| one == program);
                let verdicts: Vec<_> = of_this.filter_map(|(_, by)| by.get(kernel)).collect();
                cell(&verdicts)
            };
            self.kernels.iter().map(cell).collect()
        };
        programs.into_iter().map(|program| (program, row(program))).collect()
    }

    /// Writes `results.md`, `results.json` and `results.xml` into `dir`.
    pub fn write(&self, dir: &Path) -> Result<()> {
        let write = || {
            fs::create_dir_all(dir)?;
            fs::write(dir.join("results.md"), self.markdown())?;
            fs::write(dir.join("results.json"), format!("{:#}\n", self.json()))?;
            fs::write(dir.join("results.xml"), self.junit())
        };
        write().with_context(|| format!("writing the results to {}", dir.display()))
    }

    fn markdown(&self) -> String {
        let mut text = format!("| program | {} |\n", self.kernels.join(" | "));
        text += &format!("| --- |{}\n", " --- |".repeat(self.kernels.len()));
        for (program, cells) in self.rows() {
            text += &format!("| {program} | {} |\n", cells.join(" | "));
        }
        text += &self.exceptions();
        for (program, test, why) in self.ran_nowhere() {
            text += &format!("\n- `{program}` `{test}` ran on no kernel: {why}");
        }
        for (kernel, why) in &self.absent {
            text += &format!("\n- {kernel} was left out: {why}");
        }
        for note in &self.notes {
            text += &format!("\n- {}", note.replace('\n', "\n  "));
        }
        text + "\n"
    }

    /// A row a test that did not pass wherever it was tried: how it went on each kernel.
    fn exceptions(&self) -> String {
        let mut text = format!("\n| test | {} |\n", self.kernels.join(" | "));
        text += &format!("| --- |{}\n", " --- |".repeat(self.kernels.len()));
        let passed = |verdict: &Verdict| matches!(verdict, Verdict::Passed);
        for ((program, test), by_kernel) in &self.tests {
            if by_kernel.values().all(passed) {
                continue;
            }
            let cell = |kernel: &String| match by_kernel.get(kernel) {
                None => "",
                Some(Verdict::Passed) => "passed",
                Some(Verdict::Failed(_)) => "**failed**",
                Some(Verdict::NotRun(why)) => why,
            };
            let cells: Vec<_> =
                self.kernels.iter().map(|one| cell(one).replace('|', "/")).collect();
            text += &format!("| {program}: `{test}` | {} |\n", cells.join(" | "));
        }
        text
    }

    fn json(&self) -> serde_json::Value {
        let tests: Vec<_> = self
            .tests
            .iter()
            .map(|((program, test), by_kernel)| {
                json!({"program": program, "test": test, "kernels": by_kernel})
            })
            .collect();
        json!({"kernels": self.kernels, "absent": self.absent, "notes": self.notes, "tests": tests})
    }

    /// As Jenkins and others read it: a suite a kernel, a case a test.
    fn junit(&self) -> String {
        let mut text = String::from("<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>\n");
        for kernel in &self.kernels {
            text += &format!("<testsuite name=\"{}\">\n", escape(kernel));
            for ((program, test), by_kernel) in &self.tests {
                let Some(verdict) = by_kernel.get(kernel) else { continue };
                let inside = match verdict {
                    Verdict::Passed => String::new(),
                    Verdict::Failed(found) => format!("<failure>{}</failure>", escape(found)),
                    Verdict::NotRun(why) => format!("<skipped message=\"{}\"/>", escape(why)),
                };
                let (program, test) = (escape(program), escape(test));
                text += &format!(
                    "<testcase classname=\"{program}\" name=\"{test}\">{inside}</testcase>\n"
                );
            }
            text += "</testsuite>\n";
        }
        text + "</testsuites>\n"
    }
}

/// `12`, or `12, 1 failed, 3 not run`; nothing where nothing was tried.
fn cell(verdicts: &[&Verdict]) -> String {
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|verdict| is(verdict)).count();
    let mut cell = vec![count(|verdict| matches!(verdict, Verdict::Passed)).to_string()];
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let not_run = count(|verdict| matches!(verdict, Verdict::NotRun(_)));
    cell.extend((failed > 0).then(|| format!("{failed} failed")));
    cell.extend((not_run > 0).then(|| format!("{not_run} not run")));
    if verdicts.is_empty() { String::new() } else { cell.join(", ") }
}

fn escape(text: &str) -> String {
    let clean = text.chars().filter(|c| !c.is_control() || *c == '\n');
    let escaped = clean.map(|c| match c {
        '&' => "&amp;".into(),
        '<' => "&lt;".into(),
        '>' => "&gt;".into(),
        '"' => "&quot;".into(),
        c => c.to_string(),
    });
    escaped.collect()
}

/// The table for a terminal, what ran nowhere, and a closing line of all verdicts.
impl fmt::Display for Table {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        let rows = self.rows();
        let width = |column: usize| {
            let cells = rows.iter().map(|(_, cells)| cells[column].len());
            cells.chain([self.kernels[column].len()]).max().unwrap_or(0)
        };
        let widths: Vec<_> = (0..self.kernels.len()).map(width).collect();
        let line = |first: &str, cells: &[String]| {
            let cells = cells.iter().zip(&widths).map(|(cell, width)| format!("  {cell:<width$}"));
            format!("{first:<28}{}", cells.collect::<String>())
        };
        writeln!(f, "{}", line("", &self.kernels).trim_end())?;
        for (program, cells) in &rows {
            writeln!(f, "{}", line(program, cells).trim_end())?;
        }
        f.write_str(&self.left_out())?;
        self.notes.iter().try_for_each(|note| writeln!(f, "{note}"))?;
        let nowhere = self.ran_nowhere();
        for (program, test, why) in &nowhere {
            writeln!(f, "ran on no kernel: {program} {test}: {why}")?;
        }
        let passed = self.count(|verdict| matches!(verdict, Verdict::Passed));
        let failed = self.count(|verdict| matches!(verdict, Verdict::Failed(_)));
        write!(f, "{passed} passed, {failed} failed, {} skipped", nowhere.len())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ran_nowhere_is_told_and_what_ran_somewhere_is_not() {
        let mut table = Table::default();
        let not_run = |why: &str| Verdict::NotRun(why.into());
        table.add(
            "host",
            "p",
            vec![("a".into(), not_run("no v2")), ("b".into(), not_run("no zfs"))],
        );
        assert_eq!(table.missing("p"), ["a", "b"]);
        table.add("uml", "p", vec![("a".into(), Verdict::Passed)]);
        assert_eq!(table.missing("p"), ["b"]);
        assert!(table.passed() && !table.complete());
        table.add("qemu", "p", vec![("b".into(), Verdict::Failed("x < y".into()))]);
        assert!(!table.passed() && table.complete());
        assert!(table.markdown().contains("\n| p: `a` | no v2 | passed |  |\n"));
        assert!(table.junit().contains("<failure>x &lt; y</failure>"));
        assert!(table.to_string().ends_with("1 passed, 1 failed, 0 skipped"));
        assert_eq!(table.differences(), format!("{:<60}  -  -  FAILED\n", "b"));
    }
}
