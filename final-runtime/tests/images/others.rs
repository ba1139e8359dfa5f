//! Images that other tools make.

use std::{
    fs,
    os::unix::fs::{PermissionsExt, symlink},
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, ensure};
use conformance::Sandbox;

/// Runs a tool of the machine's, outside of the sandbox: what it makes is given to the program.
pub fn tool(dir: &Path, name: &str, args: &[&str]) -> Result<String> {
    let mut command = Command::new(name);
    command.args(args).current_dir(dir).env("HOME", dir);
    let output = command.output().with_context(|| format!("running {name}"))?;
    let errors = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "{name} {}: {errors}", args.join(" "));
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

/// A layout by umoci, with the image `one:1` of two layers, the upper of which takes away what the
/// lower has.
pub fn layout(sandbox: &Sandbox) -> Result<PathBuf> {
    configured(sandbox, &["--config.cmd", "/bin/sh"])
}

/// The same with a configuration of its own.
pub fn configured(sandbox: &Sandbox, config: &[&str]) -> Result<PathBuf> {
    let dir = sandbox.dir().join("others");
    fs::create_dir_all(&dir)?;
    let umoci = |args: &[&str]| tool(&dir, "umoci", args);
    umoci(&["init", "--layout", "one"])?;
    umoci(&["new", "--image", "one:1"])?;
    for layer in [lower, upper] {
        umoci(&["unpack", "--rootless", "--image", "one:1", "bundle"])?;
        layer(&dir.join("bundle/rootfs"))?;
        umoci(&["repack", "--image", "one:1", "bundle"])?;
        tool(&dir, "chmod", &["-R", "u+rwX", "bundle"])?;
        fs::remove_dir_all(dir.join("bundle"))?;
    }
    umoci(&[&["config", "--image", "one:1"], config].concat())?;
    umoci(&["gc", "--layout", "one"])?;
    tool(&dir, "chmod", &["-R", "a+rX", "."])?;
    Ok(dir.join("one"))
}

/// A shell, people, and what the next layer takes away.
fn lower(root: &Path) -> Result<()> {
    for dir in ["bin", "etc", "tmp", "gone", "replaced/old", "data/deep", "home/user"] {
        fs::create_dir_all(root.join(dir))?;
    }
    fs::copy("/bin/busybox", root.join("bin/busybox"))?;
    fs::set_permissions(root.join("bin/busybox"), fs::Permissions::from_mode(0o755))?;
    for applet in ["sh", "cat", "ls", "id", "pwd", "env", "sleep", "find", "stat", "echo", "touch"]
    {
        symlink("busybox", root.join("bin").join(applet))?;
    }
    fs::write(
        root.join("etc/passwd"),
        "root:x:0:0::/root:/bin/sh\nuser:x:7:8::/home/user:/bin/sh\n",
    )?;
    fs::write(root.join("etc/group"), "root:x:0:\nuser:x:8:\nmore:x:9:user\n")?;
    fs::write(root.join("etc/gone"), "gone")?;
    fs::write(root.join("gone/file"), "gone")?;
    fs::write(root.join("replaced/old/file"), "old")?;
    fs::write(root.join("data/deep/file"), "data\n")?;
    fs::write(root.join("changed"), "before\n")?;
    Ok(fs::hard_link(root.join("changed"), root.join("linked"))?)
}

fn upper(root: &Path) -> Result<()> {
    fs::remove_file(root.join("etc/gone"))?;
    fs::remove_dir_all(root.join("gone"))?;
    fs::remove_dir_all(root.join("replaced"))?;
    fs::create_dir(root.join("replaced"))?;
    fs::write(root.join("replaced/new"), "new\n")?;
    fs::remove_file(root.join("changed"))?;
    Ok(fs::write(root.join("changed"), "after\n")?)
}

/// A script that tells whether all of that is as it should be.
pub const LOOK: &str = "cat /changed /linked /replaced/new /data/deep/file; ls /replaced; \
    ls -d /gone /etc/gone 2>/dev/null; echo end";
/// What it tells.
pub const SEEN: &str = "after\nbefore\nnew\ndata\nnew\nend\n";
