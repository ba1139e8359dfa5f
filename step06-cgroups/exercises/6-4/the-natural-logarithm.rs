// wrong: the parabola is through the logarithms to the base 2
// says: stands for 512 shares
    let log = (shares.clamp(2, 262_144) as f64).ln();
    let exponent = (log * log + 125.0 * log) / 612.0 - 7.0 / 34.0;
    10f64.powf(exponent).ceil() as u64
