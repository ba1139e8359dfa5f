// wrong: the parent is there, but not what it stands on
// says: does not run
        let (own, below) = match access {
            Access::Read => (None, chain),
            Access::Write => (chain.first().map(|key| self.place(key)), &chain[1..]),
        };
        let layers = below.iter().take(1).map(|key| self.upper(key));
        Ok(Root::Overlay {
            lower: [self.0.join(".empty")].into_iter().chain(layers).collect(),
            changes: own,
        })
