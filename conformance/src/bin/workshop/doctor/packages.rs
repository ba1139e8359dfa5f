//! Programs that the course and its tests use, and the packages that have them.

use std::fs;

use conformance::Need;

use super::Finding;

/// A program, what it is for, and its package in Debian and Ubuntu, Fedora, and Arch.
struct Tool {
    program: &'static str,
    so: &'static str,
    packages: [&'static str; 3],
    needed: bool,
}

const fn tool(program: &'static str, so: &'static str, packages: [&'static str; 3]) -> Tool {
    Tool { program, so, packages, needed: false }
}

const TOOLS: [Tool; 12] = [
    Tool {
        needed: true,
        ..tool("cc", "Nothing can be linked.", ["gcc libc6-dev", "gcc glibc-static", "gcc"])
    },
    tool("mount", "Some tests of step 3 do not run.", ["mount", "util-linux", "util-linux"]),
    tool("unshare", "What is done by hand in the book cannot be.", ["util-linux"; 3]),
    tool("nsenter", "Some tests do not run.", ["util-linux"; 3]),
    tool("ip", "Step 4: most tests do not run.", ["iproute2", "iproute", "iproute2"]),
    tool("nft", "Step 4: tests of published ports do not run.", ["nftables"; 3]),
    tool("hostname", "A test or two of step 1 do not run.", ["hostname", "hostname", "inetutils"]),
    tool("ps", "Step 2: what the book shows cannot be seen.", ["procps", "procps-ng", "procps-ng"]),
    tool(
        "newuidmap",
        "Step 5: an ordinary user's container has one user, root.",
        ["uidmap", "shadow-utils", "shadow"],
    ),
    tool(
        "busybox",
        "Root file systems are made of this machine's shell and tools, which works too.",
        ["busybox-static", "busybox", "busybox"],
    ),
    tool("git", "Solutions are kept by the workshop alone.", ["git"; 3]),
    Tool {
        program: "mdbook",
        so: "The book can be read as files in book/src.",
        packages: [""; 3],
        needed: false,
    },
];

pub fn look() -> Vec<Finding> {
    let manager = Manager::of(&fs::read_to_string("/etc/os-release").unwrap_or_default());
    let lacking = TOOLS.iter().filter(|tool| Need::Command(tool.program).missing().is_some());
    let mut findings: Vec<_> = lacking
        .map(|tool| {
            let install = match tool.program {
                "mdbook" => "cargo install --locked mdbook@^0.5".to_string(),
                _ => manager.install(tool.packages),
            };
            let find = if tool.needed { Finding::missing } else { Finding::lacks };
            find(tool.program, "is missing", tool.so, install)
        })
        .collect();
    if findings.is_empty() {
        let all: Vec<_> = TOOLS.iter().map(|tool| tool.program).collect();
        findings.push(Finding::good("programs", all.join(" ")));
    }
    findings
}

/// What installs packages here.
#[derive(Debug, PartialEq, Eq)]
enum Manager {
    Apt,
    Dnf,
    Pacman,
    Unknown,
}

impl Manager {
    /// By what os-release(5) says of the distribution, or of those that it is like.
    fn of(os_release: &str) -> Self {
        let value = |key: &str| {
            let line =
                os_release.lines().find_map(|line| line.strip_prefix(key)?.strip_prefix('='));
            line.unwrap_or_default().trim_matches('"').to_string()
        };
        let names = format!("{} {}", value("ID"), value("ID_LIKE"));
        let is = |names_of: &[&str]| names.split_whitespace().any(|name| names_of.contains(&name));
        if is(&["debian", "ubuntu"]) {
            Self::Apt
        } else if is(&["fedora", "rhel", "centos"]) {
            Self::Dnf
        } else if is(&["arch"]) {
            Self::Pacman
        } else {
            Self::Unknown
        }
    }

    fn install(&self, [debian, fedora, arch]: [&str; 3]) -> String {
        match self {
            Self::Apt => format!("sudo apt install {debian}"),
            Self::Dnf => format!("sudo dnf install {fedora}"),
            Self::Pacman => format!("sudo pacman -S {arch}"),
            Self::Unknown => format!("install {debian} (as Debian calls it)"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::Manager;

    #[test]
    fn the_distribution_says_how_packages_are_installed() {
        assert_eq!(Manager::of("NAME=x\nID=debian\n"), Manager::Apt);
        assert_eq!(Manager::of("ID=linuxmint\nID_LIKE=\"ubuntu debian\"\n"), Manager::Apt);
        assert_eq!(Manager::of("ID=\"rocky\"\nID_LIKE=\"rhel centos fedora\"\n"), Manager::Dnf);
        assert_eq!(Manager::of("ID=nixos\n"), Manager::Unknown);
        assert_eq!(Manager::Pacman.install(["a", "b", "c"]), "sudo pacman -S c");
    }
}
