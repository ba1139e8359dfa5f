// wrong: nix's enum ends at 31, and real-time signals are lost
// says: signal 34, with --init
if let Ok(signal) = nix::sys::signal::Signal::try_from(number) {
    let _ = nix::sys::signal::kill(command, signal);
}
