// wrong: a quota is a part of the period, and this one stays at 100000
// says: --cpu-period
        let Bandwidth { quota, period } = self.bandwidth(now)?;
        let quota = |none: &str| quota.map_or(none.to_string(), |quota| quota.to_string());
        let _ = period;
        Ok(vec![match files.version {
            Version::V1 => Setting::new(flag, "cpu.cfs_quota_us", quota("-1")),
            Version::V2 => Setting::new(flag, "cpu.max", quota("max")),
        }])
