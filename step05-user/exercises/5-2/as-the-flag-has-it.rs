// wrong: --userns has colons; the file has spaces
// says: to /proc/
write!(f, "{}:{}:{}", self.container, self.host, self.count)
