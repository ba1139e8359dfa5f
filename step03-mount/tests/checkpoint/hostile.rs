//! Root file systems that try to lead the runtime outside.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    sync::atomic::{AtomicBool, Ordering},
    thread,
};

use anyhow::{Context, Result};
use conformance::{Rootfs, Sandbox, expect};
use nix::fcntl::{AT_FDCWD, RenameFlags, renameat2};

use crate::{BOTH, step03};

/// A rootfs beside a directory that it has no business in.
struct Trap {
    rootfs: Rootfs,
    prey: PathBuf,
}

impl Trap {
    fn new() -> Result<Self> {
        let rootfs = Rootfs::new()?;
        let prey = rootfs.outside().join("prey");
        for dir in ["sub", "self/attr", "pts", "shm"] {
            fs::create_dir_all(prey.join(dir))?;
        }
        fs::write(prey.join("file"), "of the host")?;
        Ok(Self { rootfs, prey })
    }

    /// The ways to write a link to the prey: by its path, and up from the rootfs.
    fn links(&self) -> [PathBuf; 3] {
        let many = "../".repeat(32);
        let path = self.prey.strip_prefix("/").unwrap_or(&self.prey);
        [self.prey.clone(), Path::new("../prey").into(), Path::new(&many).join(path)]
    }

    /// Nothing was made, changed or removed there.
    fn is_untouched(&self) -> Result<()> {
        let mut found = BTreeSet::new();
        walk(&self.prey, &mut found)?;
        let wanted = ["file", "pts", "self", "self/attr", "shm", "sub"];
        let found: Vec<_> = found.iter().map(|path| path.strip_prefix(&self.prey)).collect();
        let found = found.into_iter().collect::<Result<Vec<_>, _>>()?;
        expect::equal(
            "what is in a directory of the host, beside the rootfs,",
            &found,
            wanted.map(Path::new),
            "openat2(2)",
        )?;
        let file = fs::read_to_string(self.prey.join("file"))?;
        expect::equal("the host's file", &file, "of the host", "openat2(2)")
    }
}

fn walk(dir: &Path, found: &mut BTreeSet<PathBuf>) -> Result<()> {
    for entry in fs::read_dir(dir)? {
        let entry = entry?;
        found.insert(entry.path());
        if entry.file_type()?.is_dir() {
            walk(&entry.path(), found)?;
        }
    }
    Ok(())
}

/// CVE-2019-19921, CVE-2023-27561, CVE-2026-41579.
pub fn links_for_kernel_file_systems_are_refused(sandbox: &Sandbox) -> Result<()> {
    for (name, kind) in [("proc", "proc"), ("sys", "sysfs"), ("dev", "tmpfs")] {
        let trap = Trap::new()?;
        let inside = [PathBuf::from("/var"), PathBuf::from("etc")];
        for link in trap.links().into_iter().chain(inside) {
            trap.rootfs.symlink(name, &link)?;
            let run = step03(sandbox).rootfs(&trap.rootfs).probe(["exit", "0"]);
            let line = run.output()?.error_line(125)?;
            let wanted = format!(
                "step03: mount: mounting {kind} on /{name}: \
                 the rootfs has a symbolic link there, where a directory must be"
            );
            expect::equal("the error", &line, wanted, "openat2(2), RESOLVE_NO_SYMLINKS")?;
            trap.is_untouched()?;
        }
    }
    Ok(())
}

pub fn targets_stay_inside(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let trap = Trap::new()?;
        let source = sandbox.dir().join("source");
        fs::create_dir_all(&source)?;
        fs::write(source.join("mark"), "x")?;
        for link in trap.links() {
            trap.rootfs.symlink("etc/trap", &link)?;
            // The link itself, what is in its directory, what is to be made there; and by `..`.
            for target in ["/etc/trap", "/etc/trap/sub", "/etc/trap/new/dir", "/../prey/new"] {
                let dir = format!("{}:{target}", source.display());
                let file = format!("{}:{target}/mark", source.join("mark").display());
                for wish in [["-v", &dir], ["-v", &file], ["--tmpfs", target], ["-w", target]] {
                    let run = runtime(sandbox).rootfs(&trap.rootfs).args(wish);
                    let outcome = run.probe(["exit", "0"]).output()?;
                    // It may work, inside, or fail; a panic would be told as one line too.
                    if outcome.success().is_err() {
                        let line = outcome.error_line(125)?;
                        expect::that("it is no panic", !line.contains("panic"), &line, "")?;
                    }
                    trap.is_untouched()?;
                }
            }
        }
    }
    Ok(())
}

/// The shortest of these attacks: a link of the image in the place that a volume is to be mounted.
pub fn a_link_to_the_host_leads_nowhere(sandbox: &Sandbox) -> Result<()> {
    let trap = Trap::new()?;
    fs::create_dir_all(sandbox.dir().join("source"))?;
    for link in trap.links() {
        trap.rootfs.symlink("etc/trap", &link)?;
        let run = step03(sandbox).rootfs(&trap.rootfs).args(["-v", "source:/etc/trap/new"]);
        let outcome = run.probe(["exit", "0"]).output()?;
        trap.is_untouched()?;
        // It may work, inside, or fail in good order.
        outcome.success().map(drop).or_else(|_| outcome.error_line(125).map(drop))?;
    }
    Ok(())
}

pub fn a_link_inside_is_followed_inside(sandbox: &Sandbox) -> Result<()> {
    let trap = Trap::new()?;
    trap.rootfs.symlink("var/run", "/run")?;
    trap.rootfs.symlink("var/up", "../../../../../run")?;
    fs::create_dir_all(sandbox.dir().join("source"))?;
    fs::write(sandbox.dir().join("source/mark"), "x")?;
    for target in ["/var/run/data", "/var/up/data", "/../var/../run/data"] {
        let volume = format!("source:{target}");
        let run = step03(sandbox).rootfs(&trap.rootfs).args(["-v", &volume]);
        let seen = run.probe(["cat", "/run/data/mark"]).output()?;
        expect::equal(target, &seen.success()?.stdout(), "x", "path_resolution(7)")?;
    }
    trap.is_untouched()
}

/// CVE-2021-30465: a directory of the rootfs, and a link to the host's, change places all the
/// time, while containers are started that have something mounted there.
pub fn a_race_over_a_target_stays_inside(sandbox: &Sandbox) -> Result<()> {
    let trap = Trap::new()?;
    let target = trap.rootfs.dir("srv/target")?;
    let link = trap.rootfs.symlink("srv/link", "../../prey")?;
    fs::create_dir_all(sandbox.dir().join("source"))?;
    let stop = AtomicBool::new(false);
    let swap = || {
        let mut swaps = 0;
        while !stop.load(Ordering::Relaxed) {
            renameat2(AT_FDCWD, &target, AT_FDCWD, &link, RenameFlags::RENAME_EXCHANGE)?;
            swaps += 1;
        }
        Ok::<u64, nix::Error>(swaps)
    };
    let start = |number: u32| -> Result<bool> {
        let volume = format!("source:/srv/target/new-{number}");
        let tmpfs = format!("/srv/target/sub/tmpfs-{number}");
        let run = step03(sandbox).rootfs(&trap.rootfs).args(["-v", &volume, "--tmpfs", &tmpfs]);
        let outcome = run.probe(["exit", "0"]).output()?;
        Ok(outcome.success().is_ok() || outcome.error_line(125).map(|_| false)?)
    };
    let (started, swaps) = thread::scope(|scope| {
        let swapping = scope.spawn(swap);
        let started = (0..200).map(start).collect::<Result<Vec<bool>>>();
        stop.store(true, Ordering::Relaxed);
        (started, swapping.join())
    });
    let swaps = swaps.ok().context("the swapping thread panicked")??;
    expect::that("they changed places often", swaps > 1000, &swaps, "rename(2)")?;
    let started = started?.into_iter().filter(|started| *started).count();
    expect::that("some containers were started", started > 0, &started, "openat2(2)")?;
    trap.is_untouched()
}
