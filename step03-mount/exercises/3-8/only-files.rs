// wrong: directories are passed over
// says: where a cover should be
for path in paths {
    let Some(place) = find(root, path)? else { continue };
    if kind(&fstat(&place)?) == SFlag::S_IFDIR {
        continue;
    }
    let shown = root.shown(path);
    let doing = format!("hiding {}", path.display());
    explain.act(root.shell_mount(&["--bind", "/dev/null", &shown]), doing, || {
        mount_api::attach(cover.file()?, place).map_err(anyhow::Error::from)
    })?;
}
Ok(())
