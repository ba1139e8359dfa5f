//! Images in archives and directories: as others make them, and as they are given back.

use std::fs;

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::{
    others::{LOOK, SEEN, layout, tool},
    scene::{run, said, store, verb},
};

fn load_and_run(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    let told = said(sandbox, &["load", "--input", &layout.display().to_string()])?;
    expect::equal("what load says", &told, "Loaded image: one:1\n", "")?;
    let seen = run(sandbox, &["--rm", "one:1", "/bin/sh", "-c", LOOK]).output()?;
    expect::equal("the image", &seen.success()?.stdout(), SEEN, "layer.md")
}

pub fn a_layout_of_umocis_is_loaded_and_run(sandbox: &Sandbox) -> Result<()> {
    load_and_run(sandbox)
}

pub fn an_ordinary_user_loads_and_runs() -> Result<()> {
    unprivileged(load_and_run)
}

/// Modes, sizes and links of every file.
const EVERYTHING: &str = "find / -xdev ! -path '/proc*' ! -path '/sys*' ! -path '/dev*' \
    ! -path '/probe' ! -path '/etc/host*' ! -path '/etc/resolv.conf' \
    -exec stat -c '%n %f %s %u %g %N' {} \\;";

pub fn every_driver_shows_the_same_files(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    said(sandbox, &["load", "-i", &layout.display().to_string()])?;
    let mut seen = Vec::new();
    for driver in ["overlay", "vfs"] {
        let flags = ["--storage-driver", driver, "--rm", "one:1", "/bin/sh", "-c", EVERYTHING];
        let mut lines: Vec<_> =
            run(sandbox, &flags).output()?.success()?.stdout().lines().map(String::from).collect();
        lines.retain(|line| !line.contains(" 41ed ") && !line.contains(" 41c0 ")); // sizes of directories
        lines.sort();
        ensure!(lines.len() > 15, "only {lines:?}");
        seen.push(lines);
    }
    expect::same("vfs", &seen[1], &seen[0], "layer.md")
}

pub fn an_archive_of_buildahs_is_loaded_and_run(sandbox: &Sandbox) -> Result<()> {
    let dir = sandbox.dir().join("others");
    fs::create_dir(&dir)?;
    let (root, run_root) = (dir.join("storage"), dir.join("run"));
    let (root, run_root) = (root.display().to_string(), run_root.display().to_string());
    let storage = ["--root", &root, "--runroot", &run_root, "--storage-driver", "vfs"];
    let buildah = |args: &[&str]| tool(&dir, "buildah", &[&storage, args].concat());
    let container = buildah(&["from", "scratch"])?;
    let container = container.trim();
    buildah(&["copy", container, "/bin/busybox", "/bin/busybox"])?;
    buildah(&["config", "--entrypoint", r#"["/bin/busybox"]"#, "--cmd", "echo hello", container])?;
    for (form, name) in [("docker", "docker-archive:a.tar:built/a:1"), ("oci", "oci-archive:b.tar")]
    {
        buildah(&["commit", "--format", form, container, name])?;
    }
    buildah(&["rm", container])?;
    for (file, image) in [("a.tar", "built/a:1"), ("b.tar", "")] {
        let told = said(sandbox, &["load", "-i", &dir.join(file).display().to_string()])?;
        let name = told.trim().strip_prefix("Loaded image: ").context(told.clone())?;
        ensure!(image.is_empty() || image == name, "its name is {name}");
        let seen = run(sandbox, &["--rm", name]).output()?;
        expect::equal(file, &seen.success()?.stdout(), "hello\n", "config.md")?;
    }
    Ok(())
}

/// Its id stays the same, whatever it is carried in and however it is compressed.
pub fn every_form_of_an_image_is_the_same_image(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    let dir = layout.parent().context("a parent")?;
    let skopeo =
        |args: &[&str]| tool(dir, "skopeo", &[&["--insecure-policy", "copy"], args].concat());
    skopeo(&["oci:one:1", "docker-archive:docker.tar:x/docker:1"])?;
    skopeo(&["oci:one:1", "oci-archive:archive.tar:1"])?;
    skopeo(&["--dest-compress-format", "zstd", "--dest-compress", "oci:one:1", "oci:zstd:1"])?;
    skopeo(&["--dest-decompress", "oci:one:1", "oci:plain:1"])?;
    tool(dir, "gzip", &["-k", "docker.tar"])?;
    let mut ids = Vec::new();
    for (path, name) in [
        ("one", "one:1"),
        ("docker.tar", "x/docker:1"),
        ("docker.tar.gz", "x/docker:1"),
        ("archive.tar", "archive:1"),
        ("zstd", "zstd:1"),
        ("plain", "plain:1"),
    ] {
        let told = said(sandbox, &["load", "-i", &dir.join(path).display().to_string()])?;
        expect::equal(path, &told, format!("Loaded image: {name}\n").as_str(), "")?;
        let image = verb(sandbox, &["inspect", name]).output()?.json()?;
        ids.push(
            image[0]["layers"]
                .as_array()
                .context("layers")?
                .iter()
                .map(|layer| layer["diff_id"].to_string())
                .collect::<Vec<_>>(),
        );
        ids.dedup();
        said(sandbox, &["rmi", name])?;
    }
    ensure!(ids.len() == 1, "the layers are not always the same: {ids:?}");
    let piped = fs::read(dir.join("docker.tar.gz"))?;
    let told = verb(sandbox, &["load"]).stdin(piped).output()?.success()?.stdout();
    expect::equal("from a pipe", &told, "Loaded image: x/docker:1\n", "")
}

pub fn what_is_saved_is_read_by_others(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    let dir = layout.parent().context("a parent")?;
    said(sandbox, &["load", "-i", &layout.display().to_string()])?;
    let archive = dir.join("saved.tar").display().to_string();
    said(sandbox, &["save", "-o", &archive, "one:1"])?;
    said(sandbox, &["save", "--dir", "-o", &dir.join("saved").display().to_string(), "one:1"])?;
    let raw = |name: &str| tool(dir, "skopeo", &["inspect", "--config", "--raw", name]);
    let before = raw("oci:one:1")?;
    for name in [
        "oci-archive:saved.tar:1",
        "docker-archive:saved.tar:docker.io/library/one:1",
        "oci:saved:1",
    ] {
        expect::equal(name, &raw(name)?, before.as_str(), "image-layout.md")?;
    }
    tool(dir, "umoci", &["unpack", "--rootless", "--image", "saved:1", "again"])?;
    let changed = fs::read_to_string(dir.join("again/rootfs/changed"))?;
    expect::equal("what umoci unpacks", &changed, "after\n", "")?;
    let line =
        verb(sandbox, &["save", "--dir", "-o", &dir.join("saved").display().to_string(), "one:1"]);
    expect::contains("a directory twice", &line.output()?.error_line(125)?, "exists already", "")
}

pub fn the_store_itself_is_a_layout(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    said(sandbox, &["load", "-i", &layout.display().to_string()])?;
    let images = store(sandbox).join("images").display().to_string();
    let name = format!("oci:{images}:docker.io/library/one:1");
    let seen = tool(sandbox.dir(), "skopeo", &["inspect", "--config", "--raw", &name])?;
    let before =
        tool(sandbox.dir(), "skopeo", &["inspect", "--config", "--raw", "oci:others/one:1"])?;
    expect::equal("what skopeo reads", &seen, before.as_str(), "image-layout.md")
}

pub fn what_is_saved_is_loaded_again(sandbox: &Sandbox) -> Result<()> {
    said(sandbox, &["images"])?; // makes base
    said(sandbox, &["tag", "base", "h.x:5/a/b:c"])?;
    let archive = sandbox.dir().join("saved.tar").display().to_string();
    said(sandbox, &["save", "-o", &archive, "base", "h.x:5/a/b:c"])?;
    let (first, ids) = (fs::read(&archive)?, said(sandbox, &["images", "-q"])?);
    said(sandbox, &["save", "-o", &archive, "base", "h.x:5/a/b:c"])?;
    ensure!(fs::read(&archive)? == first, "the same images are other bytes");
    said(sandbox, &["prune", "--all"])?;
    let told = said(sandbox, &["load", "-i", &archive])?;
    expect::equal(
        "what load says",
        &told,
        "Loaded image: base:latest\nLoaded image: h.x:5/a/b:c\n",
        "",
    )?;
    expect::equal("the ids", &said(sandbox, &["images", "-q"])?, ids.as_str(), "")
}
