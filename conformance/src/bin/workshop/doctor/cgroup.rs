//! Control groups: which version, which controllers, and whether this user may make groups. See
//! cgroups(7), systemd.resource-control(5) "Delegate=".

use std::{fs, path::Path};

use conformance::Need;
use nix::unistd::{AccessFlags, access, geteuid};

use super::Finding;

/// What step 6 limits most.
const WANTED: [&str; 3] = ["cpu", "memory", "pids"];

pub fn look() -> Vec<Finding> {
    const WHAT: &str = "cgroups";
    let mounts = fs::read_to_string("/proc/self/mounts").unwrap_or_default();
    let mounted = |kind: &str| mounts.lines().any(|line| line.split(' ').nth(2) == Some(kind));
    let (v1, v2) = (mounted("cgroup"), mounted("cgroup2"));
    let seen = match (v1, v2) {
        (false, true) => "version 2",
        (true, true) => "version 1 and 2 (hybrid)",
        (true, false) => "version 1",
        (false, false) => {
            return vec![Finding::lacks(
                WHAT,
                "not mounted",
                "Step 6 cannot be worked on; all others can.",
                "sudo mount -t cgroup2 cgroup2 /sys/fs/cgroup",
            )];
        }
    };
    let lacking: Vec<_> = WANTED.into_iter().filter(|name| !available(name)).collect();
    if lacking.is_empty() {
        return vec![Finding::good(WHAT, format!("{seen}; {} may be used", WANTED.join(", ")))];
    }
    if geteuid().is_root() {
        return vec![Finding::lacks(
            WHAT,
            format!("{seen}; without {}", lacking.join(", ")),
            "Tests of these controllers do not run.",
            "cargo conformance    (runs them on another kernel, in a virtual machine)",
        )];
    }
    vec![Finding::lacks(
        WHAT,
        format!("{seen}; {} not delegated to this user", lacking.join(", ")),
        "Step 6 without root cannot set these limits; as root it can.",
        "sudo mkdir -p /etc/systemd/system/user@.service.d\n\
         printf '[Service]\\nDelegate=cpu cpuset io memory pids\\n' | sudo tee \
         /etc/systemd/system/user@.service.d/delegate.conf\n\
         sudo systemctl daemon-reload    (then log in anew)",
    )]
}

/// Whether this user may limit something by this controller.
fn available(controller: &'static str) -> bool {
    if Need::CgroupV1(controller).missing().is_none()
        || Need::CgroupV2(controller).missing().is_none()
    {
        return true;
    }
    delegated().is_some_and(|dir| {
        let controllers = fs::read_to_string(dir.join("cgroup.controllers")).unwrap_or_default();
        controllers.split_whitespace().any(|name| name == controller)
    })
}

/// The group of version 2 that systemd gives a user's services, if the user may make groups there.
fn delegated() -> Option<std::path::PathBuf> {
    let uid = geteuid();
    let groups = ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"].map(|root| {
        Path::new(root).join(format!("user.slice/user-{uid}.slice/user@{uid}.service"))
    });
    groups.into_iter().find(|dir| access(dir, AccessFlags::W_OK).is_ok())
}
