//! `--volume`, `--tmpfs`, `--read-only`.

use std::{fs, path::PathBuf};

use anyhow::{Context, Result};
use conformance::{Rootfs, Sandbox, expect};
use serde_json::json;

use crate::{BOTH, has, kernel::has_all, lines, mount, mount_on, step03};

/// A directory of the host with a file in it.
fn data(sandbox: &Sandbox, name: &str) -> Result<PathBuf> {
    let dir = sandbox.dir().join(name);
    fs::create_dir_all(dir.join("sub"))?;
    fs::write(dir.join("mark"), name)?;
    Ok(dir)
}

pub fn a_volume_is_the_host_s_directory(sandbox: &Sandbox) -> Result<()> {
    let dir = data(sandbox, "data")?;
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let volume = format!("{}:/srv/deep/data", dir.display());
        let words = ["seq", "write", "/srv/deep/data/new", "inside", "--", "ls", "/srv/deep/data"];
        let run = runtime(sandbox).rootfs(&rootfs).args(["--volume", &volume]).probe(words);
        let seen = lines(&run.output()?)?;
        expect::equal("what is in it", &seen[0], json!(["mark", "new", "sub"]), "mount(8)")?;
        expect::equal("what was written", &fs::read_to_string(dir.join("new"))?, "inside", "")?;
        fs::remove_file(dir.join("new"))?;
        let made = rootfs.at("srv/deep/data");
        expect::that("its mount point was made", made.is_dir(), &made, "mkdir(2)")?;
    }
    Ok(())
}

pub fn a_read_only_volume_is_so_all_the_way_down(sandbox: &Sandbox) -> Result<()> {
    let dir = data(sandbox, "data")?;
    let below = dir.join("sub").display().to_string();
    mount(sandbox, "mount", &["-t", "tmpfs", "below", &below])?;
    for runtime in BOTH {
        let volume = format!("{}:/data:ro", dir.display());
        let run = |words: &[&str]| {
            let rootfs = Rootfs::new()?;
            let run = runtime(sandbox).rootfs(&rootfs).args(["-v", &volume]).probe(words);
            run.output()?.json()
        };
        let tries = ["create=/data/new", "create=/data/sub/new", "open-write=/data/mark"];
        let seen = run(&["try", tries[0], tries[1], tries[2]])?;
        for what in tries {
            let told = format!("what came of {what}, in a volume with :ro,");
            expect::equal(&told, &seen[what], "EROFS", "mount_setattr(2), AT_RECURSIVE")?;
        }
        let report = run(&["report", "mounts", "file:/data/mark"])?;
        expect::equal("a file in it", &report["file:/data/mark"], "data", "")?;
        has_all("/data/sub", mount_on(&report, "/data/sub")?, &["ro"])?;
    }
    mount(sandbox, "umount", &[&below])
}

pub fn a_file_is_a_volume_too(sandbox: &Sandbox) -> Result<()> {
    let mark = data(sandbox, "data")?.join("mark").display().to_string();
    let rootfs = Rootfs::new()?;
    let new = format!("{mark}:/srv/a/file");
    let over = format!("{mark}:/etc/passwd:ro");
    let null = "/dev/null:/dev/more";
    let words = ["report", "file:/srv/a/file", "file:/etc/passwd", "stat:/dev/more"];
    let run = step03(sandbox).rootfs(&rootfs).args(["-v", &new, "-v", &over, "-v", null]);
    let seen = run.probe(words).output()?.json()?;
    expect::equal("a file at a new place", &seen["file:/srv/a/file"], "data", "mount(8)")?;
    expect::equal("a file over another", &seen["file:/etc/passwd"], "data", "mount(8)")?;
    expect::equal("a device", &seen["stat:/dev/more"]["rdev"], "1:3", "mount(8)")?;
    let made = rootfs.at("srv/a/file");
    expect::equal("the mount point's own size", &fs::metadata(made)?.len(), 0, "mount(8)")?;
    let kept = fs::read_to_string(rootfs.at("etc/passwd"))?;
    expect::contains("the file of the rootfs", &kept, "root:x:0:0", "mount(8)")
}

pub fn volumes_are_mounted_from_the_root_down(sandbox: &Sandbox) -> Result<()> {
    let (one, two) = (data(sandbox, "one")?, data(sandbox, "two")?);
    let deep = format!("{}:/data/empty/two", two.display());
    let shallow = format!("{}:/data", one.display());
    let words = ["report", "file:/data/mark", "file:/data/empty/two/mark"];
    let rootfs = Rootfs::new()?;
    let run = step03(sandbox).rootfs(&rootfs);
    let run = run.args(["-v", &deep, "--tmpfs", "/data/empty", "-v", &shallow]);
    let seen = run.probe(words).output()?.json()?;
    expect::equal("the outer volume", &seen["file:/data/mark"], "one", "mount(8)")?;
    expect::equal("the inner volume", &seen["file:/data/empty/two/mark"], "two", "mount(8)")
}

pub fn a_relative_source_begins_at_the_caller_s_directory(sandbox: &Sandbox) -> Result<()> {
    data(sandbox, "data")?;
    let rootfs = Rootfs::new()?;
    let run = step03(sandbox).cwd(sandbox.dir()).rootfs(&rootfs);
    let run = run.args(["-v", "data/../data:/data"]).probe(["cat", "/data/mark"]);
    expect::equal("a file in it", &run.output()?.success()?.stdout(), "data", "mount(8)")
}

pub fn a_tmpfs_has_its_options(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let text = "x".repeat(100_000);
    let run = || step03(sandbox).rootfs(&rootfs).args(["--tmpfs", "/a", "--tmpfs"]);
    let run = || run().arg("/run:size=64k,mode=0750,exec,noatime");
    let words = ["report", "mounts", "stat:/a", "stat:/run"];
    let seen = run().probe(words).output()?.json()?;
    expect::equal("the mode by default", &seen["stat:/a"]["mode"], "1777", "tmpfs(5)")?;
    expect::equal("the mode asked for", &seen["stat:/run"]["mode"], "0750", "tmpfs(5)")?;
    has_all("/a", mount_on(&seen, "/a")?, &["nosuid", "nodev", "noexec", "relatime"])?;
    let mount = mount_on(&seen, "/run")?;
    has_all("/run", mount, &["nosuid", "nodev", "noatime", "size=64k"])?;
    expect::that("exec undoes noexec", !has(mount, "noexec"), mount, "tmpfs(5)")?;
    let full = run().probe(["write", "/run/big", &text]).output()?.error_line(1)?;
    expect::contains("writing more than its size", &full, "ENOSPC", "tmpfs(5)")?;
    let fits = run().probe(["write", "/a/big", &text]).output()?;
    fits.success()?;
    let left = rootfs.at("a/big");
    expect::that("nothing of it is kept", !left.exists(), &left, "tmpfs(5)")
}

pub fn a_read_only_rootfs_is_so_all_the_way_down(sandbox: &Sandbox) -> Result<()> {
    for runtime in BOTH {
        let rootfs = Rootfs::new()?;
        let below = rootfs.dir("srv/below")?.display().to_string();
        mount(sandbox, "mount", &["-t", "tmpfs", "below", &below])?;
        rootfs.remove("proc")?;
        let data = format!("{}:/made/for/it", data(sandbox, "data")?.display());
        let tries = [
            "create=/new",
            "create=/srv/below/new",
            "open-write=/etc/passwd",
            "create=/run/new",
            "create=/dev/shm/new",
            "create=/made/for/it/new",
        ];
        let run = runtime(sandbox).rootfs(&rootfs).args(["--read-only", "--tmpfs", "/run"]);
        let run = run.args(["-v", &data]).probe(["try"].iter().chain(&tries));
        let seen = run.output()?.json()?;
        mount(sandbox, "umount", &[&below])?;
        for what in &tries[..3] {
            let told = format!("what came of {what}, in a read-only rootfs,");
            expect::equal(&told, &seen[what], "EROFS", "mount_setattr(2)")?;
        }
        for what in &tries[3..] {
            let told = format!("what came of {what}, on a mount of its own,");
            expect::equal(&told, &seen[what], "ok", "mount_setattr(2)")?;
        }
    }
    Ok(())
}

pub fn mount_points_are_made_whatever_the_umask(sandbox: &Sandbox) -> Result<()> {
    let (rootfs, dir) = (Rootfs::new()?, data(sandbox, "data")?);
    let volume = format!("{}:/srv/deep/data", dir.display());
    let run = sandbox.run("sh").args(["-c", "umask 077; exec \"$0\" \"$@\"", crate::STEP03]);
    let run = run.rootfs(&rootfs).args(["-v", &volume]).probe([
        "report",
        "umask",
        "stat:/srv/deep",
        "stat:/dev/null",
    ]);
    let seen = run.output()?.json()?;
    let umask = seen["umask"].as_str().context("the umask is no text")?;
    expect::that("the command has the caller's", umask.ends_with("077"), umask, "umask(2)")?;
    expect::equal("the mode of a directory", &seen["stat:/srv/deep"]["mode"], "0755", "umask(2)")?;
    expect::equal("the mode of a device", &seen["stat:/dev/null"]["mode"], "0666", "umask(2)")
}
