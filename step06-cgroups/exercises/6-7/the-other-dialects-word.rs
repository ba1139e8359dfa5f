// wrong: each dialect has a word of its own for "no limit"
// says: Invalid argument (os error 22)
        let Bandwidth { quota, period } = self.bandwidth(now)?;
        let quota = |none: &str| quota.map_or(none.to_string(), |quota| quota.to_string());
        if files.version == Version::V2 {
            let value = format!("{} {period}", quota("-1"));
            return Ok(vec![Setting::new(flag, "cpu.max", value)]);
        }
        let quota = Setting::new(flag, "cpu.cfs_quota_us", quota("max"));
        let new_period = Setting::new(flag, "cpu.cfs_period_us", period);
        Ok(if period < now.period { vec![quota, new_period] } else { vec![new_period, quota] })
