//! `cargo workshop` as a learner uses it, in a copy of the workspace: what was written is never lost,
//! and what was there comes back byte by byte.

use std::{
    env, fs,
    path::{Path, PathBuf},
    process::Command,
    sync::OnceLock,
};

use anyhow::{Context, Result, bail, ensure};
use conformance::{TempDir, expect};

const WORKSPACE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// The target directory that this program is in.
fn target() -> Result<PathBuf> {
    let myself = env::current_exe().context("looking for this program")?;
    myself.ancestors().nth(3).map(Path::to_owned).context("this program is in no target directory")
}

/// The program, built as the alias in `.cargo/config.toml` does.
fn workshop() -> Result<PathBuf> {
    static BUILT: OnceLock<Result<PathBuf, String>> = OnceLock::new();
    let build = || -> Result<PathBuf> {
        let words =
            "build --quiet --profile workshop -p conformance --features command --bin workshop";
        let mut cargo = Command::new("cargo");
        cargo.args(words.split(' ')).arg("--target-dir").arg(target()?).current_dir(WORKSPACE);
        let output = cargo.output().context("running cargo")?;
        ensure!(output.status.success(), "cargo: {}", String::from_utf8_lossy(&output.stderr));
        Ok(target()?.join("workshop/workshop"))
    };
    let built = BUILT.get_or_init(|| build().map_err(|error| format!("{error:#}")));
    built.clone().map_err(anyhow::Error::msg)
}

/// A copy of the workspace.
struct Copy(TempDir);

/// What a command said and how it ended.
struct Said {
    code: i32,
    out: String,
    err: String,
}

impl Copy {
    fn new() -> Result<Self> {
        let copy = Self(TempDir::new("workshop")?);
        duplicate(Path::new(WORKSPACE), copy.0.path())?;
        // Somebody may be at work in the workspace.
        copy.run(&["reset", "1"])?.code(0)?;
        Ok(copy)
    }

    fn run(&self, args: &[&str]) -> Result<Said> {
        let mut command = Command::new(workshop()?);
        command.arg("--workspace").arg(self.0.path()).args(args);
        command.env("CARGO_TARGET_DIR", target()?).env_remove("CARGO_MANIFEST_DIR");
        let output = command.output().context("running the workshop")?;
        let text = |bytes: Vec<u8>| String::from_utf8_lossy(&bytes).into_owned();
        let code = output.status.code().context("it was killed")?;
        Ok(Said { code, out: text(output.stdout), err: text(output.stderr) })
    }

    fn read(&self, file: &str) -> Result<String> {
        let path = self.0.path().join(file);
        fs::read_to_string(&path).with_context(|| format!("reading {file}"))
    }

    /// Puts something else into a file.
    fn replace(&self, file: &str, old: &str, new: &str) -> Result<()> {
        let text = self.read(file)?;
        ensure!(text.contains(old), "{file} has no {old:?}");
        Ok(fs::write(self.0.path().join(file), text.replacen(old, new, 1))?)
    }

    /// What a line of a command's output says is kept.
    fn kept(&self, said: &Said) -> Result<String> {
        let path = said.out.lines().find_map(|line| line.split_once(" is kept: "));
        self.read(path.with_context(|| format!("nothing is kept: {}", said.out))?.1)
    }
}

impl Said {
    fn code(self, code: i32) -> Result<Self> {
        if self.code != code {
            bail!("expected exit code {code}, not {}:\n{}{}", self.code, self.out, self.err);
        }
        Ok(self)
    }

    fn says(self, part: &str) -> Result<Self> {
        expect::contains("what it said", &self.out, part, "")?;
        Ok(self)
    }
}

/// Everything but what is built and what git has.
fn duplicate(from: &Path, to: &Path) -> Result<()> {
    for entry in fs::read_dir(from).with_context(|| format!("reading {}", from.display()))? {
        let entry = entry?;
        let name = entry.file_name();
        if ["target", ".git"].iter().any(|left_out| name == *left_out) {
            continue;
        }
        let (from, to) = (entry.path(), to.join(&name));
        if entry.file_type()?.is_dir() {
            fs::create_dir(&to)?;
            duplicate(&from, &to)?;
        } else {
            fs::copy(&from, &to).with_context(|| format!("copying {}", from.display()))?;
        }
    }
    Ok(())
}

const FILE: &str = "step01-uts/src/ipc.rs";
const BLANK: &str = "todo!(\"exercise 1-1: ";

/// Blank, wrong, right, and back.
fn an_exercise_is_worked_on_and_all_comes_back() -> Result<()> {
    let copy = Copy::new()?;
    let solved = copy.read(FILE)?;
    copy.run(&["list", "1"])?.code(0)?.says("   1-1 ")?;

    copy.run(&["start", "1"])?.code(0)?.says("step01-uts/src/ipc.rs:")?;
    expect::contains("the file", &copy.read(FILE)?, BLANK, "")?;
    copy.run(&["list", "1"])?.says("blank")?;
    copy.run(&["check"])?.code(1)?.says("exercise 1-1: ")?.says("is not written yet")?;

    let line = copy.read(FILE)?.lines().find(|line| line.contains(BLANK)).map(str::to_string);
    let line = line.context("no blank")?;
    copy.replace(FILE, line.trim(), "CloneFlags::empty()")?;
    let said = copy.run(&["check", "1-1"])?.code(1)?;
    said.says("✗ ")?.says("exercise 1-1: ")?.says("See ipc_namespaces(7)")?;
    copy.run(&["hint", "1-1"])?.code(0)?.says("hint 1 of 3")?;
    copy.run(&["hint", "1-1"])?.code(0)?.says("hint 2 of 3")?;
    copy.run(&["diff", "1-1"])?.code(0)?.says("-        CloneFlags::empty()")?;

    let said = copy.run(&["solve", "1-1"])?.code(0)?;
    expect::contains("what is kept", &copy.kept(&said)?, "CloneFlags::empty()", "")?;
    copy.run(&["check", "1-1"])?.code(0)?.says("✓ ")?.says("all checkpoints passed")?;

    copy.replace(FILE, "CloneFlags::CLONE_NEWIPC", "CloneFlags::CLONE_NEWIPX")?;
    copy.run(&["check", "1-1"])?.code(1)?.says("step01-uts/src/ipc.rs:")?.says("does not build")?;
    let said = copy.run(&["start", "1"])?.code(0)?;
    expect::contains("what is kept", &copy.kept(&said)?, "CLONE_NEWIPX", "")?;

    copy.run(&["reset"])?.code(0)?;
    expect::equal("the file", &copy.read(FILE)?, solved, "")?;
    copy.run(&["check"])?.code(2).map(drop)
}

/// Also what stands between the marks of another exercise in the same file.
fn marks_that_are_gone_come_back_and_nothing_is_lost() -> Result<()> {
    let copy = Copy::new()?;
    let solved = copy.read(FILE)?;
    copy.run(&["start", "1"])?.code(0)?;
    copy.replace(FILE, "// ANCHOR_END: exercise-1-1\n", "// mine\n")?;
    copy.run(&["list", "1"])?.code(0)?.says("its marks are missing")?;
    let said = copy.run(&["reset", "1"])?.code(0)?;
    expect::contains("what is kept", &copy.kept(&said)?, "// mine", "")?;
    expect::equal("the file", &copy.read(FILE)?, solved, "")
}

/// A change beside the exercises is the learner's own, and stays.
fn what_is_changed_elsewhere_stays_and_is_told() -> Result<()> {
    let copy = Copy::new()?;
    copy.run(&["start", "1-1"])?.code(0)?;
    fs::write(copy.0.path().join(FILE), copy.read(FILE)? + "// mine\n")?;
    copy.run(&["reset", "1"])?.code(0)?.says("is still changed outside of the exercises")?;
    expect::contains("the file", &copy.read(FILE)?, "// mine", "")
}

/// Who has committed blanks, and thrown everything else away, has the solutions in git.
fn solutions_are_found_in_git() -> Result<()> {
    let copy = Copy::new()?;
    let solved = copy.read(FILE)?;
    let git = |args: &[&str]| {
        let mut git = Command::new("git");
        git.args(["-c", "user.name=x", "-c", "user.email=x@example.org"]).args(args);
        let output = git.current_dir(copy.0.path()).output().context("running git")?;
        ensure!(output.status.success(), "git: {}", String::from_utf8_lossy(&output.stderr));
        Ok(())
    };
    git(&["init", "--quiet"])?;
    git(&["add", "step01-uts", "Cargo.toml"])?;
    git(&["commit", "--quiet", "--message", "as it was"])?;
    copy.run(&["start", "1"])?.code(0)?;
    git(&["commit", "--quiet", "--all", "--message", "blank"])?;
    fs::remove_dir_all(copy.0.path().join(".workshop"))?;
    copy.run(&["solve", "1-1"])?.code(0)?;
    expect::equal("the file", &copy.read(FILE)?, solved, "")?;
    copy.run(&["reset", "1"])?.code(0).map(drop)
}

fn bad_input_is_told_in_one_line() -> Result<()> {
    let copy = Copy::new()?;
    for (args, told) in [
        (&["check"][..], "workshop: no step is started"),
        (&["start", "0"], "workshop: there is no step 0"),
        (&["hint", "1-99"], "workshop: there is no exercise 1-99"),
        (&["hint", "1"], "workshop: a hint is for one exercise"),
        (&["rootfs", "/usr"], "workshop: /usr is there already"),
    ] {
        let said = copy.run(args)?.code(2)?;
        expect::contains("the error", &said.err, told, "")?;
        expect::equal("its lines", &said.err.lines().count(), 1, "")?;
    }
    copy.run(&["start", "three"])?.code(2)?;
    Ok(())
}

fn help_reads_well() -> Result<()> {
    let copy = Copy::new()?;
    insta::assert_snapshot!("help", copy.run(&["--help"])?.code(0)?.out);
    insta::assert_snapshot!("help_of_verify", copy.run(&["verify", "--help"])?.code(0)?.out);
    Ok(())
}

/// What it says depends on the machine; that it looks does not.
fn the_doctor_looks_at_everything() -> Result<()> {
    let said = Copy::new()?.run(&["doctor"])?;
    ["kernel", "namespaces", "Rust", "disk", "overlay", "user namespaces", "cgroups"]
        .into_iter()
        .try_for_each(|part| expect::contains("what it said", &said.out, part, ""))
}

/// Builds nothing: that is for `.ci/run`, which has the time.
fn the_exercises_are_written_as_they_should_be() -> Result<()> {
    Copy::new()?.run(&["verify", "--written"])?.code(0).map(drop)
}

conformance::checkpoint! {
    an_exercise_is_worked_on_and_all_comes_back: [Sandbox, Command("cargo")],
    marks_that_are_gone_come_back_and_nothing_is_lost: [Command("cargo")],
    what_is_changed_elsewhere_stays_and_is_told: [Command("cargo")],
    solutions_are_found_in_git: [Command("cargo"), Command("git")],
    bad_input_is_told_in_one_line: [Command("cargo")],
    help_reads_well: [Command("cargo")],
    the_doctor_looks_at_everything: [Command("cargo")],
    the_exercises_are_written_as_they_should_be: [Command("cargo")],
}
