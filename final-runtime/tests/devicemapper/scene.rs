//! What the tests have in common: a small pool of the sandbox's own, and files in snapshots.

use std::{
    fs::{self, File},
    io::{Read, Write},
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail};
use conformance::{Sandbox, expect};
use final_runtime::storage::{
    Access, Driver, Key, Root,
    devicemapper::{DeviceMapper, Options},
};
use step07::{
    Explain,
    mount_api::{Attributes, new_filesystem},
};

/// Large enough for what the tests write, and small enough to be filled.
pub const OPTIONS: [&str; 3] =
    ["dm.loopdatasize=64m", "dm.loopmetadatasize=8m", "dm.basesize=256m"];

/// Where to read on.
pub const THIN: &str = "admin-guide/device-mapper/thin-provisioning.rst";

/// Where this sandbox's pool is.
pub fn dir(sandbox: &Sandbox) -> PathBuf {
    sandbox.dir().join("pool")
}

/// The driver, as a process that begins now has it.
pub fn driver(sandbox: &Sandbox) -> Result<DeviceMapper> {
    driver_with(sandbox, &[])
}

/// The same, where something is asked for that takes the place of the usual.
pub fn driver_with(sandbox: &Sandbox, options: &[&str]) -> Result<DeviceMapper> {
    open(&dir(sandbox), options)
}

/// The same in any directory.
pub fn open(dir: &Path, asked: &[&str]) -> Result<DeviceMapper> {
    let name = |option: &str| option.split('=').next().map(String::from);
    let own_pool = !asked.iter().any(|one| one.contains("dev="));
    let usual = OPTIONS.iter().filter(|usual| {
        let files = usual.contains("loop");
        !asked.iter().any(|one| name(one) == name(usual)) && (own_pool || !files)
    });
    let options: Vec<_> = usual.chain(asked).copied().collect();
    DeviceMapper::open(dir.to_owned(), Options::parse(&options)?)
}

/// A key.
pub fn key(text: &str) -> Key {
    text.parse().expect("a test's key")
}

/// The root directory of a snapshot, mounted nowhere.
pub fn mount(driver: &DeviceMapper, name: &str, access: Access) -> Result<OwnedFd> {
    let Root::Device { path, filesystem, options } = driver.root(&[key(name)], access)? else {
        bail!("expected a device")
    };
    let options: Vec<_> = options.split(',').map(String::from).collect();
    let source = path.display().to_string();
    Ok(new_filesystem(filesystem, &source, &options, Attributes::default())?)
}

/// A file of a snapshot that is mounted, as a path.
pub fn file(root: &OwnedFd, name: &str) -> PathBuf {
    format!("/proc/self/fd/{}/{name}", root.as_fd().as_raw_fd()).into()
}

/// Makes a snapshot with such a file in it.
pub fn snapshot(
    driver: &DeviceMapper,
    name: &str,
    parent: Option<&str>,
    file: (&str, &[u8]),
) -> Result<()> {
    driver.prepare(&key(name), parent.map(key).as_ref())?;
    write(driver, name, file)
}

/// The same, sealed.
pub fn layer(
    driver: &DeviceMapper,
    name: &str,
    parent: Option<&str>,
    file: (&str, &[u8]),
) -> Result<()> {
    snapshot(driver, name, parent, file)?;
    driver.seal(&key(name))
}

/// Writes a file in a snapshot.
pub fn write(driver: &DeviceMapper, name: &str, (path, content): (&str, &[u8])) -> Result<()> {
    let root = mount(driver, name, Access::Write)?;
    let path = file(&root, path);
    let written = File::create(&path).and_then(|mut file| {
        file.write_all(content)?;
        file.sync_all()
    });
    written.with_context(|| format!("writing {} of {name}", path.display()))?;
    drop(root);
    driver.put(&key(name))
}

/// Reads a file of a snapshot; `None` if it has no such file.
pub fn read(driver: &DeviceMapper, name: &str, path: &str) -> Result<Option<Vec<u8>>> {
    let root = mount(driver, name, Access::Read)?;
    let content = match File::open(file(&root, path)) {
        Ok(mut file) => {
            let mut content = Vec::new();
            file.read_to_end(&mut content)?;
            Some(content)
        }
        Err(_) => None,
    };
    drop(root);
    driver.put(&key(name))?;
    Ok(content)
}

/// A file of a snapshot must hold this, or not be there.
pub fn holds(driver: &DeviceMapper, name: &str, path: &str, content: Option<&str>) -> Result<()> {
    let found = read(driver, name, path)?;
    let found = found.as_deref().map(String::from_utf8_lossy);
    expect::equal(&format!("{path} in {name}"), &found.as_deref(), content, THIN)
}

/// A file of a snapshot that is mounted must hold this.
pub fn mounted(root: &OwnedFd, path: &str, content: &str) -> Result<()> {
    let found = fs::read_to_string(file(root, path)).with_context(|| format!("reading {path}"))?;
    expect::equal(&format!("{path} in what is mounted"), &found, content, THIN)
}

/// Nothing is told.
pub fn silent() -> Explain {
    Explain::new(false)
}

/// The device-mapper's devices of this sandbox's pool.
pub fn devices(sandbox: &Sandbox) -> Result<Vec<String>> {
    let records = fs::read_to_string(dir(sandbox).join("records.json"))?;
    let records: serde_json::Value = serde_json::from_str(&records)?;
    let own = format!("layers-{}-", records["store"].as_str().context("no store")?);
    let mut names = Vec::new();
    for entry in fs::read_dir("/sys/block")?.flatten() {
        let name = fs::read_to_string(entry.path().join("dm/name")).unwrap_or_default();
        names.extend(name.trim().strip_prefix(&own).map(String::from));
    }
    names.sort();
    Ok(names)
}

/// What `info` says of something.
pub fn info(driver: &DeviceMapper, what: &str) -> Result<String> {
    let all = driver.info()?;
    let found = all.into_iter().find(|(name, _)| *name == what);
    found.map(|(_, value)| value).with_context(|| format!("nothing is said of {what}"))
}

/// Bytes that the file of the pool's data takes on the disk.
pub fn disk_usage(sandbox: &Sandbox) -> Result<u64> {
    use std::os::unix::fs::MetadataExt;
    Ok(fs::metadata(dir(sandbox).join("data"))?.blocks() * 512)
}

/// What an act that has to fail says.
pub fn refusal<T>(result: Result<T>) -> Result<String> {
    match result {
        Ok(_) => bail!("it was not refused"),
        Err(error) => Ok(format!("{error:#}")),
    }
}

/// Bytes that no file system and no device can do without writing.
pub fn noise(length: usize) -> Vec<u8> {
    let mut state = 0x2545_f491_u32;
    let byte = || {
        state ^= state << 13;
        state ^= state >> 17;
        state ^= state << 5;
        state.to_ne_bytes()[0]
    };
    std::iter::repeat_with(byte).take(length).collect()
}
