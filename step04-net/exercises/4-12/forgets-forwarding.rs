// wrong: the host hands packets on for everybody, long after the last container
// says: forwarding when all are gone is not as it should be
let _ = shared;
match nft::run(explain, &[Command::DeleteTable]) {
    Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) | Ok(()) => {}
    Err(errno) => return Err(errno).context("deleting the nft table"),
}
if if_nametoindex(BRIDGE).is_ok() { delete_link(explain, rtnetlink, BRIDGE) } else { Ok(()) }
