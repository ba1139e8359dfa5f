// wrong: the other runtimes round up, so that 2 shares are 1 and not 0
// says: stands for 2 shares
    let log = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    10f64.powf(exponent) as u64
