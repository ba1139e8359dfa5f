// wrong: a new group may have any amount of RAM, and both together may not be less; and
// v2 knows no -1
// says: Invalid argument (os error 22)
        let settings = match files.version {
            Version::V1 => {
                let (now, both_now) = (bounded(files, LIMIT_OF_V1)?, bounded(files, BOTH_OF_V1)?);
                let both = self.both(now, both_now)?.filter(|_| counted(BOTH_OF_V1));
                let both = both.map(|both| Setting::new(self.swap_flag(), BOTH_OF_V1, both));
                let ram = limit.map(|limit| Setting::new("--memory", LIMIT_OF_V1, limit));
                vec![both, ram]
            }
            Version::V2 => {
                let swap = self.swap(bounded(files, "memory.max")?)?;
                let swap = swap.filter(|_| counted(SWAP_OF_V2)).map(|swap| match swap {
                    Swap::Any => Setting::new(self.swap_flag(), SWAP_OF_V2, -1),
                    Swap::AtMost(bytes) => Setting::new(self.swap_flag(), SWAP_OF_V2, bytes),
                });
                let high = self.high.map(MemoryLimit::bytes);
                let high = high.map(|high| Setting::new("--memory-high", "memory.high", high));
                vec![swap, high, limit.map(|limit| Setting::new("--memory", "memory.max", limit))]
            }
        };
        Ok(settings.into_iter().flatten().collect())
