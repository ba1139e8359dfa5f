// wrong: the other runtimes round up, and a container should get the same from all
// says: stands for 512 shares
    let log = (shares.clamp(2, 262_144) as f64).log2();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    10f64.powf(exponent) as u64
