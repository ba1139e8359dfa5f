//! What it says of itself.

use anyhow::Result;
use conformance::{Rootfs, Sandbox, checkpoint::Test, expect, unprivileged};

use super::scene::{no_id_mapped_mounts, step05, told};

pub fn tests() -> Vec<Test> {
    conformance::tests! {
        explain_tells_what_an_ordinary_user_could_do: [UserNamespaces],
        explain_tells_what_root_could_do: [Root, Other(no_id_mapped_mounts)],
        help_reads_well,
    }
}

fn explain_tells_what_an_ordinary_user_could_do() -> Result<()> {
    unprivileged(|sandbox| {
        let run = step05(sandbox).args(["--explain", "--userns", "single", "--cap-drop", "ALL"]);
        let outcome = run.probe(["exit", "0"]).output()?;
        insta::assert_snapshot!(told(&outcome, "user"), @r"
        host       user          printf '%s\n' '0 1000 1' > /proc/PID/uid_map
        host       user          echo deny > /proc/PID/setgroups
        host       user          printf '%s\n' '0 1000 1' > /proc/PID/gid_map
        container  user          exec setpriv --regid=0 --keep-groups --reuid=0 sh
        ");
        insta::assert_snapshot!(told(&outcome, "capabilities"), @r"container  capabilities  exec setpriv --bounding-set=-all --inh-caps=-all --ambient-caps=-all --regid=0 --reuid=0 --keep-groups --no-new-privs sh");
        let namespaces = told(&outcome, "namespaces");
        expect::contains("--explain", &namespaces, "unshare --fork --user ", "unshare(1)")
    })
}

fn explain_tells_what_root_could_do(sandbox: &Sandbox) -> Result<()> {
    let rootfs = Rootfs::new()?;
    let flags = ["--explain", "--userns", "0:100000:10,uid=10:200000:1,gid=10:300000:5"];
    let user = ["--user", "1:2", "--group-add", "3,4", "--cap-ambient", "KILL"];
    let run = step05(sandbox).args(flags).args(user).rootfs(&rootfs);
    let outcome = run.probe(["exit", "0"]).output()?;
    outcome.success()?;
    let rootfs = rootfs.path().display().to_string();
    insta::assert_snapshot!(told(&outcome, "user").replace(&rootfs, "ROOTFS"), @r"
    host       user          printf '%s\n' '0 100000 10' '10 200000 1' > /proc/PID/uid_map
    host       user          printf '%s\n' '0 100000 10' '10 300000 5' > /proc/PID/gid_map
    host       user          nsenter --mount --target=PID mount --rbind --options=X-mount.idmap=/proc/PID/ns/user ROOTFS ROOTFS
    container  user          exec setpriv --regid=0 --clear-groups --reuid=0 sh
    ");
    insta::assert_snapshot!(told(&outcome, "capabilities"), @r"container  capabilities  exec setpriv --bounding-set=-all,+chown,+dac_override,+fowner,+fsetid,+kill,+setgid,+setuid,+setpcap,+net_bind_service,+net_raw,+sys_chroot,+mknod,+audit_write,+setfcap --inh-caps=-all,+kill --ambient-caps=-all,+kill --regid=2 --reuid=1 --groups=3,4 --no-new-privs sh");
    Ok(())
}

fn help_reads_well(sandbox: &Sandbox) -> Result<()> {
    let help = step05(sandbox).arg("--help").output()?.success()?.stdout();
    let own = help.find("User namespace:").map_or("", |at| &help[at..]);
    insta::assert_snapshot!(own, @r"
    User namespace:
          --userns <IDS>  Ids: `host`; `single`, only yours, as root; `auto`, as /etc/subuid lends you; or a list of [uid=|gid=]CONTAINER:HOST:COUNT with commas [default: host if you are privileged, else auto]

    Privileges:
      -u, --user <UID[:GID]>      Who the command is, by the container's numbers [default: 0:0]
          --group-add <GID>       Supplementary group; may be repeated, or a list with commas
          --cap-add <CAP>         Add a capability, or ALL, to Docker's default list; may be repeated, or a list
          --cap-drop <CAP>        Drop a capability, or ALL; may be repeated, or a list
          --cap-ambient <CAP>     Add a capability that the command has even if it is not root; may be repeated, or a list
          --allow-new-privileges  Let set-user-ID programs and file capabilities work: do not set no_new_privs
    ");
    Ok(())
}
