//! The layer: an overlay mount, for the mount layer above to make the root of.
//!
//! See the kernel's `filesystems/overlayfs.rst`. It is mounted in the container's own mount
//! namespace, so the host never sees it, and it is gone with the container whatever happens.

use std::{
    fs::{self, File},
    io::ErrorKind,
    os::fd::{AsFd, OwnedFd},
    path::{Path, PathBuf},
    rc::Rc,
};

use anyhow::{Context, Result, anyhow, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::{
        stat::Mode,
        statfs::{OVERLAYFS_SUPER_MAGIC, fstatfs},
        statvfs::{FsFlags, statvfs},
    },
    unistd::Pid,
};
use step06::{Cap, CapSets, Explain, Layer, sh};

use crate::{
    Marks, Tree, Union,
    changes::{Changes, mount_tmpfs},
    errand,
    handoff::Handoff,
    options::Parts,
};

/// The layer that shows layers of files as one, and takes what the container writes.
pub struct Overlay {
    layers: Vec<PathBuf>,
    run_dir: PathBuf,
    changes: Changes,
    handoff: Option<Handoff>,
    user_namespace: Option<File>,
    union: Option<Rc<Union>>,
}

/// As many as the kernel takes.
const MAX_LAYERS: usize = 500;

impl Overlay {
    /// Of these directories, the lowest first; at least one. What the container writes vanishes
    /// with it. `run_dir` is a directory for this container alone, for mount points.
    pub fn new(layers: Vec<PathBuf>, run_dir: &Path) -> Self {
        Self {
            layers,
            run_dir: run_dir.to_owned(),
            changes: Changes::own(run_dir.join("changes")),
            handoff: None,
            user_namespace: None,
            union: None,
        }
    }

    /// Has it stand on other layers than it was made with, the lowest first.
    pub fn stand_on(&mut self, layers: Vec<PathBuf>) {
        self.layers = layers;
    }

    /// Keeps what the container writes, in `dir/upper`. The directory `dir` is made if it is
    /// missing, and belongs to this container alone while it lasts.
    pub fn keep_in(&mut self, dir: PathBuf) {
        self.changes = Changes::kept(dir);
    }

    /// Where the container is to find its root.
    pub fn merged(&self) -> PathBuf {
        self.run_dir.join("merged")
    }

    /// Where what the container writes is found, for the container.
    pub fn upper(&self) -> PathBuf {
        self.changes.path.join("upper")
    }

    /// Prepares for [`look`](Self::look).
    pub fn watch(&mut self) -> Result<()> {
        self.handoff = Some(Handoff::new().context("overlay: making a socket pair")?);
        Ok(())
    }

    /// Host, when the container has ended: calls `act` with what it wrote and what it wrote that
    /// over, as one who may read and copy all of it. Errors begin with `name`.
    pub fn look(
        &mut self,
        name: &'static str,
        act: impl FnOnce(&Union) -> Result<()> + 'static,
    ) -> Result<()> {
        let union = self.union().context(name)?;
        self.as_root(name, move || act(&union))
    }

    /// When the container has ended: what it wrote is to stay, if it is kept at all.
    pub fn settle(&mut self) {
        self.changes.settle();
    }

    fn union(&mut self) -> Result<Rc<Union>> {
        if let Some(union) = &self.union {
            return Ok(Rc::clone(union));
        }
        let handoff =
            self.handoff.as_ref().context("nobody has asked to look at this container")?;
        let (marks, [upper, lower]) =
            handoff.receive().context("receiving what the container has written")?;
        let union = Rc::new(Union {
            upper: Tree::new(upper, &self.upper()),
            lower: Tree::new(lower, &self.view()),
            marks: if marks == 0 { Marks::Trusted } else { Marks::User },
        });
        self.union = Some(Rc::clone(&union));
        Ok(union)
    }

    /// Does something as the container's root, unless this process has all the power on the host.
    fn as_root(
        &self,
        name: &'static str,
        act: impl FnOnce() -> Result<()> + 'static,
    ) -> Result<()> {
        let powerful = CapSets::current()?.effective.has(Cap::SYS_ADMIN);
        match &self.user_namespace {
            Some(namespace) if !powerful => errand::run_in(name, namespace.try_clone()?, act),
            _ => act().context(name),
        }
    }

    /// The layers alone.
    fn view(&self) -> PathBuf {
        self.run_dir.join("view")
    }

    /// The layers, the topmost first, and what the container writes, as paths or opened.
    fn parts<T>(&self, marks: Marks, open: impl Fn(&Path) -> Result<T>) -> Result<Parts<T>> {
        // ANCHOR: exercise-7-2
        let changes = &self.changes.path;
        Ok(Parts {
            lower: self.layers.iter().rev().map(|layer| open(layer)).collect::<Result<_>>()?,
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("work"))?]),
            marks,
        })
        // ANCHOR_END: exercise-7-2
    }

    /// Container: finds out which marks can be set where the container's writes go.
    fn marks(&self, changes: &Tree) -> Result<Marks> {
        let doing = format!("setting marks in {}", self.changes.path.display());
        let kind = fstatfs(changes).with_context(|| doing.clone())?.filesystem_type();
        ensure!(kind != OVERLAYFS_SUPER_MAGIC, "{doing}: it is in an overlay already");
        Marks::probe(&changes.root()?).map_err(|errno| match errno {
            Errno::EOPNOTSUPP if self.changes.is_kept() => {
                anyhow!("{doing}: its file system has no extended attributes for them")
            }
            Errno::EOPNOTSUPP => anyhow!(
                "{doing}: only since Linux 6.6 an ordinary user can in a tmpfs (keep changes on a disk: --upper)"
            ),
            errno => anyhow!("{doing}: {errno}"),
        })
    }

    fn mount(&self, explain: &Explain, parts: &Parts<OwnedFd>) -> Result<()> {
        let merged = self.merged();
        let named = self.parts(parts.marks, |path| Ok(path.as_os_str().to_owned()))?;
        explain.act(
            named.command(&merged),
            format_args!("mounting an overlay on {}", merged.display()),
            || parts.mount(&merged).map_err(|errno| anyhow!("{errno}{}", refusal(errno))),
        )?;
        let flags = statvfs(&merged).context("looking at the overlay")?.flags();
        ensure!(
            !flags.contains(FsFlags::ST_RDONLY),
            "writing to {}: the kernel cannot keep changes there, and its log says why",
            self.changes.path.display()
        );
        Ok(())
    }

    /// Container: mounts the layers without what it writes.
    fn mount_view(
        &self,
        explain: &Explain,
        mut lower: Vec<OwnedFd>,
        marks: Marks,
    ) -> Result<OwnedFd> {
        let view = self.view();
        let mut named = self.parts(marks, |path| Ok(path.as_os_str().to_owned()))?.without_upper();
        // One layer alone makes no overlay, and would show its whiteouts: an empty one goes below.
        if lower.len() == 1 {
            mount_tmpfs(explain, &view)?;
            lower.push(open_dir(&view)?);
            named.lower.push(view.clone().into());
        }
        explain.act(
            named.command(&view),
            format_args!("mounting the layers on {}", view.display()),
            || Parts { lower, upper: None, marks }.mount(&view),
        )?;
        open_dir(&view)
    }
}

impl Layer for Overlay {
    fn name(&self) -> &'static str {
        "overlay"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        let count = self.layers.len();
        ensure!(count > 0, "there is no layer");
        ensure!(
            count <= MAX_LAYERS,
            "{count} layers are more than the {MAX_LAYERS} that the kernel takes"
        );
        for layer in &mut self.layers {
            let named = || format!("opening layer {}", layer.display());
            let path = layer.canonicalize().with_context(named)?;
            ensure!(path.is_dir(), "{}: it is not a directory", named());
            *layer = path;
        }
        self.changes.prepare(explain)?;
        let changes = &self.changes.path;
        // The kernel allows it, but then a layer changes. All else is in the host's root.
        let root = Path::new("/");
        if let Some(layer) = self.layers.iter().find(|dir| changes.starts_with(dir) && *dir != root)
        {
            bail!("keeping changes in {}: it is in layer {}", changes.display(), layer.display());
        }
        let view = self.handoff.as_ref().map(|_| self.view());
        for dir in [self.merged()].into_iter().chain(view) {
            explain.act(
                sh(["mkdir".as_ref(), dir.as_os_str()]),
                format_args!("making {}", dir.display()),
                || fs::create_dir(&dir),
            )?;
        }
        Ok(())
    }

    fn attach(&mut self, _: &Explain, child: Pid) -> Result<()> {
        let named = "opening the container's user namespace";
        self.user_namespace = Some(File::open(format!("/proc/{child}/ns/user")).context(named)?);
        Ok(())
    }

    // ANCHOR: overlay-enter
    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let top = self.layers.last().context("there is no layer")?;
        let changes = self.changes.enter(explain, &Tree::open(top)?.root()?)?;
        let marks = self.marks(&changes)?;
        let parts = self.parts(marks, open_dir)?;
        self.mount(explain, &parts)?;
        if let (Some(handoff), Some([upper, _])) = (&self.handoff, parts.upper) {
            let view = self.mount_view(explain, parts.lower, marks)?;
            let sent = handoff.send(u8::from(marks == Marks::User), [upper.as_fd(), view.as_fd()]);
            sent.context("handing the changes to the host")?;
        }
        Ok(())
    }
    // ANCHOR_END: overlay-enter

    fn release(&mut self, explain: &Explain) -> Result<()> {
        (self.handoff, self.union) = (None, None);
        if let Some(rubbish) = self.changes.rubbish() {
            explain.say(sh(["rm".as_ref(), "-r".as_ref(), rubbish.as_os_str()]));
            self.as_root("removing", move || remove(&rubbish))?;
            self.changes.unlock();
        }
        Ok(())
    }
}

/// Removes a directory with all that is in it.
fn remove(dir: &Path) -> Result<()> {
    match fs::remove_dir_all(dir) {
        Err(error) if error.kind() != ErrorKind::NotFound => {
            Err(error).with_context(|| dir.display().to_string())
        }
        _ => Ok(()),
    }
}

fn open_dir(path: &Path) -> Result<OwnedFd> {
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    open(path, flags, Mode::empty()).with_context(|| format!("opening {}", path.display()))
}

/// Why the kernel refuses an overlay, as far as can be told; begins with a space.
fn refusal(errno: Errno) -> &'static str {
    match errno {
        Errno::ELOOP => " (one of these directories is in another, or is given twice)",
        Errno::EINVAL => {
            " (in a layer something is mounted that a user namespace may not uncover, or a file system here cannot be part of an overlay)"
        }
        Errno::ENODEV => " (this kernel has no overlay)",
        Errno::EPERM => " (in a user namespace this takes Linux 5.11)",
        _ => "",
    }
}
