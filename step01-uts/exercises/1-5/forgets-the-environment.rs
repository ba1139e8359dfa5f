// wrong: the command begins with no environment
// says: the environment is not as it should be
explain.say(format_args!("exec {}", self.shown));
if let Err(failure) = close_doors(self.preserve_fds).and_then(|()| seal()) {
    return failure;
}
let none: [CString; 0] = [];
let Err(errno) = execve(&self.path, &self.args, &none);
refusal(&self.program, errno)
