//! Registries that mean well: Debian's own, and one of the tests' that wants tokens or is busy.

use std::{fs, thread::sleep, time::Duration};

use anyhow::{Context, Result, bail};
use conformance::{Running, Sandbox, expect};
use serde_json::json;

use crate::{
    made::{INDEX, MANIFEST, Made, descriptor, digest},
    others::{LOOK, SEEN, layout, tool},
    scene::{run, said, store, verb},
    server::{Reply, Server},
};

/// Debian's registry, with the image `a/one:1` in it. `auth` is a part of its configuration.
fn registry(sandbox: &Sandbox, port: u16, auth: &str, creds: &[&str]) -> Result<Running> {
    let dir = sandbox.dir().join("registry");
    fs::create_dir_all(&dir)?;
    let (place, config) = (dir.join("data"), dir.join("config.yml"));
    let text = format!(
        "version: 0.1\nlog: {{level: error}}\nstorage: {{filesystem: {{rootdirectory: {}}}}}\n\
         http: {{addr: '127.0.0.1:{port}'}}\n{auth}",
        place.display()
    );
    fs::write(&config, text)?;
    let serve = sandbox.run("/usr/bin/docker-registry").arg("serve").arg(&config);
    let serving = serve.limit(Duration::from_secs(120)).spawn()?;
    layout(sandbox)?;
    let layout = sandbox.dir().join("others/one:1");
    let (from, to) =
        (format!("oci:{}", layout.display()), format!("docker://127.0.0.1:{port}/a/one:1"));
    let push = ["--insecure-policy", "copy", "--dest-tls-verify=false"];
    for _ in 0..100 {
        let push =
            sandbox.run("/usr/bin/skopeo").args(push).args(creds).args([&from, &to]).output()?;
        if push.success().is_ok() {
            return Ok(serving);
        }
        if !push.stderr().contains("connection refused") {
            push.success()?;
        }
        sleep(Duration::from_millis(50));
    }
    bail!("the registry does not answer")
}

pub fn an_image_is_pulled_and_run(sandbox: &Sandbox) -> Result<()> {
    let _registry = registry(sandbox, 5000, "", &[])?;
    let outcome = verb(sandbox, &["pull", "127.0.0.1:5000/a/one:1"]).output()?;
    let id = outcome.success()?.stdout().trim().to_string();
    expect::contains("what is told", &outcome.stderr(), ": is there", "")?;
    let name = "127.0.0.1:5000/a/one:1";
    let seen = run(sandbox, &["--rm", name, "/bin/sh", "-c", LOOK]).output()?;
    expect::equal("the image", &seen.success()?.stdout(), SEEN, "layer.md")?;
    let image = verb(sandbox, &["inspect", &id]).output()?.json()?;
    let manifest = image[0]["manifest"]["digest"].as_str().context("a digest")?;
    let exact = format!("127.0.0.1:5000/a/one@{manifest}");
    let again = verb(sandbox, &["pull", &exact]).output()?;
    expect::equal("by its digest", &again.success()?.stdout().trim(), id.as_str(), "")?;
    expect::contains("what is told", &again.stderr(), "is there already", "")?;
    said(sandbox, &["inspect", &exact])?;
    for (name, why) in [
        ("127.0.0.1:5000/a/one:2", "the registry has no such image"),
        ("127.0.0.1:5000/none", "the registry has no such image"),
        ("127.0.0.1:5001/a", "refused"),
    ] {
        let line = verb(sandbox, &["pull", "-q", name]).output()?.error_line(125)?;
        expect::contains(name, &line, why, "")?;
        expect::contains(name, &line, &format!("pulling {name}"), "")?;
    }
    Ok(())
}

pub fn a_registry_may_want_a_password(sandbox: &Sandbox) -> Result<()> {
    let dir = sandbox.dir().join("registry");
    fs::create_dir(&dir)?;
    let people = tool(&dir, "htpasswd", &["-Bbn", "me", "secret"])?;
    fs::write(dir.join("people"), people)?;
    let auth =
        format!("auth: {{htpasswd: {{realm: here, path: {}}}}}\n", dir.join("people").display());
    let _registry = registry(sandbox, 5000, &auth, &["--dest-creds", "me:secret"])?;
    let pull = |args: &[&str]| {
        verb(sandbox, &[&["pull", "-q"], args, &["127.0.0.1:5000/a/one:1"]].concat())
    };
    for (args, why) in [
        (&[][..], "it wants a name and a password"),
        (&["--creds", "me:wrong"], "refused to me:***"),
        (&["--creds", "me"], "expected NAME:PASSWORD"),
    ] {
        let line = pull(args).output()?.error_line(125)?;
        expect::contains("the line", &line, why, "RFC 7617")?;
    }
    pull(&["--creds", "me:secret"]).output()?.success()?;
    said(sandbox, &["rmi", "127.0.0.1:5000/a/one:1"])?;
    // As `docker login` writes it down: me:secret.
    let auths = json!({ "auths": { "127.0.0.1:5000": { "auth": "bWU6c2VjcmV0" } } });
    let file = dir.join("auth.json");
    fs::write(&file, auths.to_string())?;
    pull(&[]).env("REGISTRY_AUTH_FILE", &file).output()?.success()?;
    pull(&["--authfile", &file.display().to_string()]).output()?.success().map(drop)
}

pub fn a_registry_may_want_a_token(sandbox: &Sandbox) -> Result<()> {
    let made = Made::new("text", "amd64")?;
    let server = Server::start(sandbox, move |request, _| {
        let host = request.header("host").unwrap_or_default();
        if request.path.starts_with("/token?") {
            // me:secret
            return match request.header("authorization") {
                Some("Basic bWU6c2VjcmV0") => {
                    Reply::of(br#"{"token":"the-token"}"#, "application/json")
                }
                _ => Reply::status(401),
            };
        }
        if request.header("authorization") != Some("Bearer the-token") {
            let challenge = format!("Bearer realm=\"http://{host}/token\",service=\"s s\"");
            return Reply::status(401).with("WWW-Authenticate", &challenge);
        }
        made.reply(request)
    })?;
    let name = format!("{}/a/b", server.address);
    let line =
        verb(sandbox, &["pull", "-q", "--creds", "me:wrong", &name]).output()?.error_line(125)?;
    expect::contains("a wrong password", &line, "for a token", "")?;
    verb(sandbox, &["pull", "-q", "--creds", "me:secret", &name]).output()?.success()?;
    let asked = server.seen().into_iter().find(|request| request.path.starts_with("/token?"));
    let asked = asked.context("nobody has asked for a token")?.path;
    expect::contains("the question", &asked, "scope=repository%3Aa%2Fb%3Apull", "")?;
    expect::contains("the question", &asked, "service=s", "")
}

pub fn the_image_for_this_machine_is_chosen(sandbox: &Sandbox) -> Result<()> {
    let images = ["s390x", "amd64", "arm64"].map(|name| (name, Made::new(name, name)));
    let images: Vec<_> = images
        .into_iter()
        .map(|(name, made)| made.map(|made| (name, made)))
        .collect::<Result<_>>()?;
    let entry = |(name, made): &(&str, Made)| {
        let mut entry = descriptor(MANIFEST, &made.manifest);
        entry["platform"] = json!({ "os": "linux", "architecture": name });
        entry
    };
    let manifests: Vec<_> = images.iter().map(entry).collect();
    let index =
        json!({ "schemaVersion": 2, "mediaType": INDEX, "manifests": manifests }).to_string();
    let index_digest = digest(index.as_bytes());
    let server = Server::start(sandbox, move |request, _| {
        let name = request.path.rsplit('/').next().unwrap_or_default();
        if name == "latest" || name == digest(index.as_bytes()) {
            return Reply::of(index.as_bytes(), INDEX);
        }
        let replies = images.iter().map(|(_, made)| made.reply(request));
        replies.reduce(|a, b| if a.status == 200 { a } else { b }).unwrap_or_default()
    })?;
    let name = format!("{}/a", server.address);
    let pull = |args: &[&str]| verb(sandbox, &[&["pull", "-q"], args, &[&name]].concat()).output();
    for (args, platform) in
        [(&[][..], "linux/amd64"), (&["--platform", "linux/arm64"], "linux/arm64")]
    {
        let id = pull(args)?.success()?.stdout();
        let image = verb(sandbox, &["inspect", id.trim()]).output()?.json()?;
        expect::equal("the platform", &image[0]["platform"], platform, "image-index.md")?;
    }
    said(sandbox, &["inspect", &format!("{name}@{index_digest}")])?;
    let line = pull(&["--platform", "linux/riscv64"])?.error_line(125)?;
    let offered = "it is not for linux/riscv64, only for linux/s390x, linux/amd64, linux/arm64";
    expect::contains("another machine", &line, offered, "image-index.md")
}

pub fn what_was_broken_off_is_gone_on_with(sandbox: &Sandbox) -> Result<()> {
    let text = "x".repeat(300_000);
    let made = Made::new(&text, "amd64")?;
    let (layer, half) = (digest(&made.layer), made.layer.len() / 2);
    let name = layer.clone();
    let server = Server::start(sandbox, move |request, count| {
        let reply = made.reply(request);
        match request.path.ends_with(&name) && count < 2 {
            true => Reply { cut: Some(reply.body.len() / 2), ..reply },
            false => reply,
        }
    })?;
    let image = format!("{}/a", server.address);
    verb(sandbox, &["pull", "-q", &image]).output()?.success()?;
    let asked = server.seen().into_iter().filter(|request| request.path.ends_with(&layer));
    let from: Vec<_> = asked.map(|request| request.from()).collect();
    let rest = half + (text.len() + 2048 - half) / 2;
    expect::equal("how often", &from.len(), 3, "RFC 9110, 14.2")?;
    expect::equal("the first bytes", &from[..2], [0, half], "RFC 9110, 14.2")?;
    expect::that("the rest", from[2].abs_diff(rest) < 2000, &from, "RFC 9110, 14.2")?;
    // And one who was killed meanwhile goes on where that was left off.
    said(sandbox, &["rmi", &image])?;
    let partial = store(sandbox).join("images/ingest").join(layer.replace(':', "-"));
    fs::write(&partial, vec![0; 7])?; // of which the beginning is wrong
    let line = verb(sandbox, &["pull", "-q", &image]).output()?.error_line(125)?;
    expect::contains("the line", &line, "has the digest", "")?;
    verb(sandbox, &["pull", "-q", &image]).output()?.success().map(drop)
}

pub fn a_busy_registry_is_asked_again(sandbox: &Sandbox) -> Result<()> {
    let made = Made::new("text", "amd64")?;
    let server = Server::start(sandbox, move |request, count| match count {
        0 if request.path != "/v2/" => Reply::status(429).with("Retry-After", "0"),
        1 if request.path.contains("/blobs/") => Reply::status(503),
        _ => made.reply(request),
    })?;
    verb(sandbox, &["pull", "-q", &format!("{}/a", server.address)]).output()?.success()?;
    drop(server);
    let never = Server::start(sandbox, |request, _| {
        Reply::status(if request.path == "/v2/" { 200 } else { 500 })
    })?;
    let name = format!("{}/a", never.address);
    let line = verb(sandbox, &["pull", "-q", &name]).output()?.error_line(125)?;
    expect::contains("the line", &line, "answers 500", "")?;
    let tries = never.seen().iter().filter(|request| request.path.contains("/manifests/")).count();
    expect::equal("how often", &tries, 4, "")
}
