//! Giving a user namespace its maps: by `/proc/PID/uid_map` and `gid_map` where the kernel lets
//! this process write them, otherwise by the set-user-ID programs that it does let.
//!
//! See user_namespaces(7), newuidmap(1), newgidmap(1).

use std::{
    env,
    ffi::OsString,
    fs,
    io::{ErrorKind, Result as IoResult},
    path::PathBuf,
    process::{Command, Stdio},
};

use anyhow::{Result, anyhow, bail};
use nix::{
    errno::Errno,
    unistd::{Pid, getegid, geteuid},
};

use crate::{Cap, CapSets, Explain, IdMaps, Range, sh};

/// What differs between the two maps.
struct Kind {
    file: &'static str,
    helper: &'static str,
    /// With this in the namespace around, any map may be written; without, only one's own id.
    cap: Cap,
    own_id: u32,
}

/// Gives the namespace of `child` its maps. Each can be written once, and by one write(2).
pub fn write(explain: &Explain, child: Pid, maps: &IdMaps) -> Result<()> {
    let own = CapSets::current()?;
    let (uid, gid) = (geteuid().as_raw(), getegid().as_raw());
    let uids = Kind { file: "uid_map", helper: "newuidmap", cap: Cap::SETUID, own_id: uid };
    let gids = Kind { file: "gid_map", helper: "newgidmap", cap: Cap::SETGID, own_id: gid };
    // ANCHOR: exercise-5-10
    for (kind, map) in [(uids, &maps.uid), (gids, &maps.gid)] {
        let only_own = matches!(map[..], [range] if (range.host, range.count) == (kind.own_id, 1));
        let privileged = own.effective.has(kind.cap);
        if !privileged && !only_own {
            helper(explain, child, kind.helper, map)?;
            continue;
        }
        if !privileged && kind.cap == Cap::SETGID {
            deny_setgroups(explain, child)?;
        }
        direct(explain, child, kind.file, map, &own)?;
    }
    Ok(())
    // ANCHOR_END: exercise-5-10
}

/// Dropping a group can *give* access, to a file that its group may not read but all others may.
/// So nobody gets a group map without help who has not given that up first.
fn deny_setgroups(explain: &Explain, child: Pid) -> Result<()> {
    // ANCHOR: exercise-5-4
    let file = format!("/proc/{child}/setgroups");
    let shell = format!("echo deny > {file}");
    explain.act(shell, format_args!("writing {file}"), || fs::write(&file, "deny"))
    // ANCHOR_END: exercise-5-4
}

/// Whether this process is in a namespace to which that was done.
pub(crate) fn setgroups_denied() -> bool {
    fs::read_to_string("/proc/self/setgroups").is_ok_and(|word| word.trim() == "deny")
}

fn direct(explain: &Explain, child: Pid, file: &str, map: &[Range], own: &CapSets) -> Result<()> {
    let path = format!("/proc/{child}/{file}");
    let lines: Vec<String> = map.iter().map(Range::to_string).collect();
    let words = ["printf".to_string(), r"%s\n".to_string()].into_iter().chain(lines.clone());
    explain.say(format_args!("{} > {path}", sh(words)));
    fs::write(&path, lines.join("\n") + "\n").map_err(|error| {
        let errno = Errno::from_raw(error.raw_os_error().unwrap_or(libc::EIO));
        let hint = refusal(errno, file, map, own);
        anyhow!("writing {:?} to {path}: {errno}{hint}", lines.join(", "))
    })
}

/// Why the kernel refuses a map; begins with a space.
fn refusal(errno: Errno, file: &str, map: &[Range], own: &CapSets) -> String {
    let outer = fs::read_to_string(format!("/proc/self/{file}")).unwrap_or_default();
    let foreign = map.iter().find(|range| !is_mapped(**range, &outer));
    let root = map.iter().any(|range| range.host == 0);
    match (errno, foreign) {
        (Errno::EPERM, Some(range)) => format!(
            " (there are no such ids as {} to {} in the user namespace that this runs in: see /proc/self/{file})",
            range.host,
            range.host + (range.count - 1),
        ),
        (Errno::EPERM, None) if root && !own.effective.has(Cap::SETFCAP) => {
            " (a map of host id 0 takes CAP_SETFCAP)".into()
        }
        _ => String::new(),
    }
}

/// Whether the ids of `range` exist in the namespace whose map is `outer`.
fn is_mapped(range: Range, outer: &str) -> bool {
    outer.lines().any(|line| {
        let mut numbers = line.split_whitespace().map(|number| number.parse::<u64>().unwrap_or(0));
        let (first, _, count) = (numbers.next(), numbers.next(), numbers.next());
        let (first, count) = (first.unwrap_or(0), count.unwrap_or(0));
        let (wanted, end) = (u64::from(range.host), u64::from(range.host) + u64::from(range.count));
        first <= wanted && end <= first + count
    })
}

fn helper(explain: &Explain, child: Pid, name: &str, map: &[Range]) -> Result<()> {
    let mut args = vec![child.to_string()];
    for range in map {
        args.extend([range.container, range.host, range.count].map(|number| number.to_string()));
    }
    explain.say(sh([name.to_string()].iter().chain(&args)));
    let output = run(name, &args).map_err(|error| match error.kind() {
        ErrorKind::NotFound => anyhow!(
            "running {name}: not found in PATH (it maps more than the caller's own id; Debian's package is uidmap)"
        ),
        _ => anyhow!("running {name}: {error}"),
    })?;
    if output.status.success() {
        return Ok(());
    }
    let told = String::from_utf8_lossy(&output.stderr);
    let told = told.lines().next().unwrap_or("no reason given");
    let told = told.strip_prefix(&format!("{name}: ")).unwrap_or(told);
    let file = if name == "newuidmap" { "/etc/subuid" } else { "/etc/subgid" };
    bail!(
        "running {name}: {told} ({file} must lend the caller these ids, and {name} be set-user-ID root)"
    )
}

fn run(name: &str, args: &[String]) -> IoResult<std::process::Output> {
    Command::new(name).args(args).stdin(Stdio::null()).output()
}

/// Where the helper is, if it is installed and could do anything.
pub(crate) fn find_helper(name: &str) -> Option<PathBuf> {
    let path = env::var_os("PATH").unwrap_or_else(|| OsString::from("/usr/bin:/bin"));
    env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_exist_where_one_line_of_the_outer_map_holds_them_all() {
        let range = |host, count| Range { container: 0, host, count };
        let outer = "         0       1000          1\n         1     100000      65536\n";
        assert!(is_mapped(range(0, 1), outer));
        assert!(is_mapped(range(1, 65536), outer));
        assert!(!is_mapped(range(1, 65537), outer));
        assert!(!is_mapped(range(100_000, 1), outer));
        assert!(is_mapped(range(0, u32::MAX), "0 0 4294967295"));
        assert!(!is_mapped(range(0, 1), ""));
    }
}
