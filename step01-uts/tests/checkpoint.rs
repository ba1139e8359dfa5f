//! The checkpoint of step 1.

use anyhow::Result;
use conformance::{Run, Sandbox, expect, unprivileged};

fn step01(sandbox: &Sandbox) -> Run<'_> {
    sandbox.run(env!("CARGO_BIN_EXE_step01"))
}

fn the_host_name_is_its_own(sandbox: &Sandbox) -> Result<()> {
    let before = sandbox.probe(["report"]).output()?.json()?;
    let inside = step01(sandbox).args(["--hostname", "box"]).report()?;
    expect::equal("the host name inside", &inside["hostname"], "box", "sethostname(2)")?;
    let after = sandbox.probe(["report"]).output()?.json()?;
    expect::same(
        "the host name outside",
        &after["hostname"],
        &before["hostname"],
        "uts_namespaces(7)",
    )
}

fn no_right_to_make_namespaces() -> Result<()> {
    unprivileged(|sandbox| {
        let line = step01(sandbox).probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(line, @"step01: namespaces: creating uts, ipc: EPERM: Operation not permitted (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)");
        Ok(())
    })
}

conformance::checkpoint! {
    the_host_name_is_its_own,
    no_right_to_make_namespaces: [Sandbox],
}
