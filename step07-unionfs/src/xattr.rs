//! Extended attributes of a [`Node`]. See xattr(7).

use std::{
    collections::BTreeMap,
    ffi::{CStr, CString, OsStr, OsString},
    os::unix::ffi::{OsStrExt, OsStringExt},
};

use nix::errno::Errno;

use crate::Node;

/// Names and values.
pub type Attributes = BTreeMap<OsString, Vec<u8>>;

/// The value of one attribute. `None` if the file does not have it, or cannot have any.
pub fn get(node: &Node, name: &CStr) -> nix::Result<Option<Vec<u8>>> {
    let path = path(node);
    // SAFETY: path and name are C strings, and the kernel writes at most `len` bytes to `buffer`.
    let read = sized(|buffer, len| unsafe {
        libc::getxattr(path.as_ptr(), name.as_ptr(), buffer.cast(), len)
    });
    match read {
        Ok(value) => Ok(Some(value)),
        Err(Errno::ENODATA | Errno::EOPNOTSUPP) => Ok(None),
        Err(errno) => Err(errno),
    }
}

/// All attributes that this process may see.
pub fn all(node: &Node) -> nix::Result<Attributes> {
    let path = path(node);
    // SAFETY: path is a C string, and the kernel writes at most `len` bytes to `buffer`.
    let names = sized(|buffer, len| unsafe { libc::listxattr(path.as_ptr(), buffer.cast(), len) });
    let names = match names {
        Err(Errno::EOPNOTSUPP) => Vec::new(),
        other => other?,
    };
    let mut attributes = Attributes::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(|_| Errno::EIO)?;
        if let Some(value) = get(node, name)? {
            attributes.insert(OsStr::from_bytes(name.to_bytes()).to_owned(), value);
        }
    }
    Ok(attributes)
}

/// Sets one attribute.
pub fn set(node: &Node, name: &OsStr, value: &[u8]) -> nix::Result<()> {
    let (path, name) = (path(node), c_string(name.to_owned())?);
    // SAFETY: path and name are C strings, and the kernel reads `value.len()` bytes of `value`.
    let result = unsafe {
        libc::setxattr(path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
    };
    Errno::result(result).map(drop)
}

/// Takes one attribute away.
pub fn remove(node: &Node, name: &OsStr) -> nix::Result<()> {
    let (path, name) = (path(node), c_string(name.to_owned())?);
    // SAFETY: both are C strings.
    Errno::result(unsafe { libc::removexattr(path.as_ptr(), name.as_ptr()) }).map(drop)
}

/// Asks for the size, then for that many bytes; once more if they have grown in between.
fn sized(ask: impl Fn(*mut u8, usize) -> isize) -> nix::Result<Vec<u8>> {
    loop {
        let size = Errno::result(ask(std::ptr::null_mut(), 0))?.cast_unsigned();
        let mut buffer = vec![0; size];
        match Errno::result(ask(buffer.as_mut_ptr(), size)) {
            Ok(size) => {
                buffer.truncate(size.cast_unsigned());
                return Ok(buffer);
            }
            Err(Errno::ERANGE) => {}
            Err(errno) => return Err(errno),
        }
    }
}

/// The attributes of an `O_PATH` descriptor can be had by this name alone.
fn path(node: &Node) -> CString {
    c_string(node.proc_path().into_os_string()).expect("digits and slashes hold no zero byte")
}

fn c_string(text: OsString) -> nix::Result<CString> {
    CString::new(text.into_vec()).map_err(|_| Errno::EINVAL)
}
