//! The corpus of the fuzz targets (see `fuzz/`), read by the same functions: what was once found
//! stays mended. Of files whose name begins with `good` or `bad` it is known which they are.

#[path = "fuzz/mutate.rs"]
mod mutate;
#[path = "../fuzz/readers.rs"]
mod readers;

use std::{
    collections::BTreeSet,
    fs,
    panic::catch_unwind,
    path::Path,
    sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel},
    thread,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use conformance::expect;

use mutate::{Numerals, mutate};
use readers::Reader;

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

/// How many inputs are made of the corpus for each reader, and how long that may take on a machine that
/// is slow; what is left then is left out.
const INPUTS: u64 = 3000;
const ENOUGH: Duration = Duration::from_secs(8);
/// No input of some KiB may take longer, nor as much memory.
const HANGS: Duration = Duration::from_secs(30);
const MEMORY: u64 = 1 << 20; // KiB

/// The targets run in earnest, if only for some seconds: no panic, no hang, no flood of memory. The
/// inputs are the same each time, so that what is told of one leads to it.
fn changed_inputs_do_no_harm() -> Result<()> {
    let (begun, told) = channel();
    let tried = thread::spawn(move || try_all(&begun));
    let mut last = "none yet".to_string();
    loop {
        match told.recv_timeout(HANGS) {
            Ok(input) => last = input,
            Err(RecvTimeoutError::Timeout) => bail!("it takes too long to read {last}"),
            Err(RecvTimeoutError::Disconnected) => break,
        }
    }
    drop::<Receiver<String>>(told);
    let Ok(tried) = tried.join() else { bail!("a panic beside {last}") };
    tried?;
    let most = peak_memory()?;
    ensure!(most < MEMORY, "up to {last} it took {most} KiB of memory");
    Ok(())
}

fn try_all(begun: &Sender<String>) -> Result<()> {
    for (name, reader) in readers::ALL {
        let dir = fuzz().join("corpus").join(name);
        let files: Vec<_> = names(&dir)?.into_iter().collect();
        let texts = files.iter().map(|file| fs::read(dir.join(file)));
        let texts: Vec<_> = texts.collect::<Result<_, _>>()?;
        let (start, mut number) = (Instant::now(), 0);
        while number < INPUTS && start.elapsed() < ENOUGH {
            let at = number as usize % files.len();
            let other = number as usize / files.len() % files.len();
            let input = mutate(&texts[at], &texts[other], &mut Numerals::new(number));
            let told = format!("input {number} of {name}, made of {}", files[at]);
            let _ = begun.send(told.clone()); // nobody listens any more to one that is too slow
            number += 1;
            try_one(reader, &input).with_context(|| format!("{told}: {}", shown(&input)))?;
        }
        ensure!(number > 20, "only {number} inputs of {name} were read in {ENOUGH:?}");
    }
    Ok(())
}

fn try_one(reader: Reader, input: &[u8]) -> Result<()> {
    match catch_unwind(|| reader(input)) {
        Ok(Err(error)) => {
            let line = format!("{error:#}");
            ensure!(!line.contains('\n'), "more than one line: {line:?}");
            Ok(())
        }
        Ok(Ok(())) => Ok(()),
        Err(panic) => {
            let text = panic.downcast_ref::<String>().map(String::as_str);
            let text = text.or_else(|| panic.downcast_ref::<&str>().copied());
            bail!("it panicked: {}", text.unwrap_or("no message"))
        }
    }
}

fn shown(input: &[u8]) -> String {
    let text = String::from_utf8_lossy(input);
    text.chars().take(2000).flat_map(char::escape_debug).collect()
}

/// Of this program since it began, in KiB. See proc_pid_status(5).
fn peak_memory() -> Result<u64> {
    let status = fs::read_to_string("/proc/self/status")?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let number = line.and_then(|line| line.split_whitespace().next()).context("VmHWM")?;
    Ok(number.parse()?)
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
    changed_inputs_do_no_harm,
    each_reader_has_a_target,
}
