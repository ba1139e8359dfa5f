//! Running the test programs on this kernel, and the examples in the documentation.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Command, Stdio},
    time::{Duration, Instant},
};

use anyhow::{Context, Result};
use conformance::cargo;

use crate::{
    programs::Programs,
    results::{self, Verdict},
    table::Table,
};

/// Runs each program to its end, and then cargo's own run of the documentation's examples.
pub fn run(programs: &Programs, table: &mut Table) -> Result<()> {
    let kernel = kernel();
    println!("\n{kernel}");
    for program in &programs.tests {
        let mut command = Command::new(&program.path);
        command.args(&programs.filter).current_dir(&program.folder);
        if programs.all {
            command.env_remove("CARGO"); // all that a test may want built is built
        }
        add(&kernel, &program.name, command, table)?;
    }
    if !programs.all || programs.filter.is_some() {
        return Ok(());
    }
    let mut command = cargo();
    command.args(["test", "--workspace", "--doc"]);
    add(&kernel, "documentation", command, table)
}

/// What this kernel is called in the table.
fn kernel() -> String {
    let release = std::fs::read_to_string("/proc/sys/kernel/osrelease").unwrap_or_default();
    format!("host {}", release.trim())
}

/// Runs one program, whose verdicts go into the column `kernel`.
pub fn add(kernel: &str, program: &str, mut command: Command, table: &mut Table) -> Result<()> {
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("running {program}"))?;
    let errors = child.stderr.take().map(|mut stderr| {
        std::thread::spawn(move || {
            let mut text = Vec::new();
            let _ = std::io::copy(&mut stderr, &mut text);
            String::from_utf8_lossy(&text).into_owned()
        })
    });
    let mut output = String::new();
    let mut count = 0;
    for line in child.stdout.take().map(BufReader::new).into_iter().flat_map(BufRead::lines) {
        let line = line.context("reading what it says")?;
        count += usize::from(results::line(&line).is_some());
        progress(program, count);
        output.push_str(&line);
        output.push('\n');
    }
    let status = child.wait().with_context(|| format!("waiting for {program}"))?;
    let mut verdicts = results::all(&output);
    let failed = verdicts.iter().any(|(_, verdict)| matches!(verdict, Verdict::Failed(_)));
    if !status.success() && !failed {
        let errors = errors.and_then(|thread| thread.join().ok()).unwrap_or_default();
        verdicts.push(("(the program)".into(), Verdict::Failed(format!("{status}\n{errors}"))));
    }
    finish(program, &verdicts, start.elapsed());
    table.add(kernel, program, verdicts);
    Ok(())
}

/// Where there is a terminal: how many tests have run so far.
pub fn progress(program: &str, count: usize) {
    if std::io::IsTerminal::is_terminal(&std::io::stdout()) {
        print!("\r  {program:<28} {count:>4}");
        let _ = std::io::stdout().flush();
    }
}

/// One line a program that has tests.
pub fn finish(program: &str, verdicts: &[(String, Verdict)], time: Duration) {
    if verdicts.is_empty() {
        return;
    }
    let count = |is: fn(&Verdict) -> bool| verdicts.iter().filter(|(_, one)| is(one)).count();
    let passed = count(|verdict| matches!(verdict, Verdict::Passed));
    let failed = count(|verdict| matches!(verdict, Verdict::Failed(_)));
    let not_run = count(|verdict| matches!(verdict, Verdict::NotRun(_)));
    println!(
        "\r  {program:<28} {passed:>4} passed, {failed} failed, {not_run} not run  {:.1} s",
        time.as_secs_f64()
    );
    for (name, verdict) in verdicts {
        if let Verdict::Failed(found) = verdict {
            println!("    {name} FAILED\n{}", indent(found));
        }
    }
}

/// The beginning of it: all of it is in the report.
fn indent(text: &str) -> String {
    const LINES: usize = 30;
    const COLUMNS: usize = 400;
    let line = |line: &str| format!("      {}\n", line.chars().take(COLUMNS).collect::<String>());
    text.lines().take(LINES).map(line).collect()
}
