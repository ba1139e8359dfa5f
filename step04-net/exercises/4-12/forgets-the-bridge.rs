// wrong: the last container's cable is gone, and the switch stays
// says: interface layers0
let _ = rtnetlink;
if if_nametoindex(BRIDGE).is_ok() {
    forward(explain, shared, false)?;
}
match nft::run(explain, &[Command::DeleteTable]) {
    Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) | Ok(()) => Ok(()),
    Err(errno) => Err(errno).context("deleting the nft table"),
}
