//! `--user` by name: who somebody is by a container's own `/etc/passwd` and `/etc/group`.
//!
//! These files are the image's, and not to be trusted: they are read as data, in small amounts, and
//! what they say is a number that the kernel could have been given as well. What consists of digits
//! is a number and is never looked up as a name, or a file could make 1000 another word for 0. See
//! passwd(5), group(5).

use std::{
    fs::File,
    io::Read,
    os::fd::{AsFd, AsRawFd, OwnedFd},
    path::Path,
    str::FromStr,
};

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use nix::{
    errno::Errno,
    fcntl::{OFlag, open},
    sys::stat::{Mode, SFlag, fstat},
};
use step07::root::{Root, kind};

/// The most of a file that is read. One line for each of thirty thousand people fits.
const MOST: u64 = 2 << 20;

/// What `--user` says: `USER[:GROUP]`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wanted {
    user: Word,
    group: Option<Word>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Word {
    Number(u32),
    Name(String),
}

/// Somebody who was found.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// By number, with the groups that the files say the user is in.
    pub user: step07::User,
    /// The home directory, for one whom `/etc/passwd` knows.
    pub home: Option<String>,
}

/// What a container has at a path: `None` if there is no such file.
pub type Files<'a> = dyn Fn(&Path) -> Result<Option<OwnedFd>> + 'a;

impl Wanted {
    /// Finds out who that is.
    pub fn find(&self, files: &Files) -> Result<Account> {
        let user = || -> Result<Account> {
            let (passwd, group) = (read(files, "/etc/passwd")?, read(files, "/etc/group")?);
            self.find_in(&passwd, &group)
        };
        user().context("user")
    }

    fn find_in(&self, passwd: &str, group: &str) -> Result<Account> {
        let people: Vec<_> = passwd.lines().filter_map(Person::of).collect();
        let known = people.iter().find(|person| match &self.user {
            Word::Number(uid) => person.uid == *uid,
            Word::Name(name) => person.name == name,
        });
        let uid = match (&self.user, known) {
            (Word::Number(uid), _) => *uid,
            (Word::Name(_), Some(person)) => person.uid,
            (Word::Name(name), None) => {
                bail!("nobody is called {name:?} in /etc/passwd of the container")
            }
        };
        let groups: Vec<_> = group.lines().filter_map(Group::of).collect();
        let (gid, more) = match (&self.group, known) {
            // Who names a group wants that one, and no others.
            (Some(Word::Number(gid)), _) => (*gid, vec![]),
            (Some(Word::Name(name)), _) => {
                let found = groups.iter().find(|group| group.name == name);
                let found = found.with_context(|| {
                    format!("no group is called {name:?} in /etc/group of the container")
                })?;
                (found.gid, vec![])
            }
            (None, Some(person)) => (person.gid, memberships(&groups, person)),
            (None, None) => (0, vec![]),
        };
        let home = known.map(|person| person.home.to_string()).filter(|home| home.starts_with('/'));
        Ok(Account { user: step07::User { uid, gid, groups: more }, home })
    }
}

fn memberships(groups: &[Group], person: &Person) -> Vec<u32> {
    let of = groups.iter().filter(|group| group.members.split(',').any(|name| name == person.name));
    let mut gids: Vec<_> = of.map(|group| group.gid).filter(|gid| *gid != person.gid).collect();
    gids.sort_unstable();
    gids.dedup();
    gids
}

impl FromStr for Wanted {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let (user, group) = match text.split_once(':') {
            Some((user, group)) => (user, Some(group)),
            None => (text, None),
        };
        let word =
            |word: &str| Word::of(word).map_err(|why| anyhow!("user: --user {text:?}: {why}"));
        Ok(Self { user: word(user)?, group: group.map(word).transpose()? })
    }
}

impl Word {
    fn of(text: &str) -> Result<Self, &'static str> {
        if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
            return number(text).map(Self::Number).ok_or("numbers are from 0 to 2147483647");
        }
        let first = text.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
        let rest = |c: char| c.is_ascii_alphanumeric() || "_.-$".contains(c);
        match first && text.chars().all(rest) {
            true => Ok(Self::Name(text.into())),
            false => Err("expected USER[:GROUP], each a name or a number"),
        }
    }
}

/// As step 5 takes them: 32 bits, no sign, no rest.
fn number(text: &str) -> Option<u32> {
    text.parse::<step07::User>().ok().map(|user| user.uid)
}

/// A line of `/etc/passwd`.
struct Person<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

impl<'a> Person<'a> {
    /// `None`: the line is malformed, and says nothing.
    fn of(line: &'a str) -> Option<Self> {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, uid, gid, _, home, _] = fields[..] else { return None };
        Some(Self { name, uid: number(uid)?, gid: number(gid)?, home })
    }
}

/// A line of `/etc/group`.
struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: &'a str,
}

impl<'a> Group<'a> {
    fn of(line: &'a str) -> Option<Self> {
        let fields: Vec<_> = line.split(':').collect();
        let [name, _, gid, members] = fields[..] else { return None };
        Some(Self { name, gid: number(gid)?, members })
    }
}

/// An empty text, if there is no such file.
fn read(files: &Files, path: &str) -> Result<String> {
    let reading = || format!("reading {path} of the container");
    let Some(fd) = files(Path::new(path)).with_context(reading)? else { return Ok(String::new()) };
    read_file(&fd).with_context(reading)
}

/// The content of a file that is only a place so far (`O_PATH`): a device or a pipe, which could
/// make us wait, is not opened.
fn read_file(place: &OwnedFd) -> Result<String> {
    ensure!(kind(&fstat(place)?) == SFlag::S_IFREG, "it is no regular file");
    let path = format!("/proc/self/fd/{}", place.as_fd().as_raw_fd());
    let file = File::open(path)?;
    let mut bytes = Vec::new();
    let count = file.take(MOST + 1).read_to_end(&mut bytes)?;
    ensure!(count as u64 <= MOST, "it is larger than {MOST} bytes");
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// The files of a container that runs, whose first process this is. Links in them stay inside.
pub fn files_of(pid: i32) -> Result<impl Fn(&Path) -> Result<Option<OwnedFd>>> {
    let path = format!("/proc/{pid}/root");
    let flags = OFlag::O_PATH | OFlag::O_DIRECTORY | OFlag::O_CLOEXEC;
    let root =
        open(path.as_str(), flags, Mode::empty()).with_context(|| format!("opening {path}"))?;
    let root = Root::new(root, Path::new(&path));
    Ok(move |path: &Path| match root.open(path) {
        Ok(place) => Ok(Some(place)),
        Err(Errno::ENOENT | Errno::ENOTDIR) => Ok(None),
        Err(errno) => Err(errno.into()),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const PASSWD: &str = "root:x:0:0:root:/root:/bin/sh
malformed:x:0
1000:x:0:0:a trap:/root:/bin/sh
overflow:x:4294967296:0::/:/bin/sh
minus:x:-1:0::/:/bin/sh
alice:x:1000:100:Alice:/home/alice:/bin/sh
alice:x:0:0:a second Alice:/root:/bin/sh
bob:x:1001:1001::nowhere:/bin/sh
";
    const GROUP: &str = "root:x:0:\nusers:x:100:alice\nstaff:x:50:bob,alice\nwheel:x:10:alice
wheel2:x:10:alice\nbad:x:x:alice\nnear:x:60:alicea,xalice\n";

    fn find(text: &str) -> Result<(u32, u32, Vec<u32>, Option<String>)> {
        let Account { user, home } = text.parse::<Wanted>()?.find_in(PASSWD, GROUP)?;
        Ok((user.uid, user.gid, user.groups, home))
    }

    #[test]
    fn somebody_is_found_by_name_or_number() {
        let home = |dir: &str| Some(dir.to_string());
        for (text, expected) in [
            ("alice", (1000, 100, vec![10, 50], home("/home/alice"))),
            ("1000", (1000, 100, vec![10, 50], home("/home/alice"))),
            ("alice:0", (1000, 0, vec![], home("/home/alice"))),
            ("alice:staff", (1000, 50, vec![], home("/home/alice"))),
            ("bob", (1001, 1001, vec![50], None)),
            ("7", (7, 0, vec![], None)),
            ("7:8", (7, 8, vec![], None)),
            ("7:users", (7, 100, vec![], None)),
            ("2147483647", (2147483647, 0, vec![], None)),
        ] {
            assert_eq!(find(text).expect(text), expected, "{text}");
        }
    }

    #[test]
    fn nothing_else_is_found_and_nobody_becomes_root() {
        for text in [
            "",
            ":",
            "alice:",
            ":users",
            "-1",
            "+1",
            "0x0",
            " alice",
            "alice ",
            "al ice",
            "../x",
            "1:2:3",
            "2147483648",
            "4294967296",
            "18446744073709551616",
            "0:4294967296",
            "nobody",
            "alice:nogroup",
            "malformed",
            "overflow",
            "minus",
            "alice:bad",
            "1e3",
        ] {
            let error = find(text).expect_err(text).to_string();
            assert!(!error.is_empty(), "{text}");
        }
    }
}
