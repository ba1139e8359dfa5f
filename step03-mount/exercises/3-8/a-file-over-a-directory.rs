// wrong: /dev/null covers files; on a directory it cannot be mounted
// says: EINVAL
for path in paths {
    let Some(place) = find(root, path)? else { continue };
    let shown = root.shown(path);
    let doing = format!("hiding {}", path.display());
    explain.act(root.shell_mount(&["--bind", "/dev/null", &shown]), doing, || {
        mount_api::attach(cover.file()?, place).map_err(anyhow::Error::from)
    })?;
}
Ok(())
