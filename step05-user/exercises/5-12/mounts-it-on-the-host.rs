// wrong: the container's mount namespace is a copy that was made before, and does not hear of this
// says: the container's root has no right to its own rootfs
let user_namespace = File::open(format!("/proc/{child}/ns/user"))?;
let mount_namespace = File::open("/proc/self/ns/mnt")?;
let tree = mount_api::copy(open_place(dir)?, true).context("copying the mount")?;
mount_api::map_ids(&tree, user_namespace, true).map_err(no_maps)?;
put(&tree, dir, &mount_namespace)
