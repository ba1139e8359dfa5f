// wrong: where changes are kept the directories are there already
// says: EEXIST
        for name in ["upper", "work"] {
            let path = self.path.join(name);
            explain.act(
                sh(["mkdir".as_ref(), "-p".as_ref(), path.as_os_str()]),
                format_args!("making {}", path.display()),
                || mkdirat(&tree, name, Mode::from_bits_truncate(0o755)),
            )?;
            if name == "upper" && tree.copy_attributes(top, Path::new(name)).is_err() {
                fs::set_permissions(path, Permissions::from_mode(top.permissions().bits()))?;
            }
        }
        Ok(tree)
