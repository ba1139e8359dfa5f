//! The test programs of the workspace: built by cargo, which also says where they are.

use std::{
    env,
    path::{Path, PathBuf},
    process::{Command, Stdio},
};

use anyhow::{Context, Result, bail};
use conformance::cargo;
use serde_json::Value;

/// One test program.
#[derive(Clone, Debug)]
pub struct Program {
    /// Package and target, as in `step03 checkpoint`.
    pub name: String,
    /// The executable.
    pub path: PathBuf,
    /// The package's folder, where cargo would run it.
    pub folder: PathBuf,
}

impl Program {
    /// The names of its tests: of those that an argument selects, such as `--ignored`.
    pub fn list(&self, which: &str) -> Result<Vec<String>> {
        let mut list = Command::new(&self.path);
        list.args(["--list", which]).current_dir(&self.folder).stdin(Stdio::null());
        let output =
            list.output().with_context(|| format!("asking {} for its tests", self.name))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let names = text.lines().filter_map(|line| line.strip_suffix(": test"));
        Ok(names.map(String::from).collect())
    }
}

/// All of them, and the programs that they test.
pub struct Programs {
    /// This command, which is process 1 of a virtual machine too.
    pub command: PathBuf,
    /// Whether they are those of every package.
    pub all: bool,
    /// What a test has to have in its name.
    pub filter: Option<String>,
    /// In the order of the workspace.
    pub tests: Vec<Program>,
    /// `step01` … `final-runtime`.
    pub binaries: Vec<PathBuf>,
}

impl Programs {
    /// Has cargo build those of these packages, or all if there are none; of each all, or one alone.
    pub fn build(
        packages: &[String],
        target: Option<&str>,
        filter: Option<String>,
    ) -> Result<Self> {
        let all = packages.is_empty();
        // Before cargo puts another file in its place, and the kernel calls this one deleted.
        let command = env::current_exe().context("looking for this command")?;
        let mut cargo = cargo();
        cargo.args(["test", "--no-run", "--message-format=json-render-diagnostics"]);
        // With the commands of this package, which have unit tests too.
        cargo.args(
            all.then_some(["--workspace", "--features=conformance/command"]).iter().flatten(),
        );
        cargo.args(packages.iter().map(|package| format!("--package={package}")));
        cargo.args(target.map(|name| format!("--test={name}")));
        let built = cargo.stderr(Stdio::inherit()).output().context("running cargo")?;
        if !built.status.success() {
            bail!("cargo could not build the tests");
        }
        let messages = String::from_utf8_lossy(&built.stdout);
        let messages: Vec<Value> =
            messages.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        let executables = messages.iter().filter(|message| message["executable"].is_string());
        let (tests, binaries) = executables
            .partition::<Vec<_>, _>(|message| message["profile"]["test"] == Value::Bool(true));
        let binaries = binaries.into_iter().filter(|message| !is_of_this_package(message));
        let mut tests = tests.into_iter().map(program).collect::<Result<Vec<_>>>()?;
        tests.sort_by(|a, b| a.name.cmp(&b.name));
        let path = |message: &Value| PathBuf::from(message["executable"].as_str().unwrap_or(""));
        Ok(Self { command, all, filter, tests, binaries: binaries.map(path).collect() })
    }
}

/// What no test runs in a virtual machine.
fn is_of_this_package(message: &Value) -> bool {
    let manifest = concat!(env!("CARGO_MANIFEST_DIR"), "/Cargo.toml");
    message["manifest_path"] == manifest
}

fn program(message: &Value) -> Result<Program> {
    let text = |value: &Value| value.as_str().map(String::from).context("cargo's messages changed");
    let manifest = text(&message["manifest_path"])?;
    let folder = Path::new(&manifest).parent().context("a manifest without a folder")?;
    let target = text(&message["target"]["name"])?;
    // `path+file:///…/step01-uts#step01@0.1.0`, or `…/final-runtime#0.1.0`
    let id = text(&message["package_id"])?;
    let (path, version) = id.rsplit_once('#').context("cargo's messages changed")?;
    let package = match version.split_once('@') {
        Some((package, _)) => package,
        None => path.rsplit('/').next().unwrap_or(path),
    };
    let kind = text(&message["target"]["kind"][0])?;
    let name = match kind.as_str() {
        "test" => format!("{package} {target}"),
        "bin" if target != package => format!("{package} {target} (bin)"),
        _ => format!("{package} ({kind})"),
    };
    Ok(Program { name, path: text(&message["executable"])?.into(), folder: folder.into() })
}
