//! Archives and layouts that are not what they seem.

use std::{
    fs,
    os::unix::fs::symlink,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect};
use serde_json::{Value, json};

use crate::{
    made::{CONFIG, LAYER, MANIFEST, Made, descriptor, digest},
    others::{layout, tool},
    scene::{run, said, store, verb},
};

/// A layout with this image, after `spoil` has had it.
fn spoilt(
    sandbox: &Sandbox,
    name: &str,
    spoil: impl Fn(&Path, &Made) -> Result<()>,
) -> Result<PathBuf> {
    let dir = sandbox.dir().join(name);
    let blobs = dir.join("blobs/sha256");
    fs::create_dir_all(&blobs)?;
    let made = Made::new("text", "amd64")?;
    for blob in [&made.layer, &made.config, &made.manifest] {
        fs::write(blobs.join(&digest(blob)[7..]), blob)?;
    }
    fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"1.0.0"}"#)?;
    let index = json!({ "schemaVersion": 2, "manifests": [descriptor(MANIFEST, &made.manifest)] });
    fs::write(dir.join("index.json"), index.to_string())?;
    spoil(&dir, &made)?;
    Ok(dir)
}

fn refused(sandbox: &Sandbox, path: &Path, why: &str) -> Result<()> {
    let line =
        verb(sandbox, &["load", "-i", &path.display().to_string()]).output()?.error_line(125)?;
    expect::contains("the line", &line, &format!("image: loading {}: ", path.display()), "")?;
    expect::contains(&path.display().to_string(), &line, why, "")
}

fn blob(dir: &Path, content: &[u8]) -> PathBuf {
    dir.join("blobs/sha256").join(&digest(content)[7..])
}

pub fn what_is_no_image_is_refused_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let secret = sandbox.dir().join("secret");
    fs::write(&secret, "secret")?;
    type Spoil = fn(&Path, &Made) -> Result<()>;
    let cases: [(&str, Spoil, &str); 9] = [
        ("good", |_, _| Ok(()), ""),
        ("no-layer", |dir, made| Ok(fs::remove_file(blob(dir, &made.layer))?), "it is not in it"),
        ("other-layer", |dir, made| Ok(fs::write(blob(dir, &made.layer), "x")?), "ends after 1 of"),
        (
            "linked-layer",
            |dir, made| {
                fs::rename(blob(dir, &made.layer), dir.join("layer"))?;
                Ok(symlink("../../layer", blob(dir, &made.layer))?)
            },
            "no regular file",
        ),
        (
            "other-manifest",
            |dir, made| {
                let spoilt = String::from_utf8(made.manifest.clone())?
                    .replace("text", "tezt")
                    .replace("amd", "bmd");
                Ok(fs::write(blob(dir, &made.manifest), spoilt.replacen("2", "3", 1))?)
            },
            "has the digest",
        ),
        ("no-index", |dir, _| Ok(fs::remove_file(dir.join("index.json"))?), "no index.json"),
        (
            "empty-index",
            |dir, _| {
                Ok(fs::write(dir.join("index.json"), r#"{"schemaVersion":2,"manifests":[]}"#)?)
            },
            "there is no image in it",
        ),
        (
            "dual-index",
            |dir, _| {
                let both = r#"{"schemaVersion":2,"manifests":[],"layers":[]}"#;
                Ok(fs::write(dir.join("index.json"), both)?)
            },
            "or of others too",
        ),
        (
            "version-2",
            |dir, _| Ok(fs::write(dir.join("oci-layout"), r#"{"imageLayoutVersion":"2.0.0"}"#)?),
            "version 2.0.0",
        ),
    ];
    for (name, spoil, why) in cases {
        let dir = spoilt(sandbox, name, spoil)?;
        if !why.is_empty() {
            refused(sandbox, &dir, why)?;
        }
    }
    for (name, content, why) in [
        ("empty", &b""[..], "neither an index.json"),
        (
            "text",
            b"this is no archive at all, but a text that is longer than a header is",
            "reading the archive",
        ),
        ("xz", b"\xfd7zXZ\0 and so on", "compressed by xz"),
        ("gzip", b"\x1f\x8b\x08 and so on", ""),
    ] {
        let path = sandbox.dir().join(name);
        fs::write(&path, content)?;
        refused(sandbox, &path, why)?;
    }
    docker_archives(sandbox)?;
    refused(sandbox, &sandbox.dir().join("nosuch"), "ENOENT")
        .or_else(|_| refused(sandbox, &sandbox.dir().join("nosuch"), "No such file"))?;
    nothing_is_left(sandbox)
}

/// Made from a good one, by a change of its manifest.json.
fn docker_archives(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?;
    let dir = layout.parent().context("a parent")?;
    tool(dir, "skopeo", &["--insecure-policy", "copy", "oci:one:1", "docker-archive:d.tar:x:1"])?;
    fs::create_dir(dir.join("d"))?;
    tool(dir, "tar", &["-xf", "d.tar", "-C", "d"])?;
    let list: Value = serde_json::from_slice(&fs::read(dir.join("d/manifest.json"))?)?;
    for (name, pointer, value, why) in [
        ("no-config", "/0/Config", json!("none.json"), "none.json is not in it"),
        ("path", "/0/Config", json!("../../../../etc/passwd"), "is not in it"),
        ("absolute", "/0/Layers/0", json!("/etc/passwd"), "is not in it"),
        ("fewer", "/0/Layers", json!([]), "tells of 2 layers, the manifest of 0"),
        ("twice", "/0/Layers/1", list[0]["Layers"][0].clone(), "and should be"),
        ("tag", "/0/RepoTags/0", json!("../x"), "bad reference"),
    ] {
        let mut list = list.clone();
        *list.pointer_mut(pointer).context(pointer)? = value;
        fs::write(dir.join("d/manifest.json"), list.to_string())?;
        tool(dir, "tar", &["-cf", &format!("{name}.tar"), "-C", "d", "."])?;
        refused(sandbox, &dir.join(format!("{name}.tar")), why)?;
    }
    fs::remove_file(dir.join("d/manifest.json"))?;
    fs::write(dir.join("d/repositories"), "{}")?;
    tool(dir, "tar", &["-cf", "old.tar", "-C", "d", "."])?;
    refused(sandbox, &dir.join("old.tar"), "Docker before 1.10")
}

fn nothing_is_left(sandbox: &Sandbox) -> Result<()> {
    let ids = said(sandbox, &["images", "-q"])?;
    ensure!(ids.lines().count() == 1, "there are images: {ids}"); // base
    said(sandbox, &["prune", "-a"])?;
    for dir in ["blobs/sha256", "ingest"] {
        let left = fs::read_dir(store(sandbox).join("images").join(dir))?.count();
        expect::equal(dir, &left, 0, "")?;
    }
    Ok(())
}

/// Its digest is right and its configuration lies: that is found when it is unpacked.
pub fn a_layer_that_is_not_what_it_says_is_not_unpacked(sandbox: &Sandbox) -> Result<()> {
    let dir = spoilt(sandbox, "lies", |dir, made| {
        let mut config: Value = serde_json::from_slice(&made.config)?;
        config["rootfs"]["diff_ids"][0] = json!(digest(b"another"));
        let config = config.to_string();
        let manifest = json!({
            "schemaVersion": 2, "mediaType": MANIFEST,
            "config": descriptor(CONFIG, config.as_bytes()), "layers": [descriptor(LAYER, &made.layer)],
        });
        let manifest = manifest.to_string();
        for content in [&config, &manifest] {
            fs::write(blob(dir, content.as_bytes()), content)?;
        }
        let index =
            json!({ "schemaVersion": 2, "manifests": [descriptor(MANIFEST, manifest.as_bytes())] });
        Ok(fs::write(dir.join("index.json"), index.to_string())?)
    })?;
    let told = said(sandbox, &["load", "-i", &dir.display().to_string()])?;
    let id = told.trim().strip_prefix("Loaded image: ").context("an id")?.to_string();
    let line = run(sandbox, &["--rm", &id]).output()?.error_line(125)?;
    expect::contains("the line", &line, "image: ", "config.md")?;
    expect::contains("the line", &line, "layer sha256:", "config.md")?;
    let left = fs::read_dir(store(sandbox).join("storage/overlay/records"))?.count();
    expect::equal("file systems that are left", &left, 0, "")?;
    expect::equal("containers that are left", &said(sandbox, &["ps", "-aq"])?, "", "")
}
