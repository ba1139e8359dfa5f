//! Errors, `--help`, `--explain`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};

use crate::place::{Place, script};

/// Flags, and what becomes of them, each in one line.
pub fn bad_input_is_one_line(place: &Place) -> Result<()> {
    place.layer("layer", &[("file", ""), ("dir/sub/", "")])?;
    place.layer("dir", &[("file", "")])?;
    let cases: &[&[&str]] = &[
        &["--layer", "place/none"],
        &["--layer", "place/layer/file"],
        &["--layer", ""],
        &["--rootfs", "place/none", "--layer", "place/layer"],
        &["--layer", "place/layer", "--layer", "place/layer"],
        &["--layer", "place/layer/dir", "--layer", "place/layer"],
        &["--layer", "place/layer", "--upper", "place/layer"],
        &["--layer", "place/layer", "--upper", "place/layer/kept"],
        &["--layer", "place/layer", "--upper", "place/dir/file"],
        &["--layer", "place/layer", "--upper", "place/no/kept"],
        &["--layer", "place/layer", "--commit", "place/layer"],
        &["--layer", "place/layer", "--commit", "place/no/new"],
        &["--layer", "place/layer", "--commit", "place/layer/file/new"],
        &["--layer", "place/layer", "--commit", ".."],
        &["--layer", "place/layer", "--commit", ""],
    ];
    let mut lines = String::new();
    for flags in cases {
        let line = place.step07().args(*flags).probe(["exit", "0"]).output()?.error_line(125)?;
        lines += &format!("{}\n    {}\n", flags.join(" "), place.plain(&line));
    }
    insta::allow_duplicates! { insta::assert_snapshot!(lines, @r#"
--layer place/none
    step07: overlay: opening layer place/none: No such file or directory (os error 2)
--layer place/layer/file
    step07: overlay: opening layer place/layer/file: it is not a directory
--layer 
    step07: a value is required for '--layer <DIR>' but none was supplied
--rootfs place/none --layer place/layer
    step07: overlay: opening layer place/none: No such file or directory (os error 2)
--layer place/layer --layer place/layer
    step07: overlay: mounting an overlay on RUN/merged: ELOOP: Too many symbolic links encountered (one of these directories is in another, or is given twice)
--layer place/layer/dir --layer place/layer
    step07: overlay: mounting an overlay on RUN/merged: ELOOP: Too many symbolic links encountered (one of these directories is in another, or is given twice)
--layer place/layer --upper place/layer
    step07: overlay: keeping changes in PLACE/layer: it is in layer PLACE/layer
--layer place/layer --upper place/layer/kept
    step07: overlay: keeping changes in PLACE/layer/kept: it is in layer PLACE/layer
--layer place/layer --upper place/dir/file
    step07: overlay: opening PLACE/dir/file: ENOTDIR: Not a directory
--layer place/layer --upper place/no/kept
    step07: overlay: making place/no/kept: No such file or directory (os error 2)
--layer place/layer --commit place/layer
    step07: overlay: --commit "place/layer": place/layer exists already
--layer place/layer --commit place/no/new
    step07: overlay: --commit "place/no/new": there is no directory place/no
--layer place/layer --commit place/layer/file/new
    step07: overlay: --commit "place/layer/file/new": there is no directory place/layer/file
--layer place/layer --commit ..
    step07: overlay: --commit "..": ".." cannot be the name of a new layer
--layer place/layer --commit 
    step07: overlay: --commit "": "" cannot be the name of a new layer
"#); }
    let left: Vec<_> = fs::read_dir(place.at(""))?.collect::<std::io::Result<_>>()?;
    expect::equal("what is there", &left.len(), 2, "mkdir(2)")
}

pub fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = sandbox.run(crate::place::STEP07).arg("--help").output()?;
    let help = help.success()?.stdout();
    let own = help.split("Union file system:").nth(1).context("no heading of its own")?;
    insta::assert_snapshot!(help.lines().next().unwrap_or_default(), @"Run a command on layers of files that it cannot change for others, on top of step 6.");
    insta::assert_snapshot!(own.trim_matches('\n'), @r#"
--layer <DIR>   Directory of files to put on top of --rootfs and of the layers given before. Without any of them the host's own `/` is the one layer; for one who is not root it is read-only instead
--upper <DIR>   Keep what the container changes, in DIR/upper, and go on from what is there
--diff          When the container has ended, print what it added (A), changed (C) and deleted (D)
--commit <DIR>  When the container has ended, make its changes a new layer: the directory DIR
"#);
    Ok(())
}

/// The acts of this layer, and of the run directory that it stands in.
fn acts(place: &Place, explained: &str) -> String {
    let own = |line: &&str| line.split_whitespace().nth(1).is_some_and(|layer| layer == "overlay");
    explained.lines().filter(own).map(|line| place.plain(line) + "\n").collect()
}

pub fn explain_tells_each_act(place: &Place) -> Result<()> {
    let layers = [place.layer("low", &[])?, place.layer("a:b, c", &[])?];
    let run = |layers: &[PathBuf], flags: &[&str]| -> Result<String> {
        let run = place.on(layers).arg("--explain").args(flags).probe(["exit", "0"]).output()?;
        Ok(acts(place, &run.success()?.stderr()).replace(",userxattr", ""))
    };
    let plain = run(&layers, &[])?;
    let single = run(&[], &["--diff"])?;
    let all = run(&layers, &["--upper=place/kept", "--diff", "--commit=place/new"])?;
    insta::allow_duplicates! {
        insta::assert_snapshot!(plain, @r#"
host       overlay       mkdir -p --mode=700 RUN/changes
host       overlay       mkdir RUN/merged
container  overlay       mount -t tmpfs -o mode=700 tmpfs RUN/changes
container  overlay       mkdir -p RUN/changes/upper
container  overlay       mkdir -p RUN/changes/work
container  overlay       mount -t overlay overlay -o 'lowerdir=PLACE/a\:b\, c:PLACE/low:BASE,upperdir=RUN/changes/upper,workdir=RUN/changes/work,index=off,metacopy=off,redirect_dir=nofollow' RUN/merged
"#);
        insta::assert_snapshot!(single, @r#"
host       overlay       mkdir -p --mode=700 RUN/changes
host       overlay       mkdir RUN/merged
host       overlay       mkdir RUN/view
container  overlay       mount -t tmpfs -o mode=700 tmpfs RUN/changes
container  overlay       mkdir -p RUN/changes/upper
container  overlay       mkdir -p RUN/changes/work
container  overlay       mount -t overlay overlay -o lowerdir=BASE,upperdir=RUN/changes/upper,workdir=RUN/changes/work,index=off,metacopy=off,redirect_dir=nofollow RUN/merged
container  overlay       mount -t tmpfs -o mode=700 tmpfs RUN/view
container  overlay       mount -t overlay overlay -o lowerdir=BASE:RUN/view,index=off,metacopy=off,redirect_dir=nofollow RUN/view
host       overlay       find RUN/changes/upper  # and compare
"#);
        insta::assert_snapshot!(all, @r#"
host       overlay       mkdir -p --mode=700 place/kept
host       overlay       mkdir RUN/merged
host       overlay       mkdir RUN/view
container  overlay       mkdir -p PLACE/kept/upper
container  overlay       mkdir -p PLACE/kept/work
container  overlay       mount -t overlay overlay -o 'lowerdir=PLACE/a\:b\, c:PLACE/low:BASE,upperdir=PLACE/kept/upper,workdir=PLACE/kept/work,index=off,metacopy=off,redirect_dir=nofollow' RUN/merged
container  overlay       mount -t overlay overlay -o 'lowerdir=PLACE/a\:b\, c:PLACE/low:BASE,index=off,metacopy=off,redirect_dir=nofollow' RUN/view
host       overlay       find PLACE/kept/upper  # and compare
host       overlay       cp -a PLACE/kept/upper place/new
host       overlay       rm -r PLACE/kept/work
"#);
    }
    Ok(())
}

/// What is narrated does the same when a person does it.
pub fn the_explained_mount_is_the_mount(sandbox: &Sandbox) -> Result<()> {
    let place = Place::new(sandbox)?;
    let layers = [
        place.layer("low", &[("file", "low"), ("low", "")])?,
        place.layer(r"a:b \ c, d", &[("file", "top")])?,
    ];
    let run = place.on(&layers).args(["--explain", "--upper", "place/kept"]);
    let explained = run.probe(script("write /new x")).output()?.success()?.stderr();
    let line = explained.lines().find(|line| line.contains("mount -t overlay"));
    let line = line.context("no mount is explained")?;
    let command = line.split_once("mount -t").context("a command")?.1;
    let (command, _) = command.rsplit_once(' ').context("a mount point")?;
    for dir in ["kept/work", "union"] {
        fs::create_dir(place.at(dir))?;
    }
    let (union, kept) = (place.at("union"), place.at("kept"));
    let (union, kept) = (union.display(), kept.display());
    let look = format!("cat {union}/file && ls {union}; umount {union}; rm -r {kept}");
    let command = format!("mount -t{command} {union} && {look}");
    let run =
        sandbox.run("sh").env("LIBMOUNT_UTAB", "/dev/null").args(["-c", &command]).output()?;
    let seen = run.stdout();
    let wanted = seen.starts_with("top") && seen.contains("new\n") && seen.contains("low\n");
    ensure!(
        wanted && run.success().is_ok(),
        "the mount that --explain tells does not mount the same layers, one of which is called \
         'a:b \\ c, d'\n    expected: its files\n    seen:     {run}\n    read on:  the kernel's \
         filesystems/overlayfs.rst: what ends a layer in lowerdir, and an option"
    );
    Ok(())
}
