// The floor of the benchmark: what `run` asks of the kernel for the bundle that all runtimes get, and
// nothing else. No configuration is read, no argument is checked, nothing is written down, and an
// error is a number. So its time is the kernel's own, and what a runtime takes beyond it is the
// runtime's doing.
//
//     floor ROOTFS HIERARCHY… -- COMMAND ARGUMENT…
//
// See clone(2), cgroups(7), rtnetlink(7), mount(2), pivot_root(2), capabilities(7).

#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <linux/rtnetlink.h>
#include <linux/sched.h>
#include <net/if.h>
#include <sched.h>
#include <stdio.h>
#include <stdint.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <unistd.h>

enum { MOST = 32 };

static char groups[MOST][256]; // the container's group in each hierarchy
static int doors[MOST];        // its file `tasks`, open for writing
static int count;

// Ends the program with the number of the line.
#define must(call)                                                                                 \
    do {                                                                                           \
        if ((call) < 0) {                                                                          \
            dprintf(2, "floor: line %d: %s\n", __LINE__, strerror(errno));                         \
            _exit(125);                                                                            \
        }                                                                                          \
    } while (0)

static void write_text(const char *path, const char *text) {
    int fd = open(path, O_WRONLY | O_CLOEXEC);
    must(fd);
    must(write(fd, text, strlen(text)));
    close(fd);
}

static void copy_set(const char *hierarchy, const char *group, const char *name) {
    char path[320], text[256];
    snprintf(path, sizeof path, "%s/%s", hierarchy, name);
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return; // it is not cpuset's
    ssize_t length = read(fd, text, sizeof text - 1);
    must(length);
    close(fd);
    text[length] = 0;
    snprintf(path, sizeof path, "%s/%s", group, name);
    write_text(path, text);
}

static void make_group(const char *hierarchy) {
    char *group = groups[count], path[320];
    snprintf(group, sizeof groups[0], "%s/floor-%d", hierarchy, getpid());
    must(mkdir(group, 0755));
    const char *name = strrchr(hierarchy, '/');
    if (strstr(name, "cpuset")) {
        copy_set(hierarchy, group, "cpuset.cpus");
        copy_set(hierarchy, group, "cpuset.mems");
    }
    if (strstr(name, "devices")) {
        const char *rules[] = {"c *:* m", "b *:* m", "c 1:3 rwm", "c 1:5 rwm", "c 1:7 rwm", "c 1:8 rwm",
                               "c 1:9 rwm", "c 5:0 rwm", "c 5:2 rwm", "c 136:* rwm"};
        snprintf(path, sizeof path, "%s/devices.deny", group);
        write_text(path, "a");
        snprintf(path, sizeof path, "%s/devices.allow", group);
        for (size_t i = 0; i < sizeof rules / sizeof *rules; i++)
            write_text(path, rules[i]);
    }
    snprintf(path, sizeof path, "%s/tasks", group);
    must(doors[count] = open(path, O_WRONLY | O_CLOEXEC));
    count++;
}

// What `ip link set lo up` does.
static void raise_loopback(void) {
    struct { struct nlmsghdr header; struct ifinfomsg link; } message = {
        .header = {.nlmsg_len = sizeof message, .nlmsg_type = RTM_NEWLINK, .nlmsg_flags = NLM_F_REQUEST},
        .link = {.ifi_index = 1, .ifi_flags = IFF_UP, .ifi_change = IFF_UP},
    };
    int route = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_ROUTE);
    must(route);
    must(send(route, &message, sizeof message, 0));
    close(route);
}

static void mount_files(const char *rootfs) {
    const unsigned long safe = MS_NOSUID | MS_NOEXEC | MS_NODEV;
    must(mount(0, "/", 0, MS_REC | MS_SLAVE, 0));
    must(mount(rootfs, rootfs, 0, MS_BIND | MS_REC, 0));
    must(chdir(rootfs));
    must(mount("proc", "proc", "proc", 0, 0));
    must(mount("tmpfs", "dev", "tmpfs", MS_NOSUID | MS_STRICTATIME, "mode=755,size=65536k"));
    must(mkdir("dev/pts", 0755));
    must(mount("devpts", "dev/pts", "devpts", MS_NOSUID | MS_NOEXEC,
               "newinstance,ptmxmode=0666,mode=0620,gid=5"));
    must(mkdir("dev/shm", 0755));
    must(mount("shm", "dev/shm", "tmpfs", safe, "mode=1777,size=65536k"));
    must(mkdir("dev/mqueue", 0755));
    must(mount("mqueue", "dev/mqueue", "mqueue", safe, 0));
    must(mount("sysfs", "sys", "sysfs", safe | MS_RDONLY, 0));
    must(mount("cgroup", "sys/fs/cgroup", "tmpfs", safe, "mode=755"));
    for (int i = 0; i < count; i++) {
        char target[320], *slash = strrchr(groups[i], '/');
        *slash = 0;
        snprintf(target, sizeof target, "sys/fs/cgroup%s", strrchr(groups[i], '/'));
        *slash = '/';
        must(mkdir(target, 0755));
        must(mount(groups[i], target, 0, MS_BIND, 0));
        must(mount(0, target, 0, MS_BIND | MS_REMOUNT | MS_RDONLY | safe, 0));
    }
    must(mount(0, "sys/fs/cgroup", 0, MS_BIND | MS_REMOUNT | MS_RDONLY | safe, 0));
}

static void make_devices(void) {
    const struct { const char *path; int major, minor; } devices[] = {
        {"dev/null", 1, 3},   {"dev/zero", 1, 5},    {"dev/full", 1, 7},
        {"dev/random", 1, 8}, {"dev/urandom", 1, 9}, {"dev/tty", 5, 0},
    };
    for (size_t i = 0; i < sizeof devices / sizeof *devices; i++)
        must(mknod(devices[i].path, S_IFCHR | 0666, makedev(devices[i].major, devices[i].minor)));
    must(symlink("/proc/self/fd", "dev/fd"));
    must(symlink("/proc/self/fd/0", "dev/stdin"));
    must(symlink("/proc/self/fd/1", "dev/stdout"));
    must(symlink("/proc/self/fd/2", "dev/stderr"));
    must(symlink("pts/ptmx", "dev/ptmx"));
}

static void hide_paths(void) {
    const char *read_only[] = {"proc/bus", "proc/fs", "proc/irq", "proc/sys", "proc/sysrq-trigger"};
    const char *masked[] = {"proc/acpi",          "proc/asound",     "proc/kcore",
                            "proc/keys",          "proc/timer_list", "proc/timer_stats",
                            "proc/latency_stats", "proc/scsi",       "proc/sched_debug",
                            "sys/firmware"};
    for (size_t i = 0; i < sizeof read_only / sizeof *read_only; i++)
        if (mount(read_only[i], read_only[i], 0, MS_BIND | MS_REC, 0) == 0)
            must(mount(0, read_only[i], 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0));
    for (size_t i = 0; i < sizeof masked / sizeof *masked; i++)
        if (mount("/dev/null", masked[i], 0, MS_BIND, 0) < 0 && errno == ENOTDIR)
            must(mount("tmpfs", masked[i], "tmpfs", MS_RDONLY, "nr_blocks=1,nr_inodes=1"));
}

static void change_root(void) {
    int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
    must(old);
    must(syscall(SYS_pivot_root, ".", "."));
    must(fchdir(old));
    must(mount(0, ".", 0, MS_REC | MS_SLAVE, 0));
    must(umount2(".", MNT_DETACH));
    must(chdir("/"));
    must(mount(0, "/", 0, MS_BIND | MS_REMOUNT | MS_RDONLY, 0));
}

static void give_up_power(void) {
    const uint64_t kept = 1 << CAP_KILL | 1 << CAP_NET_BIND_SERVICE | 1 << CAP_AUDIT_WRITE;
    for (int cap = 0; prctl(PR_CAPBSET_READ, cap) >= 0; cap++)
        if (!(kept >> cap & 1))
            must(prctl(PR_CAPBSET_DROP, cap));
    struct __user_cap_header_struct header = {_LINUX_CAPABILITY_VERSION_3, 0};
    struct __user_cap_data_struct data[2] = {{kept, kept, 0}, {0, 0, 0}};
    must(syscall(SYS_capset, &header, data));
    must(prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0));
}

// The container's first process.
static void live(const char *rootfs, char **command) {
    must(prctl(PR_SET_PDEATHSIG, SIGKILL));
    for (int i = 0; i < count; i++)
        must(write(doors[i], "0", 1));
    must(unshare(CLONE_NEWCGROUP));
    must(sethostname("runc", 4));
    raise_loopback();
    umask(0);
    mount_files(rootfs);
    make_devices();
    hide_paths();
    change_root();
    umask(022);
    setsid();
    must(setrlimit(RLIMIT_NOFILE, &(struct rlimit){1024, 1024}));
    give_up_power();
    char *environment[] = {"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
                           "TERM=xterm", "HOME=/root", 0};
    must(execve(command[0], command, environment));
}

int main(int argc, char **argv) {
    const char *rootfs = argv[1];
    char **word = argv + 2;
    for (; word < argv + argc && strcmp(*word, "--") != 0; word++)
        make_group(*word);
    int pidfd = -1;
    struct clone_args args = {
        .flags = CLONE_PIDFD | CLONE_NEWPID | CLONE_NEWNET | CLONE_NEWIPC | CLONE_NEWUTS | CLONE_NEWNS,
        .pidfd = (uint64_t)(uintptr_t)&pidfd,
        .exit_signal = SIGCHLD,
    };
    long pid = syscall(SYS_clone3, &args, sizeof args);
    must(pid);
    if (pid == 0)
        live(rootfs, word + 1);
    int status;
    must(waitpid(pid, &status, 0));
    for (int i = 0; i < count; i++)
        must(rmdir(groups[i]));
    return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
