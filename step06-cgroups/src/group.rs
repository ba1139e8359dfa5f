//! A container's group: a directory of the same name in every hierarchy.
//!
//! mkdir(2) makes a group, writing `0` to a file in it joins it, rmdir(2) removes it. The kernel
//! does not tie a group to the processes for which it was made: it stays when they are gone, and
//! is removed by whoever made it, or else by the next run (see `directory.rs`).

use std::{
    fs::File,
    io,
    os::{
        fd::{AsFd, BorrowedFd},
        unix::fs::MetadataExt,
    },
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Result, bail};
use nix::{
    fcntl::{Flock, FlockArg},
    unistd::Pid,
};
use step05::{Explain, clone::pidfd_open, lazy, sh, signals::send};

use crate::{
    Controller, Door, Files, GroupPath, Hierarchy, Setting, Version,
    directory::{holders, is_gone, lock, make, names, processes, remove, remove_empty},
    enable, fit, freezer,
};

mod change;

/// How long a process that has been killed may take to leave its group.
const PATIENCE: Duration = Duration::from_secs(2);

/// The group of one container, in every hierarchy that it is in.
#[derive(Default)]
pub struct Group {
    /// Whether it goes on without the runtime, so that no lock of the runtime's says that it is in
    /// use.
    pub outlives: bool,
    trees: Vec<Tree>,
}

/// Where a group is in one hierarchy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Place {
    /// The dialect of its files.
    pub version: Version,
    /// What works in it.
    pub controllers: Vec<String>,
    /// Its directory.
    pub dir: PathBuf,
    /// The groups above that may have been made for it, the highest first.
    pub above: Vec<PathBuf>,
}

/// The group in one hierarchy.
struct Tree {
    hierarchy: Hierarchy,
    files: Files,
    /// The highest group that its maker may give controllers.
    top: PathBuf,
    /// Those between `top` and it, the highest first.
    above: Vec<PathBuf>,
    /// Says that it is in use; also what a child of v2 is born into.
    lock: Option<Flock<File>>,
}

impl Group {
    /// Makes the group `path`/`id` in one more hierarchy, below `top`.
    pub fn add(
        &mut self,
        explain: &Explain,
        hierarchy: Hierarchy,
        top: &Path,
        path: &GroupPath,
        id: &str,
    ) -> Result<()> {
        let files = Files { version: hierarchy.version, dir: path.of(top, id) };
        let (top, above) = (top.to_owned(), path.below(top));
        let mut tree = Tree { hierarchy, files, top, above, lock: None };
        tree.make(explain, self.outlives)?;
        let fits = fit::check(&tree.files, &tree.hierarchy);
        self.trees.push(tree);
        fits
    }

    /// Gives it, in every hierarchy, those of `controllers` that live there.
    ///
    /// Now that it is there, the groups above it are not empty, and nobody removes them.
    pub fn furnish(&self, explain: &Explain, controllers: &[Box<dyn Controller>]) -> Result<()> {
        self.trees.iter().try_for_each(|tree| tree.furnish(explain, controllers))
    }

    /// The group of a container that runs already, by its id and its first process: wherever that
    /// process is in a group that carries the id, or in one below it.
    pub fn of(id: &str, first: Pid) -> Result<Self> {
        let carries_id =
            |dir: &&Path| dir.file_name().is_some_and(|name| name.to_string_lossy().contains(id));
        let tree = |hierarchy: Hierarchy| {
            let dir = hierarchy.own.as_ref()?.ancestors().find(carries_id)?.to_owned();
            let top = dir.clone();
            let files = Files { version: hierarchy.version, dir };
            Some(Tree { hierarchy, files, top, above: Vec::new(), lock: None })
        };
        let trees = Hierarchy::of(&first.to_string())?.into_iter().filter_map(tree).collect();
        Ok(Self { trees, ..Self::default() })
    }

    /// The group that was made here before, by another process.
    pub fn at(places: Vec<Place>) -> Self {
        let tree = |place: Place| {
            let Place { version, controllers, dir, above } = place;
            let hierarchy = Hierarchy::new(version, controllers, dir.clone(), None);
            let (top, files) = (dir.clone(), Files { version, dir });
            Tree { hierarchy, files, top, above, lock: None }
        };
        Self { trees: places.into_iter().map(tree).collect(), ..Self::default() }
    }

    /// Where it is, for another process to find it again.
    pub fn places(&self) -> Vec<Place> {
        let place = |tree: &Tree| Place {
            version: tree.files.version,
            controllers: tree.hierarchy.controllers.clone(),
            dir: tree.files.dir.clone(),
            above: tree.above.clone(),
        };
        self.trees.iter().map(place).collect()
    }

    /// The files of the hierarchy in which `controller` works, if it is in one.
    ///
    /// A controller that v2 has without listing it works in v2 unless v1 has it.
    pub fn files(&self, controller: &dyn Controller) -> Option<&Files> {
        let listed = self.trees.iter().find(|tree| tree.hierarchy.lists(controller));
        let v2 = || self.trees.iter().find(|tree| tree.files.version == Version::V2);
        let tree = listed.or_else(|| v2().filter(|_| !controller.listed()))?;
        Some(&tree.files)
    }

    /// Its files in every hierarchy that it is in.
    pub(crate) fn all_files(&self) -> impl Iterator<Item = &Files> {
        self.trees.iter().map(|tree| &tree.files)
    }

    /// Holds the group to all that was asked of `controllers`. If the kernel refuses a part of it,
    /// the group is as it was before, as far as files can be put back.
    pub fn limit(&self, explain: &Explain, controllers: &[Box<dyn Controller>]) -> Result<()> {
        self.check(controllers)?;
        let here = || controllers.iter().filter_map(|one| Some((one, self.files(one.as_ref())?)));
        let mut before = Vec::new();
        let limited = here().try_for_each(|(controller, files)| {
            let settings = controller.settings(files)?;
            let now = settings.iter().filter(|one| files.has(&one.file)).map(|one| one.now(files));
            before.extend(now.collect::<Result<Vec<_>>>()?.into_iter().map(|one| (files, one)));
            controller.limit(explain, files)
        });
        if limited.is_err() {
            before.iter().rev().for_each(|(files, old)| put_back(explain, files, old));
        }
        limited
    }

    /// Refuses what can be seen to be wrong before anything is written.
    pub(crate) fn check(&self, controllers: &[Box<dyn Controller>]) -> Result<()> {
        let version = |one: &dyn Controller| self.files(one).map(|files| files.version);
        let check = |one: &dyn Controller| version(one).map_or(Ok(()), |it| one.check(it));
        controllers.iter().map(Box::as_ref).try_for_each(check)
    }

    /// Opens what a process needs to join the group. To be done on the host: whether one may join
    /// is asked of who opened the file, not of who writes to it.
    pub fn doors(&self) -> Result<Vec<Door>> {
        self.trees.iter().map(|tree| Door::open(&tree.files)).collect()
    }

    /// Has a process join, in the hierarchies of one dialect.
    pub fn pull(&self, explain: &Explain, process: Pid, version: Version) -> Result<()> {
        let mut trees = self.trees.iter().filter(|tree| tree.files.version == version);
        trees.try_for_each(|tree| Door::open(&tree.files)?.pull(explain, process))
    }

    /// The directory in v2, for a child to be born in.
    pub fn nursery(&self) -> Option<BorrowedFd<'_>> {
        // ANCHOR: exercise-6-2
        let v2 = self.trees.iter().find(|tree| tree.files.version == Version::V2)?;
        v2.lock.as_ref().map(|lock| lock.as_fd())
        // ANCHOR_END: exercise-6-2
    }

    /// Who is in it, as this process numbers them.
    pub fn processes(&self) -> Vec<Pid> {
        let mut all: Vec<_> =
            self.trees.iter().flat_map(|tree| processes(&tree.files.dir)).collect();
        all.sort_unstable();
        all.dedup();
        all
    }

    /// Kills everyone in it, frozen or not, and waits until they have left.
    pub fn kill(&self, explain: &Explain) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        let at_once = self.trees.iter().find(|tree| tree.files.has("cgroup.kill"));
        loop {
            match at_once {
                Some(tree) => tree.files.write(explain, "cgroup.kill", 1)?,
                None => self.kill_one_by_one(),
            }
            self.all_files().for_each(|files| freezer::let_die(explain, files));
            let left = self.processes();
            if left.is_empty() {
                return Ok(());
            }
            if Instant::now() > deadline {
                bail!("killing what is in the group: {} will not die", names(&left));
            }
            sleep(Duration::from_millis(1));
        }
    }

    /// Where the kernel has no `cgroup.kill`. Those who are born meanwhile are for the next round.
    fn kill_one_by_one(&self) {
        let open = |pid| pidfd_open(pid).map(|fd| (pid, fd));
        let found: Vec<_> = self.processes().into_iter().flat_map(open).collect();
        // A number may by now be another process's; one that is still in the group is not.
        let still = self.processes();
        for (_, fd) in found.iter().filter(|(pid, _)| still.contains(pid)) {
            let _ = send(fd.as_fd(), libc::SIGKILL); // it may have ended by now
        }
    }

    /// Removes it everywhere, and the groups above that were made for it if they are empty. What
    /// cannot be removed stays in `self`.
    pub fn remove(&mut self, explain: &Explain) -> Result<()> {
        self.remove_by(explain, Instant::now() + PATIENCE)
    }

    /// The same without waiting for those who may still be in it.
    pub fn remove_now(&mut self, explain: &Explain) -> Result<()> {
        self.remove_by(explain, Instant::now())
    }

    fn remove_by(&mut self, explain: &Explain, deadline: Instant) -> Result<()> {
        let mut result = Ok(());
        self.trees.retain(|tree| {
            let removed = tree.remove(explain, deadline);
            let gone = removed.is_ok();
            if let (Ok(()), Err(error)) = (&result, removed) {
                result = Err(error);
            }
            !gone
        });
        result
    }
}

/// What the kernel does not take back stays; the error that is told is the one before.
fn put_back(explain: &Explain, files: &Files, old: &Setting) {
    if old.now(files).is_ok_and(|now| now != *old) {
        let _ = files.write(explain, &old.file, &old.value);
    }
}

impl Tree {
    fn make(&mut self, explain: &Explain, outlives: bool) -> Result<()> {
        // The last container in a group above removes it, which may be at any moment.
        for _ in 0..100 {
            match self.try_make(explain, outlives) {
                Err(error) if is_gone(&error) => {}
                made => {
                    return made.map_err(|error| match holders(&self.files.dir) {
                        None => error,
                        Some(holders) => error.context(format!("in use by {holders}")),
                    });
                }
            }
        }
        bail!("making the group {}: somebody keeps removing it", self.files.dir.display())
    }

    fn try_make(&mut self, explain: &Explain, outlives: bool) -> Result<()> {
        for dir in self.above.iter().filter(|dir| !dir.exists()) {
            match make(explain, dir) {
                Err(_) if dir.exists() => {} // another was faster
                made => made?,
            }
        }
        make(explain, &self.files.dir)?;
        if outlives && self.files.version == Version::V1 {
            return Ok(()); // of v2 the directory is where the child is born
        }
        let dir = File::open(&self.files.dir)?;
        let inode = dir.metadata()?.ino();
        self.lock = Some(lock(dir, FlockArg::LockExclusive)?);
        // Whoever cleared it away before it was locked took it for an abandoned one.
        match self.files.dir.metadata()?.ino() == inode {
            true => Ok(()),
            false => Err(io::Error::from_raw_os_error(libc::ENOENT).into()),
        }
    }

    fn furnish(&self, explain: &Explain, controllers: &[Box<dyn Controller>]) -> Result<()> {
        // ANCHOR: exercise-6-11
        let here = || controllers.iter().filter(|one| self.hierarchy.lists(one.as_ref()));
        if self.files.version == Version::V2 {
            for dir in [&self.top].into_iter().chain(&self.above) {
                enable::enable(explain, dir, here().map(Box::as_ref))?;
            }
        }
        for dir in self.above.iter().chain([&self.files.dir]) {
            let files = Files { version: self.files.version, dir: dir.clone() };
            here().try_for_each(|one| one.furnish(explain, &files))?;
        }
        Ok(())
        // ANCHOR_END: exercise-6-11
    }

    fn remove(&self, explain: &Explain, deadline: Instant) -> Result<()> {
        let dir = &self.files.dir;
        let removed = explain.act(
            lazy(|| sh(["rmdir".as_ref(), dir.as_os_str()])),
            format_args!("removing the group {}", dir.display()),
            || remove(dir, deadline),
        );
        removed.map_err(|error| match holders(dir) {
            None => error,
            Some(holders) => error.context(format!("still in use by {holders}")),
        })?;
        remove_empty(explain, &self.above);
        Ok(())
    }
}
