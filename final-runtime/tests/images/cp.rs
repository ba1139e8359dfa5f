//! `cp`.

use std::{
    fs,
    os::unix::fs::{MetadataExt, PermissionsExt, symlink},
    path::PathBuf,
};

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::scene::{remove, run, said, start, verb};

const SLEEP: [&str; 4] = ["base", "/probe", "sleep", "60"];

/// A directory of the person's own.
fn home(sandbox: &Sandbox) -> PathBuf {
    sandbox.dir().join("home")
}

fn text(path: &PathBuf) -> Result<String> {
    Ok(fs::read_to_string(path)?)
}

/// From a container to the host and back, with all of the ways in which places can be named.
fn there_and_back(sandbox: &Sandbox, name: &str) -> Result<()> {
    let home = home(sandbox);
    let at = |path: &str| home.join(path).display().to_string();
    let of = |path: &str| format!("{name}:{path}");
    said(sandbox, &["cp", &of("/etc/passwd"), &at("as")])?;
    expect::contains("a new name", &text(&home.join("as"))?, "root:x:0:0", "")?;
    said(sandbox, &["cp", &of("/etc/group"), &at("")])?;
    expect::contains("a directory", &text(&home.join("group"))?, "root:x:0", "")?;
    said(sandbox, &["cp", &of("/etc/group"), &at("as")])?;
    expect::contains("what was there", &text(&home.join("as"))?, "tty:x:5", "")?;
    said(sandbox, &["cp", &of("/etc"), &at("etc")])?;
    said(sandbox, &["cp", &of("/etc"), &at("etc")])?;
    said(sandbox, &["cp", &of("/etc/."), &at("etc/more")])?;
    for file in ["etc/passwd", "etc/etc/passwd", "etc/more/passwd"] {
        ensure!(home.join(file).is_file(), "there is no {file}");
    }
    said(sandbox, &["cp", &of("/bin"), &at("bin")])?; // a link, as it is
    ensure!(home.join("bin").is_symlink(), "the link was followed");
    said(sandbox, &["cp", &at("etc"), &of("/tmp")])?;
    said(sandbox, &["cp", &at("as"), &of("tmp/new")])?;
    said(sandbox, &["cp", &at("as"), &of("/bin/thing")])?; // through a link in the container
    said(sandbox, &["cp", &of("/tmp/etc/more/passwd"), &at("back")])?;
    said(sandbox, &["cp", &of("/usr/bin/thing"), &at("thing")])?;
    ensure!(fs::read(home.join("back"))? == fs::read(home.join("etc/passwd"))?, "it is another");
    for (from, to, why) in [
        (of("/none"), at("x"), "opening /none"),
        (of("/etc"), at("as"), "no directory"),
        (of("/etc/passwd"), at("none/"), "opening"),
        (of("/etc/passwd"), at("none/x"), "opening"),
        (at("none"), of("/tmp"), "opening"),
        (at("as"), of("/none/x"), "opening /none"),
        (at("as"), at("x"), "CONTAINER:PATH"),
        ("nosuch:/x".into(), at("x"), "no such container"),
    ] {
        let line = verb(sandbox, &["cp", &from, &to]).output()?.error_line(125)?;
        expect::contains(&format!("cp {from} {to}"), &line, why, "")?;
    }
    for entry in fs::read_dir(&home)? {
        let path = entry?.path();
        if path.is_dir() && !path.is_symlink() {
            fs::remove_dir_all(path)?
        } else {
            fs::remove_file(path)?
        }
    }
    Ok(())
}

pub fn files_are_copied_out_and_in(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    there_and_back(sandbox, &id)?;
    let seen = verb(sandbox, &["exec", &id, "cat", "/tmp/new"]).output()?;
    expect::contains("what it sees", &seen.success()?.stdout(), "tty:x:5", "")?;
    remove(sandbox, &id)
}

pub fn files_of_a_stopped_container_are_copied(sandbox: &Sandbox) -> Result<()> {
    for driver in ["overlay", "vfs"] {
        let flags = ["--storage-driver", driver, "--name", "a", "base", "/probe", "exit", "0"];
        run(sandbox, &flags).output()?.success()?;
        there_and_back(sandbox, "a")?;
        expect::contains("diff", &said(sandbox, &["diff", "a"])?, "A /tmp/new", "")?;
        said(sandbox, &["rm", "a"])?;
    }
    Ok(())
}

pub fn an_ordinary_user_copies_too() -> Result<()> {
    unprivileged(|sandbox| {
        let (id, _running) = start(sandbox, &SLEEP)?;
        there_and_back(sandbox, &id)?;
        remove(sandbox, &id)?;
        run(sandbox, &["--name", "a", "base", "/probe", "exit", "0"]).output()?.success()?;
        there_and_back(sandbox, "a")?;
        said(sandbox, &["rm", "a"]).map(drop)
    })
}

pub fn archives_are_copied_out_and_in(sandbox: &Sandbox) -> Result<()> {
    let (id, _running) = start(sandbox, &SLEEP)?;
    let archive =
        verb(sandbox, &["cp", &format!("{id}:/etc"), "-"]).output()?.success()?.stdout.clone();
    let names: Vec<_> = tar::Archive::new(&archive[..])
        .entries()?
        .map(|entry| Ok(entry?.path()?.display().to_string()))
        .collect::<Result<_>>()?;
    ensure!(names.contains(&"etc/passwd".to_string()), "it holds {names:?}");
    let to = format!("{id}:/tmp");
    verb(sandbox, &["cp", "-", &to]).stdin(archive).output()?.success()?;
    let seen = verb(sandbox, &["exec", &id, "cat", "/tmp/etc/passwd"]).output()?;
    expect::contains("what it sees", &seen.success()?.stdout(), "root:x:0:0", "")?;
    remove(sandbox, &id)
}

/// CVE-2018-15664: links are laid, and one flips all the time.
pub fn no_link_leads_a_copy_to_the_host(sandbox: &Sandbox) -> Result<()> {
    let secret = sandbox.dir().join("secret");
    fs::create_dir(&secret)?;
    fs::write(secret.join("file"), "secret")?;
    let place = secret.display();
    let script = format!(
        "mkdir -p /trap /dir{place}; ln -s {place} /trap/link; ln -s ../../../../../..{place} /trap/up; \
         ln -s /proc/1/root{place} /trap/proc; echo ready; \
         while :; do ln -sfn {place} /flip; rm -f /flip; mkdir /flip 2>/dev/null; rmdir /flip; done"
    );
    let (id, _running) = start(sandbox, &["base", "sh", "-c", &script])?;
    while said(sandbox, &["logs", &id])?.is_empty() {
        std::thread::sleep(std::time::Duration::from_millis(20));
    }
    let home = home(sandbox);
    let mine = home.join("mine");
    fs::write(&mine, "mine")?;
    let (mine, out) = (mine.display().to_string(), home.join("out").display().to_string());
    for link in ["trap/link", "trap/up", "trap/proc", "flip"] {
        for _ in 0..if link == "flip" { 60 } else { 1 } {
            let _ = verb(sandbox, &["cp", &format!("{id}:/{link}/file"), &out]).output()?;
            let _ = verb(sandbox, &["cp", &mine, &format!("{id}:/{link}/written")]).output()?;
            let _ = verb(sandbox, &["cp", &mine, &format!("{id}:/{link}/file")]).output()?;
        }
    }
    // It may have read what it has itself written to a directory of that name.
    let read = fs::read_to_string(home.join("out")).unwrap_or_default();
    expect::that("a copy", !read.contains("secret"), &read, "openat2(2)")?;
    let _ = fs::remove_file(home.join("out"));
    let names: Vec<_> =
        fs::read_dir(&secret)?.map(|entry| Ok(entry?.file_name())).collect::<Result<_>>()?;
    expect::equal("the host's directory", &names, ["file"], "openat2(2)")?;
    expect::equal("the host's file", &text(&secret.join("file"))?, "secret", "openat2(2)")?;
    fs::remove_file(mine)?;
    // And what is copied is not led astray by a link in the host's place for it.
    symlink(&secret, home.join("etc"))?;
    let line = verb(sandbox, &["cp", &format!("{id}:/etc/."), &home.display().to_string()]);
    line.output()?.success()?;
    ensure!(fs::read_dir(&secret)?.count() == 1, "a link in a directory was followed");
    for entry in fs::read_dir(&home)? {
        fs::remove_file(entry?.path())?;
    }
    remove(sandbox, &id)
}

pub fn owners_are_kept_if_asked_for(sandbox: &Sandbox) -> Result<()> {
    let script = "echo x > /x; chown 7:8 /x; chmod 4755 /x";
    run(sandbox, &["--name", "a", "base", "sh", "-c", script]).output()?.success()?;
    let home = home(sandbox);
    let (plain, same) = (home.join("plain"), home.join("same"));
    said(sandbox, &["cp", "a:/x", &plain.display().to_string()])?;
    said(sandbox, &["cp", "-a", "a:/x", &same.display().to_string()])?;
    let of = |path: &PathBuf| -> Result<_> {
        let meta = fs::metadata(path)?;
        Ok((meta.uid(), meta.gid(), meta.permissions().mode() & 0o7777))
    };
    if !sandbox.has_user_namespace() {
        expect::equal("without -a", &of(&plain)?, (0, 0, 0o755), "chown(2)")?;
        expect::equal("with -a", &of(&same)?, (7, 8, 0o4755), "chown(2)")?;
        said(sandbox, &["cp", &same.display().to_string(), "a:/y"])?;
        said(sandbox, &["cp", "-a", &same.display().to_string(), "a:/z"])?;
        said(sandbox, &["cp", "-a", "a:/y", &home.join("y").display().to_string()])?;
        said(sandbox, &["cp", "-a", "a:/z", &home.join("z").display().to_string()])?;
        expect::equal("in there", &of(&home.join("y"))?, (0, 0, 0o755), "chown(2)")?;
        expect::equal("in there with -a", &of(&home.join("z"))?, (7, 8, 0o4755), "chown(2)")?;
    }
    for entry in fs::read_dir(&home)? {
        fs::remove_file(entry?.path())?;
    }
    said(sandbox, &["rm", "a"]).map(drop)
}
