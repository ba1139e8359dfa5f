//! The mounts of a configuration, as step 3 has them. See "Mounts" in config.md of the OCI runtime
//! specification.

use std::path::Path;

use anyhow::Result;
use step07::{MountPoint, Source};

use crate::spec::Mount;

/// One mount; `None` if another layer makes it.
pub fn mount_point(mount: &Mount, bundle: &Path) -> Result<Option<MountPoint>> {
    let kind = mount.kind.as_deref().unwrap_or("none");
    if kind == "cgroup" {
        return Ok(None);
    }
    let asks = |word: &str| mount.options.iter().any(|option| option == word);
    let options: Vec<_> = mount
        .options
        .iter()
        .filter(|option| !["bind", "rbind"].contains(&option.as_str()))
        .collect();
    let options = options.into_iter().cloned().collect::<Vec<_>>().join(",");
    let source = mount.source.clone().unwrap_or_else(|| kind.into());
    if asks("bind") || asks("rbind") || kind == "bind" {
        let mut point = MountPoint::bind("", &mount.destination);
        let path = bundle.join(mount.source.clone().unwrap_or_default());
        point.source = Source::Bind { path, recursive: asks("rbind") };
        point.options(&options);
        return Ok(Some(point));
    }
    Ok(Some(MountPoint::new(kind, &mount.destination, &options).named(&source)))
}
