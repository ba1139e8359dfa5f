//! Registries that mean ill.

use std::fs;

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect};
use serde_json::{Value, json};

use crate::{
    made::{INDEX, LAYER, MANIFEST, Made, digest},
    scene::{said, store, verb},
    server::{Reply, Server},
};

/// Pulls what a server has that answers a manifest like this: the one line of the error.
fn refused(sandbox: &Sandbox, reply: Reply) -> Result<String> {
    let made = Made::new("text", "amd64")?;
    let server = Server::start(sandbox, move |request, _| {
        if request.path.contains("/manifests/latest") { reply.clone() } else { made.reply(request) }
    })?;
    let name = format!("{}/a", server.address);
    let line = verb(sandbox, &["pull", "-q", &name]).output()?.error_line(125)?;
    expect::contains("the line", &line, &format!("image: pulling {name}:latest: "), "")?;
    Ok(line)
}

/// The honest manifest, with one thing changed.
fn changed(pointer: &str, value: Value) -> Result<Reply> {
    let mut manifest: Value = serde_json::from_slice(&Made::new("text", "amd64")?.manifest)?;
    match manifest.pointer_mut(pointer) {
        Some(place) => *place = value,
        None => manifest[pointer.trim_start_matches('/')] = value,
    }
    Ok(Reply::of(manifest.to_string().as_bytes(), MANIFEST))
}

pub fn what_a_registry_says_is_checked(sandbox: &Sandbox) -> Result<()> {
    let made = Made::new("text", "amd64")?;
    let other = digest(b"other");
    let size = made.layer.len();
    let index = json!({ "schemaVersion": 2, "manifests": [] }).to_string();
    let pretty = "application/vnd.docker.distribution.manifest.v1+prettyjws";
    for (reply, why) in [
        (changed("/layers/0/digest", json!(other))?, "the registry does not have it"),
        (changed("/layers/0/digest", json!("sha256:../../x"))?, "is no digest"),
        (changed("/config/digest", json!("sha256:../../x"))?, "is no digest"),
        (changed("/layers/0/size", json!(size - 1))?, "is longer than the"),
        (changed("/layers/0/size", json!(size + 1))?, "it ends after"),
        (changed("/layers/0/size", json!(1_u64 << 63))?, "larger than"),
        (changed("/layers/0/mediaType", json!("text/x"))?, "unknown type text/x"),
        (changed("/config/mediaType", json!("text/x"))?, "no image of a container"),
        (changed("/layers", json!([]))?, "the configuration tells of 1 layers, the manifest of 0"),
        (changed("/manifests", json!([]))?, "or of others too"),
        (changed("/mediaType", json!(INDEX))?, "and says that it is"),
        (Reply::of(&made.manifest, INDEX), "and says that it is"),
        (Reply::of(&made.manifest, pretty), "is no media type of an image"),
        (Reply::of(index.as_bytes(), MANIFEST), "does not have the members"),
        (Reply::of(index.as_bytes(), INDEX), "it is not for linux/"),
        (Reply::of(b"{}", MANIFEST), "it is no application/"),
        (Reply::of(&made.manifest, MANIFEST).with("Docker-Content-Digest", &other), "announced"),
        (Reply::status(418), "answers 418"),
        (Reply::status(302).with("Location", "file:///etc/passwd"), "no address"),
        (Reply::status(302).with("Location", "/v2/a/manifests/latest"), "sends us on more than"),
    ] {
        expect::contains("the line", &refused(sandbox, reply)?, why, "CVE-2021-41190")?;
    }
    // The blobs themselves.
    let (made, other) = (Made::new("new1", "amd64")?, Made::new("new2", "amd64")?);
    let server = Server::start(sandbox, move |request, _| {
        let mut reply = made.reply(request);
        if request.path.contains(&digest(&made.layer)) {
            reply.body.clone_from(&other.layer);
        }
        reply
    })?;
    let name = format!("{}/a", server.address);
    let line = verb(sandbox, &["pull", "-q", &name]).output()?.error_line(125)?;
    expect::contains("another layer", &line, "has the digest", "descriptor.md")?;
    expect::equal("images", &said(sandbox, &["images", "-q"])?.lines().count(), 1, "")?; // base
    said(sandbox, &["prune", "-a"])?;
    let left = fs::read_dir(store(sandbox).join("images/blobs/sha256"))?.count();
    expect::equal("what is left", &left, 0, "")
}

/// moby 2017-14992 and others: memory is not a registry's to fill.
pub fn an_endless_manifest_is_left_off(sandbox: &Sandbox) -> Result<()> {
    let endless = Reply { endless: true, ..Reply::of(&[b' '; 1 << 16], MANIFEST) };
    let line = refused(sandbox, endless)?;
    expect::contains("the line", &line, "larger than 4194304 bytes", "")?;
    let made = Made::new("text", "amd64")?;
    let layer = digest(&made.layer);
    let server = Server::start(sandbox, move |request, _| match request.path.contains(&layer) {
        true => Reply { endless: true, ..Reply::of(&[0; 1 << 16], LAYER) },
        false => made.reply(request),
    })?;
    let line = verb(sandbox, &["pull", "-q", &format!("{}/a", server.address)]).output()?;
    expect::contains("a layer", &line.error_line(125)?, "is longer than the", "")
}

/// CVE-2020-15157: of two servers one is sent to by the other, and by the image's own addresses.
pub fn credentials_go_to_nobody_else(sandbox: &Sandbox) -> Result<()> {
    let made = Made::new("text", "amd64")?;
    let (layer, body) = (digest(&made.layer), made.layer.clone());
    let canary = Server::start(sandbox, move |_, _| Reply::of(&body, LAYER))?;
    let canarys = format!("http://{}/elsewhere", canary.address);
    let mut foreign: Value = serde_json::from_slice(&made.manifest)?;
    foreign["layers"][0]["urls"] = json!([format!("http://{}/foreign", canary.address)]);
    foreign["layers"][0]["mediaType"] =
        json!("application/vnd.docker.image.rootfs.foreign.diff.tar.gzip");
    let foreign = foreign.to_string();
    let server = Server::start(sandbox, move |request, _| {
        // me:secret
        if request.header("authorization") != Some("Basic bWU6c2VjcmV0") {
            return Reply::status(401).with("WWW-Authenticate", "Basic realm=x");
        }
        match &request.path {
            path if path.contains("/manifests/latest") => Reply::of(foreign.as_bytes(), MANIFEST),
            path if path.contains(&layer) => Reply::status(307).with("Location", &canarys),
            _ => made.reply(request),
        }
    })?;
    let name = format!("{}/a", server.address);
    verb(sandbox, &["pull", "-q", "--creds", "me:secret", &name]).output()?.success()?;
    let seen = canary.seen();
    ensure!(seen.len() == 1 && seen[0].path == "/elsewhere", "the canary has seen {seen:?}");
    let told = seen[0].header("authorization");
    expect::equal("what the canary was told", &told, None, "CVE-2020-15157")
}

/// Its name is not looked up and nothing is sent to it: `--tls-verify` is for others.
pub fn a_registry_elsewhere_must_speak_https(sandbox: &Sandbox) -> Result<()> {
    let made = Made::new("text", "amd64")?;
    let server = Server::start(sandbox, move |request, _| made.reply(request))?;
    let port = server.address.rsplit(':').next().unwrap_or_default().to_string();
    // Another address of the same loopback that does not look like it.
    let name = format!("[::ffff:127.0.0.1]:{port}/a");
    let line = verb(sandbox, &["pull", "-q", &name]).output()?.error_line(125)?;
    expect::contains("the line", &line, "registry [::ffff:127.0.0.1]", "")?;
    ensure!(server.seen().is_empty(), "it has spoken without encryption: {:?}", server.seen());
    let flags = ["pull", "-q", "--tls-verify=false", &name];
    verb(sandbox, &flags).output()?.success().map(drop)
}
