//! Images in archives and directories: as others make them, and as they are given back.

use std::fs;

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};

use crate::{
    others::{layout, tool},
    scene::{said, store, verb},
};

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
