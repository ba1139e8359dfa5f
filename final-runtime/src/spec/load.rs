//! Reading `config.json` and its parts, and what must be right before anything is made.
//!
//! An error says where in the file it is, and what was expected there.

use std::{fs, io::Read, path::Path};

use anyhow::{Context, Result, anyhow, bail, ensure};
use serde::de::DeserializeOwned;

use super::{Config, NamespaceKind, Process, Resources};

/// The version of the OCI runtime specification that this follows.
pub const VERSION: &str = "1.3.0";

/// The most of a file that is read: a configuration is never larger.
const MOST: u64 = 16 << 20;

/// Reads and checks the configuration in `bundle`.
pub fn load(bundle: &Path) -> Result<Config> {
    let file = bundle.join("config.json");
    let name = file.display().to_string();
    let open = fs::File::open(&file).with_context(|| format!("spec: opening {name}"))?;
    load_config(open, &name)
}

/// Reads and checks a configuration that is called `name` in errors.
pub fn load_config(text: impl Read, name: &str) -> Result<Config> {
    let config: Config = parse(text, name).context("spec")?;
    check(&config).with_context(|| format!("spec: {name}"))?;
    Ok(config)
}

/// Reads the process that `exec --process` names.
pub fn load_process(file: &Path) -> Result<Process> {
    let process: Process = read(file).context("spec")?;
    check_process(&process).with_context(|| format!("spec: {}", file.display()))?;
    Ok(process)
}

/// Reads what `update --resources` names.
pub fn load_resources(text: impl Read, name: &str) -> Result<Resources> {
    parse(text, name).context("spec")
}

fn read<T: DeserializeOwned>(file: &Path) -> Result<T> {
    let open = fs::File::open(file).with_context(|| format!("opening {}", file.display()))?;
    parse(open, &file.display().to_string())
}

fn parse<T: DeserializeOwned>(text: impl Read, name: &str) -> Result<T> {
    let mut bytes = Vec::new();
    text.take(MOST + 1).read_to_end(&mut bytes).with_context(|| format!("reading {name}"))?;
    ensure!(bytes.len() as u64 <= MOST, "reading {name}: it is larger than {MOST} bytes");
    let mut json = serde_json::Deserializer::from_slice(&bytes);
    let parsed = serde_path_to_error::deserialize(&mut json).map_err(|error| {
        let path = error.path().to_string();
        match path.as_str() {
            "." | "?" => anyhow!("{name}: {}", error.inner()), // of the whole, or nobody knows
            _ => anyhow!("{name}: {path}: {}", error.inner()),
        }
    })?;
    json.end().with_context(|| name.to_string())?;
    Ok(parsed)
}

/// What the types do not say.
fn check(config: &Config) -> Result<()> {
    check_version(&config.oci_version)?;
    ensure!(config.root.is_some(), "root: it is missing, and Linux cannot do without");
    config.process.iter().try_for_each(check_process)?;
    for (number, mount) in config.mounts.iter().enumerate() {
        ensure!(
            !mount.destination.as_os_str().is_empty(),
            "mounts[{number}].destination: it is empty"
        );
    }
    let linux = config.linux.clone().unwrap_or_default();
    let has = |kind| linux.namespaces.iter().any(|one| one.kind == kind);
    for (number, one) in linux.namespaces.iter().enumerate() {
        let earlier = linux.namespaces[..number].iter().any(|other| other.kind == one.kind);
        ensure!(!earlier, "linux.namespaces[{number}].type: {:?} is there twice", one.kind);
        let relative = one.path.as_ref().is_some_and(|path| !path.is_absolute());
        ensure!(!relative, "linux.namespaces[{number}].path: it is not absolute");
    }
    let named = config.hostname.as_ref().or(config.domainname.as_ref());
    ensure!(
        named.is_none_or(|name| name.is_empty()) || has(NamespaceKind::Uts),
        "hostname: a container without a UTS namespace of its own has the host's"
    );
    ensure!(
        linux.time_offsets.is_empty() || has(NamespaceKind::Time),
        "linux.timeOffsets: there is no time namespace"
    );
    ensure!(
        linux.uid_mappings.is_empty() || has(NamespaceKind::User),
        "linux.uidMappings: there is no user namespace"
    );
    for (moment, hooks) in config.hooks.moments() {
        for (number, hook) in hooks.iter().enumerate() {
            let at = format!("hooks.{moment}[{number}]");
            ensure!(hook.path.is_absolute(), "{at}.path: {:?} is not absolute", hook.path);
            ensure!(hook.timeout.is_none_or(|time| time > 0), "{at}.timeout: expected more than 0");
        }
    }
    Ok(())
}

/// A later minor version only adds properties, which may be ignored ("Extensibility").
fn check_version(version: &str) -> Result<()> {
    let core = version.split(['-', '+']).next().unwrap_or_default();
    let numbers: Vec<_> = core.split('.').map(str::parse::<u32>).collect();
    match numbers[..] {
        [Ok(1), Ok(_), Ok(_)] => Ok(()),
        [Ok(_), Ok(_), Ok(_)] => {
            bail!("ociVersion: {version} is not supported: expected 1.0.0 to {VERSION}")
        }
        _ => bail!("ociVersion: {version:?} is no version: expected one such as {VERSION}"),
    }
}

fn check_process(process: &Process) -> Result<()> {
    ensure!(!process.args.is_empty(), "process.args: it is empty: there is nothing to run");
    ensure!(process.cwd.is_absolute(), "process.cwd: {:?} is not absolute", process.cwd);
    for (number, variable) in process.env.iter().enumerate() {
        ensure!(
            !variable.starts_with('=') && !variable.is_empty(),
            "process.env[{number}]: {variable:?}: expected NAME=VALUE"
        );
    }
    for (number, limit) in process.rlimits.iter().enumerate() {
        let earlier = process.rlimits[..number].iter().any(|other| other.kind == limit.kind);
        ensure!(!earlier, "process.rlimits[{number}].type: {} is there twice", limit.kind);
        ensure!(
            limit.soft <= limit.hard,
            "process.rlimits[{number}]: the soft limit {} is above the hard limit {}",
            limit.soft,
            limit.hard
        );
    }
    Ok(())
}
