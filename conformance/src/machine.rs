//! A machine that systemd runs: systemd as process 1 of a PID namespace, in a part of the trees of
//! groups that it takes for the whole, with a `/run` of its own and no services.
//!
//! See systemd(1), and for the way there unshare(1) and nsenter(1).

use std::{
    fmt::Write,
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Pid;

use crate::{Run, Running, Sandbox};

/// Which trees of groups a machine has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trees {
    /// That of version 2 alone.
    Unified,
    /// All that there are here: controllers are in version 1, and systemd is in both.
    Hybrid,
}

/// A machine that systemd runs. It is switched off when this is dropped.
#[derive(Debug)]
pub struct Machine<'a> {
    sandbox: &'a Sandbox,
    trees: Vec<Tree>,
    init: Pid,
    running: Option<Running>,
}

/// A tree of groups, and the group in it that the machine takes for the root.
#[derive(Debug)]
struct Tree {
    v2: bool,
    /// What it is mounted with, and where in the machine.
    options: String,
    place: String,
    group: PathBuf,
}

/// What systemd is started with. Scopes are kept in the last two places for units: who has them not
/// forgets its scopes when it looks anew.
const SYSTEMD: &str = r#"
    mkdir /run/units
    for unit in sysinit basic shutdown machine; do
        printf "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n" > /run/units/$unit.target
    done
    export SYSTEMD_UNIT_PATH=/run/units:/run/systemd/system.control:/run/systemd/transient
    export SYSTEMD_GENERATOR_PATH=/run/none container=test
    exec /usr/lib/systemd/systemd \
        --system --unit=machine.target --log-target=null --show-status=no
"#;

/// A user's systemd, as `user@.service` has it: in a group that is given away.
const LOG_IN: &str = r#"
    set -e
    mkdir -p /run/user/1000
    chown 1000:1000 /run/user/1000
    exec systemd-run --quiet --unit=user@1000 --uid=1000 --gid=1000 \
        --property=Delegate=yes --property=Type=notify --slice=user.slice \
        --setenv=XDG_RUNTIME_DIR=/run/user/1000 \
        --setenv=SYSTEMD_UNIT_PATH=/run/units:/run/user/1000/systemd/transient \
        --setenv=SYSTEMD_GENERATOR_PATH=/run/none \
        /usr/lib/systemd/systemd --user --unit=machine.target --log-target=null
"#;

/// The group of that service.
const USERS: &str = "user.slice/user@1000.service";

/// All that a process of the machine has of its own.
const ALL: &str = "--mount --cgroup --pid";

impl<'a> Machine<'a> {
    /// Where a test of it needs systemd to be: that is where Debian has it.
    pub const NEEDS: &'static str = "/usr/lib/systemd/systemd";

    /// Switches one on.
    pub fn boot(sandbox: &'a Sandbox, trees: Trees) -> Result<Self> {
        let trees = Tree::all(sandbox, trees)?;
        let mut machine = Self { sandbox, trees, init: Pid::from_raw(0), running: None };
        machine.trees.iter().try_for_each(Tree::make)?;
        let boot = sandbox.run("/usr/bin/unshare").args(["--mount", "--uts", "--pid", "--fork"]);
        let boot = boot.args(["--kill-child", "--propagation", "private", "sh", "-c"]);
        let boot = boot.arg(machine.boot_script()).spawn()?;
        let socket = |init: &Pid| format!("/proc/{init}/root/run/systemd/private");
        machine.init = wait_for("systemd", || {
            let init = *boot.descendants().first()?;
            Path::new(&socket(&init)).exists().then_some(init)
        })?;
        machine.running = Some(boot);
        Ok(machine)
    }

    /// What becomes process 1. Nobody else is in its groups, or those of version 2 could give
    /// nothing on; and it is there before it makes its namespace of groups.
    fn boot_script(&self) -> String {
        let mut script = join(&self.trees, "");
        // Nothing is left of the mounts in the old /run.
        script += "set -e; mount -n -t tmpfs tmpfs /run; mount -t proc proc /proc\n";
        script += "umount -R /sys/fs/cgroup\n";
        let mut inner = String::new();
        if self.trees.len() > 1 {
            inner += "mount -t tmpfs tmpfs /sys/fs/cgroup\n";
        }
        for Tree { v2, options, place, .. } in &self.trees {
            let kind = if *v2 { "cgroup2" } else { "cgroup" };
            let _ =
                writeln!(inner, "mkdir -p {place}; mount -t {kind} -o {options} {kind} {place}");
        }
        inner += SYSTEMD;
        let _ = write!(script, "exec unshare --cgroup sh -c '{inner}'");
        script
    }

    /// A program there, in groups in which there is nobody else.
    pub fn run(&self, program: &str) -> Run<'a> {
        self.enter(ALL, "/caller").arg(program)
    }

    /// The same for one whose numbers of processes are not the machine's.
    pub fn run_from_outside(&self, program: &str) -> Run<'a> {
        let own_proc = "mount -t proc proc /proc; exec \"$0\" \"$@\"";
        let run = self.enter("--mount --cgroup", "/caller");
        run.args(["unshare", "--mount", "sh", "-c", own_proc, program])
    }

    /// Lets an ordinary user log in. Version 2 has to be the machine's only one.
    pub fn log_in(&self) -> Result<()> {
        self.run("/bin/sh").args(["-c", LOG_IN]).output()?.success()?;
        let caller = self.group(USERS).join("caller");
        fs::create_dir(&caller).with_context(|| format!("making {}", caller.display()))?;
        for name in ["", "cgroup.procs"] {
            chown(caller.join(name), Some(1000), Some(1000))?;
        }
        Ok(())
    }

    /// What that user runs.
    pub fn users_run(&self, program: &str) -> Run<'a> {
        let run = self.enter(ALL, &format!("/{USERS}/caller"));
        let run = run.env("XDG_RUNTIME_DIR", "/run/user/1000");
        run.args(["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups", program])
    }

    fn enter(&self, flags: &str, group: &str) -> Run<'a> {
        let (init, join) = (self.init, join(&self.trees, group));
        let script = format!("{join} exec nsenter --target {init} {flags} -- \"$@\"");
        self.sandbox.run("/bin/sh").args(["-c", &script, "sh"])
    }

    /// What its systemd says of a unit.
    pub fn show(&self, unit: &str, properties: &str) -> Result<String> {
        let show = ["show", unit, "--property", properties];
        let shown = self.run("systemctl").args(show).output()?;
        shown.success()?;
        Ok(shown.stdout())
    }

    /// The groups of all scopes but systemd's own, as systemd calls them, without the `/` at the front.
    pub fn scopes(&self) -> Vec<PathBuf> {
        let root = self.group("");
        let mut all = Vec::new();
        collect(&root, &mut all);
        all.into_iter().flat_map(|dir| Some(dir.strip_prefix(&root).ok()?.into())).collect()
    }

    /// The directory of a group, in the tree of version 2.
    pub fn group(&self, path: impl AsRef<Path>) -> PathBuf {
        let v2 = self.trees.iter().find(|tree| tree.v2).expect("every machine has it");
        v2.group.join(path)
    }

    /// The same in the tree of a controller of version 1.
    pub fn group_v1(&self, controller: &str, path: impl AsRef<Path>) -> Result<PathBuf> {
        let has = |tree: &&Tree| !tree.v2 && tree.options.split(',').any(|one| one == controller);
        let tree = self.trees.iter().find(has).context("no such controller")?;
        Ok(tree.group.join(path))
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        self.running = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while !self.trees.iter().all(|tree| remove(&tree.group)) && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
    }
}

impl Tree {
    fn all(sandbox: &Sandbox, wanted: Trees) -> Result<Vec<Self>> {
        let mounts = fs::read_to_string("/proc/self/mounts").context("reading the mounts")?;
        let mut all: Vec<Self> =
            mounts.lines().filter_map(|line| Self::of(sandbox, line)).collect();
        if wanted == Trees::Unified {
            all.retain(|tree| tree.v2);
            all.iter_mut().for_each(|tree| tree.place = "/sys/fs/cgroup".into());
        }
        match all.iter().any(|tree| tree.v2) {
            true => Ok(all),
            false => bail!("there is no cgroup v2"),
        }
    }

    /// From a line of `/proc/self/mounts`: source, place, kind, options.
    fn of(sandbox: &Sandbox, mount: &str) -> Option<Self> {
        const COMMON: [&str; 8] =
            ["rw", "relatime", "nosuid", "nodev", "noexec", "xattr", "nsdelegate", "seclabel"];
        let words: Vec<_> = mount.split(' ').collect();
        let v2 = match words[2] {
            "cgroup" => false,
            "cgroup2" => true,
            _ => return None,
        };
        let own = |option: &&str| !COMMON.contains(option) && !option.starts_with("memory_");
        let mut options: Vec<_> = words[3].split(',').filter(own).collect();
        if v2 {
            options = vec!["rw"];
        } else if options.iter().all(|option| option.starts_with("name=")) {
            options.insert(0, "none"); // one without controllers has to be asked for as such
        }
        let group = Path::new(words[1]).join(sandbox.cgroup_parent());
        Some(Self { v2, options: options.join(","), place: words[1].into(), group })
    }

    /// With all the controllers that there are, and room for who calls from it.
    fn make(&self) -> Result<()> {
        let top = self.group.parent().context("a group without a tree")?;
        if self.v2 {
            let controllers = fs::read_to_string(top.join("cgroup.controllers"))?;
            for controller in controllers.split_whitespace() {
                fs::write(top.join("cgroup.subtree_control"), format!("+{controller}"))?;
            }
        }
        for dir in [&self.group, &self.group.join("caller")] {
            fs::create_dir(dir).with_context(|| format!("making {}", dir.display()))?;
            // Of version 1 a group without these lets nobody in.
            for file in ["cpuset.cpus", "cpuset.mems"].iter().filter(|_| !self.v2) {
                if let Ok(set) = fs::read_to_string(top.join(file)) {
                    fs::write(dir.join(file), set.trim())?;
                }
            }
        }
        Ok(())
    }
}

/// The shell's way into groups, one in each tree.
fn join(trees: &[Tree], path: &str) -> String {
    let join = |tree: &Tree| format!("echo 0 > {}{path}/cgroup.procs\n", tree.group.display());
    trees.iter().map(join).collect()
}

fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(30);
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "there is no {what}");
        sleep(Duration::from_millis(5));
    }
}

fn collect(dir: &Path, scopes: &mut Vec<PathBuf>) {
    for group in groups_in(dir) {
        let name = group.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.ends_with(".scope") && name != "init.scope" {
            true => scopes.push(group),
            false => collect(&group, scopes),
        }
    }
}

fn remove(dir: &Path) -> bool {
    for below in groups_in(dir) {
        remove(&below);
    }
    fs::remove_dir(dir).is_ok() || !dir.exists()
}

fn groups_in(dir: &Path) -> impl Iterator<Item = PathBuf> + use<> {
    let entries = fs::read_dir(dir).into_iter().flatten().flatten();
    entries.map(|entry| entry.path()).filter(|path| path.is_dir())
}
