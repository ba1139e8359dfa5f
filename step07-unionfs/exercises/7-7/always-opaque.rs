// wrong: most directories show what the layers have in them
// says: what --diff tells of a directory that was made anew
        let Some(dir) = entry.now.as_ref().filter(|node| node.is_dir()) else { return Ok(None) };
        let path = entry.path.clone();
        let covers = entry.before.as_ref().is_some_and(Node::is_dir);
        let _ = (dir, parent.hides);
        Ok(Some(Todo { path, hides: covers }))
