//! Whose packets they are: the net_cls controller of v1, and what v2 has instead.

use std::fs;

use anyhow::{Context, Result};
use conformance::{Need::CgroupV1, Sandbox, checkpoint::Test, expect};
use insta::assert_snapshot;
use step06::{Hierarchy, Version};

use super::scene::STEP06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        packets_of_v1: [Root, CgroupV1("net_cls"), Command("nft"), Other(no_nft)],
        packets_of_v2: [Root, CgroupV2(""), Command("nft"), Other(no_nft_of_v2)],
        a_class_is_refused_in_v2: [Root, CgroupV2(""), Other(class_in_v1)],
        classes_that_are_none_are_refused,
    }
}

/// v1 has the controller here, so that nobody is told of v2.
fn class_in_v1() -> Option<String> {
    let v1 = CgroupV1("net_cls").missing().is_none();
    v1.then(|| "needs a machine without net_cls in v1".into())
}

/// The kernel's firewall knows no classes.
fn no_nft() -> Option<String> {
    no_rule("meta cgroup 0x00010010")
}

/// It knows no groups. (On a hybrid machine the path begins with the place of v2.)
fn no_nft_of_v2() -> Option<String> {
    no_rule("socket cgroupv2 level 1 \".\"")
}

fn no_rule(rule: &str) -> Option<String> {
    let known = Sandbox::new().and_then(|sandbox| Firewall::new(&sandbox, rule).map(drop));
    known.err().map(|error| format!("needs nft to know {rule}: {error:#}"))
}

/// A table with two counters of packets to one port: of those that a rule matches, and of all.
struct Firewall<'a>(&'a Sandbox);

/// Where nobody listens: what is sent there is sent all the same.
const NOBODY: &str = "127.0.0.1:9";

impl<'a> Firewall<'a> {
    fn new(sandbox: &'a Sandbox, rule: &str) -> Result<Self> {
        let text = format!(
            "table ip test {{
                counter theirs {{}}
                counter everybody {{}}
                chain out {{
                    type filter hook output priority 0
                    udp dport 9 {rule} counter name theirs
                    udp dport 9 counter name everybody
                }}
            }}"
        );
        let firewall = Self(sandbox);
        firewall.nft(&[&text])?;
        Ok(firewall)
    }

    fn nft(&self, args: &[&str]) -> Result<String> {
        let outcome = self.0.run("nft").args(args).output()?;
        outcome.success()?;
        Ok(outcome.stdout())
    }

    fn counted(&self, name: &str) -> Result<u32> {
        let text = self.nft(&["list", "counter", "ip", "test", name])?;
        let (_, after) = text.split_once("packets ").with_context(|| text.clone())?;
        Ok(after.split_whitespace().next().context("a number")?.parse()?)
    }
}

impl Drop for Firewall<'_> {
    fn drop(&mut self) {
        let _ = self.nft(&["delete", "table", "ip", "test"]);
    }
}

fn packets_of_v1(sandbox: &Sandbox) -> Result<()> {
    packets(sandbox, "meta cgroup 0x00010010", &["--net-cls", "1:10"])
}

/// A rule is about a group that is there: that of one container, or one that holds many.
fn packets_of_v2(sandbox: &Sandbox) -> Result<()> {
    let v2 = Hierarchy::all()?.into_iter().find(|one| one.version == Version::V2);
    let parent = v2.context("no v2")?.mount_point.join(sandbox.cgroup_parent());
    fs::create_dir(&parent)?;
    let path = parent.strip_prefix("/sys/fs/cgroup")?.display().to_string();
    let counted = packets(sandbox, &format!("socket cgroupv2 level 1 {path:?}"), &[]);
    fs::remove_dir(&parent)?;
    counted
}

/// A container in the sandbox' network sends three packets, another and one outside send two.
fn packets(sandbox: &Sandbox, rule: &str, args: &[&str]) -> Result<()> {
    let firewall = Firewall::new(sandbox, rule)?;
    let probe = sandbox.probe_path().display().to_string();
    let send = format!("{probe} udp-send {NOBODY} x 2>&-;");
    let send = |count: usize| send.repeat(count) + "true";
    let container = |parent: &str, args: &[&str], count: usize| -> Result<()> {
        let run = sandbox.run(STEP06).args(["--network", "host", "--cgroup-parent", parent]);
        run.args(args).args(["--", "sh", "-c", &send(count)]).output()?.success().map(drop)
    };
    let parent = sandbox.cgroup_parent();
    container(&parent, args, 3)?;
    container(&format!("{parent}-other"), &[], 2)?;
    sandbox.run("sh").args(["-c", &send(2)]).output()?.success()?;
    expect::equal("all packets", &firewall.counted("everybody")?, 7, "nft(8)")?;
    expect::equal("those of the container", &firewall.counted("theirs")?, 3, "nft(8)")
}

fn a_class_is_refused_in_v2(sandbox: &Sandbox) -> Result<()> {
    let run = sandbox.run(STEP06).args(["--network", "none", "--net-cls", "1:10"]);
    let parent = format!("{}/web", sandbox.cgroup_parent());
    let line = run.args(["--cgroup-parent", &parent]).probe(["exit", "0"]).output()?;
    let line = line.error_line(125)?.replace(&sandbox.cgroup_parent(), "PARENT");
    let line = line.replace("unified/", ""); // where a hybrid machine has v2
    assert_snapshot!(line, @r#"step06: cgroup: --net-cls: cgroup v2 has no such setting (in v1 it is net_cls.classid); nft knows all containers of --cgroup-parent by: socket cgroupv2 level 2 "PARENT/web""#);
    Ok(())
}

fn classes_that_are_none_are_refused(sandbox: &Sandbox) -> Result<()> {
    let mut said = String::new();
    for value in ["1:", "10000:1", "-1", "4294967296", "0"] {
        let run = sandbox.run(STEP06).args(["--net-cls", value]).probe(["exit", "0"]);
        said += &run.output()?.error_line(125)?;
        said += "\n";
    }
    assert_snapshot!(said, @r#"
    step06: cgroup: --net-cls "1:": expected MAJOR:MINOR in hexadecimal as in 1:10, or a number of 32 bits
    step06: cgroup: --net-cls "10000:1": expected MAJOR:MINOR in hexadecimal as in 1:10, or a number of 32 bits
    step06: cgroup: --net-cls "-1": expected MAJOR:MINOR in hexadecimal as in 1:10, or a number of 32 bits
    step06: cgroup: --net-cls "4294967296": expected MAJOR:MINOR in hexadecimal as in 1:10, or a number of 32 bits
    step06: cgroup: --net-cls "0": class 0 is no class
    "#);
    Ok(())
}
