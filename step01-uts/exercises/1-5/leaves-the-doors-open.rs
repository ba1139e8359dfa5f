// wrong: the command inherits what the caller had open, such as a directory of the host
// says: the open descriptors is not as it should be
explain.say(format_args!("exec {}", self.shown));
if let Err(failure) = seal() {
    return failure;
}
let Err(errno) = execve(&self.path, &self.args, &self.env);
refusal(&self.program, errno)
