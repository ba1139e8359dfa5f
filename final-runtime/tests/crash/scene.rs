//! A store of one driver, an image to load into it, and the choice of moments.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, UNIX_EPOCH},
};

use anyhow::{Context, Result, ensure};
use conformance::{Outcome, Run, Sandbox, expect};
use final_runtime::storage::Drivers;

use crate::tracer;

const FINAL_RUNTIME: &str = env!("CARGO_BIN_EXE_final-runtime");

/// How many moments of a verb are tried; `CRASH_MOMENTS` says otherwise. A virtual machine takes
/// half a minute for each, and has one in a run, another each time.
fn moments() -> u64 {
    let number = |name: &str| std::env::var(name).ok()?.parse::<u64>().ok();
    let usual = if number("CONFORMANCE_PATIENCE").is_some_and(|times| times > 1) { 1 } else { 6 };
    number("CRASH_MOMENTS").unwrap_or(usual)
}

/// Does something at some of the moments from 1 to `all`: evenly, but not the same in each run.
pub fn at_moments(all: u64, act: impl Fn(u64) -> Result<()>) -> Result<()> {
    let count = moments().min(all);
    let shift = u64::from(UNIX_EPOCH.elapsed().unwrap_or_default().subsec_nanos());
    for number in 0..count {
        let moment = 1 + (number * all + shift % all) / count % all;
        act(moment).with_context(|| format!("killed at call {moment} of {all}"))?;
    }
    Ok(())
}

/// What is in the image besides base's own tools, and what a container sees of it.
const MAKE: &str = "mkdir /dir; for n in 1 2 3 4 5 6 7 8 9; do echo $n > /dir/$n; done; \
    ln /dir/1 /dir/one; ln -s 2 /dir/two; rm /etc/group";
pub const LOOK: &str = "cat /dir/*; ls /etc/group 2>/dev/null; echo end";
pub const SEEN: &str = "1\n2\n3\n4\n5\n6\n7\n8\n9\n1\n2\nend\n";

/// A store of one driver.
pub struct Scene<'a> {
    pub sandbox: &'a Sandbox,
    driver: &'static str,
}

impl<'a> Scene<'a> {
    /// Does `act` with an empty store, and removes that.
    pub fn with(
        sandbox: &'a Sandbox,
        driver: &'static str,
        act: fn(&Self) -> Result<()>,
    ) -> Result<()> {
        let scene = Self { sandbox, driver };
        scene.make_archive()?;
        fs::create_dir(scene.store())?;
        if driver != "btrfs" {
            return act(&scene);
        }
        let disk = sandbox.dir().join("disk");
        fs::File::create(&disk)?.set_len(512 << 20)?;
        sandbox.run("mkfs.btrfs").arg("-q").arg(&disk).output()?.success()?;
        let mount = sandbox.run("mount").args(["--no-mtab", "-o", "loop"]).arg(disk);
        mount.arg(scene.store()).output()?.success()?;
        let acted = act(&scene);
        let unmounted = sandbox.run("umount").arg("--no-mtab").arg(scene.store()).output()?;
        acted.and(unmounted.success().map(drop))
    }

    /// An image of two layers, as an archive.
    fn make_archive(&self) -> Result<()> {
        let store = self.sandbox.dir().join("first").display().to_string();
        let verb = |words: &[&str]| {
            let run = self.sandbox.run(FINAL_RUNTIME).args(["--storage-driver", "vfs"]);
            run.args(["--root", &store]).args(words).output()?.success().map(drop)
        };
        let parent = self.sandbox.cgroup_parent();
        let run = ["run", "--network", "none", "--cgroup-parent", &parent, "--name", "a"];
        verb(&[&run[..], &["base", "sh", "-c", MAKE]].concat())?;
        verb(&["commit", "a", "two:1"])?;
        verb(&["save", "-o", &self.archive(), "two:1"])?;
        Ok(fs::remove_dir_all(store)?)
    }

    /// Where that is.
    pub fn archive(&self) -> String {
        self.sandbox.dir().join("two.tar").display().to_string()
    }

    fn store(&self) -> PathBuf {
        self.sandbox.dir().join("store")
    }

    fn with_words<'r>(&self, run: Run<'r>, words: &[&str]) -> Run<'r> {
        let run = run.arg("--root").arg(self.store()).args(["--storage-driver", self.driver]);
        let options = ["dm.loopdatasize=192m", "dm.loopmetadatasize=8m", "dm.basesize=512m"];
        let options = options.iter().filter(|_| self.driver == "devicemapper");
        let run = options.fold(run, |run, option| run.args(["--storage-opt", option]));
        let parent = self.sandbox.cgroup_parent();
        let run = run.args(&words[..1]);
        let run = match words[0] {
            "run" => run.args(["--network", "none", "--cgroup-parent", &parent]),
            _ => run,
        };
        run.args(&words[1..]).limit(Duration::from_secs(60))
    }

    /// One verb of the program.
    pub fn verb(&self, words: &[&str]) -> Result<Outcome> {
        self.with_words(self.sandbox.run(FINAL_RUNTIME), words).output()
    }

    /// What a verb prints that must succeed.
    pub fn said(&self, words: &[&str]) -> Result<String> {
        let outcome = self.verb(words)?;
        outcome.success()?;
        Ok(outcome.stdout())
    }

    /// The same where the act may have been done already, and there is nothing of this kind left.
    pub fn said_or_gone(&self, words: &[&str], gone: &str) -> Result<()> {
        let outcome = self.verb(words)?;
        if outcome.stderr().contains(gone) {
            return Ok(());
        }
        outcome.success().map(drop)
    }

    /// Has a verb killed at several moments of its way; each time after `before`, and with `after`
    /// to follow. All moments are tried in the course of many runs of the test.
    pub fn killed(
        &self,
        words: &[&str],
        before: impl Fn() -> Result<()>,
        after: impl Fn() -> Result<()>,
    ) -> Result<()> {
        before()?;
        let all = self.traced(words, 0)?;
        ensure!(all > 20, "only {all} calls that change anything were seen");
        after().context("when it was not killed")?;
        at_moments(all, |moment| {
            before()?;
            self.traced(words, moment)?;
            self.is_sound()?;
            after()
        })
    }

    /// How many calls were counted.
    fn traced(&self, words: &[&str], moment: u64) -> Result<u64> {
        let note = self.sandbox.dir().join("note");
        let run = tracer::killed(self.sandbox, moment, &note.display().to_string());
        let outcome = self.with_words(run.arg(FINAL_RUNTIME), words).output()?;
        let count = fs::read_to_string(note).with_context(|| outcome.stderr())?;
        Ok(count.parse()?)
    }

    /// After `check` there is nothing to be mended, and nothing that cannot be read.
    fn is_sound(&self) -> Result<()> {
        self.said(&["check"])?;
        expect::equal("what is left to be mended", &self.said(&["check"])?, "", "")?;
        for words in [&["images"][..], &["ps", "--all"]] {
            let outcome = self.verb(words)?;
            outcome.success()?;
            expect::equal("errors", &outcome.stderr(), "", "")?;
        }
        Ok(())
    }

    /// There is neither image nor container, nor anything that was once a part of one.
    pub fn is_empty(&self) -> Result<()> {
        let store = self.sandbox.root().join(self.store().strip_prefix("/")?);
        let records = format!("storage/{}/records", self.driver);
        for dir in ["containers", "names", "live", "images/blobs/sha256", "images/ingest", &records]
        {
            let entries = fs::read_dir(store.join(dir)).with_context(|| dir.to_string())?;
            let left: Vec<_> =
                entries.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
            ensure!(left.is_empty(), "in {dir} there is still {left:?}");
        }
        let snapshots = Drivers::open(&store, Some(self.driver.parse()?))?.chosen()?;
        let keys = snapshots.driver().keys()?;
        ensure!(keys.is_empty(), "the driver still has {keys:?}");
        Ok(())
    }
}
