// wrong: the upper becomes the container's root, and that should be as the topmost layer's
// says: the mode of the container's root directory
        let _ = top;
        for name in ["upper", "work"] {
            let path = self.path.join(name);
            explain.act(
                sh(["mkdir".as_ref(), "-p".as_ref(), path.as_os_str()]),
                format_args!("making {}", path.display()),
                || newly(mkdirat(&tree, name, Mode::from_bits_truncate(0o755)).map_err(Into::into)),
            )?;
        }
        Ok(tree)
