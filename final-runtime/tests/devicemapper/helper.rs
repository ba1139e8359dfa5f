//! This program as another process that uses a sandbox's pool, and can be killed.

use std::{env, io::Write, path::PathBuf, process::ExitCode};

use anyhow::{Context, Result, bail};
use conformance::{Run, Sandbox};
use final_runtime::storage::{
    Driver,
    devicemapper::{DeviceMapper, Options},
};
use step07::{Explain, Side};

use crate::scene::{OPTIONS, dir, key, layer};

const NAME: &str = "use-a-pool";

/// Another process that does something to the sandbox's pool, and tells what it does to the kernel.
pub fn act<'a>(sandbox: &'a Sandbox, words: &[&str]) -> Run<'a> {
    let program = env::current_exe().expect("a program has a file");
    sandbox.run(program).arg(NAME).arg(dir(sandbox)).args(words)
}

/// What such a process does; `None` if this is none.
pub fn main() -> Option<ExitCode> {
    let words: Vec<String> = env::args().collect();
    let [_, name, dir, words @ ..] = &words[..] else { return None };
    if name != NAME {
        return None;
    }
    let words: Vec<_> = words.iter().map(String::as_str).collect();
    match carry_out(dir.into(), &words) {
        Ok(()) => Some(ExitCode::SUCCESS),
        Err(error) => {
            eprintln!("{error:#}");
            Some(ExitCode::FAILURE)
        }
    }
}

fn carry_out(dir: PathBuf, words: &[&str]) -> Result<()> {
    let driver = DeviceMapper::open(dir, Options::parse(&OPTIONS)?)?;
    driver.narrate(Explain::new(true).at(Side::Host, "storage"));
    match words {
        ["prepare", name] => driver.prepare(&key(name), None),
        ["prepare", name, parent] => driver.prepare(&key(name), Some(&key(parent))),
        ["remove", name, ..] => driver.remove(&key(name)),
        ["forever", name] => loop {
            work(&driver, name)?;
        },
        ["often", name, times] => (0..times.parse()?).try_for_each(|_| work(&driver, name)),
        _ => bail!("{words:?} is nothing that can be done"),
    }
}

/// Makes three layers on top of each other, and removes them; tells what is there.
fn work(driver: &DeviceMapper, name: &str) -> Result<()> {
    let names: Vec<_> = (0..3).map(|number| format!("{name}-{number}")).collect();
    for (number, name) in names.iter().enumerate() {
        let parent = number.checked_sub(1).map(|below| names[below].as_str());
        layer(driver, name, parent, (name, name.as_bytes()))?;
        say(&format!("+{name}"))?;
    }
    for name in names.iter().rev() {
        say(&format!("-{name}"))?; // it may be gone from now on
        driver.remove(&key(name))?;
    }
    Ok(())
}

fn say(text: &str) -> Result<()> {
    let mut out = std::io::stdout();
    writeln!(out, "{text}").and_then(|()| out.flush()).context("telling how far it is")
}
