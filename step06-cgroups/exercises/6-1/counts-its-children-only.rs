// wrong: the limit counts everybody in the group, the first process too
// says: how often one of 50 forks was let through under --pids-limit 10
        let setting = |value: &dyn Display| Setting::new("--pids-limit", "pids.max", value);
        Ok(match self.limit {
            Some(PidsLimit::AtMost(limit)) => vec![setting(&(limit + 1))],
            Some(PidsLimit::Unlimited) if files.number("pids.max")?.is_some() => {
                vec![setting(&"max")]
            }
            Some(PidsLimit::Unlimited) | None => Vec::new(),
        })
