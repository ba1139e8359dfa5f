//! Acting on the kernel, and saying so.
//!
//! Whatever a runtime does to the kernel goes through [`Explain::act`], which does three things
//! in one place so that they cannot drift apart: it narrates the act as the shell command that
//! would do the same, it does it, and it names it in the error if it fails.

use std::{
    ffi::OsStr,
    fmt::{self, Display},
    io::{Write, stderr},
};

use anyhow::{Context, Result};

/// Which side of the `clone3` an act happens on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Side {
    /// The process that makes the container.
    Host,
    /// The container's own first process.
    Container,
}

/// Where an act happens, and whether a person wants to read about it (`--explain`).
#[derive(Clone, Copy, Debug)]
pub struct Explain {
    on: bool,
    side: Side,
    layer: &'static str,
}

impl Explain {
    /// Narrates to standard error if `on`; begins on the host, in no layer.
    pub fn new(on: bool) -> Self {
        Self { on, side: Side::Host, layer: "" }
    }

    /// The same, from another place.
    pub fn at(self, side: Side, layer: &'static str) -> Self {
        Self { side, layer, ..self }
    }

    /// Does one thing to the kernel.
    ///
    /// `shell` is the command that would do the same (see [`sh`]); `doing` says what is done and
    /// to what, as in "mounting proc on /proc", and introduces the error if `act` fails.
    pub fn act<T, E>(
        &self,
        shell: impl Display,
        doing: impl Display,
        act: impl FnOnce() -> Result<T, E>,
    ) -> Result<T>
    where
        Result<T, E>: Context<T, E>,
    {
        self.say(shell);
        act().with_context(|| doing.to_string())
    }

    /// Narrates without acting: for the few acts whose call stands elsewhere (`clone3`, `exec`).
    pub fn say(&self, shell: impl Display) {
        if self.on {
            let side = match self.side {
                Side::Host => "host",
                Side::Container => "container",
            };
            // Not `eprintln`, which panics where nobody reads any more.
            let _ = writeln!(stderr(), "{side:<9}  {:<12}  {shell}", self.layer);
        }
    }
}

/// A text for [`Explain::act`] and [`Explain::say`] that takes some work to put together, which is
/// left undone if nobody wants to read it.
pub fn lazy(text: impl Fn() -> String) -> impl Display {
    struct Lazy<F>(F);
    impl<F: Fn() -> String> Display for Lazy<F> {
        fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
            f.write_str(&(self.0)())
        }
    }
    Lazy(text)
}

/// One shell command line from its words, quoted where a shell would need it.
///
/// ```
/// assert_eq!(step01::sh(["hostname", "my box"]), "hostname 'my box'");
/// ```
pub fn sh<W: AsRef<OsStr>>(words: impl IntoIterator<Item = W>) -> String {
    let quoted: Vec<String> = words.into_iter().map(|word| quote(word.as_ref())).collect();
    quoted.join(" ")
}

fn quote(word: &OsStr) -> String {
    let word = word.to_string_lossy();
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,+@%^".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.into_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use nix::errno::Errno;

    #[test]
    fn words_are_quoted_as_a_shell_needs_it() {
        assert_eq!(sh(["echo", "a b", "it's", ""]), r"echo 'a b' 'it'\''s' ''");
        assert_eq!(sh(["mount", "-o", "ro,size=64k", "/a", "/b"]), "mount -o ro,size=64k /a /b");
    }

    #[test]
    fn an_act_that_fails_is_named_by_what_it_was_doing() {
        let act = || Err::<(), _>(Errno::EPERM);
        let error = Explain::new(false).act("x", "mounting proc on /proc", act);
        assert_eq!(
            format!("{:#}", error.expect_err("the act failed")),
            "mounting proc on /proc: EPERM: Operation not permitted"
        );
    }
}
