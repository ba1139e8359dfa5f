// wrong: the third number says how many, not where it ends
// says: the uid map is not as it should be
write!(f, "{} {} {}", self.container, self.host, self.host + (self.count - 1))
