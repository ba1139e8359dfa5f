//! A mount as data: what, where and how.
//!
//! Everything that a container has mounted is a [`MountPoint`]: the file systems that every
//! container gets, volumes, and what later layers add. `mounting.rs` is where they become mounts.

use std::{
    fmt, fs,
    os::fd::OwnedFd,
    path::PathBuf,
    sync::{Arc, OnceLock},
};

use anyhow::Result;

use crate::{mount_api::Attributes, options, root::Root};

/// Something to be mounted in a container.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MountPoint {
    /// What.
    pub source: Source,
    /// Where: an absolute path in the container.
    pub target: PathBuf,
    /// How: flags that hold for this mount whatever is mounted.
    pub attributes: Attributes,
    /// What is changed about it after that, one after the other.
    pub then: Vec<Attributes>,
    /// Options of the new file system itself, each `name` or `name=value`.
    pub data: Vec<String>,
    /// What puts something into it before it is seen.
    pub fill: Option<Fill>,
}

/// Puts something into a new mount, given the mount and the place that it will cover.
#[derive(Clone, Copy, Debug)]
pub struct Fill(pub fn(&OwnedFd, &OwnedFd) -> Result<()>);

impl PartialEq for Fill {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::fn_addr_eq(self.0, other.0)
    }
}

impl Eq for Fill {}

/// What is mounted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Source {
    /// A new, empty or virtual, file system.
    New {
        /// As in `/proc/filesystems`.
        fstype: String,
        /// The name that mountinfo shows for it; has no meaning to the virtual ones.
        name: String,
    },
    /// A file or directory of the host.
    Bind {
        /// Resolved on the host; a relative one from where the runtime was called.
        path: PathBuf,
        /// With all that is mounted below it. Within a user namespace it must be so: what was
        /// mounted over something must not come off.
        recursive: bool,
    },
    /// A mount of the host that another layer makes ready before.
    Ready {
        /// What a person would call it.
        path: PathBuf,
        /// The mount itself.
        mount: Ready,
    },
    /// What is mounted there already: only its attributes change.
    Remount,
}

/// A mount that is attached nowhere yet; made by the host before the container is born.
#[derive(Clone, Debug, Default)]
pub struct Ready(pub Arc<OnceLock<OwnedFd>>);

impl PartialEq for Ready {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
    }
}

impl Eq for Ready {}

impl MountPoint {
    /// A new file system of type `fstype`, with options as mount(8) knows them.
    pub fn new(fstype: &str, target: impl Into<PathBuf>, options: &str) -> Self {
        let source = Source::New { fstype: fstype.into(), name: fstype.into() };
        let mut point = Self::of(source, target);
        point.options(options);
        point
    }

    /// A file or directory of the host, with all that is mounted below it.
    pub fn bind(path: impl Into<PathBuf>, target: impl Into<PathBuf>) -> Self {
        Self::of(Source::Bind { path: path.into(), recursive: true }, target)
    }

    /// Anything, as it is.
    pub fn of(source: Source, target: impl Into<PathBuf>) -> Self {
        Self {
            source,
            target: target.into(),
            attributes: Attributes::default(),
            then: vec![],
            data: vec![],
            fill: None,
        }
    }

    /// The same under another name in mountinfo.
    pub fn named(mut self, new: &str) -> Self {
        if let Source::New { name, .. } = &mut self.source {
            *name = new.into();
        }
        self
    }

    /// Adds options separated by commas; a later one overrides an earlier one.
    pub fn options(&mut self, options: &str) {
        for option in options.split(',').filter(|option| !option.is_empty()) {
            if !options::apply(&mut self.attributes, option) {
                self.data.push(option.into());
            }
        }
    }

    /// Whether it is a new file system of this type.
    pub fn is_new(&self, wanted: &str) -> bool {
        matches!(&self.source, Source::New { fstype, .. } if fstype == wanted)
    }

    /// The group of terminals is 5 by custom. In a user namespace that has no group 5, terminals
    /// keep their creator's group.
    pub(crate) fn data_for_this_user_namespace(&self) -> Vec<String> {
        let unusable =
            |option: &str| self.is_new("devpts") && option == "gid=5" && !gid_is_mapped(5);
        self.data.iter().filter(|option| !unusable(option)).cloned().collect()
    }

    /// The command that does the same.
    pub(crate) fn shell(&self, root: &Root) -> String {
        let (target, options) = (root.shown(&self.target), self.shown_options());
        match &self.source {
            Source::New { fstype, name } if options.is_empty() => {
                root.shell_mount(&["-t", fstype, name, &target])
            }
            Source::New { fstype, name } => {
                root.shell_mount(&["-t", fstype, "-o", &options, name, &target])
            }
            Source::Remount => {
                root.shell_mount(&["-o", &format!("remount,bind,{options}"), &target])
            }
            Source::Bind { path, .. } | Source::Ready { path, .. } => {
                let once = matches!(self.source, Source::Bind { recursive: false, .. });
                let how = if once { "--bind" } else { "--rbind" };
                let bind = root.shell_mount(&[how, &path.to_string_lossy(), &target]);
                if options.is_empty() {
                    return bind;
                }
                // A bind mount begins with the flags of its source; they change in a second step.
                let remount =
                    root.shell_mount(&["-o", &format!("remount,bind,{options}"), &target]);
                let below = if self.attributes.recursive { "  # and all below" } else { "" };
                format!("{bind} && {remount}{below}")
            }
        }
    }

    fn shown_options(&self) -> String {
        let mut words = options::names(&self.attributes);
        words.extend(self.data_for_this_user_namespace());
        words.join(",")
    }
}

/// As in "mounting proc on /proc".
impl fmt::Display for MountPoint {
    fn fmt(&self, f: &mut fmt::Formatter) -> fmt::Result {
        match &self.source {
            Source::New { fstype, .. } => write!(f, "{fstype}")?,
            Source::Bind { path, .. } | Source::Ready { path, .. } => {
                write!(f, "{}", path.display())?
            }
            Source::Remount => write!(f, "another time")?,
        }
        write!(f, " on {}", self.target.display())
    }
}

/// Whether a group with this number exists here. See user_namespaces(7).
fn gid_is_mapped(gid: u32) -> bool {
    let maps = fs::read_to_string("/proc/self/gid_map").unwrap_or_default();
    maps.lines().any(|line| {
        let mut numbers = line.split_whitespace().filter_map(|number| number.parse::<u32>().ok());
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let offset = first.and_then(|first| gid.checked_sub(first));
        offset.zip(count).is_some_and(|(offset, count)| offset < count)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use rstest::rstest;
    use std::{fs::File, path::Path};

    fn shell(rootfs: &str, point: &MountPoint) -> String {
        let any = File::open("/").expect("there is a root").into();
        point.shell(&Root::new(any, Path::new(rootfs)))
    }

    #[rstest]
    #[case("/r", "mount -t proc -o nosuid proc /r/proc")]
    #[case("/", "mount -c -t proc -o nosuid proc /../proc")]
    fn a_new_file_system_is_told(#[case] rootfs: &str, #[case] told: &str) {
        assert_eq!(shell(rootfs, &MountPoint::new("proc", "/proc", "nosuid")), told);
    }

    #[test]
    fn a_bind_mount_is_told_with_its_flags() {
        let mut point = MountPoint::bind("/my data", "/data");
        assert_eq!(shell("/r", &point), "mount --rbind '/my data' /r/data");
        point.attributes = Attributes::READ_ONLY;
        assert_eq!(
            shell("/r", &point),
            "mount --rbind '/my data' /r/data && mount -o remount,bind,ro /r/data  # and all below"
        );
    }
}
