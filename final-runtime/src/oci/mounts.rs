//! The mounts of a configuration, as step 3 has them. See "Mounts" in config.md of the OCI runtime
//! specification, whose options are the words of mount(8) and some more.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use libc::{MS_PRIVATE, MS_SHARED, MS_SLAVE, MS_UNBINDABLE};
use step07::{
    Cap, CapSets, Fill, IdMaps, MountPoint, Range, Ready, Source, Tree, apply_flag, flag_words,
    mount_api::Attributes,
};

use crate::{
    copy::{Owner, copy},
    layers::prepared::Prepared,
    spec::{IdMapping, Linux, Mount, NamespaceKind},
};

/// What passes between mounts, with an `r` in front of it for those below too.
const PROPAGATIONS: [(&str, u64); 4] = [
    ("private", MS_PRIVATE),
    ("shared", MS_SHARED),
    ("slave", MS_SLAVE),
    ("unbindable", MS_UNBINDABLE),
];

/// Flags of mount(2) that the calls used here do not know, and that change nothing that a container
/// can see: how loud the kernel is, and what its file systems do anyway.
const WITHOUT_EFFECT: [&str; 6] = ["acl", "iversion", "loud", "noacl", "noiversion", "silent"];

/// Flags of a file system that is mounted, which the kernel knows for all of them: they go the way of
/// its own options. See fsconfig(2).
const OF_FILE_SYSTEMS: [&str; 7] =
    ["async", "dirsync", "lazytime", "mand", "nolazytime", "nomand", "sync"];

/// What this file itself looks for.
const NOT_HERE: [&str; 5] = ["bind", "rbind", "remount", "idmap", "ridmap"];

/// The same of a tmpfs.
const COPY_UP: &str = "tmpcopyup";

/// Every option that is known here, in order; all others are for the file system to know.
pub fn option_words() -> Vec<String> {
    let propagations = PROPAGATIONS.iter().map(|(word, _)| *word);
    let flags: Vec<_> = flag_words().chain(propagations).collect();
    let recursive = flags.iter().map(|word| format!("r{word}"));
    let recursive = recursive.filter(|word| is_flag(&word[1..]));
    let others = NOT_HERE.iter().chain(&WITHOUT_EFFECT).chain(&OF_FILE_SYSTEMS).chain([&COPY_UP]);
    let mut words: Vec<_> =
        flags.iter().chain(others).map(|word| word.to_string()).chain(recursive).collect();
    words.sort();
    words
}

/// One mount, and the layer that makes it ready if the host's side has to.
pub fn mount_point(
    mount: &Mount,
    linux: &Linux,
    bundle: &Path,
) -> Result<(MountPoint, Option<Prepared>)> {
    let kind = mount.kind.as_deref().unwrap_or("none");
    let asks = |word: &str| mount.options.iter().any(|option| option == word);
    // A relative one is of old, and begins at the root.
    let target = Path::new("/").join(&mount.destination);
    let is_bind = asks("bind") || asks("rbind") || kind == "bind";
    let source = match is_bind {
        true => {
            let source = mount.source.as_ref().context("source: it is missing")?;
            Source::Bind { path: bundle.join(source), recursive: asks("rbind") }
        }
        false if asks("remount") => Source::Remount,
        false => {
            ensure!(kind != "none", "type: it is missing");
            let name = mount.source.clone().unwrap_or_else(|| kind.into());
            Source::New { fstype: kind.into(), name }
        }
    };
    let source = if asks("remount") { Source::Remount } else { source };
    let mut point = MountPoint::of(source, target);
    for option in &mount.options {
        add(&mut point, option);
    }
    if let (Some(label), Source::New { .. }) = (&linux.mount_label, &point.source)
        && !point.is_new("proc")
        && !point.is_new("sysfs")
    {
        point.data.push(format!("context={label}"));
    }
    let mapped = asks("idmap") || asks("ridmap") || !mount.uid_mappings.is_empty();
    let layer = match &point.source {
        _ if mapped => id_mapped(mount, linux, &point, asks("ridmap"))?,
        Source::Bind { path, recursive } if linux.makes(NamespaceKind::User) && may_mount()? => {
            Prepared {
                source: path.clone(),
                recursive: *recursive,
                below: false,
                maps: None,
                mount: Ready::default(),
            }
        }
        _ => return Ok((point, None)),
    };
    point.source = Source::Ready { path: layer.source.clone(), mount: layer.mount.clone() };
    Ok((point, Some(layer)))
}

/// A mount that its users must be able to write to for as long as something is made in it.
pub fn is_read_only(point: &MountPoint) -> bool {
    point.attributes.set & Attributes::READ_ONLY.set != 0
}

/// An ordinary user's runtime may not, and can reach no more than its container.
fn may_mount() -> Result<bool> {
    Ok(CapSets::current()?.effective.has(Cap::SYS_ADMIN))
}

/// One of the options of a mount.
pub fn add(point: &mut MountPoint, option: &str) {
    if NOT_HERE.contains(&option) || WITHOUT_EFFECT.contains(&option) {
        return;
    }
    if option == COPY_UP {
        point.fill = point.is_new("tmpfs").then_some(Fill(copy_up));
        return;
    }
    let (recursive, word) = match option.strip_prefix('r') {
        Some(rest) if is_flag(rest) => (true, rest),
        _ => (false, option),
    };
    if let Some((_, propagation)) = PROPAGATIONS.iter().find(|(known, _)| *known == word) {
        let propagation = *propagation;
        point.then.push(Attributes { propagation, recursive, ..Attributes::default() });
    } else if recursive {
        let mut attributes = Attributes { recursive, ..Attributes::default() };
        apply_flag(&mut attributes, word);
        point.then.push(attributes);
    } else {
        point.options(option);
    }
}

fn is_flag(word: &str) -> bool {
    let known = PROPAGATIONS.iter().any(|(known, _)| *known == word);
    known || (word != "defaults" && apply_flag(&mut Attributes::default(), word))
}

fn id_mapped(mount: &Mount, linux: &Linux, point: &MountPoint, below: bool) -> Result<Prepared> {
    let Source::Bind { path, recursive } = &point.source else {
        bail!("options: only a bind mount can be id-mapped")
    };
    let own = |mappings: &[IdMapping], others: &[IdMapping]| {
        ranges(if mappings.is_empty() { others } else { mappings })
    };
    let maps = IdMaps {
        uid: own(&mount.uid_mappings, &linux.uid_mappings),
        gid: own(&mount.gid_mappings, &linux.gid_mappings),
    };
    ensure!(!maps.uid.is_empty(), "uidMappings: there are none, here or in linux.uidMappings");
    ensure!(!maps.gid.is_empty(), "gidMappings: there are none, here or in linux.gidMappings");
    let source: PathBuf = path.clone();
    let maps = Some(maps);
    Ok(Prepared { source, recursive: *recursive, below, maps, mount: Ready::default() })
}

/// As step 5 has them.
pub fn ranges(mappings: &[IdMapping]) -> Vec<Range> {
    let range =
        |one: &IdMapping| Range { container: one.container_id, host: one.host_id, count: one.size };
    mappings.iter().map(range).collect()
}

/// What the directory held that a tmpfs is about to cover is in the tmpfs too.
fn copy_up(mount: &OwnedFd, place: &OwnedFd) -> Result<()> {
    let tree = |fd: &OwnedFd| anyhow::Ok(Tree::new(fd.try_clone()?, Path::new("/")));
    let here = Path::new("");
    copy(&tree(place)?, here, &tree(mount)?, here, Owner::Same).context("copying what is there")
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;

    fn made(kind: &str, options: &[&str]) -> MountPoint {
        let mount = Mount {
            destination: "/there".into(),
            kind: Some(kind.into()),
            source: Some("here".into()),
            options: options.iter().map(|option| option.to_string()).collect(),
            ..Mount::default()
        };
        let made = mount_point(&mount, &Linux::default(), Path::new("/bundle"));
        made.expect("it is right").0
    }

    #[test]
    fn a_bind_begins_in_the_bundle() {
        let point = made("bind", &["ro"]);
        let wanted = Source::Bind { path: "/bundle/here".into(), recursive: false };
        assert_eq!(point.source, wanted);
        assert!(is_read_only(&point));
    }

    #[rstest]
    #[case("rro", libc::MOUNT_ATTR_RDONLY, 0, 0)]
    #[case("rrw", 0, libc::MOUNT_ATTR_RDONLY, 0)]
    #[case("rnosuid", libc::MOUNT_ATTR_NOSUID, 0, 0)]
    #[case("rrelatime", 0, libc::MOUNT_ATTR__ATIME, 0)]
    #[case("rnoatime", libc::MOUNT_ATTR_NOATIME, libc::MOUNT_ATTR__ATIME, 0)]
    #[case("rprivate", 0, 0, MS_PRIVATE)]
    #[case("runbindable", 0, 0, MS_UNBINDABLE)]
    fn an_r_is_for_what_is_below_too(
        #[case] option: &str,
        #[case] set: u64,
        #[case] clear: u64,
        #[case] propagation: u64,
    ) {
        let point = made("none", &["rbind", option]);
        let wanted = Attributes { set, clear, propagation, recursive: true };
        assert_eq!((point.then, point.data), (vec![wanted], vec![]));
    }

    #[test]
    fn flags_of_the_file_system_are_its_own() {
        let all = ["defaults", "sync", "relatime", "silent", "lazytime", "size=1m", "dirsync"];
        let point = made("tmpfs", &all);
        assert_eq!(point.data, ["sync", "lazytime", "size=1m", "dirsync"]);
        assert_eq!(point.then, []);
    }
}
