//! A machine that systemd runs: systemd as process 1 of a PID namespace, in a part of the tree of
//! groups that it takes for the whole, with a `/run` of its own and no services.

use std::{
    fs,
    os::unix::fs::chown,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{Run, Running, Sandbox};
use nix::unistd::Pid;
use step06::{Hierarchy, Version};

use super::scene::STEP06;

/// Where Debian has it.
pub const SYSTEMD: &str = "/usr/lib/systemd/systemd";

/// Becomes process 1. `$0` is the group. Only that process is in it, or it could give nothing on.
const BOOT: &str = r#"
    export GROUP=$0
    exec unshare --mount --uts --pid --fork --kill-child --propagation private sh -c '
        set -e
        echo 0 > $GROUP/cgroup.procs
        mount -n -t tmpfs tmpfs /run # and leave nothing in the old one
        mount -t proc proc /proc
        umount -R /sys/fs/cgroup
        mkdir -p /run/units
        for unit in sysinit basic shutdown machine; do
            printf "[Unit]\nDefaultDependencies=no\nAllowIsolate=yes\n" > /run/units/$unit.target
        done
        # Scopes are kept in the last two: who has them not forgets them when it looks anew.
        export SYSTEMD_UNIT_PATH=/run/units:/run/systemd/system.control:/run/systemd/transient
        export SYSTEMD_GENERATOR_PATH=/run/none container=test
        exec unshare --cgroup sh -c "
            mount -t cgroup2 cgroup2 /sys/fs/cgroup
            exec /usr/lib/systemd/systemd \
                --system --unit=machine.target --log-target=null --show-status=no"'
"#;

/// Runs a program there. `$0` is the group to run it in, `$1` process 1, `$2` what of it to share.
const ENTER: &str = r#"
    echo $$ > $0/cgroup.procs
    flags="--target $1 $2"
    shift 2
    exec nsenter $flags -- "$@"
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

/// The group of that service, from the machine's root.
const USERS: &str = "user.slice/user@1000.service";

/// All that a process of the machine has of its own.
const ALL: &str = "--mount --cgroup --pid";

pub struct Machine<'a> {
    sandbox: &'a Sandbox,
    /// The group that it takes for the root.
    group: PathBuf,
    init: Pid,
    running: Option<Running>,
}

impl<'a> Machine<'a> {
    pub fn boot(sandbox: &'a Sandbox) -> Result<Self> {
        let group = make_group(sandbox)?;
        let mut machine = Self { sandbox, group, init: Pid::from_raw(0), running: None };
        let boot = sandbox.run("/bin/sh").args(["-c", BOOT]).arg(&machine.group).spawn()?;
        let socket = |init: &Pid| format!("/proc/{init}/root/run/systemd/private");
        machine.init = wait_for("systemd", || {
            let init = *boot.descendants().first()?;
            Path::new(&socket(&init)).exists().then_some(init)
        })?;
        machine.running = Some(boot);
        Ok(machine)
    }

    /// A program there, in a group in which there is nobody else.
    pub fn run(&self, program: &str) -> Run<'a> {
        self.enter(ALL, &self.group.join("caller")).arg(program)
    }

    /// The same for one whose numbers of processes are not the machine's.
    pub fn run_from_outside(&self, program: &str) -> Run<'a> {
        let own_proc = "mount -t proc proc /proc; exec \"$0\" \"$@\"";
        let run = self.enter("--mount --cgroup", &self.group.join("caller"));
        run.args(["unshare", "--mount", "sh", "-c", own_proc, program])
    }

    pub fn step06(&self) -> Run<'a> {
        self.run(STEP06).args(["--network", "none"])
    }

    /// Lets an ordinary user log in.
    pub fn log_in(&self) -> Result<()> {
        self.run("/bin/sh").args(["-c", LOG_IN]).output()?.success()?;
        let caller = self.group.join(USERS).join("caller");
        fs::create_dir(&caller).with_context(|| format!("making {}", caller.display()))?;
        for name in ["", "cgroup.procs"] {
            chown(caller.join(name), Some(1000), Some(1000))?;
        }
        Ok(())
    }

    /// What that user runs.
    pub fn users_step06(&self) -> Run<'a> {
        let run = self.enter(ALL, &self.group.join(USERS).join("caller"));
        let run = run.env("XDG_RUNTIME_DIR", "/run/user/1000");
        let user = ["setpriv", "--reuid=1000", "--regid=1000", "--clear-groups"];
        run.args(user).args([STEP06, "--network", "none"])
    }

    fn enter(&self, flags: &str, group: &Path) -> Run<'a> {
        let run = self.sandbox.run("/bin/sh").args(["-c", ENTER]);
        run.arg(group).arg(self.init.to_string()).arg(flags)
    }

    /// What its systemd says of a unit.
    pub fn show(&self, unit: &str, properties: &str) -> Result<String> {
        let show = ["show", unit, "--property", properties];
        let shown = self.run("systemctl").args(show).output()?;
        shown.success()?;
        Ok(shown.stdout())
    }

    /// The groups of its containers' scopes, from its root.
    pub fn scopes(&self) -> Vec<PathBuf> {
        let mut all = Vec::new();
        collect(&self.group, &mut all);
        all.into_iter().flat_map(|dir| Some(dir.strip_prefix(&self.group).ok()?.into())).collect()
    }

    /// A directory of a group.
    pub fn group(&self, path: impl AsRef<Path>) -> PathBuf {
        self.group.join(path)
    }
}

impl Drop for Machine<'_> {
    fn drop(&mut self) {
        self.running = None;
        let deadline = Instant::now() + Duration::from_secs(5);
        while !remove(&self.group) && Instant::now() < deadline {
            sleep(Duration::from_millis(5));
        }
    }
}

pub fn wait_for<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> Result<T> {
    let deadline = Instant::now() + Duration::from_secs(20);
    loop {
        if let Some(found) = look() {
            return Ok(found);
        }
        ensure!(Instant::now() < deadline, "there is no {what}");
        sleep(Duration::from_millis(5));
    }
}

/// With all the controllers that there are.
fn make_group(sandbox: &Sandbox) -> Result<PathBuf> {
    let hierarchy = Hierarchy::all()?.into_iter().find(|one| one.version == Version::V2);
    let hierarchy = hierarchy.context("no cgroup v2")?;
    let top = hierarchy.top().context("no group may be made")?;
    for controller in &hierarchy.controllers {
        fs::write(top.join("cgroup.subtree_control"), format!("+{controller}"))?;
    }
    let group = top.join(sandbox.cgroup_parent());
    fs::create_dir(&group).with_context(|| format!("making {}", group.display()))?;
    fs::create_dir(group.join("caller"))?;
    Ok(group)
}

fn collect(dir: &Path, scopes: &mut Vec<PathBuf>) {
    for entry in groups_in(dir) {
        let name = entry.file_name().unwrap_or_default().to_string_lossy().into_owned();
        match name.starts_with("layers-") && name.ends_with(".scope") {
            true => scopes.push(entry),
            false => collect(&entry, scopes),
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
