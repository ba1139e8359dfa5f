// wrong: where a layer has a file of that name there is no directory to be read
// says: Not a directory
        let Some(dir) = entry.now.as_ref().filter(|node| node.is_dir()) else { return Ok(None) };
        let path = entry.path.clone();
        let opaque = self.marks.is_opaque(dir).with_context(|| self.reading_marks(&path))?;
        Ok(Some(Todo { path, hides: opaque || parent.hides }))
