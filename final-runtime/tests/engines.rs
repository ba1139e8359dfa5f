//! Engines that drive this runtime: podman, Docker and containerd, as Debian has them.
//!
//! Each test has the engine's daemon, its sockets and all its files to itself, in a sandbox. What the
//! engines leave of their own in `/run` is cleared away at the end; what is left of a container is
//! found.

#[path = "engines/containerd.rs"]
mod containerd;
#[path = "engines/docker.rs"]
mod docker;
#[path = "engines/engine.rs"]
mod engine;
#[path = "engines/podman.rs"]
mod podman;

use containerd::*;
use docker::*;
use podman::*;

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
    docker_runs_a_container: [Root, Command("dockerd"), Command("docker")],
    docker_drives_one_in_the_background: [Root, Command("dockerd"), Command("docker")],
    docker_gives_what_it_was_asked_for: [Root, Command("dockerd"), Command("docker")],
    docker_checks_its_health: [Root, Command("dockerd"), Command("docker")],
    docker_can_leave_a_container_in_the_hosts_network: [Root, Command("dockerd"), Command("docker")],
    docker_s_containers_reach_each_other: [Root, Command("dockerd"), Command("docker"), Command("ip")],
    containerd_runs_a_container: [Root, Command("containerd"), Command("ctr")],
    containerd_drives_one_in_the_background: [Root, Command("containerd"), Command("ctr")],
}
