// wrong: it is the child's namespace that is to go without; the runtime's own is not its to change
// says: writing /proc/self/setgroups: 
let _ = child;
let file = "/proc/self/setgroups";
explain.act(format!("echo deny > {file}"), format_args!("writing {file}"), || {
    fs::write(file, "deny")
})
