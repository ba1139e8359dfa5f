//! Where the changes are, and for how long.

use std::{fs, os::unix::fs::PermissionsExt, path::Path};

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use nix::sys::signal::Signal;

use crate::place::{Place, is_whiteout, printed, script};

const OVERLAY: &str = "the kernel's filesystems/overlayfs.rst";

pub fn changes_vanish_with_the_container(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "old")])?;
    let run = || place.on([&layer]);
    run().probe(script("write /file new; write /other x")).output()?.success()?;
    let seen = printed(&run().probe(script("cat /file; ls /")).output()?)?;
    let vanished = seen.starts_with("old") && !seen.contains("other");
    expect::that("the next container begins anew", vanished, &seen, OVERLAY)
}

pub fn kept_changes_are_gone_on_from(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "old"), ("gone", "")])?;
    let kept = place.at("kept");
    let run = || place.on([&layer]).arg("--upper").arg(&kept);
    run().probe(script("append /file er; rm /gone; chmod / 0700")).output()?.success()?;
    let whiteout = kept.join("upper/gone");
    let what = "what the container deleted is marked in the directory DIR/upper of --upper DIR";
    expect::that(what, is_whiteout(&whiteout), &kept, OVERLAY)?;
    let verbs = script("append /file !; cat /file; ls /; stat /");
    let seen = printed(&run().probe(verbs).output()?)?;
    let on = seen.starts_with("older!") && !seen.contains("gone") && seen.contains("\"0700\"");
    let what = "the next container goes on from what was kept: /file is older!, /gone is gone, and / has \
                the mode 0700";
    expect::that(what, on, &seen, OVERLAY)?;
    let left: Vec<_> =
        fs::read_dir(&kept)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    expect::equal("what is kept", &left, ["upper"], OVERLAY)?;
    let mode = kept.metadata()?.permissions().mode() & 0o777;
    expect::equal("who may look", &format!("{mode:o}"), "700", "inode(7)")
}

pub fn kept_changes_belong_to_one_container_at_a_time(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[])?;
    let run = || place.on([&layer]).arg("--upper").arg("place/kept");
    let mut one = run().probe(["trap"]).spawn()?;
    expect::equal("the first container", &one.line()?, "ready", OVERLAY)?;
    let line = run().probe(["exit", "0"]).output()?.error_line(125)?;
    insta::allow_duplicates! { insta::assert_snapshot!(place.plain(&line), @"step07: overlay: locking PLACE/kept: another container has it in use"); }
    one.signal(Signal::SIGTERM)?;
    one.wait()?;
    run().probe(["exit", "0"]).output()?.success().map(drop)
}

pub fn kept_changes_of_a_container_that_never_was_are_none(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[])?;
    let kept = place.at("kept");
    let run = |kept: &Path| place.on([&layer]).arg("--upper").arg(kept);
    run(&kept).args(["--", "/no/such"]).output()?.error_line(127)?;
    expect::that("nothing is there", !kept.exists(), &kept, OVERLAY)?;
    // What was there before stays.
    run(&kept).probe(["write", "/file", "text"]).output()?.success()?;
    run(&kept).args(["--", "/no/such"]).output()?.error_line(127)?;
    let text = fs::read_to_string(kept.join("upper/file"))?;
    expect::equal("an earlier container's file", &text, "text", OVERLAY)?;
    expect::that("work is done", !kept.join("work").exists(), &kept, OVERLAY)
}

/// The sandbox looks for traces at the end of this.
pub fn a_killed_runtime_leaves_nothing_after_the_next(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "old")])?;
    let kept = place.at("kept");
    let verbs = || script("write /file new; sleep 60");
    let mut own = place.on([&layer]).arg("--diff").probe(verbs()).spawn()?;
    let mut keeping = place.on([&layer]).arg("--upper").arg(&kept).probe(verbs()).spawn()?;
    for runtime in [&mut own, &mut keeping] {
        expect::equal("the container", &runtime.line()?, "ready", OVERLAY)?;
        runtime.signal(Signal::SIGKILL)?;
    }
    for runtime in [own, keeping] {
        runtime.wait()?; // fails if the container lives on
    }
    let next = place.on([&layer]).arg("--upper").arg(&kept).probe(["cat", "/file"]).output()?;
    expect::equal("what was kept", &printed(&next)?, "new", OVERLAY)?;
    expect::that("work is done", !kept.join("work").exists(), &kept, OVERLAY)
}

/// File systems of a kind that lack something, for the directory of the changes.
pub fn a_file_system_that_cannot_hold_changes_is_refused(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = place.layer("layer", &[])?;
    let refused = |upper: &str| -> Result<String> {
        let run = place.on([&layer]).arg("--upper").arg(place.at(upper)).probe(["exit", "0"]);
        Ok(place.plain(&run.output()?.error_line(125)?))
    };
    for name in ["ram", "low", "up", "work", "union"] {
        place.layer(name, &[])?;
    }
    place.mount(&["-t", "ramfs", "ramfs", "ram"])?;
    insta::assert_snapshot!(refused("ram/kept")?, @"step07: overlay: setting marks in PLACE/ram/kept: its file system has no extended attributes for them");
    let options = "lowerdir=low,upperdir=up,workdir=work";
    place.mount(&["-t", "overlay", "overlay", "-o", options, "union"])?;
    insta::assert_snapshot!(refused("union/kept")?, @"step07: overlay: setting marks in PLACE/union/kept: it is in an overlay already");
    place.mount(&["--bind", "low", "low"])?;
    place.mount(&["-o", "remount,bind,ro", "low"])?;
    insta::assert_snapshot!(refused("low/kept")?, @"step07: overlay: making PLACE/low/kept: Read-only file system (os error 30)");
    for name in ["ram", "union", "low"] {
        place.umount(name)?;
    }
    let left =
        [place.at("ram"), place.at("up/kept")].into_iter().find(|dir| dir.join("kept").exists());
    expect::that("nothing is left", left.is_none(), &left, OVERLAY)
}

/// The kernel mounts an overlay read-only, and says so in its log alone, if it cannot clear the
/// directory that it works in.
pub fn what_cannot_be_written_to_is_refused() -> Result<()> {
    conformance::unprivileged(|sandbox| {
        let place = Place::new(sandbox)?;
        let layer = place.layer("layer", &[])?;
        let kept = place.layer("kept", &[("work/work/x/y", "")])?;
        std::os::unix::fs::chown(kept.join("work/work/x"), Some(0), Some(0)).context("chown")?;
        let run = place.on([&layer]).arg("--upper").arg(&kept).probe(["exit", "0"]).output()?;
        insta::assert_snapshot!(place.plain(&run.error_line(125)?), @"step07: overlay: writing to PLACE/kept: the kernel cannot keep changes there, and its log says why");
        fs::remove_dir_all(kept)?;
        Ok(())
    })
}
