// wrong: no kernel has all of these files, and none has to
// says: ENOENT
for path in paths {
    let place = root.open(path).with_context(|| format!("opening {}", path.display()))?;
    let directory = kind(&fstat(&place)?) == SFlag::S_IFDIR;
    let shown = root.shown(path);
    let doing = format!("hiding {}", path.display());
    explain.act(root.shell_mount(&["--bind", "/dev/null", &shown]), doing, || {
        let cover = if directory { cover.directory()? } else { cover.file()? };
        mount_api::attach(cover, place).map_err(anyhow::Error::from)
    })?;
}
Ok(())
