// wrong: 1024 is 100, but the most of v1 would be more than v2 has
// says: stands for 512 shares
    (shares * 100 / 1024).clamp(1, 10_000)
