// wrong: a line has three numbers, though there be but one id
// says: to /proc/
write!(f, "{} {}", self.container, self.host)
