// wrong: a comma ends an option as a colon ends a layer
// says: does not mount the same layers
    let mut escaped = Vec::new();
    for byte in path.as_bytes() {
        if *byte == b':' {
            escaped.push(b'\\');
        }
        escaped.push(*byte);
    }
    escaped
