// wrong: execve(2) takes them from the command of another user, but process 1 of --init executes nothing
// says: the status of init of user 1000
let _ = root;
Self { effective: caps, permitted: caps, inheritable: ambient, bounding: caps, ambient }
