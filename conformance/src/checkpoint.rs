//! A file of tests with declared needs, and its `main`.
//!
//! Tests are plain functions, listed once at the end of the file by [`checkpoint!`]. One that is
//! forgotten there is dead code, of which the compiler warns.
//!
//! A failure of a test that is the checkpoint of an exercise names the exercise: see `exercise.rs`.
//!
//! [`checkpoint!`]: crate::checkpoint!

use std::{
    any::Any,
    panic::{self, AssertUnwindSafe},
    process::ExitCode,
};

use anyhow::{Result, anyhow};
use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::{Need, Sandbox, exercise, sandbox};

/// Lists the tests of a file, each with what it needs beyond a sandbox, and is the file's `main`.
///
/// ```text
/// conformance::checkpoint! {
///     hostname_is_its_own,
///     oom_is_reported: [Root, CgroupV1("memory")],
/// }
/// ```
///
/// A test is a `fn() -> Result<()>` or a `fn(&Sandbox) -> Result<()>`. The latter gets a sandbox
/// of its own, and fails if anything is left in it.
#[macro_export]
macro_rules! checkpoint {
    ($($tests:tt)+) => {
        fn main() -> ::std::process::ExitCode {
            $crate::checkpoint::main($crate::tests! { $($tests)+ })
        }
    };
}

/// The list that [`checkpoint!`](crate::checkpoint!) makes, for a file with a `main` of its own.
#[macro_export]
macro_rules! tests {
    ($($test:ident $(: [$($need:expr),* $(,)?])?),+ $(,)?) => {{
        #[allow(unused_imports)]
        use $crate::Need::*;
        // Both are those of the file that this stands in, in which the exercises are looked for.
        let here = (env!("CARGO_MANIFEST_DIR"), env!("CARGO_CRATE_NAME"));
        vec![$(
            $crate::checkpoint::Test::new(stringify!($test), $test, &[$($($need),*)?]).of(here),
        )+]
    }};
}

/// One test.
pub struct Test {
    name: &'static str,
    needs: Vec<Need>,
    body: Box<dyn FnOnce() -> Result<()> + Send>,
    of: (&'static str, &'static str),
}

impl Test {
    /// A test of this name, with what it needs.
    pub fn new<Kind>(name: &'static str, body: impl Body<Kind>, needs: &[Need]) -> Self {
        let (body, implied) = body.into_parts();
        let needs = implied.iter().chain(needs).copied().collect();
        Self { name, needs, body, of: ("", "") }
    }

    /// Of the package in this folder, and of this test program. [`tests!`](crate::tests!) knows.
    #[must_use]
    pub fn of(self, package: (&'static str, &'static str)) -> Self {
        Self { of: package, ..self }
    }

    fn missing(&self) -> Option<String> {
        self.needs.iter().find_map(|need| need.missing())
    }

    /// Missing needs are told when a test runs; in a list, which is all that some runners look at,
    /// by the mark of an ignored test.
    fn into_trial(self, listing: bool) -> Trial {
        let name = self.name;
        let ignored = listing && self.missing().is_some();
        let run = move || {
            if let Some(reason) = self.missing() {
                return Ok(Completion::ignored_with(reason));
            }
            let (folder, program) = self.of;
            exercise::begin();
            let result = panic::catch_unwind(AssertUnwindSafe(self.body));
            let result = result.unwrap_or_else(|panic| Err(anyhow!("{}", message(&*panic))));
            let told = |error| exercise::tell(folder, program, name, format!("{error:#}"));
            result.map_err(|error| Failed::from(told(error)))?;
            Ok(Completion::Completed)
        };
        Trial::ignorable_test(name, run).with_ignored_flag(ignored)
    }
}

fn message(panic: &dyn Any) -> String {
    let text = panic.downcast_ref::<String>().map(String::as_str);
    let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
    format!("panicked: {}", text.unwrap_or("no message"))
}

/// A function that can be a test: with or without a [`Sandbox`].
pub trait Body<Kind> {
    /// The test itself, and the needs that its kind implies.
    fn into_parts(self) -> (Box<dyn FnOnce() -> Result<()> + Send>, &'static [Need]);
}

/// The kind of a test that takes nothing.
pub struct Plain;

impl<F: FnOnce() -> Result<()> + Send + 'static> Body<Plain> for F {
    fn into_parts(self) -> (Box<dyn FnOnce() -> Result<()> + Send>, &'static [Need]) {
        (Box::new(self), &[])
    }
}

impl<F: FnOnce(&Sandbox) -> Result<()> + Send + 'static> Body<Sandbox> for F {
    fn into_parts(self) -> (Box<dyn FnOnce() -> Result<()> + Send>, &'static [Need]) {
        (Box::new(|| Sandbox::new()?.check(self)), &[Need::Sandbox])
    }
}

/// Runs the tests that the command line asks for. The options are those of any Rust test.
///
/// It is also where the helper processes of a sandbox begin, which are this program again.
pub fn main(tests: Vec<Test>) -> ExitCode {
    run(tests, |arguments| arguments)
}

/// The same for tests that are not to run beside each other, each on the program's only thread: so
/// that they may fork.
pub fn one_at_a_time(tests: Vec<Test>) -> ExitCode {
    run(tests, |arguments| Arguments { test_threads: Some(1), ..arguments })
}

/// An environment variable with the names of the only tests to run, separated by commas: on a command
/// line there is room for one.
pub const CHOSEN: &str = "CONFORMANCE_TESTS";

fn run(tests: Vec<Test>, ask: fn(Arguments) -> Arguments) -> ExitCode {
    if let Some(code) = sandbox::helper() {
        return code;
    }
    tell_insta_where_the_workspace_is();
    let arguments = ask(Arguments::from_args());
    let chosen = std::env::var(CHOSEN).ok();
    let chosen = |test: &Test| match &chosen {
        Some(names) => names.split(',').any(|name| name == test.name),
        None => true,
    };
    let tests = tests.into_iter().filter(chosen);
    let trials = tests.map(|test| test.into_trial(arguments.list)).collect();
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// Otherwise insta asks cargo, which is not everywhere where tests are run: not for every user,
/// not in every virtual machine.
fn tell_insta_where_the_workspace_is() {
    const ROOT: &str = "INSTA_WORKSPACE_ROOT";
    if std::env::var_os(ROOT).is_none() {
        // SAFETY: this process has one thread as yet.
        unsafe { std::env::set_var(ROOT, concat!(env!("CARGO_MANIFEST_DIR"), "/..")) };
    }
}
