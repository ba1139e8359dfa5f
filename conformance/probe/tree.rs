//! Verbs that look at a whole tree of files, and that make files of uncommon kinds.
//!
//! See xattr(7), mkfifo(3), lseek(2) on holes.

use std::{
    collections::HashMap,
    ffi::{CStr, OsStr, OsString},
    fs,
    io::{self, Error},
    os::unix::{
        ffi::OsStrExt,
        fs::{FileExt, MetadataExt},
    },
    path::{Path, PathBuf},
    process::ExitCode,
    time::{Duration, SystemTime},
};

use crate::{Result, arg, failed, json::Json, number, sys, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "tree" => tree(args),
        "fifo" => fifo(args),
        "device" => device(args),
        "sparse" => sparse(args),
        "mtime" => mtime(args),
        "set-xattr" => set_xattr(args),
        "get-xattr" => get_xattr(args),
        _ => return None,
    })
}

/// `tree DIR [LEFT-OUT]…`: everything that can be told of DIR and all below it, in one file system:
/// a map from paths to what stat(2) says, the extended attributes and a hash of the content.
fn tree(args: &[OsString]) -> Result<ExitCode> {
    let root = Path::new(arg(args, 0, "the directory")?);
    let mut walk = Walk { left_out: &args[1..], first_names: HashMap::new(), seen: Vec::new() };
    let device = root.symlink_metadata().map_err(|error| failed(root.display(), &error))?.dev();
    walk.directory(root, Path::new("/"), device)?;
    println!("{}", Json::Map(walk.seen));
    Ok(ExitCode::SUCCESS)
}

struct Walk<'a> {
    left_out: &'a [OsString],
    /// Of files that have several.
    first_names: HashMap<(u64, u64), String>,
    seen: Vec<(String, Json)>,
}

impl Walk<'_> {
    fn directory(&mut self, dir: &Path, name: &Path, device: u64) -> Result<()> {
        self.tell(dir, name).map_err(|error| failed(dir.display(), &error))?;
        let entries = fs::read_dir(dir).map_err(|error| failed(dir.display(), &error))?;
        let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
        names.sort();
        for entry in names {
            let (path, name) = (dir.join(&entry), name.join(&entry));
            let meta = path.symlink_metadata().map_err(|error| failed(path.display(), &error))?;
            match meta.is_dir() {
                _ if self.left_out.iter().any(|left_out| *left_out == name) => {}
                true if meta.dev() != device => {}
                true => self.directory(&path, &name, device)?,
                false => self.tell(&path, &name).map_err(|e| failed(path.display(), &e))?,
            }
        }
        Ok(())
    }

    fn tell(&mut self, path: &Path, name: &Path) -> io::Result<()> {
        let meta = path.symlink_metadata()?;
        let Json::Text(name) = Json::from(name.as_os_str()) else { return Ok(()) };
        let mut told = vec![
            ("mode", format!("{:06o}", meta.mode()).into()),
            ("owner", format!("{}:{}", meta.uid(), meta.gid()).into()),
            ("mtime", format!("{}.{:09}", meta.mtime(), meta.mtime_nsec()).into()),
            ("xattrs", xattrs(path)?),
        ];
        if !meta.is_dir() {
            let inode = (meta.dev(), meta.ino());
            let first = self.first_names.entry(inode).or_insert_with(|| name.clone());
            told.push(("same file as", first.clone().into()));
            told.push(("links", meta.nlink().into()));
            told.push(("size", meta.size().into()));
            told.push(("rdev", meta.rdev().into()));
        }
        if meta.is_symlink() {
            told.push(("target", fs::read_link(path)?.as_os_str().into()));
        } else if meta.is_file() {
            told.push(("content", format!("{:016x}", hash(&fs::read(path)?)).into()));
        }
        self.seen.push((name, Json::map(told)));
        Ok(())
    }
}

/// FNV-1a.
fn hash(bytes: &[u8]) -> u64 {
    let step = |hash: u64, byte: &u8| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3);
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, step)
}

fn xattrs(path: &Path) -> io::Result<Json> {
    let mut names = vec![0; 65536];
    let c_path = sys::c_string(path);
    // SAFETY: the C library writes at most as many bytes as it is told.
    let length =
        unsafe { sys::llistxattr(c_path.as_ptr(), names.as_mut_ptr().cast(), names.len()) };
    names.truncate(usize::try_from(length).map_err(|_| Error::last_os_error())?);
    let mut all = Vec::new();
    for name in names.split_inclusive(|byte| *byte == 0) {
        let name = CStr::from_bytes_with_nul(name).map_err(io::Error::other)?;
        all.push((name.to_string_lossy().into_owned(), Json::bytes(&value(path, name)?)));
    }
    all.sort_by(|(a, _), (b, _)| a.cmp(b));
    Ok(Json::Map(all))
}

fn value(path: &Path, name: &CStr) -> io::Result<Vec<u8>> {
    let (path, mut value) = (sys::c_string(path), vec![0; 65536]);
    // SAFETY: the C library writes at most as many bytes as it is told.
    let length = unsafe {
        sys::lgetxattr(path.as_ptr(), name.as_ptr(), value.as_mut_ptr().cast(), value.len())
    };
    value.truncate(usize::try_from(length).map_err(|_| Error::last_os_error())?);
    Ok(value)
}

/// `set-xattr PATH NAME VALUE`
fn set_xattr(args: &[OsString]) -> Result<ExitCode> {
    let (path, name) = (arg(args, 0, "the path")?, arg(args, 1, "the name")?);
    let value = arg(args, 2, "the value")?.as_bytes();
    let (c_path, name) = (sys::c_string(path), sys::c_string(name));
    // SAFETY: the C library reads the two strings and as many bytes of the value as it is told.
    let result = unsafe {
        sys::lsetxattr(c_path.as_ptr(), name.as_ptr(), value.as_ptr().cast(), value.len(), 0)
    };
    sys::check(result).map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// `get-xattr PATH NAME`: prints the value.
fn get_xattr(args: &[OsString]) -> Result<ExitCode> {
    let (path, name) = (Path::new(arg(args, 0, "the path")?), arg(args, 1, "the name")?);
    let value = value(path, &sys::c_string(name)).map_err(|e| failed(path.display(), &e))?;
    println!("{}", Json::bytes(&value));
    Ok(ExitCode::SUCCESS)
}

/// `fifo PATH`
fn fifo(args: &[OsString]) -> Result<ExitCode> {
    node(arg(args, 0, "the path")?, 0o010_600, 0)
}

/// `device PATH MAJOR MINOR`: a character device.
fn device(args: &[OsString]) -> Result<ExitCode> {
    let (major, minor) = (number(args, 1, "the major")?, number(args, 2, "the minor")?);
    node(arg(args, 0, "the path")?, 0o020_666, (major << 8 | minor) as u64)
}

fn node(path: &OsStr, mode: u32, device: u64) -> Result<ExitCode> {
    // SAFETY: the path lives through the call.
    sys::check(unsafe { sys::mknod(sys::c_string(path).as_ptr(), mode, device) })
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// `sparse PATH OFFSET TEXT`: a file with a hole of OFFSET bytes before the text, and one as long
/// after it.
fn sparse(args: &[OsString]) -> Result<ExitCode> {
    let (path, content) = (PathBuf::from(arg(args, 0, "the path")?), arg(args, 2, "the text")?);
    let offset = number(args, 1, "the offset")? as u64;
    fs::File::create(&path)
        .and_then(|file| {
            file.write_all_at(content.as_bytes(), offset)?;
            file.set_len(2 * offset + content.len() as u64)
        })
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// `mtime PATH SECONDS`: sets the time of the last change.
fn mtime(args: &[OsString]) -> Result<ExitCode> {
    let (path, seconds) = (Path::new(arg(args, 0, "the path")?), text(args, 1, "the seconds")?);
    let seconds: u64 = seconds.parse().map_err(|_| format!("not a number: {seconds}"))?;
    fs::File::open(path)
        .and_then(|file| file.set_modified(SystemTime::UNIX_EPOCH + Duration::from_secs(seconds)))
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}
