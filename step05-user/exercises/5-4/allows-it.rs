// wrong: "allow" is what the file says from the beginning
// says: gid_map: EPERM
let file = format!("/proc/{child}/setgroups");
let shell = format!("echo allow > {file}");
explain.act(shell, format_args!("writing {file}"), || fs::write(&file, "allow"))
