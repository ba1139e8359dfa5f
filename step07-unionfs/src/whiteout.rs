//! How a layer says that something is gone: whiteouts and opaque directories, in two dialects.
//!
//! | | in a directory, for the kernel's overlay | in an archive, for OCI and AUFS |
//! | --- | --- | --- |
//! | `NAME` is gone | a character device 0:0 called `NAME` | an empty file called `.wh.NAME` |
//! | all that was in `DIR` is gone | an attribute `…overlay.opaque` = `y` of `DIR` | an empty file `DIR/.wh..wh..opq` |
//!
//! See "whiteouts and opaque directories" in the kernel's `filesystems/overlayfs.rst`, and
//! "Whiteouts" in the OCI image specification's `layer.md`.

use std::{
    ffi::{CStr, OsStr, OsString},
    os::{
        fd::AsFd,
        unix::ffi::{OsStrExt, OsStringExt},
    },
};

use anyhow::{Result, bail};
use nix::{
    errno::Errno,
    sys::stat::{Mode, SFlag, mknodat},
};

use crate::{Node, xattr};

/// Which attributes an overlay keeps its marks in: two sorts of mount, which do not read each
/// other's.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Marks {
    /// `trusted.overlay.*`: seen and set with CAP_SYS_ADMIN in the first user namespace only.
    Trusted,
    /// `user.overlay.*`: anyone's. For overlays mounted with `userxattr` (Linux 5.11).
    User,
}

impl Marks {
    /// Finds out, by trying, which marks this process may set on `dir`: EPERM for `trusted` means
    /// that it is in a user namespace, EOPNOTSUPP that this file system cannot hold marks at all.
    pub fn probe(dir: &Node) -> nix::Result<Self> {
        match Self::Trusted.try_on(dir) {
            Ok(()) => Ok(Self::Trusted),
            Err(Errno::EPERM) => Self::User.try_on(dir).map(|()| Self::User),
            Err(errno) => Err(errno),
        }
    }

    fn try_on(self, dir: &Node) -> nix::Result<()> {
        let name = match self {
            Self::Trusted => "trusted.overlay.probe",
            Self::User => "user.overlay.probe",
        };
        xattr::set(dir, name.as_ref(), b"y")?;
        xattr::remove(dir, name.as_ref())
    }

    /// Whether a directory hides all that the layers below have in it.
    pub fn is_opaque(self, dir: &Node) -> nix::Result<bool> {
        let value = xattr::get(dir, self.opaque())?;
        Ok(value.is_some_and(|value| value == b"y"))
    }

    /// Makes a directory hide all that the layers below have in it.
    pub fn make_opaque(self, dir: &Node) -> nix::Result<()> {
        xattr::set(dir, OsStr::from_bytes(self.opaque().to_bytes()), b"y")
    }

    /// Whether a file stands for its own absence: a character device 0:0, or, since Linux 6.7, an
    /// empty file with an attribute, for layers in places where no device can be.
    pub fn is_whiteout(self, node: &Node) -> nix::Result<bool> {
        // ANCHOR: exercise-7-3
        match node.file_type() {
            SFlag::S_IFCHR => Ok(node.stat.st_rdev == 0),
            SFlag::S_IFREG if node.stat.st_size == 0 => {
                Ok(xattr::get(node, self.whiteout())?.is_some())
            }
            _ => Ok(false),
        }
        // ANCHOR_END: exercise-7-3
    }

    /// What of a file of an upper is elsewhere, if the upper was once mounted with features that are
    /// off here: its content (`metacopy`), or what a directory is merged with (`redirect_dir`).
    pub fn elsewhere(self, node: &Node) -> nix::Result<Option<&'static str>> {
        let (content, place) = match self {
            Self::Trusted => (c"trusted.overlay.metacopy", c"trusted.overlay.redirect"),
            Self::User => (c"user.overlay.metacopy", c"user.overlay.redirect"),
        };
        Ok(match node.file_type() {
            SFlag::S_IFREG if xattr::get(node, content)?.is_some() => {
                Some("its content is in a layer below (metacopy)")
            }
            SFlag::S_IFDIR if xattr::get(node, place)?.is_some() => {
                Some("it had another name in the layers below (redirect_dir)")
            }
            _ => None,
        })
    }

    fn opaque(self) -> &'static CStr {
        match self {
            Self::Trusted => c"trusted.overlay.opaque",
            Self::User => c"user.overlay.opaque",
        }
    }

    fn whiteout(self) -> &'static CStr {
        match self {
            Self::Trusted => c"trusted.overlay.whiteout",
            Self::User => c"user.overlay.whiteout",
        }
    }
}

/// Makes a whiteout called `name` in `dir`. Both dialects of [`Marks`] read it, and since Linux 5.8
/// it takes no privilege.
pub fn make_whiteout(dir: impl AsFd, name: &OsStr) -> nix::Result<()> {
    // ANCHOR: exercise-7-1
    mknodat(dir, name, SFlag::S_IFCHR, Mode::empty(), 0)
    // ANCHOR_END: exercise-7-1
}

/// What an attribute is called after `trusted.overlay.` or `user.overlay.`, the names that an
/// overlay has to itself.
fn in_overlays_names(attribute: &OsStr) -> Option<&[u8]> {
    let name = attribute.as_bytes();
    name.strip_prefix(b"trusted.overlay.").or_else(|| name.strip_prefix(b"user.overlay."))
}

/// Whether an attribute may be overlay's own. A process in an overlay does not see those.
pub fn is_overlays(attribute: &OsStr) -> bool {
    in_overlays_names(attribute).is_some()
}

/// Whether an attribute that is found in an upper is overlay's own and no part of the file. One
/// that a container has set and overlay would take for its own has one more `overlay.` in its name
/// there, and needs it in a layer too.
pub fn is_private(attribute: &OsStr) -> bool {
    in_overlays_names(attribute).is_some_and(|name| !name.starts_with(b"overlay."))
}

/// What a file name in an image's archive means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Archived {
    /// A file.
    File,
    /// This name is gone.
    Whiteout(OsString),
    /// All that was in the directory is gone.
    Opaque,
    /// Bookkeeping of AUFS, of no meaning to others.
    Private,
}

const WHITEOUT: &[u8] = b".wh.";
const PRIVATE: &[u8] = b".wh..wh.";
const OPAQUE: &[u8] = b".wh..wh..opq";

impl Archived {
    /// Reads a name, without directories. Refuses a whiteout of `.`, `..` or nothing.
    pub fn read(name: &OsStr) -> Result<Self> {
        let bytes = name.as_bytes();
        match bytes.strip_prefix(WHITEOUT) {
            None => Ok(Self::File),
            Some(_) if bytes == OPAQUE => Ok(Self::Opaque),
            Some(_) if bytes.starts_with(PRIVATE) => Ok(Self::Private),
            Some(b"" | b"." | b"..") => bail!("{name:?} is a whiteout of no file"),
            Some(gone) => Ok(Self::Whiteout(OsStr::from_bytes(gone).to_owned())),
        }
    }

    /// The name of a whiteout of `name`.
    pub fn whiteout(name: &OsStr) -> OsString {
        OsString::from_vec([WHITEOUT, name.as_bytes()].concat())
    }

    /// The name of the file that makes its directory opaque.
    pub fn opaque() -> &'static OsStr {
        OsStr::from_bytes(OPAQUE)
    }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case("file", Archived::File)]
    #[case(".hidden", Archived::File)]
    #[case(".wh", Archived::File)]
    #[case("a.wh.b", Archived::File)]
    #[case(".wH.a", Archived::File)]
    #[case(".wh.file", Archived::Whiteout("file".into()))]
    #[case(".wh..hidden", Archived::Whiteout(".hidden".into()))]
    #[case(".wh....", Archived::Whiteout("...".into()))]
    #[case(".wh..wh", Archived::Whiteout(".wh".into()))]
    #[case(".wh..wh..opq", Archived::Opaque)]
    #[case(".wh..wh..opq2", Archived::Private)]
    #[case(".wh..wh.plnk", Archived::Private)]
    #[case(".wh..wh.orph", Archived::Private)]
    #[case(".wh..wh.aufs", Archived::Private)]
    fn names_in_an_archive_have_meanings(#[case] name: &str, #[case] meaning: Archived) {
        assert_eq!(Archived::read(name.as_ref()).expect(name), meaning);
    }

    #[rstest]
    fn a_whiteout_of_no_file_is_refused(#[values(".wh.", ".wh..", ".wh...")] name: &str) {
        let error = Archived::read(name.as_ref()).expect_err(name);
        assert_eq!(error.to_string(), format!("{name:?} is a whiteout of no file"));
    }

    #[rstest]
    fn a_whiteout_is_read_as_it_was_written(
        #[values("file", ".hidden", "...", "a\nb")] name: &str,
    ) {
        let read = Archived::read(&Archived::whiteout(name.as_ref())).expect(name);
        assert_eq!(read, Archived::Whiteout(name.into()));
        assert_eq!(Archived::read(Archived::opaque()).expect("opaque"), Archived::Opaque);
    }

    #[rstest]
    #[case("trusted.overlay.opaque", true)]
    #[case("user.overlay.origin", true)]
    #[case("user.overlay.", true)]
    #[case("user.overlay.overlay.opaque", false)]
    #[case("trusted.overlay.overlay.redirect", false)]
    #[case("user.overlayfs", false)]
    #[case("user.mime_type", false)]
    #[case("security.capability", false)]
    #[case("security.overlay.opaque", false)]
    fn overlays_own_attributes_are_known(#[case] name: &str, #[case] private: bool) {
        assert_eq!(is_private(name.as_ref()), private, "{name}");
    }
}
