//! User namespaces: who may make them, and which ids there are for them. See user_namespaces(7),
//! subuid(5).

use std::fs;

use conformance::Need;
use nix::unistd::{User, geteuid};

use super::Finding;

pub fn look() -> Vec<Finding> {
    let mut findings = vec![namespaces()];
    if !geteuid().is_root() {
        findings.push(ids());
    }
    findings
}

/// What forbids user namespaces to ordinary users: a file, the value that does, and the command that
/// changes it until the next boot.
const SWITCHES: [(&str, &str, &str); 3] = [
    (
        "/proc/sys/kernel/apparmor_restrict_unprivileged_userns",
        "1",
        "sudo sysctl kernel.apparmor_restrict_unprivileged_userns=0",
    ),
    (
        "/proc/sys/kernel/unprivileged_userns_clone",
        "0",
        "sudo sysctl kernel.unprivileged_userns_clone=1",
    ),
    ("/proc/sys/user/max_user_namespaces", "0", "sudo sysctl user.max_user_namespaces=15000"),
];

fn namespaces() -> Finding {
    const WHAT: &str = "user namespaces";
    let forbids = |(file, value, _): &&(&str, &str, &str)| {
        fs::read_to_string(file).is_ok_and(|text| text.trim() == *value)
    };
    let switches: Vec<_> = SWITCHES.iter().filter(forbids).collect();
    let is_root = geteuid().is_root();
    let need = if is_root { Need::Sandbox } else { Need::UserNamespaces };
    let tried = need.missing();
    let seen = switches.iter().map(|(file, value, _)| format!("{file} is {value}"));
    let seen: Vec<_> = seen.chain(tried.clone()).collect();
    let mut mend: Vec<_> = switches.iter().map(|(_, _, command)| (*command).to_string()).collect();
    if mend.is_empty() {
        mend.push(
            "sudo --preserve-env=PATH cargo workshop …    (as root nothing of this is needed)"
                .into(),
        );
    } else {
        mend.push(
            "(until the next boot; to keep it, write the setting to a file in /etc/sysctl.d)"
                .into(),
        );
    }
    let mend = mend.join("\n");
    match (is_root, tried.is_some()) {
        (_, false) if switches.is_empty() => Finding::good(WHAT, "may be made here"),
        (true, false) => Finding::lacks(
            WHAT,
            seen.join("; "),
            "Root may make them, an ordinary user may not: steps 5 to 7 rootless do not work.",
            mend,
        ),
        (false, false) => Finding::good(WHAT, "may be made here"),
        (true, true) => Finding::missing(
            WHAT,
            seen.join("; "),
            "Not even root may make the namespaces that tests run in.",
            "If this is a container, start it with --privileged, or use a virtual machine.",
        ),
        (false, true) => Finding::missing(
            WHAT,
            seen.join("; "),
            "As an ordinary user nothing works without them; as root everything does.",
            mend,
        ),
    }
}

/// Ids for a user's own container, beside their own.
fn ids() -> Finding {
    const WHAT: &str = "subordinate ids";
    let user = User::from_uid(geteuid()).ok().flatten().map(|user| user.name).unwrap_or_default();
    let number = geteuid().to_string();
    let listed = |file: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        text.lines()
            .any(|line| line.split(':').next().is_some_and(|name| name == user || name == number))
    };
    match listed("/etc/subuid") && listed("/etc/subgid") {
        true => Finding::good(WHAT, "/etc/subuid, /etc/subgid"),
        false => Finding::lacks(
            WHAT,
            format!("none for {user} in /etc/subuid or /etc/subgid"),
            "Containers work with one user inside, root; images with more users do not.",
            format!("sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 {user}"),
        ),
    }
}
