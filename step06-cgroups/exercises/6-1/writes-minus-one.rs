// wrong: the kernel spells "no limit" as max; -1 is how the flag does
// says: pids.max: Invalid argument
        let setting = |value: &dyn Display| Setting::new("--pids-limit", "pids.max", value);
        Ok(match self.limit {
            Some(PidsLimit::AtMost(limit)) => vec![setting(&limit)],
            Some(PidsLimit::Unlimited) => vec![setting(&-1)],
            None => Vec::new(),
        })
