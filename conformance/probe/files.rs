//! Verbs about files.

use std::{
    ffi::{OsStr, OsString},
    fs,
    io::{self, Error, Read, Write},
    os::unix::fs::{FileTypeExt, MetadataExt, PermissionsExt, chown, symlink},
    path::Path,
    process::ExitCode,
};

use crate::{Result, arg, failed, json::Json, number, text};

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    Some(match verb {
        "cat" => cat(args),
        "write" => write(args, fs::OpenOptions::new().write(true).create(true).truncate(true)),
        "append" => write(args, fs::OpenOptions::new().append(true).create(true)),
        "ls" => print(args, |path| Ok(names(path))),
        "stat" => print(args, |path| stat(path)),
        "mkdir" => on_path(args, |path| fs::create_dir_all(path)),
        "rm" => on_path(args, |path| match path.symlink_metadata()?.is_dir() {
            true => fs::remove_dir_all(path),
            false => fs::remove_file(path),
        }),
        "chmod" => with_mode(args),
        "chown" => with_owner(args),
        "mv" => two_paths(args, |from, to| fs::rename(from, to)),
        "ln" => two_paths(args, |target, link| symlink(target, link)),
        "hardlink" => two_paths(args, |from, to| fs::hard_link(from, to)),
        _ => return None,
    })
}

fn cat(args: &[OsString]) -> Result<ExitCode> {
    for path in args {
        let mut content = Vec::new();
        fs::File::open(path)
            .and_then(|mut file| file.read_to_end(&mut content))
            .and_then(|_| io::stdout().write_all(&content))
            .map_err(|error| failed(Path::new(path).display(), &error))?;
    }
    Ok(ExitCode::SUCCESS)
}

fn write(args: &[OsString], how: &fs::OpenOptions) -> Result<ExitCode> {
    let (path, content) = (Path::new(arg(args, 0, "the path")?), arg(args, 1, "the text")?);
    how.open(path)
        .and_then(|mut file| file.write_all(content.as_encoded_bytes()))
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// Prints JSON about one path.
fn print(args: &[OsString], look: fn(&OsStr) -> io::Result<Json>) -> Result<ExitCode> {
    let path = arg(args, 0, "the path")?;
    let seen = look(path).map_err(|error| failed(Path::new(path).display(), &error))?;
    println!("{seen}");
    Ok(ExitCode::SUCCESS)
}

fn on_path(args: &[OsString], act: fn(&Path) -> io::Result<()>) -> Result<ExitCode> {
    let path = Path::new(arg(args, 0, "the path")?);
    act(path).map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

fn two_paths(args: &[OsString], act: fn(&Path, &Path) -> io::Result<()>) -> Result<ExitCode> {
    let (one, other) = (Path::new(arg(args, 0, "a path")?), Path::new(arg(args, 1, "a path")?));
    act(one, other).map_err(|error| failed(other.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// `chmod PATH OCTAL`
fn with_mode(args: &[OsString]) -> Result<ExitCode> {
    let path = Path::new(arg(args, 0, "the path")?);
    let mode = u32::from_str_radix(text(args, 1, "the mode")?, 8).map_err(|e| e.to_string())?;
    fs::set_permissions(path, fs::Permissions::from_mode(mode))
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// `chown PATH UID GID`
fn with_owner(args: &[OsString]) -> Result<ExitCode> {
    let path = Path::new(arg(args, 0, "the path")?);
    let (user, group) = (number(args, 1, "the user")?, number(args, 2, "the group")?);
    chown(path, Some(user as u32), Some(group as u32))
        .map_err(|error| failed(path.display(), &error))?;
    Ok(ExitCode::SUCCESS)
}

/// The names in a directory, sorted; null if it cannot be read.
pub fn names(dir: impl AsRef<Path>) -> Json {
    let Ok(entries) = fs::read_dir(dir) else { return Json::Null };
    let mut names: Vec<_> = entries.flatten().map(|entry| entry.file_name()).collect();
    names.sort();
    Json::list(names.iter().map(|name| Json::from(name.as_os_str())))
}

/// What lstat(2) says of a path.
pub fn stat(path: &OsStr) -> std::result::Result<Json, Error> {
    let path = Path::new(path);
    let meta = path.symlink_metadata()?;
    let kind = meta.file_type();
    let kind = match () {
        () if kind.is_dir() => "directory",
        () if kind.is_symlink() => "link",
        () if kind.is_char_device() => "char",
        () if kind.is_block_device() => "block",
        () if kind.is_fifo() => "fifo",
        () if kind.is_socket() => "socket",
        () => "file",
    };
    let device = meta.rdev();
    let (major, minor) = (device >> 8 & 0xfff, device & 0xff | device >> 12 & 0xfff00);
    let target = fs::read_link(path).ok().map(|target| Json::from(target.as_os_str()));
    Ok(Json::map([
        ("type", Json::from(kind)),
        ("mode", format!("{:04o}", meta.mode() & 0o7777).into()),
        ("uid", meta.uid().into()),
        ("gid", meta.gid().into()),
        ("size", meta.size().into()),
        ("rdev", format!("{major}:{minor}").into()),
        ("dev", meta.dev().into()),
        ("inode", meta.ino().into()),
        ("nlink", meta.nlink().into()),
        ("mtime", Json::Number(meta.mtime())),
        ("target", target.into()),
    ]))
}
