// wrong: a backslash that is in a name would be taken for one that escapes
// says: does not mount the same layers
    let mut escaped = Vec::new();
    for byte in path.as_bytes() {
        if b":,".contains(byte) {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
