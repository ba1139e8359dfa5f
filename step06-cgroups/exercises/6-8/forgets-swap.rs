// wrong: what does not fit into RAM goes to the swap, and the limit does not hold
// says: of a container with --memory 20m
        let file = match files.version {
            Version::V1 => LIMIT_OF_V1,
            Version::V2 => "memory.max",
        };
        let high = self.high.map(MemoryLimit::bytes);
        let high = high.map(|high| Setting::new("--memory-high", "memory.high", high));
        let ram = limit.map(|limit| Setting::new("--memory", file, limit));
        let _ = counted(file);
        Ok([high, ram].into_iter().flatten().collect())
