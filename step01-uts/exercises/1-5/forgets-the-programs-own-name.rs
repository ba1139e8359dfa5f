// wrong: the first argument of a program is its own name, and is left out here
// says: what echo got as its arguments is not as it should be
explain.say(format_args!("exec {}", self.shown));
if let Err(failure) = close_doors(self.preserve_fds).and_then(|()| seal()) {
    return failure;
}
let Err(errno) = execve(&self.path, &self.args[1..], &self.env);
refusal(&self.program, errno)
