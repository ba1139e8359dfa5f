# What stands in figures, measured tables and drawings, in Chinese. book/build makes the Chinese ones
# of the English with it, as sed --regexp-extended, so shapes and numbers are always the same. A word that
# is not here stays English.

# Figures: src/images
# engine.svg
s/>Who looks after whom</>谁照看谁</
s/>run -d forks: the foreground process prints the id and ends, the background process stays as the supervisor\. It makes the container, writes its state and its log\. exec is another runtime: it joins the container's namespaces, and a second child of it, born there, becomes the command\.</>run -d 会 fork：前台进程打印 ID 后结束，后台进程留下来作监督进程。它创建容器，写下容器的状态和日志。exec 是另一个运行时：它加入容器的命名空间，它的第二个子进程出生在那里，变成要运行的命令。</
s/>prints the id, and ends</>打印 ID 后结束</
s/>supervisor</>监督进程</g
s/>state\.json, log\.json,</>state.json、log.json、</
s/>signals, the end</>信号、收尾</
s/>the container</>容器</
s/>1 &#160; the command</>1 \&#160; 命令</
s/>9 &#160; the other command</>9 \&#160; 另一条命令</
# groups.svg
s/>Where the container's group is</>容器的组在哪里</
s/>In the host's tree of groups the runtime stays in its own group; the container's group is layers\/ID, made and limited before the container is born, joined by the container's first process\. Then that process makes a cgroup namespace, in which this group is the root\.</>在宿主机的控制组树里，运行时待在自己的组里；容器的组是 layers\/ID，在容器出生之前创建并设好限额，由容器的第一个进程加入。然后该进程创建一个 cgroup 命名空间，这个组就是其中的根。</
s/>the host’s tree of groups</>宿主机的控制组树</
s/>the runtime</>运行时</g
s/>the cgroup namespace: 0f3a… is its \/</>cgroup 命名空间：0f3a… 是它的 \/</
s/>host: mkdir, echo LIMIT &#160; container: join, unshare --cgroup &#160; host: rmdir</>宿主机：mkdir、写入限额 \&#160; 容器：加入、unshare \&#160; 宿主机：rmdir</
# ids.svg
s/>Two numbers for one user</>一个用户，两个号码</
s/>With the map 0 1000 1 and 1 100000 65536, root inside is user 1000 outside, users 1 to 65536 inside are 100000 to 165535 outside\. Root of the host, 0, has no number inside: it is shown as 65534\.</>映射为 0 1000 1 和 1 100000 65536 时，里面的 root 是外面的用户 1000，里面的用户 1 到 65536 是外面的 100000 到 165535。宿主机的 root，即 0，在里面没有号码，显示为 65534。</
s/>in the user namespace</>在用户命名空间里</
s/>outside</>外面</g
s/>1000 &#160; you</>1000 \&#160; 你</
s/>lent by \/etc\/subuid</>由 \/etc\/subuid 借出</
s/>\/proc\/PID\/uid_map:</>\/proc\/PID\/uid_map：</
# life.svg
s/>The life of a container</>容器的一生</
s/>The host's process prepares every layer, then calls clone3 with all the namespaces\. The new process is born in them and waits at a gate\. The host attaches every layer to it and opens the gate\. The new process enters every layer and executes the command, at which the report pipe closes\. The host waits for the command to end, and releases every layer from the top down\.</>宿主机的进程准备每一层，然后带着所有命名空间调用 clone3。新进程出生在其中，在闸门前等待。宿主机把每一层附加到它上面，然后打开闸门。新进程进入每一层并执行命令，此时报告管道关闭。宿主机等命令结束，然后自上而下释放每一层。</
s/>host</>宿主机</g
s/>container</>容器</g
s/>in the new namespaces</>在新的命名空间里</
s/>every layer</>每一层</g
s/>born; waits at a gate</>出生；在闸门前等待</
s/>open the gate</>打开闸门</
s/>read: end of file</>read：文件结尾</
s/>the command</>命令</g
s/>every layer, top down</>每一层，自上而下</
# network.svg
s/>A cable between two network namespaces</>连接两个网络命名空间的网线</
s/>In the container's network namespace are lo and eth0 with the address 10\.88\.0\.2\. eth0 is one end of a veth pair; the other end is plugged into the bridge layers0 of the host, which has the address 10\.88\.0\.1\. The host forwards and translates addresses between the bridge and its own interfaces\.</>容器的网络命名空间里有 lo 和地址为 10.88.0.2 的 eth0。eth0 是 veth 对的一端，另一端接在宿主机的网桥 layers0 上，网桥的地址是 10.88.0.1。宿主机在网桥和自己的网络接口之间转发并转换地址。</
s/>the container’s network namespace</>容器的网络命名空间</
s/>default via</>默认路由 via</g
s/>veth pair</>veth 对</g
s/>the host’s</>宿主机的</g
s/>layers0 \(bridge\)</>layers0（网桥）</
# oci.svg
s/>One life, many processes</>一生，多个进程</
s/>create makes the container by clone3, writes down record\.json and ends\. The container's first process has entered all its layers and waits at the gate\. start writes to the pipe start, and the first process becomes the command; start reads the end of the pipe answer, and ends\. kill sends a signal by a pidfd\. delete gives back the groups, removes what was written down, and calls the last hooks\. The engine's conmon or shim adopts the first process when create ends, and learns the exit code\.</>create 用 clone3 创建容器，写下 record.json 后结束。容器的第一个进程已经进入所有的层，在闸门前等待。start 向管道 start 写入，第一个进程就变成命令；start 读到管道 answer 的结尾后结束。kill 用 pidfd 发送信号。delete 归还控制组，删除记录，并调用最后的钩子。create 结束时，引擎的 conmon 或 shim 收养第一个进程，并得知退出码。</
s/>the runtime, on the host</>运行时，在宿主机上</
s/>born; enters its layers</>出生；进入各层</
s/>writes record\.json, and ends</>写下 record.json 后结束</
s/>waits at the gate</>在闸门前等待</
s/>execve: the command</>execve：命令</
s/>ends</>结束</g
s/>conmon or a shim: wait</>conmon 或 shim：wait</
s/>groups, state, last hooks</>控制组、状态、最后的钩子</
s/>the engine's; it calls all of these</>引擎的进程；以上都由它调用</
# pivot.svg
s/>How the root is exchanged</>怎样交换根</
s/>First the old root is at the bottom and the rootfs is a mount somewhere below it\. After pivot_root \. \. the rootfs is the root, and the old root is mounted over it\. After umount -l \. only the rootfs is left\.</>起初旧的根在最底下，rootfs 是它下面某处的一个挂载。pivot_root . . 之后，rootfs 成为根，旧的根挂载在它上面。umount -l . 之后，只剩下 rootfs。</
s/>the rootfs is a mount, and holds all that the container needs</>rootfs 是一个挂载，里面有容器需要的一切</
s/>\/ &#160; the host’s root</>\/ \&#160; 宿主机的根</
s/>\/box &#160; the rootfs</>\/box \&#160; rootfs</
s/>the host’s root, mounted over it</>宿主机的根，挂载在它上面</
s/>\/ &#160; the rootfs</>\/ \&#160; rootfs</
s/>No path leads to the host’s root any more\.</>再也没有路径通向宿主机的根。</
# sandbox.svg
s/>Where a checkpoint runs</>检查点在哪里运行</
s/>The test starts two helpers: the holder keeps a private mount, network, UTS and IPC namespace alive, and a user namespace if the test is not root\. The minder enters it, runs the step there, and kills what outlives it\. The step makes its container, in which the probe looks around and reports as JSON\. Afterwards the test compares what is in the sandbox with what was there before\.</>测试启动两个帮手：持有者使私有的挂载、网络、UTS 和 IPC 命名空间一直存在，测试不是 root 时还有用户命名空间。照看者进入其中，在那里运行这一步的程序，并杀死比它活得更久的一切。程序创建容器，探针在容器里四处查看，用 JSON 报告。之后测试把沙箱里的东西与之前相比较。</
s/>checkpoint</>检查点</g
s/>compares before and after: traces\?</>比较前后：有没有痕迹？</
s/>minder</>照看者</g
s/>a leash: nothing outlives it</>一根牵绳：没有谁比它活得更久</
s/>sandbox: mounts, \/run, network, names</>沙箱：挂载、\/run、网络、名字</
s/>what do I see\?</>我看到什么？</
s/>what is refused\?</>什么被拒绝？</
# stack.svg
s/>A container is a stack of layers</>容器是一摞层</
s/>From the top: the command\. init \(step 2\): a process 1 that looks after orphans; capabilities \(step 5\): what even root may not do; mount \(step 3\): a root directory, \/proc, \/sys, \/dev; overlay \(step 7\): shared files below, own changes on top; propagation \(step 3\): mounts that nobody outside sees; net \(step 4\): interfaces, addresses, routes, ports; pid \(step 2\): process numbers that begin with 1; ipc \(step 1\): message queues and shared memory; uts \(step 1\): a host name; cgroup \(step 6\): how much memory, CPU, how many processes; user \(step 5\): user ids: root inside, nobody outside; rundir \(step 4\): a locked directory: this container lives\. At the bottom: the host's kernel, which all containers share\.</>自上而下：命令。init（第 2 步）：照看孤儿进程的 1 号进程；capabilities（第 5 步）：连 root 也不可以做的事；mount（第 3 步）：根目录、\/proc、\/sys、\/dev；overlay（第 7 步）：下面是共享的文件，上面是自己的改动；propagation（第 3 步）：外面谁也看不到的挂载；net（第 4 步）：网络接口、地址、路由、端口；pid（第 2 步）：从 1 开始的进程号；ipc（第 1 步）：消息队列和共享内存；uts（第 1 步）：主机名；cgroup（第 6 步）：多少内存、CPU，多少进程；user（第 5 步）：用户 ID：里面是 root，外面谁也不是；rundir（第 4 步）：一个锁住的目录：这个容器活着。最底下：宿主机的内核，由所有容器共享。</
s/>a process 1 that looks after orphans</>照看孤儿进程的 1 号进程</
s/>what even root may not do</>连 root 也不可以做的事</
s/>a root directory, \/proc, \/sys, \/dev</>根目录、\/proc、\/sys、\/dev</
s/>shared files below, own changes on top</>下面是共享的文件，上面是自己的改动</
s/>mounts that nobody outside sees</>外面谁也看不到的挂载</
s/>interfaces, addresses, routes, ports</>网络接口、地址、路由、端口</
s/>process numbers that begin with 1</>从 1 开始的进程号</
s/>message queues and shared memory</>消息队列和共享内存</
s/>a host name</>主机名</g
s/>how much memory, CPU, processes</>多少内存、CPU、进程</
s/>user ids: root inside, nobody outside</>用户 ID：里面是 root，外面谁也不是</
s/>a locked directory: this container lives</>一个锁住的目录：这个容器活着</
s/>the host’s kernel: one, for everybody</>宿主机的内核：只有一个，大家共用</
s/>namespaces</>命名空间</g
s/>limits and rights</>限额与权限</
s/>files</>文件</g
s/>housekeeping</>内务</
# two-numbers.svg
s/>One process, two numbers</>一个进程，两个号码</
s/>Seen from the host, the runtime is process 1300, the container's first process 1301 and its child 1302\. Inside, the first process is number 1 and its child number 2; the runtime has no number there and cannot be seen\.</>从宿主机看，运行时是进程 1300，容器的第一个进程是 1301，它的子进程是 1302。在里面，第一个进程是 1 号，它的子进程是 2 号；运行时在那里没有号码，也看不到。</
s/>the host’s PID namespace</>宿主机的 PID 命名空间</
s/>the container’s PID namespace</>容器的 PID 命名空间</
s/>its child</>它的子进程</g
# union.svg
s/>Three directories, seen as one</>三个目录，看上去是一个</
s/>The lowest layer has the files a, b and c, the next layer another b, the upper directory has a new d and a whiteout for c\. Merged, the container sees a from the lowest layer, b from the second, and d from the upper; c is gone\.</>最下面的层有文件 a、b 和 c，上面一层另有一个 b，上层目录有新的 d 和 c 的删除标记。合并之后，容器看到最下层的 a、第二层的 b 和上层目录的 d；c 没有了。</
s/>merged</>合并视图</g
s/>what is seen</>看到的</
s/>upper</>上层目录</g
s/>its own</>自己的</g
s/>layer 2</>第 2 层</g
s/>layer 1</>第 1 层</g
s/>read-only</>只读</g

# Plots and tables: measured
s/MiB of memory for four readers of ([0-9]+) MiB/四个进程读同一个 \1 MiB 文件所占的内存（MiB）/g
s/KiB written for one byte in a file of ([0-9]+) MiB \(powers of ten\)/在 \1 MiB 的文件里改一个字节写入的 KiB（对数刻度）/g
# verdicts.md
s/^\| it is said that \| verdict \| measured \|/| 常见的说法 | 结论 | 测量结果 |/
s/ \| holds \| / | 成立 | /
s/ \| holds in part \| / | 部分成立 | /
s/ \| no longer holds \| / | 不再成立 | /
s/ \| not measured \| / | 没有测量 | /
s/^\| overlay has only two layers/| overlay 只有两层/
s/^\| overlay copies the whole file, however little is changed/| 不管改动多小，overlay 都复制整个文件/
s/^\| with many layers, copying a file up from a low one is slower/| 层很多时，从很低的层向上复制文件会比较慢/
s/^\| devicemapper copies only the blocks that are changed, in large files and small/| devicemapper 只复制改动的块，文件大小都一样/
s/^\| containers on (devicemapper|btrfs) do not share what they read: each has a copy in memory/| \1 上的容器不共享所读的内容：每个容器在内存里各有一份副本/
s/^\| starting and stopping many containers on devicemapper fills the disk/| 在 devicemapper 上大量启停容器会把磁盘占满/
s/^\| copy-on-write leaves a file in pieces all over the disk/| 写时复制使文件碎片散布在整个磁盘上/
s/a container on ([0-9]+) layers works/建在 \1 层上的容器可以工作/
s/one byte of ([0-9]+) MiB: ([0-9.,]+) KiB written on ext4, ([0-9.,]+) KiB where files can share blocks/在 \1 MiB 里改一个字节：在 ext4 上写入 \2 KiB，文件之间能共享块时写入 \3 KiB/
s/([0-9.,]+) ms from the only layer, ([0-9.,]+) ms below ([0-9]+) of them/只有一层时 \1 ms，上面还有 \3 层时 \2 ms/
s/one byte: ([0-9.,]+) KiB written in a file of ([0-9]+) MiB, ([0-9.,]+) KiB in one of ([0-9]+) MiB/改一个字节：在 \2 MiB 的文件里写入 \1 KiB，在 \4 MiB 的文件里写入 \3 KiB/
s/four readers of 64 MiB: ([0-9.,]+) MiB; on overlay ([0-9.,]+) MiB/四个进程读 64 MiB：\1 MiB；在 overlay 上 \2 MiB/
s/of ([0-9]+) MiB that each wrote, ([0-9.,-]+) KiB stay when it is removed/每个容器写 \1 MiB，删除之后留下 \2 KiB/
s/([0-9]+) MiB in ([0-9.,]+) pieces on btrfs, in ([0-9.,]+) on ext4/\1 MiB 在 btrfs 上分成 \2 块，在 ext4 上 \3 块/
# table.md
s/^\| one byte in ([0-9]+) MiB, KiB written/| 在 \1 MiB 里改一个字节，写入的 KiB/
s/^\| one byte in ([0-9]+) MiB, ms/| 在 \1 MiB 里改一个字节，ms/
s/^\| four readers of ([0-9]+) MiB, MiB of memory/| 四个进程读 \1 MiB，占用内存 MiB/
s/^\| one byte at depth ([0-9]+), ms \(least\)/| 深度 \1 时改一个字节，ms（最小值）/
s/^\| create on ([0-9]+) MiB, ms/| 在 \1 MiB 上创建，ms/
s/^\| remove on ([0-9]+) MiB, ms/| 在 \1 MiB 上删除，ms/
s/^\| left by a container, KiB/| 一个容器留下的 KiB/
s/^\| fragments after overwriting/| 覆盖写之后的碎片数/
s/^\| kernel( \| [0-9])/| 内核\1/
s/^Medians, by (`[^`]*`), each on a new file system on a loop device on a file in memory, on (.*), under a load of ([0-9.]+) to ([0-9.]+)\./中位数，由 \1 得出，每个都在新的文件系统上，建在内存文件的回环设备上；机器：\2，负载 \3 到 \4。/
# startup.md
s/^Medians of ([0-9]+) rounds, interleaved, on a virtual machine with two CPUs, (Linux [0-9.]+) and control groups of version ([12]) \(November ([0-9]+)\):/\1 轮的中位数，交替运行，在一台有两个 CPU 的虚拟机上，\2，控制组 v\3（\4 年 11 月）：/
s/^\| (`[^`]*`) of a command that ends at once/| \1 一条立刻结束的命令/
s/^\| … memory at its peak/| …… 内存峰值/
s/^\| `create`, `start`, `delete`/| `create`、`start`、`delete`/
s/^\| (`[^`]*`) of one that runs/| \1 一个正在运行的容器/
s/^\| starting ([0-9]+) that sleep/| 启动 \1 个睡眠的容器/
s/^\| … memory of each/| …… 每个的内存/
s/^The same calls of the kernel that `run` makes, by a program in C that does nothing else \(`floor.c`\): ([0-9.]+) ms, so that `run` takes ([0-9.]+) times what it has to\./用一个什么别的都不做的 C 程序（`floor.c`）做 `run` 所做的同样的内核调用：\1 毫秒，所以 `run` 用的时间是必需的 \2 倍。/
s/^Not compared, since it did not run: (.*) \((`[^`]*`)\)\./未参与比较，因为没能运行：\1（\2）。/
# unpack.md
s/^\| layer \| (.*) \| tar \/ ours \| umoci \/ ours \|/| 层 | \1 | tar ÷ 本项目 | umoci ÷ 本项目 |/
s/^\| programs and libraries: ([0-9]+) files, ([0-9]+) MiB/| 程序和库：\1 个文件，\2 MiB/
s/^\| small files: ([0-9]+) files, ([0-9]+) MiB/| 小文件：\1 个文件，\2 MiB/
s/^Medians of ([0-9]+) rounds, in tmpfs, by (`[^`]*`) on (Linux .*), load ([0-9.]+)\./\1 轮的中位数，在 tmpfs 里，由 \2 得出，\3，负载 \4。/

# Drawings made of letters: src/images.md, storage.md, oci.md
s/^  index            which image for which machine$/  索引             哪种机器用哪个镜像/
s/^    └─▶ manifest   what an image consists of$/    └─▶ 清单       镜像由什么组成/
s/^          ├─▶ configuration   command, user, environment, volumes …, and which layers on which$/          ├─▶ 配置   命令、用户、环境变量、卷……，以及各层的次序/
s/^          └─▶ layers          archives by tar\(1\), mostly compressed$/          └─▶ 层     tar(1) 归档，大多经过压缩/
s/^  GET the service's address                  ──▶ a token$/  GET 那个服务的地址                         ──▶ 令牌/
s/^(  GET \/v2\/.*──▶ )an index; the manifest for this machine$/\1索引；适合这台机器的清单/
s/^(  GET \/v2\/.*──▶ )bytes; after an interruption, Range: bytes=N-$/\1字节；中断之后用 Range: bytes=N-/
s/^  prepare\(a\)       ──▶ unpack layer 1 ──▶ seal\(a\)$/  prepare(a)       ──▶ 解开第 1 层 ──▶ seal(a)/
s/^  prepare\(b, a\)    ──▶ unpack layer 2 ──▶ seal\(b\)      a ◀── b is an image$/  prepare(b, a)    ──▶ 解开第 2 层 ──▶ seal(b)      a ◀── b 是一个镜像/
s/^  prepare\(c1, b\)   ──▶ a container writes to it        a ◀── b ◀── c1$/  prepare(c1, b)   ──▶ 一个容器写入它               a ◀── b ◀── c1/
s/^  prepare\(c2, b\)   ──▶ another one does                      └──── c2$/  prepare(c2, b)   ──▶ 另一个容器写入它                   └──── c2/
s/^ROOT\/ID\/config\.json   the configuration, as it was when the container was made$/ROOT\/ID\/config.json   创建容器时的配置/
s/^        record\.json   where it is$/        record.json   它在哪里/
s/^        start, answer the gate's two pipes$/        start, answer 闸门的两个管道/

# Answers to exercises
s/<summary>Solution</<summary>答案</
