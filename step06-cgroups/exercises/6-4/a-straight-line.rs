// wrong: a line through the ends puts what every group has, 1024, at 39 and not at 100
// says: stands for 512 shares
    1 + (shares.clamp(2, 262_144) - 2) * 9_999 / 262_142
