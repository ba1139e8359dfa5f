//! The checkpoint of step 6. The tests' subjects are in the files beside this one.

use std::process::ExitCode;

#[path = "checkpoint/bus.rs"]
mod bus;
#[path = "checkpoint/cpu.rs"]
mod cpu;
#[path = "checkpoint/cpuacct.rs"]
mod cpuacct;
#[path = "checkpoint/cpuset.rs"]
mod cpuset;
#[path = "checkpoint/delegated.rs"]
mod delegated;
#[path = "checkpoint/delegation.rs"]
mod delegation;
#[path = "checkpoint/devices.rs"]
mod devices;
#[path = "checkpoint/freezer.rs"]
mod freezer;
#[path = "checkpoint/group.rs"]
mod group;
#[path = "checkpoint/hierarchy.rs"]
mod hierarchy;
#[path = "checkpoint/hugetlb.rs"]
mod hugetlb;
#[path = "checkpoint/io.rs"]
mod io;
#[path = "checkpoint/memory.rs"]
mod memory;
#[path = "checkpoint/memory_update.rs"]
mod memory_update;
#[path = "checkpoint/namespace.rs"]
mod namespace;
#[path = "checkpoint/net_cls.rs"]
mod net_cls;
#[path = "checkpoint/perf_event.rs"]
mod perf_event;
#[path = "checkpoint/pids.rs"]
mod pids;
#[path = "checkpoint/scene.rs"]
mod scene;
#[path = "checkpoint/seen.rs"]
mod seen;
#[path = "checkpoint/stats.rs"]
mod stats;
#[path = "checkpoint/swap.rs"]
mod swap;
#[path = "checkpoint/systemd.rs"]
mod systemd;
#[path = "checkpoint/unfit.rs"]
mod unfit;
#[path = "checkpoint/words.rs"]
mod words;

fn main() -> ExitCode {
    let tests = [
        bus::tests(),
        cpu::tests(),
        cpuacct::tests(),
        cpuset::tests(),
        delegation::tests(),
        devices::tests(),
        freezer::tests(),
        group::tests(),
        hierarchy::tests(),
        hugetlb::tests(),
        io::tests(),
        memory::tests(),
        memory_update::tests(),
        namespace::tests(),
        net_cls::tests(),
        perf_event::tests(),
        pids::tests(),
        stats::tests(),
        systemd::tests(),
        unfit::tests(),
        words::tests(),
    ];
    conformance::checkpoint::main(tests.into_iter().flatten().collect())
}
