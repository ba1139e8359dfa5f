//! What a container is held to, in the words in which it was asked for.
//!
//! Every limit has its flag in step 6, which also knows how to read it. So a record of flags and
//! values holds whatever there is, can be read by people, and need not know what it holds.

use std::collections::BTreeMap;

use clap::{
    Arg, ArgMatches, Args, Command, Error, FromArgMatches, Id, parser::ValueSource::CommandLine,
};
use serde::{Deserialize, Serialize};
use step07::Limits;

/// Flags without their dashes, and what each was given.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct LimitWords(BTreeMap<String, Vec<String>>);

impl LimitWords {
    /// Those of a command line.
    fn of(matches: &ArgMatches) -> Self {
        let given = |arg: &Arg| {
            let id = arg.get_id().as_str();
            let flag = arg.get_long().filter(|_| matches.value_source(id) == Some(CommandLine))?;
            let values = matches.get_raw(id).into_iter().flatten();
            Some((flag.into(), values.map(|value| value.to_string_lossy().into()).collect()))
        };
        let command = Limits::augment_args(Command::new("limits"));
        Self(command.get_arguments().filter_map(given).collect())
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// What a flag was given.
    pub fn get(&self, flag: &str) -> &[String] {
        self.0.get(flag).map_or(&[], Vec::as_slice)
    }

    /// Both: what was asked for later takes the place of what it is about.
    pub fn and(mut self, later: Self) -> Self {
        let command = Limits::augment_args(Command::new("limits"));
        for (flag, values) in later.0 {
            let arg = command.get_arguments().find(|arg| arg.get_long() == Some(flag.as_str()));
            let many = arg.is_some_and(|arg| matches!(arg.get_action(), clap::ArgAction::Append));
            let known = self.0.entry(flag).or_default();
            known.retain(|old| many && values.iter().all(|new| subject(new) != subject(old)));
            known.extend(values);
        }
        self
    }
}

/// Which of several things a value is about: `/dev/sda` in `/dev/sda:10m`. A value that does not
/// say so is about itself.
fn subject(value: &str) -> &str {
    match value.rsplit_once([':', '=']) {
        Some((subject, _)) if !value.contains(' ') => subject,
        _ => value,
    }
}

/// Arguments with limits among them, and these as they were written.
#[derive(Debug)]
pub struct Worded<A> {
    /// All arguments.
    pub args: A,
    /// What of it are limits.
    pub words: LimitWords,
}

impl<A: Args> Args for Worded<A> {
    fn group_id() -> Option<Id> {
        A::group_id()
    }

    fn augment_args(command: Command) -> Command {
        A::augment_args(command)
    }

    fn augment_args_for_update(command: Command) -> Command {
        A::augment_args_for_update(command)
    }
}

impl<A: FromArgMatches> FromArgMatches for Worded<A> {
    fn from_arg_matches(matches: &ArgMatches) -> Result<Self, Error> {
        Self::from_arg_matches_mut(&mut matches.clone())
    }

    fn from_arg_matches_mut(matches: &mut ArgMatches) -> Result<Self, Error> {
        // First, since the next takes the values out.
        let words = LimitWords::of(matches);
        Ok(Self { args: A::from_arg_matches_mut(matches)?, words })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.words = LimitWords::of(matches);
        self.args.update_from_arg_matches(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(flags: &[&str]) -> LimitWords {
        let command = Worded::<Limits>::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).expect("they are flags");
        Worded::<Limits>::from_arg_matches(&matches).expect("they are limits").words
    }

    #[test]
    fn what_was_asked_for_is_kept_as_it_was_written() {
        let all = words(&["-m", "64M", "--pids-limit=-1", "--device-read-bps", "/dev/a:1m"]);
        assert_eq!(
            serde_json::to_string(&all).expect("it can be written"),
            r#"{"device-read-bps":["/dev/a:1m"],"memory":["64M"],"pids-limit":["-1"]}"#
        );
        assert!(words(&[]).is_empty());
    }

    #[test]
    fn what_is_asked_for_later_takes_its_own_place_only() {
        let rates = |one: &str| words(&["--device-read-bps", one, "--device-read-bps", "/dev/b:5"]);
        let all = words(&["-m", "64m", "--cpus", "1"]).and(rates("/dev/a:1")).and(words(&[
            "--cpus",
            "2",
            "--device-read-bps",
            "/dev/a:9",
        ]));
        assert_eq!(all.get("memory"), ["64m"]);
        assert_eq!(all.get("cpus"), ["2"]);
        assert_eq!(all.get("device-read-bps"), ["/dev/b:5", "/dev/a:9"]);
        let rules = words(&["--device-cgroup-rule", "c 1:3 r"])
            .and(words(&["--device-cgroup-rule", "c 1:4 r"]));
        assert_eq!(rules.get("device-cgroup-rule"), ["c 1:3 r", "c 1:4 r"]);
        assert!(all.get("pids-limit").is_empty());
    }
}
