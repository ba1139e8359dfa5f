//! Containers whose root is not the host's.

use anyhow::{Result, ensure};
use conformance::{Sandbox, expect, unprivileged};

use crate::{
    others::{LOOK, SEEN, configured},
    scene::{run, said, store},
};

/// Files, also of volumes, belong to those to whom they belong in the image; on the disk as well.
pub fn a_root_that_is_another_user_reaches_its_own_files(sandbox: &Sandbox) -> Result<()> {
    let layout = configured(sandbox, &["--config.volume", "/data"])?;
    said(sandbox, &["load", "-i", &layout.display().to_string()])?;
    for driver in ["overlay", "vfs"] {
        let maps = "--userns=0:200000:65536";
        let act = ["--storage-driver", driver, "--rm", maps, "one:1", "/bin/sh", "-c"];
        let seen = run(sandbox, &[&act[..], &[LOOK]].concat()).output()?;
        expect::equal("what it sees", &seen.success()?.stdout(), SEEN, "mount_setattr(2)")?;
        let look = "cat /proc/self/uid_map; stat -c '%u %g' / /changed /data /data/deep/file; \
            echo x > /data/new && echo x > /new && stat -c %u /data/new /new";
        let seen = run(sandbox, &[&act[..], &[look]].concat()).output()?.success()?.stdout();
        let (map, owners) = seen.split_once('\n').unwrap_or_default();
        let map: Vec<_> = map.split_whitespace().collect();
        expect::equal("its ids", &map, vec!["0", "200000", "65536"], "user_namespaces(7)")?;
        let expected = "0 0\n".repeat(4) + "0\n0\n";
        expect::equal("whose the files are", &owners, expected.as_str(), "mount_setattr(2)")?;
    }
    Ok(())
}

/// What an ordinary user may not do, such as give files away, is left out; all else is there.
pub fn layers_are_unpacked_for_an_ordinary_user() -> Result<()> {
    unprivileged(|sandbox| {
        let layout = configured(sandbox, &["--config.volume", "/data"])?;
        said(sandbox, &["load", "-i", &layout.display().to_string()])?;
        for driver in ["overlay", "vfs"] {
            let act = ["--storage-driver", driver, "--rm", "one:1", "/bin/sh", "-c"];
            for _ in 0..2 {
                let seen = run(sandbox, &[&act[..], &[LOOK]].concat()).output()?;
                expect::equal("what it sees", &seen.success()?.stdout(), SEEN, "overlayfs.rst")?;
            }
            let look = "stat -c %u /changed /data/deep/file; rm /changed; ls /changed 2>&1";
            let seen = run(sandbox, &[&act[..], &[look]].concat()).output()?.stdout();
            ensure!(seen.starts_with("0\n0\n") && seen.contains("No such file"), "it saw {seen}");
        }
        said(sandbox, &["check"])?;
        said(sandbox, &["prune", "--all"])?;
        for driver in ["overlay", "vfs"] {
            let records = store(sandbox).join("storage").join(driver).join("records");
            let left = records.read_dir()?.count();
            ensure!(left == 0, "{left} records of {driver} are left");
        }
        Ok(())
    })
}
