// wrong: rules belong to no process and to no link: they stay until somebody deletes them
// says: the rules when all are gone is not as it should be
let bridge = if_nametoindex(BRIDGE).is_ok();
if bridge {
    forward(explain, shared, false)?;
}
if bridge { delete_link(explain, rtnetlink, BRIDGE) } else { Ok(()) }
