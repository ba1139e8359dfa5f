//! How a program ended, and what it said.

use std::{
    fmt,
    os::unix::process::ExitStatusExt,
    process::{ExitStatus, Output},
};

use anyhow::{Context, Result, bail};
use assert_cmd::assert::{Assert, OutputAssertExt};
use serde_json::Value;

/// How a program ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// By exit(3), with this code.
    Code(i32),
    /// By this signal.
    Signal(i32),
}

impl fmt::Display for End {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match self {
            Self::Code(code) => write!(f, "exit code {code}"),
            Self::Signal(number) => write!(f, "death by signal {number}"),
        }
    }
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// How the program ended.
    pub end: End,
    /// Everything on its standard output.
    pub stdout: Vec<u8>,
    /// Everything on its standard error.
    pub stderr: Vec<u8>,
    pub(crate) command: String,
}

impl Outcome {
    /// Standard output as text.
    pub fn stdout(&self) -> String {
        String::from_utf8_lossy(&self.stdout).into_owned()
    }

    /// Standard error as text.
    pub fn stderr(&self) -> String {
        String::from_utf8_lossy(&self.stderr).into_owned()
    }

    /// It must have ended with exit code `code`.
    pub fn code(&self, code: i32) -> Result<&Self> {
        if self.end != End::Code(code) {
            bail!("expected exit code {code}, not {self}");
        }
        Ok(self)
    }

    /// It must have ended with exit code 0.
    pub fn success(&self) -> Result<&Self> {
        self.code(0)
    }

    /// It must have ended with 0 and written JSON, as the probe does.
    pub fn json(&self) -> Result<Value> {
        self.success()?;
        serde_json::from_slice(&self.stdout).with_context(|| format!("expected JSON, not {self}"))
    }

    /// It must have failed with `code`, said so in exactly one line, and nothing else: that line.
    pub fn error_line(&self, code: i32) -> Result<String> {
        self.code(code)?;
        let text = self.stderr();
        if !self.stdout.is_empty() || text.lines().count() != 1 || !text.ends_with('\n') {
            bail!("expected one line on standard error and nothing else, not {self}");
        }
        Ok(text.trim_end().to_string())
    }

    /// For assert_cmd's assertions.
    pub fn assert(&self) -> Assert {
        let status = ExitStatus::from_raw(match self.end {
            End::Code(code) => code << 8,
            End::Signal(number) => number,
        });
        let (stdout, stderr) = (self.stdout.clone(), self.stderr.clone());
        Output { status, stdout, stderr }.assert().append_context("command", self.command.clone())
    }
}

impl fmt::Display for Outcome {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        writeln!(f, "{}", self.end)?;
        writeln!(f, "  of: {}", self.command)?;
        writeln!(f, "  standard output: {}", shorten(&self.stdout))?;
        write!(f, "  standard error:  {}", shorten(&self.stderr))
    }
}

/// The beginning and the end of a long text.
fn shorten(text: &[u8]) -> String {
    const MOST: usize = 4000;
    let show = |part: &[u8]| format!("{:?}", String::from_utf8_lossy(part));
    match text.len() {
        0..=MOST => show(text),
        length => format!("{} … {}", show(&text[..MOST / 2]), show(&text[length - MOST / 2..])),
    }
}
