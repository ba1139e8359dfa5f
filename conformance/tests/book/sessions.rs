//! Running the console sessions of the book, each as one shell in a sandbox of its own.

use std::{
    env, fs,
    path::PathBuf,
    process::Command,
    sync::{Mutex, OnceLock, PoisonError},
    time::Duration,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use conformance::{Sandbox, TempDir, checkpoint::Test};

use crate::{
    normal::{normal, tidy},
    page::Page,
    session::{Session, Who},
};

/// The programs of the workspace that a session may call.
const PROGRAMS: [&str; 9] = [
    "scene",
    "step01",
    "step02",
    "step03",
    "step04",
    "step05",
    "step06",
    "step07",
    "final-runtime",
];

/// Stands between the outputs of two commands: no command prints this.
const SEPARATOR: char = '\u{1e}';

/// One test for each session.
pub fn tests() -> Vec<Test> {
    let mut tests = Vec::new();
    for page in Page::all().unwrap_or_default() {
        match Session::all(&page) {
            Ok(sessions) => tests.extend(sessions.into_iter().map(test)),
            Err(error) => tests.push(Test::new(page.name.leak(), move || Err(error), &[])),
        }
    }
    tests
}

fn test(session: Session) -> Test {
    let name = format!("{}:{}", session.page, session.line).leak();
    let needs = session.needs.clone();
    Test::new(name, move || check(&session), &needs)
}

fn check(session: &Session) -> Result<()> {
    let seen = run(session)?;
    let shown = normal(session.commands.iter().map(|command| command.shown.as_str()));
    let also = normal(seen.iter().map(String::as_str));
    let mut both = shown.iter().zip(&also);
    let Some(differs) = both.position(|(shown, also)| shown != also) else { return Ok(()) };
    if env::var_os("BOOK").is_some_and(|value| value == "update") {
        return update(session, &seen);
    }
    let command = &session.commands[differs];
    bail!(
        "{}\nin the book:\n{}\nseen:\n{}\n(BOOK=update writes what is seen into the book)",
        command.typed,
        command.shown,
        seen[differs]
    )
}

/// What each command prints, on both streams.
fn run(session: &Session) -> Result<Vec<String>> {
    let programs = programs(session)?;
    let sandbox = match session.who {
        Who::Root => Sandbox::new()?,
        Who::User => Sandbox::unprivileged()?,
    };
    // Root may write to the sandbox's directory, and everyone may go through it.
    let cwd = match session.who {
        Who::Root => sandbox.dir().to_owned(),
        Who::User => sandbox.dir().join("tmp"),
    };
    let path = format!(
        "{}:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
        programs.path().display()
    );
    let mut script = "exec 2>&1\n".to_string();
    for command in &session.commands {
        // Typed to whichever shell reads at that moment, which may be one within a container.
        script += &format!("printf '{}'\n{}\n", r"\036", command.script);
    }
    let bash = sandbox.run("bash").env("PATH", path).cwd(cwd);
    let outcome = bash.stdin(script).limit(Duration::from_secs(60)).output()?;
    let text = outcome.stdout();
    let outputs: Vec<_> = text.split(SEPARATOR).skip(1).map(tidy).collect();
    let (count, all) = (outputs.len(), session.commands.len());
    ensure!(count == all, "of {all} commands, {count} were run: {outcome}");
    Ok(outputs)
}

/// A directory with the programs that the session calls, where an ordinary user finds them too.
fn programs(session: &Session) -> Result<TempDir> {
    let dir = TempDir::new("programs")?;
    for name in PROGRAMS.iter().filter(|name| session.block.contains(**name)) {
        let (from, to) = (built()?.join(name), dir.path().join(name));
        let linked = fs::hard_link(&from, &to).or_else(|_| fs::copy(&from, &to).map(drop));
        linked.with_context(|| format!("linking {}", from.display()))?;
    }
    Ok(dir)
}

/// Where cargo has put the programs of the workspace, as they are now. Where there is no cargo, in a
/// virtual machine, whoever has brought this test there has seen to that.
fn built() -> Result<&'static PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.as_ref().map_err(|error| anyhow!("{error}"))
}

fn build() -> Result<PathBuf> {
    // This test is `TARGET/PROFILE/deps/book-…`.
    let exe = env::current_exe()?;
    let dir = exe.ancestors().nth(2).context("this test is in no target directory")?;
    let profile = match dir.file_name().and_then(|name| name.to_str()) {
        Some("debug") | None => "dev",
        Some(name) => name,
    };
    let target = dir.parent().context("the profile is in no target directory")?;
    let Some(cargo) = env::var_os("CARGO") else { return Ok(dir.to_owned()) };
    let mut command = Command::new(cargo);
    command.current_dir(env!("CARGO_MANIFEST_DIR"));
    command.args(["build", "--quiet", "--workspace", "--bins", "--profile", profile]);
    command.arg("--target-dir").arg(target);
    let output = command.output().context("running cargo build")?;
    ensure!(output.status.success(), "cargo build: {}", String::from_utf8_lossy(&output.stderr));
    Ok(dir.to_owned())
}

/// Writes what was seen into the page.
fn update(session: &Session, seen: &[String]) -> Result<()> {
    static ONE_AT_A_TIME: Mutex<()> = Mutex::new(());
    let _lock = ONE_AT_A_TIME.lock().unwrap_or_else(PoisonError::into_inner);
    let Page { path, text, .. } = Page::read(&session.page)?;
    let (old, new) = (format!("\n{}\n```", session.block), session.rewritten(seen));
    ensure!(text.contains(&old), "{}: the block has changed meanwhile", session.page);
    fs::write(path, text.replacen(&old, &format!("\n{new}\n```"), 1)).context("writing the page")
}
