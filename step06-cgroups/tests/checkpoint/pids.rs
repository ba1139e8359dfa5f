//! The pids controller.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test, expect};

use super::scene::step06;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        pids_of_v1: [CgroupV1("pids")],
        pids_of_v2: [CgroupV2("pids")],
    }
}

fn pids_of_v1(sandbox: &Sandbox) -> Result<()> {
    pids(sandbox)
}

fn pids_of_v2(sandbox: &Sandbox) -> Result<()> {
    pids(sandbox)
}

fn pids(sandbox: &Sandbox) -> Result<()> {
    let bomb = |limit| step06(sandbox).args(["--pids-limit", limit]).probe(["fork-bomb", "50"]);
    let bombed = bomb("10").output()?.json()?;
    let what = "how often one of 50 forks was let through under --pids-limit 10 (the process that \
                forks is the first of the ten)";
    expect::equal(
        what,
        &bombed.to_string().as_str(),
        r#"{"forks":9,"refusal":"EAGAIN"}"#,
        "fork(2), EAGAIN",
    )?;
    let bombed = bomb("-1").output()?.json()?;
    let what = "the same under --pids-limit -1, which is no limit";
    expect::equal(what, &bombed.to_string().as_str(), r#"{"forks":50,"refusal":null}"#, "fork(2)")
}
