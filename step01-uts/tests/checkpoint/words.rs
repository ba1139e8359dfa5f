//! What it says of itself.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test, expect};

use super::scene::{UTS, outside, step01};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        help_reads_well,
        explain_tells_each_act_as_a_command,
        the_commands_that_explain_tells_do_the_same: [Command("unshare"), Command("domainname")],
    }
}

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step01(sandbox).arg("--help").output()?;
    help.success()?;
    expect::equal("what is on standard error", &help.stderr(), "", "")?;
    insta::assert_snapshot!("help", help.stdout());
    Ok(())
}

fn explain_tells_each_act_as_a_command(sandbox: &Sandbox) -> Result<()> {
    let run = step01(sandbox).args(["--explain", "--hostname", "my box", "--domainname", "yard"]);
    let outcome = run.args(["--", "uname", "-n"]).output()?;
    outcome.assert().success().stdout("my box\n");
    insta::assert_snapshot!("explain", outcome.stderr());
    Ok(())
}

fn the_commands_that_explain_tells_do_the_same(sandbox: &Sandbox) -> Result<()> {
    let script = "hostname box; domainname yard; exec \"$0\" report hostname domainname namespaces";
    let words = ["--fork", "--uts", "--ipc", "sh", "-c", script];
    let by_hand = sandbox.run("unshare").args(words).arg(sandbox.probe_path()).output()?.json()?;
    let run = step01(sandbox).args(["--hostname", "box", "--domainname", "yard"]);
    let by_step = run.probe(["report", "hostname", "domainname", "namespaces"]).output()?.json()?;
    for part in ["hostname", "domainname"] {
        expect::same(part, &by_step[part], &by_hand[part], UTS)?;
    }
    let host = outside(sandbox)?;
    for kind in ["uts", "ipc"] {
        expect::differs(
            kind,
            &by_hand["namespaces"][kind],
            &host["namespaces"][kind],
            "unshare(1)",
        )?;
    }
    Ok(())
}
