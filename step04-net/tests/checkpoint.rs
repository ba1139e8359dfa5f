//! The checkpoint of step 4. The tests' subjects are in the files beside this one.

#[path = "checkpoint/bridge.rs"]
mod bridge;
#[path = "checkpoint/errors.rs"]
mod errors;
#[path = "checkpoint/files.rs"]
mod files;
#[path = "checkpoint/killed.rs"]
mod killed;
#[path = "checkpoint/modes.rs"]
mod modes;
#[path = "checkpoint/narration.rs"]
mod narration;
#[path = "checkpoint/published.rs"]
mod published;
#[path = "checkpoint/scene.rs"]
mod scene;
#[path = "checkpoint/world.rs"]
mod world;

use bridge::*;
use errors::*;
use files::*;
use killed::*;
use modes::*;
use narration::*;
use published::*;
use world::*;

conformance::checkpoint! {
    // modes.rs
    none_is_loopback_alone,
    a_link_is_switched_on_and_no_more,
    host_is_the_hosts_own,
    bridge_is_the_default_of_root,
    none_is_the_default_without_privilege: [UserNamespaces, Command("unshare")],
    the_hosts_ports_are_out_of_reach,
    the_hosts_abstract_sockets_are_out_of_reach,
    ports_are_its_own,
    what_is_done_inside_is_not_seen_outside: [Command("ip")],

    // bridge.rs
    eth0_has_an_address_of_the_subnet,
    eth0_is_the_end_of_a_cable,
    the_way_out_is_by_the_bridge,
    eth0_does_not_speak_ipv6,
    host_and_container_talk,
    containers_talk,
    twenty_at_once_have_twenty_addresses,
    an_address_that_was_given_back_is_given_again,
    the_subnet_can_be_chosen,
    a_subnet_that_the_host_uses_is_avoided: [Command("ip")],
    packets_are_as_long_as_the_way_out_allows: [Command("ip"), Command("nsenter")],
    forwarding_is_what_it_was_before,
    nothing_is_left_on_the_host: [Command("nft")],

    // world.rs
    containers_reach_the_world_by_the_hosts_address: [Command("ip"), Command("nsenter")],
    what_is_not_published_is_not_reached: [Command("ip"), Command("nsenter")],
    the_host_is_no_router_for_others: [Command("ip"), Command("nsenter")],
    a_router_stays_a_router: [Command("ip"), Command("nsenter")],
    the_bridge_is_no_way_to_the_hosts_loopback: [Command("ip"), Command("nsenter")],
    a_container_speaks_for_nobody_else: [Command("ip"), Command("nsenter")],

    // published.rs
    a_published_port_is_reached_by_all_ways: [Command("ip"), Command("nsenter")],
    a_published_udp_port_is_reached_by_all_ways: [Command("ip"), Command("nsenter")],
    a_range_is_published_port_by_port,
    a_port_of_one_address_is_not_on_the_others: [Command("ip"), Command("nsenter")],
    a_port_of_another_machine_is_not_taken_for_the_hosts: [Command("ip"), Command("nsenter")],
    a_port_goes_with_its_container: [Command("nft")],
    a_port_of_the_host_cannot_be_published,
    a_port_of_another_container_cannot_be_published,
    tcp_and_udp_ports_are_different_ports,
    a_client_that_goes_on_sending_is_heard_by_the_next: [Command("ip"), Command("nsenter")],

    // files.rs
    names_are_found_by_the_containers_own_files,
    the_files_are_mounted_into_any_rootfs,
    resolvers_and_names_can_be_given,
    resolvers_that_cannot_be_reached_are_left_out: [Command("unshare")],
    a_volume_comes_before_the_files,
    everybody_may_read_them,
    a_host_without_the_files_will_do,

    // errors.rs
    bad_values_are_refused_in_one_line,
    what_only_a_bridge_has_is_refused_without_one,
    a_bridge_takes_privilege: [UserNamespaces, Command("unshare")],
    a_pool_that_is_used_up_says_so,
    a_subnet_that_cannot_be_had_is_refused: [Command("ip")],
    a_strangers_bridge_is_left_alone: [Command("ip")],
    a_container_that_does_not_start_leaves_nothing: [Command("nft")],

    // killed.rs
    the_next_run_clears_up_after_one_that_was_killed: [Command("nft")],
    a_run_without_a_network_clears_up_too: [Command("nft")],
    who_may_not_clear_up_leaves_it_to_others: [UserNamespaces, Command("unshare"), Command("nft")],
    what_is_left_without_the_bridge_is_cleared_away: [Command("ip"), Command("nft")],
    the_living_keep_theirs_when_the_dead_are_cleared_away,
    killed_at_any_moment: [Command("nft")],

    // narration.rs
    every_act_is_told_in_order,
    what_is_told_can_be_followed: [Command("ip"), Command("nft")],
    the_help_tells_the_defaults,
}
