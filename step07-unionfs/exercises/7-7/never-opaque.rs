// wrong: a whiteout is not the only mark: a directory may hide all of what is below
// says: what --diff tells of a directory that was made anew
        let Some(dir) = entry.now.as_ref().filter(|node| node.is_dir()) else { return Ok(None) };
        let path = entry.path.clone();
        Ok(Some(Todo { path, hides: parent.hides }))
