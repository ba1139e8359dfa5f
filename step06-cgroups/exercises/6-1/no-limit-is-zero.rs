// wrong: a limit of 0 is the strictest of all, and no limit is max
// says: the same under --pids-limit -1, which is no limit
        let setting = |value: &dyn Display| Setting::new("--pids-limit", "pids.max", value);
        Ok(match self.limit {
            Some(PidsLimit::AtMost(limit)) => vec![setting(&limit)],
            Some(PidsLimit::Unlimited) => vec![setting(&0)],
            None => Vec::new(),
        })
