// wrong: the runtime's user namespace maps nothing, and the kernel refuses it
// says: mapping the ids of
let user_namespace = File::open("/proc/self/ns/user")?;
let mount_namespace = File::open(format!("/proc/{child}/ns/mnt"))?;
let tree = mount_api::copy(open_place(dir)?, true).context("copying the mount")?;
mount_api::map_ids(&tree, user_namespace, true).map_err(no_maps)?;
put(&tree, dir, &mount_namespace)
