//! Engines that drive this runtime: podman, Docker and containerd, as Debian has them.
//!
//! Each test has the engine's daemon, its sockets and all its files to itself, in a sandbox. What the
//! engines leave of their own in `/run` is cleared away at the end; what is left of a container is
//! found.

#[path = "engines/bridge.rs"]
mod bridge;
#[path = "engines/containerd.rs"]
mod containerd;
#[path = "engines/docker.rs"]
mod docker;
#[path = "engines/engine.rs"]
mod engine;
#[path = "engines/podman.rs"]
mod podman;
#[path = "engines/systemd.rs"]
mod systemd;

use bridge::*;
use conformance::Machine;
use containerd::*;
use docker::*;
use podman::*;
use systemd::*;

conformance::checkpoint! {
    podman_runs_a_container: [Root, Command("podman"), Command("conmon")],
    podman_drives_one_in_the_background: [Root, Command("podman"), Command("conmon")],
    podman_gives_what_it_was_asked_for: [Root, Command("podman"), Command("conmon"), CgroupV1("memory")],
    podman_gives_it_in_cgroup_v2_too: [Root, Command("podman"), Command("conmon"), CgroupV2("memory")],
    podman_gives_ids_of_their_own: [Root, Command("podman"), Command("conmon")],
    podman_of_an_ordinary_user: [UserNamespaces, Command("podman"), Command("conmon")],
    podman_gives_a_terminal: [Root, Command("podman"), Command("conmon")],
    podman_checks_its_health: [Root, Command("podman"), Command("conmon")],
    podman_can_leave_a_container_in_the_hosts_network: [Root, Command("podman"), Command("conmon")],
    podman_tells_why_a_command_cannot_run: [Root, Command("podman"), Command("conmon")],
    podman_s_containers_reach_each_other: [
        Root, Command("podman"), Command("conmon"), Command("ip"), Command("nft"), Command("iptables"),
        Path("/usr/lib/cni/bridge"),
    ],
    docker_runs_a_container: [Root, Command("dockerd"), Command("docker")],
    docker_drives_one_in_the_background: [Root, Command("dockerd"), Command("docker")],
    docker_gives_what_it_was_asked_for: [Root, Command("dockerd"), Command("docker")],
    docker_checks_its_health: [Root, Command("dockerd"), Command("docker")],
    docker_can_leave_a_container_in_the_hosts_network: [Root, Command("dockerd"), Command("docker")],
    docker_s_containers_reach_each_other: [Root, Command("dockerd"), Command("docker"), Command("ip")],
    podman_has_a_scope_of_systemds:
        [Root, CgroupV2(""), Command("podman"), Command("conmon"), Path(Machine::NEEDS)],
    systemd_holds_what_podman_asks_for:
        [Root, CgroupV2("memory"), Command("podman"), Command("conmon"), Path(Machine::NEEDS)],
    docker_has_a_scope_of_systemds:
        [Root, CgroupV2(""), Command("dockerd"), Command("docker"), Path(Machine::NEEDS)],
    containerd_has_a_scope_of_systemds:
        [Root, CgroupV2(""), Command("containerd"), Command("ctr"), Path(Machine::NEEDS)],
    containerd_runs_a_container: [Root, Command("containerd"), Command("ctr")],
    containerd_drives_one_in_the_background: [Root, Command("containerd"), Command("ctr")],
}
