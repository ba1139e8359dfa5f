// wrong: octal is how the kernel writes paths, and not how it reads these options
// says: does not mount the same layers
    let mut escaped = Vec::new();
    for byte in path.as_bytes() {
        match b"\\:,".contains(byte) {
            true => escaped.extend(format!("\\{byte:03o}").into_bytes()),
            false => escaped.push(*byte),
        }
    }
    escaped
