// wrong: a copy of the mount shows the same owners as the mount
// says: the container's root has no right to its own rootfs
let mount_namespace = File::open(format!("/proc/{child}/ns/mnt"))?;
let tree = mount_api::copy(open_place(dir)?, true).context("copying the mount")?;
put(&tree, dir, &mount_namespace)
