// wrong: the kernel reads the number inside first, then the one outside
// says: becoming group 0: EINVAL
write!(f, "{} {} {}", self.host, self.container, self.count)
