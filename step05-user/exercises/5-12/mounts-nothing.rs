// wrong: a mount that is attached nowhere is gone with its last descriptor
// says: the container's root has no right to its own rootfs
let user_namespace = File::open(format!("/proc/{child}/ns/user"))?;
let tree = mount_api::copy(open_place(dir)?, true).context("copying the mount")?;
mount_api::map_ids(&tree, user_namespace, true).map_err(no_maps)
