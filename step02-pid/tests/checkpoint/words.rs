//! What it says of itself.

use anyhow::Result;
use conformance::{Sandbox, checkpoint::Test};

use super::scene::step02;

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        help_reads_well,
        explain_tells_each_act_as_a_command,
    }
}

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step02(sandbox).arg("--help").output()?;
    help.success()?;
    insta::assert_snapshot!("help", help.stdout());
    Ok(())
}

fn explain_tells_each_act_as_a_command(sandbox: &Sandbox) -> Result<()> {
    let run = step02(sandbox).args(["--explain", "--init", "--hostname", "box", "--", "true"]);
    let outcome = run.output()?;
    outcome.success()?;
    insta::assert_snapshot!("explain", outcome.stderr());
    Ok(())
}
