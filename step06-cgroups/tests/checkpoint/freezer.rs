//! Standing still, and going on.

use std::{
    fs,
    path::{Path, PathBuf},
    thread::sleep,
    time::{Duration, Instant},
};

use anyhow::{Context, Result, ensure};
use conformance::{End, Running, Sandbox, checkpoint::Test, expect};
use insta::{allow_duplicates, assert_snapshot};
use nix::sys::signal::Signal;
use step06::{Explain, Group, Version};

use super::scene::{first_process, groups, own_group, step06};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        freezing_of_v1: [Root, CgroupV1("freezer")],
        freezing_of_v2: [Root, CgroupV2(""), Other(no_freezer_of_v2)],
        what_cannot_stand_still_goes_on_in_v1: [Root, CgroupV1("freezer"), Filesystem("fuse")],
        what_cannot_stand_still_goes_on_in_v2:
            [Root, CgroupV2(""), Other(no_freezer_of_v2), Filesystem("fuse")],
        a_group_in_a_frozen_one_cannot_go_on_in_v1: [Root, CgroupV1("freezer")],
        a_group_in_a_frozen_one_cannot_go_on_in_v2: [Root, CgroupV2(""), Other(no_freezer_of_v2)],
        a_killed_runtime_may_leave_a_frozen_container_in_v1: [Root, CgroupV1("freezer")],
        a_killed_runtime_may_leave_a_frozen_container_in_v2:
            [Root, CgroupV2(""), Other(no_freezer_of_v2)],
    }
}

fn freezing_of_v1(sandbox: &Sandbox) -> Result<()> {
    freezing(sandbox, Version::V1)
}

fn freezing_of_v2(sandbox: &Sandbox) -> Result<()> {
    freezing(sandbox, Version::V2)
}

fn what_cannot_stand_still_goes_on_in_v1(sandbox: &Sandbox) -> Result<()> {
    what_cannot_stand_still_goes_on(sandbox, Version::V1)
}

fn what_cannot_stand_still_goes_on_in_v2(sandbox: &Sandbox) -> Result<()> {
    what_cannot_stand_still_goes_on(sandbox, Version::V2)
}

fn a_group_in_a_frozen_one_cannot_go_on_in_v1(sandbox: &Sandbox) -> Result<()> {
    a_group_in_a_frozen_one_cannot_go_on(sandbox, Version::V1)
}

fn a_group_in_a_frozen_one_cannot_go_on_in_v2(sandbox: &Sandbox) -> Result<()> {
    a_group_in_a_frozen_one_cannot_go_on(sandbox, Version::V2)
}

fn a_killed_runtime_may_leave_a_frozen_container_in_v1(sandbox: &Sandbox) -> Result<()> {
    a_killed_runtime_may_leave_a_frozen_container(sandbox, Version::V1)
}

fn a_killed_runtime_may_leave_a_frozen_container_in_v2(sandbox: &Sandbox) -> Result<()> {
    a_killed_runtime_may_leave_a_frozen_container(sandbox, Version::V2)
}

/// It came with Linux 5.2.
fn no_freezer_of_v2() -> Option<String> {
    let version = fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut numbers = version.split('.').map_while(|number| number.parse::<u32>().ok());
    let old = (numbers.next(), numbers.next()) < (Some(5), Some(2));
    old.then(|| "needs a freezer in cgroup v2".into())
}

const SILENT: bool = false;

/// The directory of a group in which it can be frozen.
fn freezer(sandbox: &Sandbox, version: Version) -> Result<PathBuf> {
    let file = match version {
        Version::V1 => "freezer.state",
        Version::V2 => "cgroup.freeze",
    };
    let found = groups(sandbox)?.into_iter().find(|dir| dir.join(file).exists());
    found.with_context(|| format!("there is no {file}"))
}

/// Whoever may write to it can do so.
fn by_hand(dir: &Path, version: Version, frozen: bool) -> Result<()> {
    match (version, frozen) {
        (Version::V1, true) => fs::write(dir.join("freezer.state"), "FROZEN")?,
        (Version::V1, false) => fs::write(dir.join("freezer.state"), "THAWED")?,
        (Version::V2, true) => fs::write(dir.join("cgroup.freeze"), "1")?,
        (Version::V2, false) => fs::write(dir.join("cgroup.freeze"), "0")?,
    }
    Ok(())
}

/// Somebody in the group whose file grows as long as they are not held up.
struct Busy {
    _running: Running,
    file: PathBuf,
}

impl Busy {
    fn in_group(sandbox: &Sandbox, dir: &Path) -> Result<Self> {
        let file = sandbox.dir().join("progress");
        let script = "echo 0 > $0/cgroup.procs; while :; do echo >> $1; sleep 0.01; done";
        let run = sandbox.run("/bin/sh").args(["-c", script]).arg(dir).arg(&file);
        let busy = Self { _running: run.spawn()?, file };
        busy.goes_on()?;
        Ok(busy)
    }

    fn progress(&self) -> u64 {
        self.file.metadata().map_or(0, |meta| meta.len())
    }

    fn goes_on(&self) -> Result<()> {
        let (before, deadline) = (self.progress(), Instant::now() + Duration::from_secs(10));
        while self.progress() == before {
            ensure!(Instant::now() < deadline, "it makes no progress any more after {before}");
            sleep(Duration::from_millis(5));
        }
        Ok(())
    }

    fn stands_still(&self) -> Result<()> {
        let before = self.progress();
        sleep(Duration::from_millis(400));
        expect::equal("how far it is", &self.progress(), before, "cgroups(7)")
    }
}

fn freezing(sandbox: &Sandbox, version: Version) -> Result<()> {
    let mut group = own_group(sandbox, "cold", &[version])?;
    let dir = freezer(sandbox, version)?;
    let explain = Explain::new(SILENT);
    let busy = Busy::in_group(sandbox, &dir)?;
    for _ in 0..2 {
        expect::equal("whether it is frozen", &group.is_frozen()?, false, "cgroups(7)")?;
        group.freeze(&explain)?;
        let file = match version {
            Version::V1 => fs::read_to_string(dir.join("freezer.state"))?,
            Version::V2 => fs::read_to_string(dir.join("cgroup.events"))?,
        };
        let frozen = file == "FROZEN\n" || file.contains("frozen 1");
        expect::that("the kernel says so", frozen, &file, "cgroups(7)")?;
        busy.stands_still()?;
        expect::equal("whether it is frozen", &group.is_frozen()?, true, "cgroups(7)")?;
        group.thaw(&explain)?;
        busy.goes_on()?;
    }
    group.freeze(&explain)?;
    group.kill(&explain)?; // which is not kept from it
    expect::equal("who is in it", &group.processes(), vec![], "cgroups(7)")?;
    drop(busy);
    group.remove(&explain)
}

/// A directory of a file system whose server never answers. One who asks for an entry holds the
/// directory, and one who wants to make another waits for that, deaf to everything.
const STUCK: &str = "
    group=$0 dir=$1 probe=$2
    $probe mkdir $dir
    exec 3<>/dev/fuse
    mount -n -i -t fuse -o fd=3,rootmode=40000,user_id=0,group_id=0 nobody $dir
    $probe mkdir $dir/a 3<&- 2>&- &
    sleep 0.5
    (echo 0 > $group/cgroup.procs; exec $probe mkdir $dir/b 3<&- 2>&-) &
    while read state < /proc/$!/stat && [ \"${state#*(probe) D}\" = \"$state\" ]; do sleep 0.05; done
    echo stuck
    while [ ! -e $dir.go ]; do sleep 0.05; done
    exec 3<&-
    wait
    umount -n $dir
    rm -d $dir";

fn what_cannot_stand_still_goes_on(sandbox: &Sandbox, version: Version) -> Result<()> {
    let mut group = own_group(sandbox, "stuck", &[version])?;
    let dir = freezer(sandbox, version)?;
    let place = sandbox.dir().join("nobody-answers");
    let run =
        sandbox.run("/bin/sh").args(["-c", STUCK]).arg(&dir).arg(&place).arg(sandbox.probe_path());
    let mut stuck = run.limit(Duration::from_secs(40)).spawn()?;
    expect::equal("what it says", &stuck.line()?.as_str(), "stuck", "")?;
    let error = group.freeze(&Explain::new(SILENT)).err().context("it was frozen")?;
    expect::equal("whether it is frozen", &group.is_frozen()?, false, "cgroups(7)")?;
    let said = format!("{error:#}").replace(&dir.display().to_string(), "GROUP");
    let number = |word: &str| word.parse::<u32>().is_ok();
    let words: Vec<_> = said.split(' ').map(|w| if number(w) { "PID" } else { w }).collect();
    allow_duplicates! { assert_snapshot!(words.join(" "), @"freezing the group GROUP: process PID (probe), waiting in the kernel, does not stand still; all of it goes on"); }
    fs::write(place.with_extension("go"), "")?;
    stuck.wait()?.success()?;
    group.remove(&Explain::new(SILENT))
}

/// What a container's group is in is somebody else's, and so is the reason.
fn a_group_in_a_frozen_one_cannot_go_on(sandbox: &Sandbox, version: Version) -> Result<()> {
    let mut group = own_group(sandbox, "inner", &[version])?;
    let dir = freezer(sandbox, version)?;
    let above = dir.parent().context("a group above")?;
    let busy = Busy::in_group(sandbox, &dir)?;
    by_hand(above, version, true)?;
    while !group.is_frozen()? {
        sleep(Duration::from_millis(1));
    }
    let error = group.thaw(&Explain::new(SILENT)).err().context("it goes on")?;
    let said = format!("{error:#}").replace(&dir.display().to_string(), "GROUP");
    allow_duplicates! { assert_snapshot!(said, @"letting the group GROUP go on: it stands still, or one above it was frozen"); }
    busy.stands_still()?;
    by_hand(above, version, false)?;
    busy.goes_on()?;
    group.kill(&Explain::new(SILENT))?;
    drop(busy);
    group.remove(&Explain::new(SILENT))
}

fn a_killed_runtime_may_leave_a_frozen_container(
    sandbox: &Sandbox,
    version: Version,
) -> Result<()> {
    let mut container = step06(sandbox).probe(["sleep", "20"]).spawn()?;
    container.line()?;
    let dir = freezer(sandbox, version)?;
    let pid = nix::unistd::Pid::from_raw(first_process(sandbox)?.parse()?);
    let id = dir.file_name().context("a name")?.to_string_lossy().into_owned();
    let group = Group::of(&id, pid)?;
    by_hand(&dir, version, true)?;
    while !group.is_frozen()? {
        sleep(Duration::from_millis(1));
    }
    container.signal(Signal::SIGKILL)?;
    while Path::new(&format!("/proc/{}", container.pid())).exists() {
        sleep(Duration::from_millis(1));
    }
    step06(sandbox).probe(["exit", "0"]).output()?.success()?;
    let what = "what the next run left of a group that was frozen when its runtime was killed (a \
                process that stands still does not die of SIGKILL in v1)";
    expect::equal(what, &groups(sandbox)?, Vec::<PathBuf>::new(), "cgroups(7), the freezer")?;
    let end = container.wait()?.end;
    expect::equal("how the runtime ended", &end, End::Signal(9), "signal(7)")
}
