// wrong: what is in an opaque directory hides too: it has nothing of the layers
// says: what --diff tells of a directory that was made anew
        let Some(dir) = entry.now.as_ref().filter(|node| node.is_dir()) else { return Ok(None) };
        let path = entry.path.clone();
        let opaque = self.marks.is_opaque(dir).with_context(|| self.reading_marks(&path))?;
        let covers = entry.before.as_ref().is_some_and(Node::is_dir);
        let _ = parent.hides;
        Ok(Some(Todo { path, hides: covers && opaque }))
