// wrong: the kernel writes the changes to work then, which is thrown away
// says: in the directory DIR/upper of --upper DIR
        let changes = &self.changes.path;
        Ok(Parts {
            lower: self.layers.iter().rev().map(|layer| open(layer)).collect::<Result<_>>()?,
            upper: Some([open(&changes.join("work"))?, open(&changes.join("upper"))?]),
            marks,
        })
