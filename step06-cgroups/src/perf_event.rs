//! The perf_event controller: a group as something that events can be counted in.
//!
//! | | v1 | v2 |
//! | --- | --- | --- |
//! | files of its own | none | none |
//! | a group is counted in by | the descriptor of its directory, in the hierarchy of perf_event | the same, in any group |
//! | where it is enabled | in every group of that hierarchy | everywhere, unless v1 has it |
//!
//! It limits nothing. perf_event_open(2) takes the descriptor of a group's directory in the place of
//! a process (PERF_FLAG_PID_CGROUP), and that is all that there is to it. The kernel knows no number
//! of its own accord: it counts from the moment at which somebody asks, on behalf of who asked, and
//! forgets it with their descriptor. So it is `--stats` that counts, for as long as the container
//! runs. See the kernel's admin-guide/cgroup-v2 ("perf_event").

use std::{cell::RefCell, time::Duration};

use anyhow::Result;
use step05::Explain;

use crate::{
    Controller, Files, Usage, Value,
    perf::{Counter, Event},
};

/// The controller, and the counters of a container.
#[derive(Debug, Default)]
pub struct PerfEvent {
    counters: RefCell<Vec<(Wanted, Counter)>>,
}

/// A number that is counted.
#[derive(Clone, Copy, Debug)]
struct Wanted {
    what: &'static str,
    event: Event,
    value: fn(u64) -> Value,
}

const WANTED: [Wanted; 3] = [
    Wanted { what: "cpu-clock", event: Event::CpuClock, value: nanoseconds },
    Wanted { what: "faults", event: Event::PageFaults, value: Value::Count },
    Wanted { what: "switches", event: Event::ContextSwitches, value: Value::Count },
];

fn nanoseconds(number: u64) -> Value {
    Value::Time(Duration::from_nanos(number))
}

impl Controller for PerfEvent {
    fn name(&self) -> &'static str {
        "perf_event"
    }

    fn listed(&self) -> bool {
        false
    }

    /// Begins to count. Whoever may not count (see `perf_event_paranoid` in proc_sys_kernel(5)), or
    /// has a kernel that does not, is told of it where acts are told, and does without.
    fn limit(&self, explain: &Explain, files: &Files) -> Result<()> {
        for wanted in WANTED {
            let dir = files.dir.display();
            let doing = format!("counting {} in {dir}", wanted.what);
            let begun = explain.act(format_args!("# perf_event_open(2): {doing}"), &doing, || {
                Counter::of_group(&files.dir, wanted.event)
            });
            match begun {
                Ok(counter) => self.counters.borrow_mut().push((wanted, counter)),
                Err(error) => explain.say(format_args!("# not counted: {error:#}")),
            }
        }
        Ok(())
    }

    fn usage(&self, _files: &Files) -> Result<Vec<Usage>> {
        let counters = self.counters.borrow();
        let usage = |(Wanted { what, value, .. }, counter): &(Wanted, Counter)| {
            Ok(Usage::of(*what, value(counter.read()?)))
        };
        counters.iter().map(usage).collect()
    }
}
