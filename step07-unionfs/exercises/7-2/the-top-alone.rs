// wrong: the layers below are left out
// says: what is seen of names that several of the layers 1, 2 and 3 have
        let changes = &self.changes.path;
        let top = self.layers.last().context("there is no layer")?;
        Ok(Parts {
            lower: vec![open(top)?],
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("work"))?]),
            marks,
        })
