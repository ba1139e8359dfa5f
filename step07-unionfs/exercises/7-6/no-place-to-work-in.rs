// wrong: the kernel makes a copy in work before it gives it its name
// says: work: ENOENT
        for name in ["upper"] {
            let path = self.path.join(name);
            let made = explain.act(
                sh(["mkdir".as_ref(), "-p".as_ref(), path.as_os_str()]),
                format_args!("making {}", path.display()),
                || newly(mkdirat(&tree, name, Mode::from_bits_truncate(0o755)).map_err(Into::into)),
            )?;
            if made && name == "upper" && tree.copy_attributes(top, Path::new(name)).is_err() {
                fs::set_permissions(path, Permissions::from_mode(top.permissions().bits()))?;
            }
        }
        Ok(tree)
