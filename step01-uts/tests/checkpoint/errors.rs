//! What cannot be, and how that is told.

use std::os::unix::{ffi::OsStrExt, fs::PermissionsExt};

use anyhow::{Context, Result};
use conformance::{Sandbox, checkpoint::Test, expect, unprivileged};

use super::scene::{EXEC, UTS, step01};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        what_cannot_be_executed_is_told_in_one_line,
        exit_codes_tell_what_is_missing_from_what_cannot_be_executed,
        bad_flags_are_told_in_one_line,
        any_other_refusal_is_told_by_its_name,
        the_longest_name_is_taken,
        errors_keep_their_code_where_nobody_reads_them,
        without_the_right_to_make_namespaces_the_line_says_what_it_takes: [Sandbox],
        a_limit_on_namespaces_is_named,
    }
}

/// The one line, without the paths that differ from run to run.
fn error_line(sandbox: &Sandbox, code: i32, words: &[&str]) -> Result<String> {
    let line = step01(sandbox).args(words).output()?.error_line(code)?;
    Ok(line.replace(&sandbox.dir().display().to_string(), "DIR"))
}

fn what_cannot_be_executed_is_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let name = |name: &str| sandbox.dir().join(name).display().to_string();
    let script = |file: &str, text: &str, mode: u32| -> Result<String> {
        std::fs::write(name(file), text)?;
        std::fs::set_permissions(name(file), PermissionsExt::from_mode(mode))?;
        Ok(name(file))
    };
    let plain = script("plain", "", 0o644)?;
    let empty = script("empty", "", 0o755)?;
    let lost = script("lost", "#!/no/such/interpreter\n", 0o755)?;
    let lines = [
        error_line(sandbox, 127, &["--", "no-such-command"])?,
        error_line(sandbox, 127, &["--", "/no/such/file"])?,
        error_line(sandbox, 127, &["--", ""])?,
        error_line(sandbox, 127, &["--", &lost])?,
        error_line(sandbox, 126, &["--", &name("")])?,
        error_line(sandbox, 126, &["--", &plain])?,
        error_line(sandbox, 126, &["--", &empty])?,
        error_line(sandbox, 126, &["--", "/etc/passwd/below"])?,
    ];
    insta::assert_snapshot!("exec", lines.join("\n"));
    Ok(())
}

fn exit_codes_tell_what_is_missing_from_what_cannot_be_executed(sandbox: &Sandbox) -> Result<()> {
    let file = sandbox.dir().join("no-program");
    std::fs::write(&file, "")?;
    for (program, code, why) in [
        ("/no/such/file", 127, "there is no such file, as a shell says by 127"),
        ("no-program", 126, "the file may not be executed, which is no 127: it is there"),
        ("/etc", 126, "a directory is there, and is no program"),
    ] {
        let program = sandbox.dir().join(program);
        let outcome = step01(sandbox).arg("--").arg(program).output()?;
        outcome.code(code).context(why)?;
    }
    Ok(())
}

fn bad_flags_are_told_in_one_line(sandbox: &Sandbox) -> Result<()> {
    let long = "x".repeat(65);
    let lines = [
        error_line(sandbox, 125, &["--no-such-flag"])?,
        error_line(sandbox, 125, &["--hostname"])?,
        error_line(sandbox, 125, &["--hostname", &long, "--", "true"])?,
        error_line(sandbox, 125, &["--domainname", &long, "--", "true"])?,
        error_line(sandbox, 125, &["--hostname", "a", "--hostname", "b"])?,
        step01(sandbox)
            .arg("--hostname")
            .arg(std::ffi::OsStr::from_bytes(b"\xff"))
            .output()?
            .error_line(125)?,
    ];
    insta::assert_snapshot!("flags", lines.join("\n"));
    Ok(())
}

fn any_other_refusal_is_told_by_its_name(sandbox: &Sandbox) -> Result<()> {
    let line = error_line(sandbox, 126, &["--", &format!("/{}", "x".repeat(300))])?;
    expect::contains("the line", &line, "cannot be executed: ENAMETOOLONG", EXEC)
}

fn the_longest_name_is_taken(sandbox: &Sandbox) -> Result<()> {
    let name = "x".repeat(64);
    let inside = step01(sandbox).args(["--hostname", &name]).report()?;
    expect::equal("the host name inside", &inside["hostname"], name.as_str(), UTS)
}

fn errors_keep_their_code_where_nobody_reads_them(sandbox: &Sandbox) -> Result<()> {
    let script = r#"
        "$0" -- no-such-command 2>/dev/full; echo $?
        "$0" -- no-such-command 2>&-; echo $?
        "$0" --explain -- sh -c 'exit 7' 2>/dev/full; echo $?
        "$0" --help >/dev/full; echo $?
    "#;
    let run = sandbox.run("/bin/sh").args(["-c", script, env!("CARGO_BIN_EXE_step01")]);
    run.output()?.assert().stdout("127\n127\n7\n0\n").stderr("");
    Ok(())
}

fn without_the_right_to_make_namespaces_the_line_says_what_it_takes() -> Result<()> {
    unprivileged(|sandbox| {
        let line = step01(sandbox).probe(["exit", "0"]).output()?.error_line(125)?;
        insta::assert_snapshot!(line, @"step01: namespaces: creating uts, ipc: EPERM: Operation not permitted (this takes CAP_SYS_ADMIN: be root, be it in a user namespace as by `unshare --map-root-user`)");
        Ok(())
    })
}

fn a_limit_on_namespaces_is_named(sandbox: &Sandbox) -> Result<()> {
    let limit = "/proc/sys/user/max_ipc_namespaces";
    let words = ["in-user-namespace", "seq", "write", limit, "0", "--", "exec"];
    let run = sandbox.probe(words).arg(env!("CARGO_BIN_EXE_step01")).args(["--", "true"]);
    let line = run.output()?.error_line(125)?;
    insta::assert_snapshot!(line, @"step01: namespaces: creating uts, ipc: ENOSPC: No space left on device (forbidden by /proc/sys/user/max_ipc_namespaces = 0)");
    Ok(())
}
