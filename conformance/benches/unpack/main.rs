//! How long does it take to unpack a layer? Beside tar(1) and umoci(1), which unpack the same one.
//!
//!     cargo bench -p conformance --bench unpack [-- --quick] [--book]
//!
//! The layers are made of this machine's own files, compressed by gzip as nearly all layers are, and
//! everything is in memory (tmpfs), so that no disk is measured. The three take turns; each time it
//! is a process of its own, and what is removed afterwards does not count. It takes root.
//!
//! umoci does more than the others: it also writes down what it has unpacked, with digests of all
//! files, to find changes later. There is no way to ask it not to.

mod layer;
#[path = "../measured.rs"]
mod measured;
mod results;

use std::{
    env, fs,
    fs::File,
    process::{Command, ExitCode},
    time::Instant,
};

use anyhow::{Context, Result, ensure};
use final_runtime::archive::{Expected, Options, Whiteouts, decode, unpack};
use nix::unistd::geteuid;

use layer::{KINDS, Layer};
use results::Results;

/// As the first argument: unpack a layer, checking its digests, as for an image.
const OURS: &str = "--unpack";

fn main() -> ExitCode {
    let words: Vec<_> = env::args().skip(1).collect();
    let done = match &words[..] {
        [first, layer, diff_id, dir] if first == OURS => ours(layer, diff_id, dir),
        words => run(words),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("unpack: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn ours(layer: &str, diff_id: &str, dir: &str) -> Result<()> {
    let options = Options::new(Whiteouts::Apply);
    let expected = Expected { diff_id: Some(diff_id.parse()?), ..Expected::default() };
    let root = File::open(dir).context("opening the directory")?;
    decode(File::open(layer)?, &expected, &options.limits, |archive| {
        unpack(archive, &root, &options)
    })
    .map(drop)
}

fn run(words: &[String]) -> Result<()> {
    let quick = words.iter().any(|word| word == "--quick");
    ensure!(geteuid().is_root(), "it takes root to give files to their owners");
    let temp = layer::memory()?;
    let mut results = Results::default();
    for kind in &KINDS {
        let layer = Layer::make(kind, temp.path())?;
        eprintln!("{} …", layer.told());
        for round in 0..if quick { 3 } else { 11 } {
            let times = [tar(&layer)?, final_runtime(&layer)?, umoci(&layer)?];
            if round > 0 {
                results.put(&layer, times); // the first one warms up
            }
        }
        layer.remove()?;
    }
    println!("{}", results.table());
    let file = measured::directory(words)?.join("unpack.md");
    fs::write(&file, results.table()).with_context(|| format!("writing {}", file.display()))?;
    eprintln!("written to {}", file.display());
    Ok(())
}

fn tar(layer: &Layer) -> Result<f64> {
    let mut command = Command::new("tar");
    command.args(["--numeric-owner", "-xzpf"]).arg(&layer.blob).arg("-C").arg(layer.target()?);
    timed(&mut command)
}

fn final_runtime(layer: &Layer) -> Result<f64> {
    let mut command = Command::new(env::current_exe()?);
    command.arg(OURS).arg(&layer.blob).arg(&layer.diff_id).arg(layer.target()?);
    timed(&mut command)
}

fn umoci(layer: &Layer) -> Result<f64> {
    let mut command = Command::new("umoci");
    command.args(["unpack", "--image"]).arg(&layer.image).arg(layer.target()?.join("bundle"));
    timed(&mut command)
}

/// Seconds.
fn timed(command: &mut Command) -> Result<f64> {
    let start = Instant::now();
    let output = command.output().with_context(|| format!("running {command:?}"))?;
    let took = start.elapsed().as_secs_f64();
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{command:?}: {}", errors.trim());
    Ok(took)
}
