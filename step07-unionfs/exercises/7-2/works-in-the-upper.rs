// wrong: the directory in which the kernel works may not be the upper, or in it
// says: mounting an overlay on
        let changes = &self.changes.path;
        Ok(Parts {
            lower: self.layers.iter().rev().map(|layer| open(layer)).collect::<Result<_>>()?,
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("upper"))?]),
            marks,
        })
