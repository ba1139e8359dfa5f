//! A chain of layers, as one root. See the kernel's `filesystems/overlayfs.rst`.

use anyhow::{Result, ensure};
use conformance::{End, Sandbox};

use crate::scene::{remove, run, said, verb};

/// A container `name` of `image`, which has run this script and ended.
fn ran(sandbox: &Sandbox, name: &str, image: &str, script: &str) -> Result<()> {
    let outcome = run(sandbox, &["--name", name, image, "sh", "-c", script]).output()?;
    ensure!(
        outcome.end == End::Code(0),
        "a container of the image {image} does not run: {}\n    its root has to show what all \
         layers of the chain have, down to the lowest",
        outcome.stderr()
    );
    Ok(())
}

pub fn a_chain_of_layers_is_one_root(sandbox: &Sandbox) -> Result<()> {
    ran(sandbox, "one", "base", "echo one | tee /file /gone /kept > /dev/null")?;
    said(sandbox, &["commit", "one", "first"])?;
    ran(sandbox, "two", "first", "echo two > /file; rm /gone")?;
    said(sandbox, &["commit", "two", "second"])?;
    let look = "cat /file /kept; test -e /gone && echo /gone; exit 0";
    let outcome = run(sandbox, &["--rm", "second", "sh", "-c", look]).output()?;
    let seen = outcome.success()?.stdout();
    let files: Vec<_> = seen.lines().collect();
    ensure!(
        files.first() == Some(&"two"),
        "of two layers with the same file the lower one is seen: /file says {files:?}, expected \
         \"two\", which is in the upper layer"
    );
    ensure!(
        files.get(1) == Some(&"one"),
        "/kept, which only the lower layer has, says {files:?}, expected \"one\""
    );
    ensure!(files.len() == 2, "what the upper layer takes away is still seen: {files:?}");
    said(sandbox, &["rm", "one"])?;
    remove(sandbox, "two")
}

/// Containers that have ended are read too: by `export`, `commit`, `diff`.
pub fn a_container_is_read_with_what_it_has_written(sandbox: &Sandbox) -> Result<()> {
    ran(sandbox, "one", "base", "echo what one has written > /file")?;
    let outcome = verb(sandbox, &["export", "one"]).output()?;
    ensure!(
        outcome.end == End::Code(0) && outcome.stdout().contains("what one has written"),
        "what a container has written is not seen when it is read, by `export`: {}\n    its own layer \
         is the first of the chain",
        outcome.stderr()
    );
    remove(sandbox, "one")
}
