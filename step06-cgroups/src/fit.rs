//! Whether a new group can hold a container at all: not every one lets processes in, and in one that
//! stands still nothing ever begins.
//!
//! See "Thread mode" in cgroups(7), and `freezer.rs`.

use std::path::Path;

use anyhow::{Result, bail};

use crate::{Files, Freezer, Hierarchy, Version};

/// An error if the group, in which there is nobody yet, cannot hold processes that run.
pub fn check(files: &Files, hierarchy: &Hierarchy) -> Result<()> {
    if files.version == Version::V2 {
        check_kind(files)?;
    }
    if hierarchy.serves(&Freezer) {
        check_above(files, &hierarchy.mount_point)?;
    }
    Ok(())
}

/// Whether it takes processes, and not threads only.
fn check_kind(files: &Files) -> Result<()> {
    let dir = files.dir.display();
    let kind = files.read("cgroup.type")?.unwrap_or_default();
    if !matches!(kind.trim(), "domain" | "") {
        bail!(
            "making the group {dir}: it is {} since {} holds threads, and lets no process in \
             (cgroup.type; cgroups(7) has it under \"Thread mode\")",
            kind.trim(),
            files.above().dir.display()
        );
    }
    Ok(())
}

/// Whether one of the groups that it is in, up to the root of its tree, stands still.
fn check_above(files: &Files, root: &Path) -> Result<()> {
    let dir = files.dir.display();
    let mut above = files.dir.ancestors().skip(1).take_while(|dir| dir.starts_with(root));
    if let Some(frozen) = above.find(|dir| stands_still(files.version, dir)) {
        bail!(
            "making the group {dir}: {} stands still, and with it what is in it (root lets it go on \
             by: echo {})",
            frozen.display(),
            match files.version {
                Version::V1 => format!("THAWED > {}/freezer.state", frozen.display()),
                Version::V2 => format!("0 > {}/cgroup.freeze", frozen.display()),
            }
        );
    }
    Ok(())
}

/// Whether it was itself told to.
fn stands_still(version: Version, dir: &Path) -> bool {
    let files = Files { version, dir: dir.to_owned() };
    let file = match version {
        Version::V1 => "freezer.self_freezing",
        Version::V2 => "cgroup.freeze",
    };
    matches!(files.number(file), Ok(Some(1)))
}

#[cfg(test)]
mod tests {
    use std::fs;

    use rstest::rstest;

    use super::*;
    use crate::files::fake::Fake;

    /// A group in a group that has this file with this text.
    #[rstest]
    #[case(Version::V2, "cgroup.freeze", "0\n", None)]
    #[case(Version::V2, "cgroup.freeze", "1\n", Some("0 > DIR/cgroup.freeze"))]
    #[case(Version::V2, "freezer.self_freezing", "1\n", None)]
    #[case(Version::V1, "freezer.self_freezing", "0\n", None)]
    #[case(Version::V1, "freezer.self_freezing", "1\n", Some("THAWED > DIR/freezer.state"))]
    #[case(Version::V1, "cgroup.freeze", "1\n", None)]
    fn what_stands_still_above(
        #[case] version: Version,
        #[case] file: &str,
        #[case] text: &str,
        #[case] way_out: Option<&str>,
    ) {
        let above = Fake::new(version, &[(file, text)]);
        let dir = above.0.path("group");
        fs::create_dir(&dir).expect("making a directory");
        let said =
            check_above(&Files { version, dir }, &above.0.dir).err().map(|error| error.to_string());
        let said = said.map(|said| said.replace(&above.0.dir.display().to_string(), "DIR"));
        let expected = way_out.map(|way_out| {
            format!(
                "making the group DIR/group: DIR stands still, and with it what is in it \
                 (root lets it go on by: echo {way_out})"
            )
        });
        assert_eq!(said, expected);
    }

    #[rstest]
    #[case(Version::V2, "domain\n", true)]
    #[case(Version::V2, "domain invalid\n", false)]
    #[case(Version::V2, "threaded\n", false)]
    fn what_kind_it_is(#[case] version: Version, #[case] kind: &str, #[case] good: bool) {
        let group = Fake::new(version, &[("cgroup.type", kind)]);
        assert_eq!(check_kind(&group.0).is_ok(), good);
    }
}
