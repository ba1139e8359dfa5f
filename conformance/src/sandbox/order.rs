//! What a test and the minder say to each other.

use std::{ffi::OsString, os::unix::process::CommandExt, process::Command};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};
use serde_json::json;

use super::minder::NAME;

/// What the test wants of the minder.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Order {
    /// The test's end of this is the leash: when it is closed all must end.
    pub socket: i32,
    pub holder: i32,
    pub user_namespace: bool,
    pub ordinary: bool,
    pub cwd: String,
    /// Signals that the program starts with blocked, and with ignored.
    pub blocked: Vec<i32>,
    pub ignored: Vec<i32>,
    /// Whether standard input is a terminal that is to control the program's session.
    pub terminal: bool,
    /// Whether what the program has started may outlive it.
    pub detaches: bool,
    /// Descriptors, beyond the first three, that the program starts with.
    pub descriptors: Vec<i32>,
}

/// What the minder says: one of these a line.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) enum Said {
    /// The program runs, and is this process.
    Started(i32),
    /// The program has ended. What wait(2) says of it.
    Ended(i32),
    /// All has ended; these processes had survived their program.
    Left(Vec<String>),
    /// The minder could not do its work.
    Failed(String),
}

impl Order {
    /// The command that starts the minder for a program.
    pub fn command(&self, program: &std::ffi::OsStr, args: &[OsString]) -> Command {
        let mut command = Command::new("/proc/self/exe");
        command.arg0(NAME).arg(json!(self).to_string()).arg(program).args(args);
        command
    }
}

impl Said {
    pub fn to_line(&self) -> String {
        format!("{}\n", json!(self))
    }

    pub fn from_line(line: &str) -> Result<Self> {
        serde_json::from_str(line).context("reading what the minder said")
    }
}
