//! The pids controller.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test};
use insta::assert_snapshot;

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
    let bombed = bomb("10").output()?.json()?.to_string();
    assert_snapshot!(bombed, @r#"{"forks":9,"refusal":"EAGAIN"}"#);
    let bombed = bomb("-1").output()?.json()?.to_string();
    assert_snapshot!(bombed, @r#"{"forks":50,"refusal":null}"#);
    Ok(())
}
