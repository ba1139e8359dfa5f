//! `diff`, `commit`, `export`, `import`.

use std::{fs, process::Command};

use anyhow::{Context, Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::{
    others::{layout, tool},
    scene::{remove, run, said, start, store, verb},
};

const CHANGE: &str = "echo changed > /changed; touch /new; rm /replaced/new; echo s > /etc/secret; \
    chmod 600 /etc/secret; mkdir /dir; ln -s /changed /dir/link";
const CHANGES: [&str; 7] = [
    "A /dir",
    "A /dir/link",
    "A /etc/secret",
    "A /new",
    "C /changed",
    "C /replaced",
    "D /replaced/new",
];

fn load(sandbox: &Sandbox) -> Result<()> {
    let layout = layout(sandbox)?.display().to_string();
    said(sandbox, &["load", "-i", &layout]).map(drop)
}

pub fn changes_are_listed_by_every_driver(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    for driver in ["overlay", "vfs"] {
        let flags = ["--storage-driver", driver, "--name", "a", "one:1", "/bin/sh", "-c", CHANGE];
        run(sandbox, &flags).output()?.success()?;
        let told = said(sandbox, &["diff", "a"])?;
        for change in CHANGES {
            ensure!(
                told.lines().any(|line| line == change),
                "{driver} does not tell {change}: {told}"
            );
        }
        let more: Vec<_> =
            told.lines().filter(|line| line.contains("/bin") || line.contains("/data")).collect();
        ensure!(more.is_empty(), "{driver} tells {more:?}");
        said(sandbox, &["rm", "a"])?;
    }
    Ok(())
}

pub fn a_commit_is_an_image_with_one_layer_more(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    let look = "cat /changed; ls /new /dir/link; ls /replaced; stat -c %a /etc/secret; echo $A";
    for driver in ["overlay", "vfs"] {
        let driver = ["--storage-driver", driver];
        let change = [&driver[..], &["--name", "a", "one:1", "/bin/sh", "-c", CHANGE]].concat();
        run(sandbox, &change).output()?.success()?;
        let words =
            ["-m", "said", "-a", "me", "-c", "ENV A=b", "-c", r#"CMD ["/bin/cat", "/changed"]"#];
        let id = said(sandbox, &[&["commit"], &words[..], &["a", "two:2"]].concat())?;
        said(sandbox, &["rm", "a"])?;
        let flags = [&driver[..], &["--rm", "two:2", "/bin/sh", "-c", look]].concat();
        let seen = run(sandbox, &flags).output()?.success()?.stdout();
        expect::equal(
            "the new image",
            &seen.as_str(),
            "changed\n/dir/link\n/new\n600\nb\n",
            "layer.md",
        )?;
        let seen = run(sandbox, &[&driver[..], &["--rm", "two:2"]].concat()).output()?;
        expect::equal("its command", &seen.success()?.stdout(), "changed\n", "config.md")?;
        let image = verb(sandbox, &["inspect", id.trim()]).output()?.json()?;
        expect::equal("its layers", &image[0]["layers"].as_array().map(Vec::len), Some(3), "")?;
        expect::equal("its author", &image[0]["author"], "me", "")?;
        expect::contains("history", &said(sandbox, &["history", "two:2"])?, "said", "")?;
        let archive = sandbox.dir().join("two.tar").display().to_string();
        said(sandbox, &["save", "-o", &archive, "two:2"])?;
        let name = format!("oci-archive:{archive}:2");
        tool(sandbox.dir(), "skopeo", &["--insecure-policy", "copy", "-q", &name, "oci:copy:2"])?;
        fs::remove_dir_all(sandbox.dir().join("copy"))?;
        fs::remove_file(archive)?;
        said(sandbox, &["rmi", "two:2"])?;
    }
    Ok(())
}

pub fn what_runs_is_committed_and_goes_on(sandbox: &Sandbox) -> Result<()> {
    let script = "echo one > /file; echo ready; while :; do sleep 0.1; done";
    let (id, _running) = start(sandbox, &["base", "sh", "-c", script])?;
    while said(sandbox, &["logs", &id])?.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    said(sandbox, &["commit", &id, "new"])?;
    expect::contains("ps", &said(sandbox, &["ps"])?, "Up ", "")?;
    let alive = verb(sandbox, &["exec", &id, "cat", "/file"]).output()?;
    expect::equal("it goes on", &alive.success()?.stdout(), "one\n", "")?;
    let seen = run(sandbox, &["--rm", "new", "cat", "/file"]).output()?;
    expect::equal("the new image", &seen.success()?.stdout(), "one\n", "")?;
    // What the runtime has put there for this container alone is no change of it.
    expect::that(
        "diff",
        !said(sandbox, &["diff", &id])?.contains("/proc/"),
        &said(sandbox, &["diff", &id])?,
        "",
    )?;
    remove(sandbox, &id)
}

fn round_trip(sandbox: &Sandbox, image: &str, script: &str) -> Result<()> {
    run(sandbox, &["--name", "a", image, "/bin/sh", "-c", script]).output()?.success()?;
    let archive = sandbox.dir().join("home/export.tar").display().to_string();
    said(sandbox, &["export", "-o", &archive, "a"])?;
    let piped = verb(sandbox, &["export", "a"]).output()?;
    ensure!(piped.success()?.stdout == fs::read(&archive)?, "the archive is another each time");
    said(sandbox, &["import", "-c", r#"CMD ["/bin/cat", "/mine"]"#, &archive, "again"])?;
    let seen = run(sandbox, &["--rm", "again"]).output()?;
    expect::equal("the new image", &seen.success()?.stdout(), "mine\n", "")?;
    Command::new("gzip").arg("-f").arg(&archive).status().context("gzip")?;
    let piped = fs::read(format!("{archive}.gz"))?;
    verb(sandbox, &["import", "-", "gzipped"]).stdin(piped).output()?.success()?;
    let seen = run(sandbox, &["--rm", "gzipped", "/bin/cat", "/mine"]).output()?;
    expect::equal("and compressed", &seen.success()?.stdout(), "mine\n", "")?;
    fs::remove_file(format!("{archive}.gz"))?;
    said(sandbox, &["rm", "a"]).map(drop)
}

pub fn what_is_exported_is_imported(sandbox: &Sandbox) -> Result<()> {
    load(sandbox)?;
    round_trip(sandbox, "one:1", "echo mine > /mine")
}

pub fn an_ordinary_user_commits_and_exports() -> Result<()> {
    unprivileged(|sandbox| {
        round_trip(sandbox, "base", "echo mine > /mine")?;
        run(sandbox, &["--name", "b", "base", "/bin/sh", "-c", "echo x > /x; rm /etc/group"])
            .output()?
            .success()?;
        let told = said(sandbox, &["diff", "b"])?;
        expect::contains("diff", &told, "A /x\n", "")?;
        expect::contains("diff", &told, "D /etc/group\n", "")?;
        said(sandbox, &["commit", "b", "committed"])?;
        let seen = run(
            sandbox,
            &["--rm", "committed", "/bin/sh", "-c", "cat /x; ls /etc/group || echo gone"],
        );
        expect::equal("the new image", &seen.output()?.success()?.stdout(), "x\ngone\n", "")?;
        said(sandbox, &["rm", "b"]).map(drop)
    })
}

pub fn bad_archives_are_not_imported(sandbox: &Sandbox) -> Result<()> {
    for (name, content, why) in [
        ("empty", &b""[..], "nothing in the archive"),
        ("text", b"this is no archive at all, but a text that is longer than a header is, and then some more of it to make it so, which is enough", "archive"),
        ("xz", b"\xfd7zXZ\0 and so on", "compressed by xz"),
    ] {
        let path = sandbox.dir().join(name);
        fs::write(&path, content)?;
        let line = verb(sandbox, &["import", &path.display().to_string(), "bad"]).output()?.error_line(125)?;
        expect::contains("the line", &line, &format!("image: importing {}: ", path.display()), "")?;
        expect::contains(name, &line, why, "")?;
    }
    for (change, why) in [("RUN x", "expected CMD"), ("USER a b", "user"), ("ENV A", "NAME=VALUE")]
    {
        let line = verb(sandbox, &["import", "-c", change, "-", "x"]).output()?.error_line(125)?;
        expect::contains(change, &line, why, "")?;
    }
    said(sandbox, &["prune"])?;
    let left = fs::read_dir(store(sandbox).join("images/blobs/sha256"))?.count();
    expect::equal("what is left", &left, 0, "")
}
