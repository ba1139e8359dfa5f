//! What a container sees of its layers, and that it cannot change them.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt},
    path::PathBuf,
};

use anyhow::{Context, Result, anyhow, ensure};
use conformance::{Sandbox, expect, unprivileged};
use serde_json::json;

use crate::place::{Place, is_whiteout, printed, script};

const OVERLAY: &str = "the kernel's filesystems/overlayfs.rst";

/// Everything that can be done to a file, done to those of two layers.
const MISCHIEF: &str = "
    write /d/a changed; append /d/b more; chmod /d/c 0000; rm /d/e; rm /gone; mtime /d/f 1;
    mkdir /gone; write /gone/new text; mv /d/g /moved; hardlink /d/h /h2; write /h2 both;
    set-xattr /d/i user.test changed; sparse /d/j 10 x; rm /link; ln /d /link; mkdir /x/y/z;
    chmod / 0700; rm /etc/passwd; rm /bin/probe; write /bin/probe broken";

pub fn layers_stay_as_they_are(place: &Place) -> Result<()> {
    let files: Vec<_> = "abcdefghij".chars().map(|name| format!("d/{name}")).collect();
    let mut files: Vec<_> = files.iter().map(|name| (name.as_str(), "text")).collect();
    files.extend([("gone/deep/file", "text"), ("link", "text")]);
    let layers = [place.layer("low", &files)?, place.layer("top", &files[2..6])?];
    let before = (place.tree(&layers[0])?, place.tree(&layers[1])?, place.tree(place.base.path())?);
    place.on(&layers).probe(script(MISCHIEF)).output()?.success()?;
    let after = (place.tree(&layers[0])?, place.tree(&layers[1])?, place.tree(place.base.path())?);
    expect::same("the lower layer", &after.0, &before.0, OVERLAY)?;
    expect::same("the upper layer", &after.1, &before.1, OVERLAY)?;
    expect::same("the root file system", &after.2, &before.2, OVERLAY)
}

pub fn a_file_is_copied_up_whole(place: &Place) -> Result<()> {
    let text: String = (0..200_000).map(|n| format!("{n}\n")).collect();
    let layer = place.layer("layer", &[("big", &text)])?;
    fs::set_permissions(layer.join("big"), fs::Permissions::from_mode(0o1751))?;
    let big = layer.join("big");
    let set = [["set-xattr".as_ref(), big.as_os_str()], ["user.test".as_ref(), "value".as_ref()]];
    place.sandbox.probe(set.concat()).output()?.success()?;

    let kept = place.at("kept");
    let verbs = "append /big end; stat /big; get-xattr /big user.test";
    let run = place.on([&layer]).arg("--upper").arg(&kept).probe(script(verbs)).output()?;
    let seen = printed(&run)?;
    let (stat, xattr) = seen.split_once('\n').context("two lines")?;
    let stat: serde_json::Value = serde_json::from_str(stat)?;
    expect::equal("its mode", &stat["mode"], "1751", "inode(7)")?;
    expect::equal("its size", &stat["size"], json!(text.len() + 3), OVERLAY)?;
    expect::equal("its attribute", &xattr.trim(), "\"value\"", "xattr(7)")?;
    let copy = fs::read_to_string(kept.join("upper/big"))?;
    ensure!(copy == text + "end", "the copy in the upper is not the file, and what was added");
    Ok(())
}

pub fn what_is_deleted_is_gone_and_stays_gone(place: &Place) -> Result<()> {
    let layer =
        place.layer("layer", &[("file", ""), ("d/one", ""), ("d/two", ""), ("dir/x", "")])?;
    let kept = place.at("kept");
    let run = || place.on([&layer]).arg("--upper").arg(&kept);
    let verbs = "rm /file; rm /d/one; rm /dir; ls /; ls /d";
    for (verbs, which) in [(verbs, "the first"), ("ls /; ls /d", "the next")] {
        let seen = printed(&run().probe(script(verbs)).output()?)?;
        let what = format!("what is left for {which} container");
        expect::that(&what, !seen.contains("file") && !seen.contains("dir"), &seen, OVERLAY)?;
        expect::contains(&what, &seen, "[\"two\"]", OVERLAY)?;
    }
    for name in ["file", "d/one", "dir"] {
        let path = kept.join("upper").join(name);
        expect::that("a whiteout stands for it", is_whiteout(&path), &path, "mknod(2)")?;
    }
    Ok(())
}

pub fn a_directory_made_anew_is_empty(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("d/old", ""), ("d/sub/old", "")])?;
    let kept = place.at("kept");
    let run = || place.on([&layer]).arg("--upper").arg(&kept);
    run().probe(script("rm /d; mkdir /d/sub; write /d/new text")).output()?.success()?;
    let seen = run().probe(["tree", "/d"]).output()?.json()?;
    let names: Vec<_> = seen.as_object().context("a map")?.keys().collect();
    expect::equal("what is in it", &names, ["/", "/new", "/sub"], OVERLAY)
}

pub fn a_file_moves_across_layers_and_a_directory_does_not(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("d/file", "text"), ("to/", "")])?;
    let run = || place.on([&layer]);
    let seen = printed(&run().probe(script("mv /d/file /to/file; cat /to/file; ls /d")).output()?)?;
    expect::equal("the file, and what is left", &seen, "text[]\n", "rename(2)")?;
    let refused = run().probe(["mv", "/d", "/to/d"]).output()?;
    expect::equal(
        "mv of a directory",
        &refused.stderr().trim(),
        "probe: /to/d: EXDEV",
        "rename(2)",
    )?;
    // One that the container has made itself is no directory of a layer.
    run().probe(script("mkdir /new; mv /new /to/new; ls /to/new")).output()?.success().map(drop)
}

pub fn the_topmost_layer_wins(place: &Place) -> Result<()> {
    let layers = [
        place.layer(
            "1",
            &[("all", "1"), ("two", "1"), ("one", "1"), ("d/1", ""), ("dir/x", ""), ("f", "")],
        )?,
        place.layer(
            "2",
            &[("all", "2"), ("two", "2"), ("d/2", ""), ("dir", "a file"), ("f/x", "")],
        )?,
        place.layer("3", &[("all", "3"), ("d/3", "")])?,
    ];
    let outcome = place.on(&layers).probe(["cat", "/all", "/two", "/one"]).output()?;
    ensure!(
        outcome.success().is_ok() && outcome.stdout() == "321",
        "three layers, of which 3 is on top, have files of the same names, and what is seen of them is \
         not what the topmost has\n    expected: 3 of the file that all have, 2 of that of 1 and 2, 1 \
         of that of 1 alone\n    seen:     {outcome}\n    read on:  {OVERLAY}, \"Multiple lower layers\""
    );
    let seen = printed(&place.on(&layers).probe(script("cat /dir; ls /d; ls /f")).output()?)?;
    let wanted = "a file[\"1\",\"2\",\"3\"]\n[\"x\"]\n";
    expect::equal("what is seen of directories and of a file over one", &seen, wanted, OVERLAY)?;
    let seen = printed(&place.on(layers.iter().rev()).probe(["cat", "/all"]).output()?)?;
    expect::equal("what is seen in the other order", &seen, "1", OVERLAY)
}

pub fn a_layer_hides_what_it_deletes_below(place: &Place) -> Result<()> {
    let low = place.layer("low", &[("file", ""), ("d/x", ""), ("back", "old")])?;
    let (one, two) = (place.at("one"), place.at("two"));
    let verbs = script("rm /file; rm /d; rm /back");
    place.on([&low]).arg("--upper").arg(&one).probe(verbs).output()?.success()?;
    let verbs = script("write /back new");
    let layers = [low, one.join("upper")];
    place.on(&layers).arg("--upper").arg(&two).probe(verbs).output()?.success()?;
    let [low, one] = layers;
    let layers = [low, one, two.join("upper")];
    let seen = printed(&place.on(layers).probe(script("ls /; cat /back")).output()?)?;
    let hidden = !seen.contains("file") && !seen.contains("\"d\"");
    expect::that("the middle layer hides two names", hidden, &seen, OVERLAY)?;
    expect::that("the top layer brings one back", seen.ends_with("new"), &seen, OVERLAY)
}

fn many(place: &Place, count: usize) -> Result<Vec<PathBuf>> {
    (0..count)
        .map(|n| {
            place.layer(&n.to_string(), &[(&format!("file-{n}"), ""), ("top", &n.to_string())])
        })
        .collect()
}

pub fn one_hundred_and_twenty_eight_layers(place: &Place) -> Result<()> {
    let layers = many(place, 128)?;
    let run = place.on(&layers).arg("--diff").probe(script("cat /top; ls /; write /top x"));
    let run = run.output()?;
    let seen = printed(&run)?;
    expect::that("the topmost is seen", seen.starts_with("127"), &seen, OVERLAY)?;
    expect::equal("files of all", &seen.matches("file-").count(), 128, OVERLAY)?;
    expect::equal("the changes", &run.stderr(), "C /top\n", OVERLAY)
}

/// Their paths are longer than the page of options that mount(2) takes.
pub fn the_options_of_three_hundred_layers_fit_a_page(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layers = many(&place, 300)?;
    let outcome = place.on(&layers).probe(["cat", "/top"]).output()?;
    ensure!(
        outcome.success().is_ok() && outcome.stdout() == "299",
        "an overlay of 300 layers cannot be mounted\n    expected: options that are shorter than a page \
         of 4096 bytes\n    seen:     {}\n    read on:  mount(2), and what /proc/self/fd is good for",
        outcome.stderr().trim()
    );
    Ok(())
}

pub fn five_hundred_layers_and_no_more(place: &Place) -> Result<()> {
    let layers = many(place, 500)?;
    let run = |layers: &[PathBuf]| place.on(layers).arg("--diff").probe(["cat", "/top"]).output();
    let seen = printed(&run(&layers[1..])?)?; // and the root file system
    expect::equal("the topmost", &seen, "499", OVERLAY)?;
    let line = run(&layers)?.error_line(125)?;
    let wanted = "step07: overlay: 501 layers are more than the 500 that the kernel takes";
    expect::equal("the error", &line, wanted, OVERLAY)
}

pub fn names_of_layers_may_be_odd(place: &Place) -> Result<()> {
    for odd in [
        "a:b",
        "a,b",
        r"a\b",
        "a\nb",
        "a b",
        r"\:,",
        "lowerdir=x,upperdir=y",
        "層",
        "%s",
        &"l".repeat(255),
    ] {
        let layer = place.layer(odd, &[("file", odd)])?;
        let upper = place.at(&format!("{}+", &odd[..odd.len().min(200)]));
        let verbs = script("cat /file; write /new text");
        let run = place.on([&layer]).arg("--upper").arg(&upper).probe(verbs).output()?;
        expect::equal("the layer's file", &printed(&run)?, odd, OVERLAY)?;
        expect::that(
            "the new file is in the upper",
            upper.join("upper/new").exists(),
            &upper,
            OVERLAY,
        )?;
    }
    Ok(())
}

/// The mount call is made from another directory.
pub fn other_paths_are_still_relative_to_the_callers_directory(place: &Place) -> Result<()> {
    place.layer("volume", &[("file", "text")])?;
    let run = place.on(["place/volume"]).args(["--volume", "place/volume:/v"]);
    let outcome = run.probe(script("cat /v/file; cat /file")).output()?;
    ensure!(
        outcome.success().is_ok() && outcome.stdout() == "texttext",
        "a path that the caller gave relative to their directory is not found after the overlay was \
         mounted\n    expected: the volume's file, and the layer's: texttext\n    seen:     \
         {outcome}\n    read on:  fchdir(2)"
    );
    Ok(())
}

pub fn one_layer_is_enough_and_has_nothing_of_the_hosts_environment(place: &Place) -> Result<()> {
    let run = place.step07().env("SECRET", "of the host").arg("--layer").arg(place.base.path());
    let seen = run.args(["--", "/bin/probe", "report", "env"]).output()?.json()?;
    expect::equal("the secret", &seen["env"]["SECRET"], json!(null), "environ(7)")
}

pub fn the_root_directory_is_like_the_topmost_layers(place: &Place) -> Result<()> {
    let layers = [place.layer("low", &[])?, place.layer("top", &[])?];
    for (layer, mode) in [(&layers[0], 0o700), (&layers[1], 0o1771)] {
        fs::set_permissions(layer, fs::Permissions::from_mode(mode))?;
    }
    let seen = place.on(&layers).probe(["stat", "/"]).output()?.json()?;
    let what = "the mode of the container's root directory, which is the topmost layer's";
    expect::equal(what, &seen["mode"], "1771", OVERLAY)?;
    expect::equal("its time", &seen["mtime"], json!(layers[1].metadata()?.mtime()), OVERLAY)
}

pub fn containers_on_the_same_layers_do_not_see_each_other(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "old"), ("other", "")])?;
    let verbs = script("write /file one; rm /other; write /mine x; sleep 60");
    let mut one = place.on([&layer]).probe(verbs).spawn()?;
    expect::equal("the first container", &one.line()?, "ready", OVERLAY)?;
    let verbs = script("cat /file; write /file two; ls /; cat /file");
    let seen = printed(&place.on([&layer]).probe(verbs).output()?)?;
    let alone = seen.starts_with("old[") && seen.ends_with("]\ntwo");
    expect::that("the second sees the layer and its own", alone, &seen, OVERLAY)?;
    let alone = seen.contains("\"other\"") && !seen.contains("mine");
    expect::that("it sees nothing of the first's", alone, &seen, OVERLAY)?;
    drop(one);
    place.on([&layer]).probe(["exit", "0"]).output()?.success().map(drop) // clears up after it
}

pub fn the_host_sees_no_mount(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = place.layer("layer", &[])?;
    let before = sandbox.proc("mountinfo")?;
    let verbs = script("write /secret text; trap");
    let mut running = place.on([&layer]).arg("--diff").probe(verbs).spawn()?;
    expect::equal("the container", &running.line()?, "ready", OVERLAY)?;
    expect::same("the host's mounts", &sandbox.proc("mountinfo")?, &before, "mount_namespaces(7)")?;
    let mut seen = 0;
    for run in fs::read_dir(sandbox.root().join("run/layers"))? {
        for dir in
            ["changes", "merged", "view"].map(|name| run.as_ref().map(|run| run.path().join(name)))
        {
            let Ok(mut files) = fs::read_dir(dir.as_ref().map_err(|error| anyhow!("{error}"))?)
            else {
                continue;
            };
            seen += 1;
            let file = files.next();
            expect::that(
                "the host sees an empty mount point",
                file.is_none(),
                &file,
                "mount_namespaces(7)",
            )?;
        }
    }
    expect::equal("how many mount points there are", &seen, 3, OVERLAY)?;
    running.signal(nix::sys::signal::Signal::SIGTERM)?;
    let told = running.wait()?.code(55)?.stderr();
    expect::equal("the changes", &told, "A /secret\n", OVERLAY)
}

pub fn the_hosts_own_root_can_be_the_layer(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let file = place.layer("layer", &[("file", "old")])?.join("file");
    let path = file.to_str().context("UTF-8")?;
    let verbs = format!("write {path} new; cat {path}; mkdir /of-the-container");
    let run = place.step07().arg("--diff").probe(script(&verbs)).output()?;
    expect::equal("what the container sees", &printed(&run)?, "new", OVERLAY)?;
    expect::contains("its changes", &run.stderr(), &format!("C {path}\n"), OVERLAY)?;
    expect::contains("its changes", &run.stderr(), "A /of-the-container\n", OVERLAY)?;
    expect::equal("what the host sees", &fs::read_to_string(&file)?, "old", OVERLAY)?;
    let outside = std::path::Path::new("/of-the-container");
    expect::that("the host's root is as before", !outside.exists(), outside, OVERLAY)
}

pub fn for_an_ordinary_user_the_hosts_own_root_is_read_only() -> Result<()> {
    unprivileged(|sandbox| {
        let place = Place::new(sandbox)?;
        let run = place.step07().probe(["mkdir", "/of-the-container"]).output()?;
        expect::equal(
            "what it says",
            &run.stderr().trim(),
            "probe: /of-the-container: EROFS",
            OVERLAY,
        )?;
        for flags in [&["--diff"][..], &["--upper", "kept"], &["--commit", "place/new"]] {
            let line = place.step07().args(flags).probe(["exit", "0"]).output()?.error_line(125)?;
            insta::allow_duplicates! { insta::assert_snapshot!(line, @"step07: overlay: the host's own / cannot be a layer for this user: give --rootfs or --layer"); }
        }
        Ok(())
    })
}

pub fn a_read_only_container_changes_nothing(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "")])?;
    let run = place.on([&layer]).args(["--read-only", "--diff"]).probe(["append", "/file", "x"]);
    let run = run.output()?;
    run.code(1)?;
    expect::equal("what it says", &run.stderr(), "probe: /file: EROFS\n", OVERLAY)
}
