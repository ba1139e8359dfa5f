// wrong: ps shows the name of the thread, which is another thing than the command line
// says: its name is not as it should be
let [args, env] = given_at_exec()?;
// SAFETY: these bytes are the ones that the kernel put on the stack for `main`.
unsafe {
    std::ptr::write_bytes(env.start as *mut u8, 0, env.len());
    std::ptr::write_bytes(args.start as *mut u8, 0, args.len());
    let name = NAME.to_bytes();
    let length = name.len().min(args.len().saturating_sub(1));
    std::ptr::copy_nonoverlapping(name.as_ptr(), args.start as *mut u8, length);
}
if privileged {
    set_dumpable(false).context("closing init's memory to the container")?;
}
Ok(())
