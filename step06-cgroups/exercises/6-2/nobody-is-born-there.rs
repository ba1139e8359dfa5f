// wrong: without a group to be born in the container has to move
// says: was not born in its group of cgroup v2
        None
