// wrong: a new group has no limit, and gets none if it is set only where one was
// says: how often one of 50 forks was let through under --pids-limit 10
        let setting = |value: &dyn Display| Setting::new("--pids-limit", "pids.max", value);
        Ok(match (self.limit, files.number("pids.max")?) {
            (Some(PidsLimit::AtMost(limit)), Some(_)) => vec![setting(&limit)],
            (Some(PidsLimit::Unlimited), Some(_)) => vec![setting(&"max")],
            _ => Vec::new(),
        })
