// wrong: v1 counts RAM and swap together where v2 counts the swap alone
// says: --memory-swap 30m
        let (ram, swap, any) = match files.version {
            Version::V1 => (LIMIT_OF_V1, BOTH_OF_V1, "-1"),
            Version::V2 => ("memory.max", SWAP_OF_V2, "max"),
        };
        let total = match self.swap {
            Some(SwapLimit::Unlimited) => Some(any.to_string()),
            Some(SwapLimit::AtMost(total)) if files.version == Version::V2 => {
                Some(total.to_string())
            }
            _ => limit.map(|limit| limit.to_string()),
        };
        let total = total.filter(|_| counted(swap));
        let high = self.high.map(MemoryLimit::bytes);
        let settings = [
            limit.map(|limit| Setting::new("--memory", ram, limit)),
            high.map(|high| Setting::new("--memory-high", "memory.high", high)),
            total.map(|total| Setting::new(self.swap_flag(), swap, total)),
        ];
        Ok(settings.into_iter().flatten().collect())
