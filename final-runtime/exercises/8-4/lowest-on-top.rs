// wrong: the chain begins with the topmost, the list with the lowest: it was not turned around
// says: the lower one is seen
        let (own, below) = match access {
            Access::Read => (None, chain),
            Access::Write => (chain.first().map(|key| self.place(key)), &chain[1..]),
        };
        let layers = below.iter().map(|key| self.upper(key));
        Ok(Root::Overlay {
            lower: [self.0.join(".empty")].into_iter().chain(layers).collect(),
            changes: own,
        })
