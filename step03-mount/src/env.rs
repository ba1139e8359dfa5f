//! The environment that a container's command begins with. See environ(7).
//!
//! A program of another file system has no use for the paths in the caller's environment, and no
//! right to the secrets in it. So with a rootfs of its own a container begins with a few customary
//! variables and those that are asked for. In the host's own file system, where the caller's
//! programs run, the caller's environment stays.

use std::{env, ffi::OsString, str::FromStr};

use anyhow::{Error, Result, bail};
use step02::{DEFAULT_PATH, Process};

/// `--env NAME=VALUE`, or `--env NAME` for the caller's own value.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Variable {
    /// Not empty.
    pub name: String,
    /// `None`: the caller's, if it has one.
    pub value: Option<String>,
}

impl FromStr for Variable {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (name, value) = match text.split_once('=') {
            Some((name, value)) => (name, Some(value.into())),
            None => (text, None),
        };
        if name.is_empty() {
            bail!("mount: --env {text:?}: expected NAME[=VALUE]");
        }
        Ok(Self { name: name.into(), value })
    }
}

impl Variable {
    /// Sets it for `process`.
    pub fn set(self, process: &mut Process) {
        if let Some(value) = self.value.map(OsString::from).or_else(|| env::var_os(&self.name)) {
            process.set_env(self.name, value);
        }
    }
}

/// Replaces the caller's environment by that of a container.
pub fn clean(process: &mut Process, hostname: Option<&str>) {
    process.env.clear();
    process.set_env("PATH", DEFAULT_PATH);
    process.set_env("HOME", "/root");
    if let Some(hostname) = hostname {
        process.set_env("HOSTNAME", hostname);
    }
    if let Some(terminal) = env::var_os("TERM") {
        process.set_env("TERM", terminal);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    #[rstest]
    #[case("A=b", "A", Some("b"))]
    #[case("A=b=c", "A", Some("b=c"))]
    #[case("A=", "A", Some(""))]
    #[case("A", "A", None)]
    fn a_variable_is_read(#[case] text: &str, #[case] name: &str, #[case] value: Option<&str>) {
        let wanted = Variable { name: name.into(), value: value.map(String::from) };
        assert_eq!(text.parse::<Variable>().expect("it is right"), wanted);
    }

    #[rstest]
    #[case("")]
    #[case("=")]
    #[case("=b")]
    fn a_variable_has_a_name(#[case] text: &str) {
        let error = text.parse::<Variable>().expect_err("it has none").to_string();
        assert_eq!(error, format!("mount: --env {text:?}: expected NAME[=VALUE]"));
    }

    #[test]
    fn nothing_of_the_caller_is_left_but_the_terminal_s_type() {
        let mut process = Process::new(vec!["true".into()]);
        process.set_env("SECRET", "x");
        clean(&mut process, Some("box"));
        let names: Vec<_> = process.env.iter().map(|(name, _)| name.to_string_lossy()).collect();
        let wanted = ["PATH", "HOME", "HOSTNAME", "TERM"];
        assert_eq!(names, &wanted[..names.len()]);
        assert!(names.len() >= 3);
    }
}
