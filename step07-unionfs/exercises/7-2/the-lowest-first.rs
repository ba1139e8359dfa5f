// wrong: the kernel wants the topmost first
// says: what is seen of names that several of the layers 1, 2 and 3 have
        let changes = &self.changes.path;
        Ok(Parts {
            lower: self.layers.iter().map(|layer| open(layer)).collect::<Result<_>>()?,
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("work"))?]),
            marks,
        })
