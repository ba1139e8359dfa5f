//! Commands that run as somebody else than root.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test, expect};
use nix::sys::signal::Signal;
use serde_json::json;

use super::scene::{STEP05, all_three, step05};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        the_user_and_the_groups_are_those_that_were_asked_for: [Root, Command("setpriv")],
        a_killed_runtime_leaves_no_container_of_another_user: [Root],
    }
}

fn the_user_and_the_groups_are_those_that_were_asked_for(sandbox: &Sandbox) -> Result<()> {
    for (flags, uid, gid, groups) in [
        (&[][..], 0, 0, json!([])),
        (&["-u", "1000"], 1000, 0, json!([])),
        (&["--user", "1000:50"], 1000, 50, json!([])),
        (&["-u", "0:0", "--group-add", "7"], 0, 0, json!([7])),
        (
            &["--user=1:2", "--group-add", "30,20", "--group-add=2147483647"],
            1,
            2,
            json!([20, 30, 2_147_483_647]),
        ),
        (&["--user", "2147483647:2147483647"], 2_147_483_647, 2_147_483_647, json!([])),
    ] {
        // By way of a shell's caller that has groups itself.
        let run = sandbox.run("setpriv").args(["--groups=4,27", STEP05]).args(flags);
        let inside = run.report()?;
        let what = |name: &str| format!("{name} with {flags:?}");
        let read = "credentials(7)";
        expect::equal(&what("the user"), &inside["uid"], all_three(uid), read)?;
        expect::equal(&what("the group"), &inside["gid"], all_three(gid), read)?;
        expect::equal(&what("the groups"), &inside["groups"], groups, read)?;
    }
    Ok(())
}

/// A change of user makes the kernel forget that a process wants to die with its parent.
fn a_killed_runtime_leaves_no_container_of_another_user(sandbox: &Sandbox) -> Result<()> {
    for flags in [
        &["--user", "1000"][..],
        &["--user", "1000", "--init"],
        &["--userns", "0:100000:65536"],
        &["--userns", "0:100000:65536", "--user", "5", "--init"],
    ] {
        let mut running = step05(sandbox).args(flags).probe(["sleep", "60"]).spawn()?;
        running.line()?;
        running.signal(Signal::SIGKILL)?;
        running.wait()?; // fails if a process is left
    }
    // What is not tied to a process goes with the next run.
    step05(sandbox).probe(["exit", "0"]).output()?.success()?;
    Ok(())
}
