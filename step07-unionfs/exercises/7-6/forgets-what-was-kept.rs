// wrong: the container before may have given its root another mode
// says: the next container goes on
        for name in ["upper", "work"] {
            let path = self.path.join(name);
            let _ = explain.act(
                sh(["mkdir".as_ref(), "-p".as_ref(), path.as_os_str()]),
                format_args!("making {}", path.display()),
                || newly(mkdirat(&tree, name, Mode::from_bits_truncate(0o755)).map_err(Into::into)),
            )?;
            if name == "upper" && tree.copy_attributes(top, Path::new(name)).is_err() {
                fs::set_permissions(path, Permissions::from_mode(top.permissions().bits()))?;
            }
        }
        Ok(tree)
