//! The mount call itself, and its options.
//!
//! See mount(8), "Mount options for overlay", and the kernel's `filesystems/overlayfs.rst`.

use std::{
    ffi::{OsStr, OsString},
    os::{
        fd::{AsRawFd, OwnedFd},
        unix::ffi::{OsStrExt, OsStringExt},
    },
    path::Path,
};

use nix::{
    fcntl::{OFlag, open},
    mount::{MsFlags, mount},
    sys::stat::Mode,
    unistd::{chdir, fchdir},
};

use step06::sh;

use crate::Marks;

/// What an overlay consists of, be it by paths or by descriptors.
#[derive(Debug)]
pub struct Parts<T> {
    /// The topmost first, as the kernel wants them.
    pub lower: Vec<T>,
    /// The directory for the changes, and one that the kernel works in. Without them the overlay
    /// can only be looked at, and needs two layers or more.
    pub upper: Option<[T; 2]>,
    /// Where the marks are.
    pub marks: Marks,
}

/// The file system's own features, all of which are off, so that an upper can be read by itself
/// and moved to another place:
///
/// * `index`: a file of several names stays one when it is copied up; but then the upper is bound
///   to these very layers on this very file system.
/// * `metacopy`: a change of mode or owner copies no data up; but then a file of the upper has only
///   half of what is in it.
/// * `redirect_dir`: a directory of a layer can be renamed; but then one of the upper is to be
///   merged with one of another name. Without it rename(2) says EXDEV, and `mv` copies.
///   `nofollow` also keeps a layer from sending the kernel to another directory.
const FEATURES: &str = "index=off,metacopy=off,redirect_dir=nofollow";

impl<T> Parts<T> {
    /// To be looked at only.
    pub fn without_upper(self) -> Self {
        Self { upper: None, ..self }
    }

    fn map<U>(&self, name: impl Fn(&T) -> U) -> Parts<U> {
        Parts {
            lower: self.lower.iter().map(&name).collect(),
            upper: self.upper.as_ref().map(|[upper, work]| [name(upper), name(work)]),
            marks: self.marks,
        }
    }
}

impl<T: AsRef<OsStr>> Parts<T> {
    /// The shell command that mounts them on `target`.
    pub fn command(&self, target: &Path) -> String {
        let words = ["mount", "-t", "overlay", "overlay", "-o"].map(OsStr::new);
        sh(words.into_iter().chain([&*self.options(), target.as_os_str()]))
    }

    /// For `mount -o`.
    pub fn options(&self) -> OsString {
        let lower: Vec<_> = self.lower.iter().map(|dir| escape(dir.as_ref())).collect();
        let mut options = [b"lowerdir=".as_ref(), &lower.join(&b':')].concat();
        if let Some([upper, work]) = &self.upper {
            options.extend([b",upperdir=".as_ref(), &escape(upper.as_ref())].concat());
            options.extend([b",workdir=".as_ref(), &escape(work.as_ref())].concat());
        }
        options.extend([b",", FEATURES.as_bytes()].concat());
        if self.marks == Marks::User {
            options.extend(b",userxattr");
        }
        OsString::from_vec(options)
    }
}

impl Parts<OwnedFd> {
    /// Mounts them on `target`, which is an absolute path.
    ///
    /// The kernel takes at most a page of options, which would not do for hundreds of paths, and
    /// its releases do not agree on how a comma or a colon in a path is to be written. The names
    /// of descriptors in `/proc/self/fd` are short, and only digits.
    pub fn mount(&self, target: &Path) -> nix::Result<()> {
        // ANCHOR: exercise-7-8
        let options = self.map(|fd| fd.as_raw_fd().to_string()).options();
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let here = open(".", flags, Mode::empty())?;
        chdir("/proc/self/fd")?;
        let mounted =
            mount(Some("overlay"), target, Some("overlay"), MsFlags::empty(), Some(&*options));
        fchdir(&here)?;
        mounted
        // ANCHOR_END: exercise-7-8
    }
}

/// `:` would end a layer and `,` an option.
fn escape(path: &OsStr) -> Vec<u8> {
    // ANCHOR: exercise-7-4
    let mut escaped = Vec::new();
    for byte in path.as_bytes() {
        if b"\\:,".contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
    // ANCHOR_END: exercise-7-4
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    const END: &str = "index=off,metacopy=off,redirect_dir=nofollow";

    #[rstest]
    #[case::plain("/img/base", "/img/base")]
    #[case::colon("/img/a:b", r"/img/a\:b")]
    #[case::comma("/img/a,b", r"/img/a\,b")]
    #[case::backslash(r"/img/a\b", r"/img/a\\b")]
    #[case::all_three_twice(r":,\:,\", r"\:\,\\\:\,\\")]
    #[case::no_other("/img/a b\n=\"'%", "/img/a b\n=\"'%")]
    #[case::beyond_ascii("/映像", "/映像")]
    fn what_would_end_a_path_is_escaped(#[case] path: &str, #[case] escaped: &str) {
        let parts = Parts { lower: vec![path], upper: Some([path, path]), marks: Marks::Trusted };
        let wanted = format!("lowerdir={escaped},upperdir={escaped},workdir={escaped},{END}");
        assert_eq!(parts.options(), wanted.as_str());
    }

    #[test]
    fn layers_are_parted_by_colons_and_the_upper_may_be_missing() {
        let parts =
            Parts { lower: vec!["/top", "/low"], upper: Some(["/u", "/w"]), marks: Marks::User };
        let upper = "upperdir=/u,workdir=/w";
        assert_eq!(parts.options(), format!("lowerdir=/top:/low,{upper},{END},userxattr").as_str());
        assert_eq!(
            parts.without_upper().options(),
            format!("lowerdir=/top:/low,{END},userxattr").as_str()
        );
    }

    #[test]
    fn a_path_that_is_not_utf8_stays_as_it_is() {
        let path = OsStr::from_bytes(b"/\xff:");
        let parts = Parts { lower: vec![path], upper: None, marks: Marks::Trusted };
        let wanted = [b"lowerdir=/\xff\\:,".as_ref(), END.as_bytes()].concat();
        assert_eq!(parts.options().as_bytes(), wanted);
    }

    #[test]
    fn five_hundred_descriptors_fit_a_page() {
        let lower = (0..500).map(|fd| (fd + 1000).to_string()).collect();
        let parts =
            Parts { lower, upper: Some(["1500".into(), "1501".into()]), marks: Marks::User };
        assert!(parts.options().len() < 4096);
    }
}
