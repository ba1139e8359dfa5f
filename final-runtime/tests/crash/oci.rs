//! `run --bundle`, which is `create`, `start` and `delete` in one: wherever it is killed, its id can be
//! used again or deleted, and nothing is left.

use std::{
    fs,
    path::PathBuf,
    time::{Duration, Instant},
};

use anyhow::{Result, ensure};
use conformance::{Outcome, Run, Sandbox, expect};

use crate::{bundle::Bundle, scene::at_moments, tracer};

pub fn run_of_a_bundle_may_be_killed_anywhere(sandbox: &Sandbox) -> Result<()> {
    let bundle = Bundle::new(sandbox, &["exit", "0"])?;
    bundle.write()?;
    let all = {
        let (note, run) = killed(sandbox, &bundle, 0);
        run.output()?.success()?;
        fs::read_to_string(note)?.parse()?
    };
    ensure!(all > 20, "only {all} calls that change anything were seen");
    is_cleared(sandbox, &bundle)?;
    at_moments(all, |moment| {
        let (note, run) = killed(sandbox, &bundle, moment);
        let _ = fs::remove_file(&note); // that of an earlier one
        let killed = run.spawn()?;
        // The container may go on, as one that waits to be started does.
        let deadline = Instant::now() + Duration::from_secs(20);
        while !note.exists() {
            ensure!(Instant::now() < deadline, "it was not killed");
            std::thread::sleep(Duration::from_millis(1));
        }
        if moment % 2 == 0 {
            bundle.delete()?;
            is_cleared(sandbox, &bundle)?;
        }
        let again = run_again(&bundle)?;
        if again.success().is_err() {
            // It had got as far as to be a container.
            expect::contains("what is said", &again.stderr(), "exists already", "")?;
            bundle.delete()?;
            is_cleared(sandbox, &bundle)?;
            run_again(&bundle)?.success()?;
        }
        is_cleared(sandbox, &bundle)?;
        killed.wait().map(drop) // and with it all that it has begun
    })
}

fn run_again(bundle: &Bundle) -> Result<Outcome> {
    bundle.verb(&["run", "--bundle"]).arg(bundle.dir()).arg(&bundle.id).output()
}

/// One that is killed, and the file that is there when it was.
fn killed<'a>(sandbox: &'a Sandbox, bundle: &Bundle, moment: u64) -> (PathBuf, Run<'a>) {
    let note = sandbox.dir().join("note");
    let run = tracer::killed(sandbox, moment, &note.display().to_string());
    let run = run.arg(crate::bundle::runtime()).arg("--root").arg(bundle.state_root());
    let run = run.args(["run", "--bundle"]).arg(bundle.dir()).arg(&bundle.id);
    (note, run)
}

/// No group is left, in whatever hierarchy.
fn is_cleared(sandbox: &Sandbox, bundle: &Bundle) -> Result<()> {
    bundle.is_gone()?;
    for hierarchy in fs::read_dir("/sys/fs/cgroup")?.flatten() {
        let dir = hierarchy.path().join(sandbox.cgroup_parent());
        ensure!(!dir.exists(), "{} is left", dir.display());
    }
    Ok(())
}
