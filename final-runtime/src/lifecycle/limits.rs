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
}

/// Arguments with limits among them, and these as they were written.
#[derive(Debug)]
pub struct Worded<A> {
    /// All arguments.
    pub args: A,
    /// What of it are limits.
    pub limits: LimitWords,
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
        let limits = LimitWords::of(matches);
        Ok(Self { args: A::from_arg_matches_mut(matches)?, limits })
    }

    fn update_from_arg_matches(&mut self, matches: &ArgMatches) -> Result<(), Error> {
        self.limits = LimitWords::of(matches);
        self.args.update_from_arg_matches(matches)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(flags: &[&str]) -> LimitWords {
        let command = Worded::<Limits>::augment_args(Command::new("test").no_binary_name(true));
        let matches = command.try_get_matches_from(flags).expect("they are flags");
        Worded::<Limits>::from_arg_matches(&matches).expect("they are limits").limits
    }

    #[test]
    fn what_was_asked_for_is_kept_as_it_was_written() {
        let all = words(&["-m", "64M", "--pids-limit=-1", "--device-read-bps", "/dev/a:1m"]);
        assert_eq!(
            serde_json::to_string(&all).expect("it can be written"),
            r#"{"device-read-bps":["/dev/a:1m"],"memory":["64M"],"pids-limit":["-1"]}"#
        );
        assert_eq!(words(&[]), LimitWords::default());
    }
}
