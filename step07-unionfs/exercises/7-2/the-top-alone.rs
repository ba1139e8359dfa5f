// wrong: the layers below are left out
// says: three layers, of which 3 is on top
        let changes = &self.changes.path;
        let top = self.layers.last().context("there is no layer")?;
        Ok(Parts {
            lower: vec![open(top)?],
            upper: Some([open(&changes.join("upper"))?, open(&changes.join("work"))?]),
            marks,
        })
