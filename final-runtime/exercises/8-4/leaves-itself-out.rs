// wrong: to read it, nothing is written; but its own layer has to be among the lower ones then
// says: is not seen when it is read
        let (own, below) = match access {
            Access::Read => (None, &chain[1..]),
            Access::Write => (chain.first().map(|key| self.place(key)), &chain[1..]),
        };
        let layers = below.iter().rev().map(|key| self.upper(key));
        Ok(Root::Overlay {
            lower: [self.0.join(".empty")].into_iter().chain(layers).collect(),
            changes: own,
        })
