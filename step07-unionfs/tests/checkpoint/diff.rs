//! What a container has changed, as `--diff` tells it.

use std::{
    ffi::{OsStr, OsString},
    os::unix::{ffi::OsStrExt, fs::symlink},
};

use anyhow::{Context, Result};
use conformance::{Sandbox, expect};

use crate::place::{Place, script, told};

const READ: &str = "docker-container-diff(1)";

/// What the container does, and what is told of it. The layer is that of `a_layer`.
const CASES: &[(&str, &[&str])] = &[
    ("cat /d/one", &[]),
    ("write /new x; mkdir /dir2/sub; fifo /p", &["A /dir2", "A /dir2/sub", "A /new", "A /p"]),
    ("write /d/one changed", &["C /d", "C /d/one"]),
    ("append /x/y/z more", &["C /x", "C /x/y", "C /x/y/z"]),
    ("chmod /d/one 0600", &["C /d", "C /d/one"]),
    ("mtime /d/one 1", &["C /d", "C /d/one"]),
    ("set-xattr /d/one user.test x", &["C /d", "C /d/one"]),
    // Of the same length, and at the same time.
    ("write /d/one 0ne; mtime /d/one 1000000", &["C /d", "C /d/one"]),
    // Copied up, and still the same.
    ("chmod /d/one 0644; mtime /d/one 1000000", &[]),
    ("write /d/one one; mtime /d/one 1000000", &[]),
    ("rm /d/one", &["C /d", "D /d/one"]),
    ("rm /dir", &["D /dir"]),
    ("rm /dir; write /dir text", &["C /dir"]),
    ("rm /dir; mkdir /dir", &["C /dir", "D /dir/sub", "D /dir/y"]),
    (
        "rm /dir; mkdir /dir/sub; write /dir/sub/new x",
        &["C /dir", "C /dir/sub", "A /dir/sub/new", "D /dir/sub/x", "D /dir/y"],
    ),
    ("rm /dir; mkdir /dir/y/sub", &["C /dir", "D /dir/sub", "C /dir/y", "A /dir/y/sub"]),
    ("rm /d/one; mkdir /d/one/in", &["C /d", "C /d/one", "A /d/one/in"]),
    ("mv /d/one /d/three", &["C /d", "D /d/one", "A /d/three"]),
    ("hardlink /d/one /d/more", &["C /d", "A /d/more"]),
    ("hardlink /link /link2", &["A /link2"]),
    ("rm /link; ln elsewhere /link", &["C /link"]),
    // The link led to /d, where there is a file of that name.
    ("rm /link; mkdir /link; write /link/one x", &["C /link", "A /link/one"]),
    ("write /new x; rm /new", &[]),
    ("chmod /d 0700", &["C /d"]),
    ("chmod / 0700", &[]),
    ("write /d/temporary x; rm /d/temporary", &["C /d"]),
    ("write /d-x x; write /d/x x", &["C /d", "A /d/x", "A /d-x"]),
];

fn a_layer(place: &Place) -> Result<std::path::PathBuf> {
    let files = [("d/one", "one"), ("d/two", ""), ("dir/sub/x", ""), ("dir/y", ""), ("x/y/z", "")];
    let layer = place.layer("layer", &files)?;
    symlink("d", layer.join("link"))?;
    place.give(&layer)?;
    let one = layer.join("d/one");
    let mtime = ["mtime".as_ref(), one.as_os_str(), "1000000".as_ref()];
    place.sandbox.probe(mtime).output()?.success()?;
    Ok(layer)
}

pub fn diff_tells_every_kind_of_change(place: &Place) -> Result<()> {
    let layer = a_layer(place)?;
    for (verbs, wanted) in CASES {
        let run = place.on([&layer]).arg("--diff").probe(script(verbs)).output()?;
        expect::equal(verbs, &told(&run)?, *wanted, READ)?;
    }
    Ok(())
}

/// One case after another, each in a container of its own.
fn diff_tells(place: &Place, what: &str, cases: &[(&str, &[&str])], read: &str) -> Result<()> {
    let layer = a_layer(place)?;
    for (verbs, wanted) in cases {
        let run = place.on([&layer]).arg("--diff").probe(script(verbs)).output()?;
        let what = format!("what --diff tells of {what} ({verbs})");
        expect::equal(&what, &told(&run)?, *wanted, read)?;
    }
    Ok(())
}

pub fn diff_tells_added_changed_and_deleted(place: &Place) -> Result<()> {
    const CASES: &[(&str, &[&str])] = &[
        ("write /new x", &["A /new"]),
        ("write /d/one changed", &["C /d", "C /d/one"]),
        ("rm /d/one", &["C /d", "D /d/one"]),
        // Copied up, and as it was before.
        ("chmod /d/one 0600; chmod /d/one 0644; mtime /d/one 1000000", &[]),
        ("rm /dir; write /dir text", &["C /dir"]),
        ("write /new x; rm /new", &[]),
    ];
    diff_tells(place, "a file", CASES, READ)
}

pub fn diff_tells_what_an_opaque_directory_hides(place: &Place) -> Result<()> {
    const CASES: &[(&str, &[&str])] = &[
        ("rm /dir; mkdir /dir", &["C /dir", "D /dir/sub", "D /dir/y"]),
        ("rm /dir; mkdir /dir/sub", &["C /dir", "C /dir/sub", "D /dir/sub/x", "D /dir/y"]),
        ("rm /d/one; mkdir /d/one/in", &["C /d", "C /d/one", "A /d/one/in"]),
        ("write /dir/y more", &["C /dir", "C /dir/y"]),
    ];
    let read = "\"whiteouts and opaque directories\" in the kernel's filesystems/overlayfs.rst";
    diff_tells(place, "a directory that was made anew", CASES, read)
}

/// What looks somewhat like a whiteout is a file of the container's.
pub fn diff_takes_no_file_for_a_whiteout(place: &Place) -> Result<()> {
    let layer = a_layer(place)?;
    let verbs = ["seq", "write", "/empty", "", "--", "fifo", "/pipe", "--", "rm", "/d/two"];
    let run = place.on([&layer]).arg("--diff").probe(verbs).output()?;
    let what = "what --diff tells of a new file with nothing in it, a pipe, and a deleted file";
    let read = "whiteouts in the kernel's filesystems/overlayfs.rst";
    expect::equal(what, &told(&run)?, ["C /d", "D /d/two", "A /empty", "A /pipe"], read)
}

pub fn diff_takes_no_device_for_a_whiteout(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = place.layer("layer", &[("file", ""), ("gone", "")])?;
    let verbs = script("device /null 1 3; rm /file; device /file 1 3; rm /gone");
    let run = place.on([&layer]).arg("--diff").probe(verbs).output()?;
    let what = "what --diff tells of two character devices 1:3 and a deleted file";
    let read = "a whiteout is the device 0:0: filesystems/overlayfs.rst";
    expect::equal(what, &told(&run)?, ["C /file", "D /gone", "A /null"], read)
}

pub fn diff_tells_a_change_of_owner(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layer = a_layer(&place)?;
    let verbs = script("chown /d/one 5 6; mtime /d/one 1000000; chown /d/two 0 0");
    let run = place.on([&layer]).arg("--diff").probe(verbs).output()?;
    expect::equal("the change", &told(&run)?, ["C /d", "C /d/one"], READ)
}

pub fn diff_tells_one_line_a_path(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[])?;
    let names: [(&[u8], &str); 6] = [
        (b"/1 a\nD b", r"A /1 a\012D b"),
        (b"/2\x1b[31m", r"A /2\033[31m"),
        (b"/3\\012", r"A /3\134012"),
        (b"/4\xff\xfe", r"A /4\377\376"),
        ("/5\u{85}".as_bytes(), r"A /5\302\205"),
        ("/6 層".as_bytes(), "A /6 層"),
    ];
    let mut words: Vec<OsString> = vec!["seq".into()];
    for (name, _) in names {
        words.extend(["write".into(), OsStr::from_bytes(name).into(), "x".into(), "--".into()]);
    }
    words.extend(["exit".into(), "0".into()]);
    let run = place.on([&layer]).arg("--diff").probe(words).output()?;
    expect::equal("the lines", &told(&run)?, names.map(|(_, line)| line), READ)
}

pub fn a_container_that_never_was_has_no_changes(place: &Place) -> Result<()> {
    let layer = place.layer("layer", &[])?;
    let run = place.on([&layer]).args(["--diff", "--commit", "place/new", "--", "/no/such"]);
    let line = run.output()?.error_line(127)?;
    expect::equal("all it says", &line, "step07: exec: /no/such: no such file or directory", READ)?;
    let left = place.at("").read_dir().context("the place")?.count();
    expect::equal("what is there", &left, 1, READ)
}
