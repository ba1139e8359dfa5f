// wrong: in cpu.max the quota comes first, and in v1 each number has its file
// says: of a container with ["--cpus", "0.5"]
        let Bandwidth { quota, period } = self.bandwidth(now)?;
        let quota = |none: &str| quota.map_or(none.to_string(), |quota| quota.to_string());
        if files.version == Version::V2 {
            let value = format!("{period} {}", quota("max"));
            return Ok(vec![Setting::new(flag, "cpu.max", value)]);
        }
        Ok(vec![
            Setting::new(flag, "cpu.cfs_quota_us", period),
            Setting::new(flag, "cpu.cfs_period_us", quota("-1")),
        ])
