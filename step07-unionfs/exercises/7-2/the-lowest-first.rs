// wrong: the kernel wants the topmost first
// says: three layers, of which 3 is on top
        let changes = &self.changes.path;
        Ok(Parts {
            lower: self.layers.iter().map(|layer| open(layer)).collect::<Result<_>>()?,
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("work"))?]),
            marks,
        })
