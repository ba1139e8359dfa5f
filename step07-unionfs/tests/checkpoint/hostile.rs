//! Layers and containers that try to lead the runtime outside.

use std::{
    fs,
    os::unix::fs::{MetadataExt, symlink},
    path::Path,
};

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};
use nix::sys::stat::{Mode, SFlag, mknod};
use serde_json::json;

use crate::place::{Place, STEP07, printed, script, told};

const READ: &str = "symlink(7), openat2(2)";

pub fn no_link_leads_diff_or_commit_outside(place: &Place) -> Result<()> {
    let outside = place.layer("outside", &[("file", "secret"), ("dir/x", "")])?;
    let layer = place.layer("layer", &[("d/file", ""), ("e/dir/x", "")])?;
    symlink(&outside, layer.join("link"))?;
    symlink("../outside", layer.join("relative"))?;
    let before = place.tree(&outside)?;

    let (new, path) = (place.at("new"), outside.to_str().context("UTF-8")?);
    let verbs = format!(
        "rm /d; ln {path} /d; rm /link; mkdir /link/dir; write /link/file x;
         rm /relative; mkdir /relative; write /relative/file x; rm /e; ln ../outside /e"
    );
    let run = place.on([&layer]).arg("--diff").arg("--commit").arg(&new).probe(script(&verbs));
    let wanted = [
        "C /d",
        "C /e",
        "C /link",
        "A /link/dir",
        "A /link/file",
        "C /relative",
        "A /relative/file",
    ];
    expect::equal("the changes", &told(&run.output()?)?, wanted, READ)?;
    for name in ["d", "e"] {
        let link = new.join(name).is_symlink();
        expect::that("the link is committed as a link", link, name, READ)?;
    }
    for name in ["link/file", "relative/file"] {
        expect::equal(name, &fs::read_to_string(new.join(name))?, "x", READ)?;
    }
    expect::same("what is outside", &place.tree(&outside)?, &before, READ)
}

pub fn a_device_0_0_in_the_lowest_layer_is_nothing(place: &Place) -> Result<()> {
    for name in ["ghost", "ghost-dir", "d", "d/ghost"] {
        let path = place.base.at(name);
        match name {
            "d" => drop(place.base.dir("d")?),
            _ => mknod(&path, SFlag::S_IFCHR, Mode::empty(), 0).context("mknod")?,
        }
        place.give(&path)?;
    }
    let verbs = script("ls /; write /ghost x; mkdir /ghost-dir/sub; rm /d; mkdir /d");
    let run = place.step07().rootfs(&place.base).arg("--diff").probe(verbs).output()?;
    let seen = printed(&run)?;
    expect::that("nothing is seen of it", !seen.contains("ghost"), &seen, "overlayfs.rst")?;
    let wanted = ["C /d", "A /ghost", "A /ghost-dir", "A /ghost-dir/sub"];
    expect::equal("the changes", &told(&run)?, wanted, "overlayfs.rst")
}

pub fn a_layer_cannot_redirect_the_kernel(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let low = place.layer("low", &[("secret/file", "")])?;
    let top = place.layer("top", &[("d/", "")])?;
    let dir = top.join("d");
    let redirect = [
        "set-xattr".as_ref(),
        dir.as_os_str(),
        "trusted.overlay.redirect".as_ref(),
        "/secret".as_ref(),
    ];
    sandbox.probe(redirect).output()?.success()?;
    // The kernel refuses to open such a directory.
    let seen = printed(&place.on([&low, &top]).probe(["ls", "/d"]).output()?)?;
    expect::equal("what is in the directory", &seen.trim(), "null", "overlayfs.rst, redirect_dir")
}

/// An ordinary user to whom the system lends ids, which it does not in a sandbox of its own.
pub fn files_of_subordinate_ids_are_told_and_committed(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    fs::write(place.at("subid"), "1000:200000:65536\n")?;
    for file in ["/etc/subuid", "/etc/subgid"] {
        place.mount(&["--bind", "subid", file])?;
    }
    let layer = place.layer("layer", &[("file", "text")])?;
    for path in [place.at(""), layer.clone(), place.base.path().to_owned()] {
        give_all(&path)?;
    }
    let run = |layers: &[&Path], flags: &[&str], verbs: &str| {
        let user = ["--reuid=1000", "--regid=1000", "--clear-groups", "--", STEP07];
        let run = sandbox.run("setpriv").args(user).env("XDG_RUNTIME_DIR", place.at(""));
        let run = run.args(["--network=none", "--diff"]).rootfs(&place.base);
        let run = layers.iter().fold(run, |run, layer| run.arg("--layer").arg(layer));
        run.args(flags).probe(script(verbs)).output()
    };
    let (kept, new) = (place.at("kept"), place.at("new"));
    let verbs =
        "chown /file 5 6; chmod /file 0600; mkdir /d; write /d/x y; chmod /d 0700; chown /d 7 8";
    let outcome = run(&[&layer], &["--upper", "place/kept", "--commit", "place/new"], verbs)?;
    expect::equal("the changes", &told(&outcome)?, ["A /d", "A /d/x", "C /file"], READ)?;
    for dir in [kept.join("upper"), new.clone()] {
        let owner = |name: &str| -> Result<[u32; 2]> {
            let meta = dir.join(name).symlink_metadata()?;
            Ok([meta.uid(), meta.gid()])
        };
        expect::equal("the file's owner on the host", &owner("file")?, [200_004, 200_005], READ)?;
        expect::equal("the directory's", &owner("d")?, [200_006, 200_007], READ)?;
        expect::equal("another file's", &owner("d/x")?, [1000, 1000], READ)?;
    }
    expect::that("work is done", !kept.join("work").exists(), &kept, READ)?;
    let outcome = run(&[&layer, &new], &[], "stat /file; rm /d; rm /file")?;
    expect::contains("the owner inside", &outcome.stdout(), r#""uid":5,"gid":6"#, READ)?;
    expect::equal("the changes", &told(&outcome)?, ["D /d", "D /file"], READ)?;
    for file in ["/etc/subuid", "/etc/subgid"] {
        place.umount(file)?;
    }
    Ok(())
}

fn give_all(path: &Path) -> Result<()> {
    if path.symlink_metadata()?.is_dir() {
        for entry in fs::read_dir(path)? {
            give_all(&entry?.path())?;
        }
    }
    Ok(std::os::unix::fs::lchown(path, Some(1000), Some(1000))?)
}

pub fn owners_of_layers_are_shifted_for_a_container_of_other_ids(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = place.layer("layer", &[("file", "text")])?;
    let kept = place.at("kept");
    let run =
        place.on([&layer]).args(["--userns", "0:100000:65536", "--diff", "--upper"]).arg(&kept);
    let run =
        run.probe(script("stat /file; append /file x; write /new x; chown /new 5 6")).output()?;
    let stat: serde_json::Value = serde_json::from_str(&printed(&run)?)?;
    expect::equal("the owner that the container sees", &stat["uid"], json!(0), "mount_setattr(2)")?;
    expect::equal("the changes", &told(&run)?, ["C /file", "A /new"], READ)?;
    let owners =
        ["file", "new"].map(|name| kept.join("upper").join(name).metadata().map(|meta| meta.uid()));
    let [file, new] = owners;
    expect::equal("the owners on the host", &[file?, new?], [0, 5], "mount_setattr(2)")
}
