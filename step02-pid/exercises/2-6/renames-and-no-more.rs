// wrong: prctl changes the thread's name, and the command line stays as the kernel put it there
// says: its command line is not as it should be
let _ = given_at_exec()?;
set_name(NAME).context("taking init's name")?;
if privileged {
    set_dumpable(false).context("closing init's memory to the container")?;
}
Ok(())
