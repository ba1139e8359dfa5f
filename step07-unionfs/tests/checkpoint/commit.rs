//! A layer made of what a container has changed.

use std::{fs, os::unix::fs::MetadataExt, path::Path};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use serde_json::json;

use crate::place::{Place, STEP07, is_whiteout, printed, script, told};

const READ: &str = "docker-container-commit(1)";

/// All but what every container has mounted for itself.
const TREE: &str = "tree / /etc/hosts /etc/hostname /etc/resolv.conf";

/// Files of every type, with all that a file can have.
const CHANGES: &str = "
    write /new text; chmod /new 4751; set-xattr /new user.test value; mtime /new 12345;
    append /d/changed more; chmod /d/mode 0000; rm /d/deleted; rm /deleted;
    rm /anew; mkdir /anew/sub; write /anew/sub/x new; chmod /anew 1777;
    hardlink /new /second; mkdir /links; hardlink /new /links/third;
    ln ../nowhere /links/symbolic; fifo /links/fifo; sparse /sparse 100000 x;
    rm /d/becomes-dir; mkdir /d/becomes-dir/in; rm /becomes-file; write /becomes-file x;
    write /.wh.odd x; write /locked x; mkdir /closed/inner; write /closed/inner/x y;
    chmod /closed/inner 0000; mtime /d 77; set-xattr /anew user.test dir; chmod / 0751; mtime / 99";

fn layers(place: &Place) -> Result<[std::path::PathBuf; 2]> {
    let low = [
        ("d/changed", "1"),
        ("d/mode", ""),
        ("d/deleted", ""),
        ("deleted/x", ""),
        ("d/old", "o"),
        ("anew/gone", ""),
        ("anew/sub/gone", ""),
        ("d/becomes-dir", ""),
        ("becomes-file/x", ""),
    ];
    Ok([place.layer("low", &low)?, place.layer("top", &[("anew/top", ""), ("d/top", "")])?])
}

pub fn a_commit_on_top_gives_the_same_tree(place: &Place) -> Result<()> {
    let layers = layers(place)?;
    let new = place.at("new");
    let verbs = format!("{CHANGES}; {TREE}");
    let run = place.on(&layers).arg("--commit").arg(&new).probe(script(&verbs)).output()?;
    let before = run.json()?;
    let again = || place.on(layers.iter().chain([&new]));
    let after = again().probe(script(TREE)).output()?.json()?;
    let paths = |tree: &serde_json::Value| -> Result<Vec<String>> {
        Ok(tree.as_object().context("a map")?.keys().cloned().collect())
    };
    expect::same("the paths", &paths(&after)?, &paths(&before)?, READ)?;
    for path in paths(&before)? {
        expect::same(&path, &after[&path], &before[&path], READ)?;
    }
    expect::equal(
        "links of one file",
        &after["/links/third"]["same file as"],
        "/links/third",
        READ,
    )?;
    expect::equal("links of one file", &after["/second"]["same file as"], "/links/third", READ)?;
    let run = again().arg("--diff").probe(["exit", "0"]).output()?;
    expect::equal("what a further container has changed", &told(&run)?, [""; 0], READ)
}

/// The kernel's overlay knows a deleted name by a character device 0:0, also in a layer.
pub fn what_is_deleted_is_a_whiteout_in_a_commit(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[("file", "text"), ("d/one", ""), ("d/two", "")])?;
    let new = place.at("new");
    let run = place.on([&layer]).arg("--commit").arg(&new).probe(script("rm /file; rm /d/one"));
    run.output()?.success()?;
    for name in ["file", "d/one"] {
        let path = new.join(name);
        let seen = path.symlink_metadata().map(|meta| (meta.file_type(), meta.rdev()));
        ensure!(
            is_whiteout(&path),
            "the container deleted /{name}, but the layer made of its changes has no whiteout there\n    \
             expected: a character device 0:0 called {name}\n    seen:     {seen:?}\n    \
             read on:  mknod(2), and whiteouts in the kernel's filesystems/overlayfs.rst"
        );
    }
    let seen = printed(&place.on([&layer, &new]).probe(script("ls /; ls /d")).output()?)?;
    let gone = !seen.contains("file") && !seen.contains("one") && seen.contains("two");
    expect::that("what was deleted is gone for a container on the new layer", gone, &seen, READ)
}

/// Two names of one file stay that, also if they are in two directories.
pub fn a_commit_keeps_the_names_of_one_file_together(place: &Place) -> Result<()> {
    let (layer, new) = (place.layer("layer", &[])?, place.at("new"));
    let verbs = "write /one text; mkdir /d; hardlink /one /d/two; mtime /d 77; chmod /d 0700";
    let run = place.on([&layer]).arg("--commit").arg(&new).probe(script(verbs));
    run.output()?.success()?;
    let number = |name: &str| new.join(name).metadata().map(|meta| meta.ino());
    let (one, two) = (number("one")?, number("d/two")?);
    let what = "the inode of the second name of a file in the layer made by --commit";
    expect::equal(what, &two, one, "link(2): st_dev and st_ino say which file it is")?;
    let dir = new.join("d").metadata()?;
    let what = "mode and time of a directory in that layer, in which a file was copied later";
    let seen = (format!("{:o}", dir.mode() & 0o7777), dir.mtime());
    expect::equal(what, &seen, ("700".to_string(), 77), "utimensat(2)")
}

pub fn a_commit_of_device_files(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let (layer, new) = (place.layer("layer", &[])?, place.at("new"));
    let verbs =
        script("device /null 1 3; set-xattr /null trusted.test x; chown /null 5 6; stat /null");
    let run = place.on([&layer]).args(["--cap-add", "SYS_ADMIN", "--commit"]).arg(&new);
    let before = run.probe(verbs).output()?.json()?;
    let after = place.on([&layer, &new]).probe(["stat", "/null"]).output()?.json()?;
    for what in ["type", "rdev", "mode", "uid", "gid", "mtime"] {
        expect::same(what, &after[what], &before[what], "mknod(2)")?;
    }
    let tree = place.tree(&new)?;
    expect::equal(
        "its attribute",
        &tree["/null"]["xattrs"],
        json!({"trusted.test": "x"}),
        "xattr(7)",
    )
}

pub fn a_commit_keeps_holes(place: &Place) -> Result<()> {
    let (layer, new) = (place.layer("layer", &[])?, place.at("new"));
    let verbs = script("sparse /sparse 50000000 x; sparse /empty 50000000 /");
    place.on([&layer]).arg("--commit").arg(&new).probe(verbs).output()?.success()?;
    let meta = new.join("sparse").metadata()?;
    expect::equal("its size", &meta.size(), 100_000_001_u64, "lseek(2)")?;
    let blocks = meta.blocks();
    expect::that("it takes little of the disk", blocks * 512 < 1_000_000, &blocks, "lseek(2)")
}

/// More directories, and deeper, than the runtime may have open.
pub fn a_commit_of_many_directories(place: &Place) -> Result<()> {
    let (layer, new) = (place.layer("layer", &[("d/x", "")])?, place.at("new"));
    let wide: Vec<_> = (0..200).map(|n| format!("mkdir /d/{n}")).collect();
    let deep = "/e".repeat(200);
    let verbs = format!("{}; mkdir {deep}; write {deep}/file x", wide.join(";"));
    let limited = ["-c", "ulimit -n 64; exec \"$@\"", "sh", STEP07, "--network", "none"];
    let run = place.sandbox.run("sh").args(limited).rootfs(&place.base);
    let run = run.arg("--layer").arg(&layer).arg("--diff").arg("--commit").arg(&new);
    let told = told(&run.probe(script(&verbs)).output()?)?;
    expect::equal("how many changes", &told.len(), 402, READ)?;
    expect::equal("directories side by side", &fs::read_dir(new.join("d"))?.count(), 200, READ)?;
    let file = fs::read_to_string(new.join(&deep[1..]).join("file"))?;
    expect::equal("the deepest file", &file, "x", READ)
}

pub fn a_commit_can_be_read_by_every_overlay() -> Result<()> {
    let sandboxes = [Sandbox::new()?, Sandbox::unprivileged()?];
    let places = [Place::new(&sandboxes[0])?, Place::new(&sandboxes[1])?];
    for [writer, reader] in [[0, 1], [1, 0]] {
        let place = &places[writer];
        let (layers, new) = (layers(place)?, place.at("new"));
        let verbs = script("rm /anew; mkdir /anew/sub; write /anew/new x; rm /d/old; ls /anew");
        let run = place.on(&layers).arg("--commit").arg(&new).probe(verbs).output()?;
        expect::equal("what the writer sees", &printed(&run)?.trim(), r#"["new","sub"]"#, READ)?;
        let marks = place.tree(&new)?.to_string();
        expect::that(
            "no mark is left that some overlays ignore",
            !marks.contains("overlay."),
            &marks,
            READ,
        )?;
        for gone in ["anew/gone", "anew/top", "anew/sub/gone", "d/old"] {
            expect::that("a whiteout stands for it", is_whiteout(&new.join(gone)), gone, READ)?;
        }
        let layers = layers.iter().chain([&new]);
        let run =
            places[reader].on(layers).probe(script("ls /anew; ls /anew/sub; ls /d")).output()?;
        let seen = printed(&run)?;
        let wanted =
            "[\"new\",\"sub\"]\n[]\n[\"becomes-dir\",\"changed\",\"deleted\",\"mode\",\"top\"]\n";
        expect::equal("what the reader sees", &seen, wanted, READ)?;
    }
    Ok(())
}

pub fn a_commit_is_whole_or_not_there(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = place.layer("layer", &[])?;
    let small = place.layer("small", &[])?;
    place.mount(&["-t", "tmpfs", "-o", "size=64k", "tmpfs", "small"])?;
    let run = place.on([&layer]).args(["--commit", "place/small/new"]);
    let verbs = format!("mkdir /a; write /a/x x; chmod /a 0000; write /b {}", "x".repeat(100_000));
    let run = run.probe(script(&verbs));
    let line = run.output()?.error_line(125)?;
    let left = sandbox.run("ls").arg("-a").arg(&small).output()?.stdout();
    place.umount("small")?;
    insta::assert_snapshot!(place.plain(&line), @"step07: commit: copying b: copying its content: No space left on device (os error 28)");
    expect::equal("what is left of it", &left, ".\n..\n", READ)?;
    // The command's own failure is no reason not to commit.
    let run =
        place.on([&layer]).args(["--commit", "place/new"]).probe(script("write /a x; exit 7"));
    run.output()?.code(7)?;
    expect::equal("the file", &fs::read_to_string(place.at("new/a"))?, "x", READ)
}

pub fn an_abandoned_draft_of_a_commit_is_in_nobodys_way(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[])?;
    let draft = place.layer(".new.part", &[("old/file", "")])?;
    let run = || place.on([&layer]).args(["--commit", "place/new"]).probe(["write", "/a", "x"]);
    let lock =
        nix::fcntl::Flock::lock(fs::File::open(&draft)?, nix::fcntl::FlockArg::LockExclusive);
    let lock = lock.map_err(|(_, errno)| errno)?;
    let line = run().output()?.error_line(125)?;
    insta::allow_duplicates! { insta::assert_snapshot!(place.plain(&line), @"step07: commit: making place/.new.part: another commit is writing it"); }
    drop(lock);
    run().output()?.success()?;
    expect::that("the draft is gone", !draft.exists(), &draft, READ)?;
    let names: Vec<_> = fs::read_dir(place.at("new"))?.collect::<std::io::Result<_>>()?;
    let names: Vec<_> = names.iter().map(fs::DirEntry::file_name).collect();
    expect::equal("what is in the layer", &names, [Path::new("a")], READ)
}
