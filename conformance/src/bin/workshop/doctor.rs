//! `doctor`: whether this machine has what the course needs, and how to mend what is missing.

mod cgroup;
mod machine;
mod packages;
mod users;

use anyhow::Result;

use crate::{paint, tree::Tree};

/// What was looked at.
struct Finding {
    what: &'static str,
    state: State,
}

enum State {
    /// As it should be; what was seen.
    Good(String),
    /// The course can be worked through, but for something.
    Lacks(Trouble),
    /// Without it nothing works.
    Missing(Trouble),
}

struct Trouble {
    /// What was seen.
    seen: String,
    /// What does not work, and what does.
    so: String,
    /// Commands or advice.
    mend: String,
}

impl Finding {
    fn good(what: &'static str, seen: impl Into<String>) -> Self {
        Self { what, state: State::Good(seen.into()) }
    }

    fn lacks(
        what: &'static str,
        seen: impl Into<String>,
        so: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { what, state: State::Lacks(Trouble::new(seen, so, mend)) }
    }

    fn missing(
        what: &'static str,
        seen: impl Into<String>,
        so: impl Into<String>,
        mend: impl Into<String>,
    ) -> Self {
        Self { what, state: State::Missing(Trouble::new(seen, so, mend)) }
    }
}

impl Trouble {
    fn new(seen: impl Into<String>, so: impl Into<String>, mend: impl Into<String>) -> Self {
        Self { seen: seen.into(), so: so.into(), mend: mend.into() }
    }
}

/// Whether nothing is missing that everything needs.
pub fn run(tree: &Tree) -> Result<bool> {
    let mut findings = machine::look(&tree.root);
    findings.extend(users::look());
    findings.extend(cgroup::look());
    findings.extend(packages::look());
    for finding in &findings {
        println!("{}", finding.line());
    }
    let missing = findings.iter().filter(|one| matches!(one.state, State::Missing(_))).count();
    let lacks = findings.iter().filter(|one| matches!(one.state, State::Lacks(_))).count();
    println!();
    match (missing, lacks) {
        (0, 0) => println!("{}", paint::good("this machine has everything")),
        (0, _) => {
            println!("the course can be worked through; {lacks} things above would make it whole")
        }
        _ => println!("{}", paint::bad(format!("{missing} of what is needed is missing"))),
    }
    if missing == 0 {
        println!("Go on with: cargo workshop start 1");
    }
    Ok(missing == 0)
}

impl Finding {
    fn line(&self) -> String {
        let (mark, trouble) = match &self.state {
            State::Good(seen) => {
                return format!("{} {:<18} {seen}", paint::good("✓"), self.what);
            }
            State::Lacks(trouble) => (paint::odd("–"), trouble),
            State::Missing(trouble) => (paint::bad("✗"), trouble),
        };
        let mut text = format!("{mark} {:<18} {}\n", self.what, trouble.seen);
        text += &format!("  {:<18} {}", "", trouble.so);
        for line in trouble.mend.lines() {
            text += &format!("\n  {:<18} {}", "", paint::bold(line));
        }
        text
    }
}
