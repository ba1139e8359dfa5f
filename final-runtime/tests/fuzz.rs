//! The corpus of the fuzz targets (see `fuzz/`), read by the same functions: what was once found
//! stays mended. Of files whose name begins with `good` or `bad` it is known which they are.

#[path = "../fuzz/readers.rs"]
mod readers;

use std::{collections::BTreeSet, fs, path::Path};

use anyhow::{Context, Result, ensure};
use conformance::expect;

fn fuzz() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/fuzz"))
}

fn names(dir: &Path) -> Result<BTreeSet<String>> {
    let entries = fs::read_dir(dir).with_context(|| format!("reading {}", dir.display()))?;
    entries.map(|entry| Ok(entry?.file_name().to_string_lossy().into_owned())).collect()
}

fn the_corpus_is_read() -> Result<()> {
    for (name, reader) in readers::ALL {
        let dir = fuzz().join("corpus").join(name);
        let (mut good, mut bad) = (0, 0);
        for file in names(&dir)? {
            let bytes = fs::read(dir.join(&file))?;
            ensure!(bytes.len() < 1 << 16, "{name}/{file} is too large for a corpus");
            let read = reader(&bytes);
            let told = || format!("{name}/{file}");
            if file.starts_with("good") {
                read.with_context(told)?;
                good += 1;
            } else if file.starts_with("bad") {
                let error = read.err().with_context(told).context("it was not refused")?;
                let line = format!("{error:#}");
                ensure!(!line.contains('\n'), "{}: more than one line: {line:?}", told());
                bad += 1;
            }
        }
        ensure!(good > 0 && bad > 0, "of {name} there is {good} good and {bad} bad");
    }
    Ok(())
}

/// A reader without a target would never be tried, nor a target without a corpus.
fn each_reader_has_a_target() -> Result<()> {
    let readers: BTreeSet<_> = readers::ALL.iter().map(|(name, _)| name.to_string()).collect();
    expect::equal("corpus", &names(&fuzz().join("corpus"))?, readers.clone(), "fuzz/")?;
    let files = readers.iter().map(|name| format!("{name}.rs")).collect::<BTreeSet<_>>();
    expect::equal("targets", &names(&fuzz().join("fuzz_targets"))?, files, "fuzz/")?;
    let listed = fs::read_to_string(fuzz().join("Cargo.toml"))?;
    for name in readers {
        let target = fs::read_to_string(fuzz().join("fuzz_targets").join(format!("{name}.rs")))?;
        ensure!(target.contains(&format!("readers::{name}(")), "{name}.rs tries another reader");
        ensure!(listed.contains(&format!("name = \"{name}\"")), "{name} is not in Cargo.toml");
    }
    Ok(())
}

conformance::checkpoint! {
    the_corpus_is_read,
    each_reader_has_a_target,
}
