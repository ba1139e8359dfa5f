// wrong: the command line is taken back, the caller's variables stay for all to read
// says: its environment is not as it should be
let [args, _] = given_at_exec()?;
set_name(NAME).context("taking init's name")?;
// SAFETY: these bytes are the ones that the kernel put on the stack for `main`.
unsafe {
    std::ptr::write_bytes(args.start as *mut u8, 0, args.len());
    let name = NAME.to_bytes();
    let length = name.len().min(args.len().saturating_sub(1));
    std::ptr::copy_nonoverlapping(name.as_ptr(), args.start as *mut u8, length);
}
if privileged {
    set_dumpable(false).context("closing init's memory to the container")?;
}
Ok(())
