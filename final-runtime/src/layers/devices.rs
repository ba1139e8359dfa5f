//! `linux.devices`, and the devices that every container has. See mknod(2), and "Devices" and "Default
//! Devices" in config-linux.md of the OCI runtime specification.
//!
//! They are made in the root file system, which is the working directory by now: by the descriptor of
//! a directory that was resolved within it, so that no link of the image leads the host's root
//! elsewhere. In a user namespace nobody may make devices, only borrow the host's.

use std::{
    os::fd::OwnedFd,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{AtFlags, OFlag, open},
    sys::stat::{FchmodatFlags, Mode, SFlag, fchmodat, fstat, fstatat, makedev, mknodat, umask},
    unistd::{Gid, Uid, fchownat},
};
use step07::{
    DEFAULT_DEVICES, Explain, Layer, lazy, link_devices, mount_api,
    root::{Root, kind, make_file_in},
    sh,
};

use crate::spec;

/// The layer that makes them.
pub struct Devices {
    all: Vec<Device>,
    /// Whether `/dev` is a directory of the root file system itself, where nobody has laid the
    /// customary links yet.
    pub bare: bool,
}

#[derive(Clone, Debug, PartialEq, Eq)]
struct Device {
    path: PathBuf,
    kind: SFlag,
    number: libc::dev_t,
    mode: Mode,
    owner: (Uid, Gid),
}

impl Devices {
    /// These, and those of every container that are not among them.
    pub fn new(asked: &[spec::Device]) -> Result<Self> {
        let asked = asked.iter().enumerate().map(|(number, one)| {
            Device::of(one).with_context(|| format!("spec: linux.devices[{number}]"))
        });
        let mut all: Vec<Device> = asked.collect::<Result<_>>()?;
        for one in DEFAULT_DEVICES {
            let path = Path::new("/dev").join(one.name);
            if all.iter().all(|other| other.path != path) {
                all.push(Device {
                    path,
                    kind: SFlag::S_IFCHR,
                    number: makedev(one.major, one.minor),
                    mode: Mode::from_bits_truncate(0o666),
                    owner: (Uid::from_raw(0), Gid::from_raw(0)),
                });
            }
        }
        Ok(Self { all, bare: false })
    }
}

impl Layer for Devices {
    fn name(&self) -> &'static str {
        "devices"
    }

    fn enter(&mut self, explain: &Explain) -> Result<()> {
        let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
        let root = Root::new(open(".", flags, Mode::empty())?, Path::new("."));
        let before = umask(Mode::empty());
        for device in &self.all {
            device.make(&root, explain)?;
        }
        if self.bare {
            let dev = root.make_dir(Path::new("/dev")).context("opening /dev")?;
            link_devices(&dev, &root, explain)?;
        }
        umask(before);
        Ok(())
    }
}

impl Device {
    fn of(asked: &spec::Device) -> Result<Self> {
        let kind = match asked.kind {
            'c' | 'u' => SFlag::S_IFCHR,
            'b' => SFlag::S_IFBLK,
            'p' => SFlag::S_IFIFO,
            other => bail!("type: {other:?}: expected c, u, b or p"),
        };
        let number = |value: i64, name| {
            u32::try_from(value)
                .ok()
                .with_context(|| format!("{name}: {value} is no device's number"))
        };
        let (major, minor) = match kind {
            SFlag::S_IFIFO => (0, 0),
            _ => (number(asked.major, "major")?, number(asked.minor, "minor")?),
        };
        ensure!(asked.path.is_absolute(), "path: {:?} is not absolute", asked.path);
        ensure!(asked.path.file_name().is_some(), "path: {:?} names no file", asked.path);
        Ok(Self {
            path: asked.path.clone(),
            kind,
            number: makedev(major.into(), minor.into()),
            mode: Mode::from_bits_truncate(asked.file_mode.unwrap_or(0o666) & 0o7777),
            owner: (Uid::from_raw(asked.uid.unwrap_or(0)), Gid::from_raw(asked.gid.unwrap_or(0))),
        })
    }

    fn make(&self, root: &Root, explain: &Explain) -> Result<()> {
        let (Some(above), Some(name)) = (self.path.parent(), self.path.file_name()) else {
            bail!("{} names no file", self.path.display());
        };
        let doing = || format!("making the device {}", self.path.display());
        let dir = root.make_dir(above).with_context(doing)?;
        match mknodat(&dir, name, self.kind, self.mode, self.number) {
            Ok(()) => {
                explain.say(lazy(|| self.mknod(root)));
                let (uid, gid) = self.owner;
                let set = || {
                    fchownat(&dir, name, Some(uid), Some(gid), AtFlags::AT_SYMLINK_NOFOLLOW)?;
                    // The change of owner has cleared set-user-ID bits.
                    fchmodat(&dir, name, self.mode, FchmodatFlags::FollowSymlink)
                };
                set().with_context(doing)
            }
            Err(Errno::EEXIST) => {
                let there =
                    fstatat(&dir, name, AtFlags::AT_SYMLINK_NOFOLLOW).with_context(doing)?;
                let same = kind(&there) == self.kind
                    && (self.kind == SFlag::S_IFIFO || there.st_rdev == self.number);
                ensure!(same, "{}: another file is there", doing());
                Ok(())
            }
            Err(Errno::EPERM) if self.kind != SFlag::S_IFIFO => {
                let path = self.path.display().to_string();
                let bind = root.shell_mount(&["--bind", &path, &root.shown(&self.path)]);
                explain.act(bind, format_args!("binding the host's {path}"), || {
                    let source = mount_api::copy(self.open_on_host()?, false)?;
                    let target = make_file_in(&dir, name).context("making the mount point")?;
                    mount_api::attach(source, target).context("mounting")
                })
            }
            Err(errno) => Err(errno).with_context(doing),
        }
    }

    /// The host's device at the same path, if it is what it should be.
    fn open_on_host(&self) -> Result<OwnedFd> {
        let flags = OFlag::O_PATH | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let fd = open(&self.path, flags, Mode::empty()).context("opening it on the host")?;
        let stat = fstat(&fd)?;
        let same = kind(&stat) == self.kind && stat.st_rdev == self.number;
        ensure!(same, "the host has another file there");
        Ok(fd)
    }

    fn mknod(&self, root: &Root) -> String {
        let letter = match self.kind {
            SFlag::S_IFCHR => "c",
            SFlag::S_IFBLK => "b",
            _ => "p",
        };
        let mode = format!("{:o}", self.mode.bits());
        let mut words =
            vec!["mknod".into(), "-m".into(), mode, root.shown(&self.path), letter.into()];
        if self.kind != SFlag::S_IFIFO {
            let (major, minor) =
                (nix::sys::stat::major(self.number), nix::sys::stat::minor(self.number));
            words.extend([major.to_string(), minor.to_string()]);
        }
        sh(words)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn asked(path: &str, kind: char, major: i64) -> spec::Device {
        spec::Device {
            path: path.into(),
            kind,
            major,
            minor: 1,
            file_mode: None,
            uid: None,
            gid: None,
        }
    }

    #[test]
    fn who_asks_for_a_usual_device_gets_theirs_in_its_place() {
        let count = |devices: Devices| devices.all.len();
        assert_eq!(count(Devices::new(&[]).expect("none")), 6);
        assert_eq!(count(Devices::new(&[asked("/dev/null", 'c', 9)]).expect("one")), 6);
        assert_eq!(count(Devices::new(&[asked("/dev/fuse", 'c', 10)]).expect("one")), 7);
    }

    #[test]
    fn a_device_that_cannot_be_is_refused_with_its_place() {
        for (device, told) in [
            (asked("/dev/x", 'x', 1), "type: 'x': expected c, u, b or p"),
            (asked("dev/x", 'c', 1), "path: \"dev/x\" is not absolute"),
            (asked("/", 'c', 1), "path: \"/\" names no file"),
            (asked("/dev/x", 'c', -1), "major: -1 is no device's number"),
        ] {
            let error = Devices::new(&[device]).err().expect("it cannot be");
            let text = format!("{error:#}");
            assert!(text.starts_with(&format!("spec: linux.devices[0]: {told}")), "{text}");
        }
    }
}
