// wrong: somebody has deleted the bridge, and the table that was made with it stays for ever
// says: making the nft table: EEXIST
if if_nametoindex(BRIDGE).is_err() {
    return Ok(());
}
forward(explain, shared, false)?;
match nft::run(explain, &[Command::DeleteTable]) {
    Err(Errno::ENOENT | Errno::EOPNOTSUPP | Errno::EPROTONOSUPPORT) | Ok(()) => {}
    Err(errno) => return Err(errno).context("deleting the nft table"),
}
delete_link(explain, rtnetlink, BRIDGE)
