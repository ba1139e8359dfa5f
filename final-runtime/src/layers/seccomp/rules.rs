//! What `linux.seccomp` says, call by call and with numbers in place of names.
//!
//! Where several entries speak of one call, they mean what they mean to libseccomp, which other
//! runtimes use: the first entry without conditions decides; only where there is none do those
//! with conditions, in their order; an entry that says the same as the default says nothing.

use std::collections::BTreeMap;

use anyhow::{Context, Result, bail, ensure};

use super::{
    arch::{Abi, NATIVE, find},
    mux::{self, Door},
    numbers::Numbers,
};
use crate::spec::seccomp::{Action, Arch, Arg, Op, Seccomp, Syscall};

/// A whole filter.
#[derive(Debug)]
pub struct Rules {
    /// What is answered to all other calls.
    pub default: u32,
    /// What is answered to calls that are younger than all that the filter speaks of.
    pub younger: Option<u32>,
    /// One for each architecture, the machine's own first.
    pub sections: Vec<Section>,
}

/// One architecture's part.
#[derive(Debug)]
pub struct Section {
    /// The architecture.
    pub abi: &'static Abi,
    /// What is answered, by number.
    pub calls: BTreeMap<u32, Decision>,
    /// The greatest number that the filter speaks of, be it to say the same as the default.
    pub newest: Option<u32>,
}

/// What is answered to a call.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Decision {
    /// Always the same.
    Always(u32),
    /// The answer of the first rule that holds, or else the default.
    When(Vec<Rule>),
}

/// An answer, and what has to be true of the arguments.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Rule {
    /// All of it has to be true.
    pub conditions: Vec<Condition>,
    /// The answer.
    pub answer: u32,
}

/// Something that may be true of an argument.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Condition {
    /// Which argument, from 0 to 5.
    pub index: u32,
    /// How it is compared.
    pub op: Op,
    /// The bits that are compared.
    pub mask: u64,
    /// With what.
    pub value: u64,
}

impl Rules {
    /// Reads the object; errors name the part of it that is wrong.
    pub fn of(seccomp: &Seccomp) -> Result<Self> {
        let default =
            answer(seccomp.default_action, seccomp.default_errno_ret).context("defaultErrnoRet")?;
        let permissive = matches!(seccomp.default_action, Action::Allow | Action::Log);
        // A program that knows a younger call tries an older one after ENOSYS, but not after EPERM.
        let younger = (!permissive).then_some(libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32);
        let others = seccomp.architectures.iter().filter(|arch| **arch != NATIVE);
        let mut sections: Vec<Section> = Vec::new();
        for abi in [NATIVE].iter().chain(others).filter_map(|arch| find(*arch)) {
            if sections.iter().all(|section| section.abi != abi) {
                sections.push(Section { abi, calls: BTreeMap::new(), newest: None });
            }
        }
        let numbers = Numbers::new();
        for (index, syscall) in seccomp.syscalls.iter().enumerate() {
            let entry = Entry::of(syscall).with_context(|| format!("syscalls[{index}]"))?;
            for section in &mut sections {
                section.add(&numbers, &entry, default);
            }
        }
        Ok(Self { default, younger, sections })
    }

    /// Whether a call may have to wait for an agent's answer.
    pub fn notify(&self) -> bool {
        let asks =
            |answer: u32| answer & libc::SECCOMP_RET_ACTION_FULL == libc::SECCOMP_RET_USER_NOTIF;
        let asks_here = |decision: &Decision| match decision {
            Decision::Always(answer) => asks(*answer),
            Decision::When(rules) => rules.iter().any(|rule| asks(rule.answer)),
        };
        asks(self.default) || self.sections.iter().any(|part| part.calls.values().any(asks_here))
    }

    /// The architectures of the object that no machine has on which this program runs. Nothing can
    /// make their calls there, so that nothing is lost without them.
    pub fn foreign(seccomp: &Seccomp) -> impl Iterator<Item = Arch> {
        seccomp.architectures.iter().copied().filter(|arch| find(*arch).is_none())
    }
}

/// One entry of `syscalls`, checked.
struct Entry<'a> {
    names: &'a [String],
    answer: u32,
    /// Empty for an entry without conditions; otherwise one of these has to hold.
    conditions: Vec<Vec<Condition>>,
}

impl<'a> Entry<'a> {
    fn of(syscall: &'a Syscall) -> Result<Self> {
        ensure!(!syscall.names.is_empty(), "names: there has to be at least one");
        if let Some(empty) = syscall.names.iter().position(String::is_empty) {
            bail!("names[{empty}] is empty");
        }
        let answer = answer(syscall.action, syscall.errno_ret).context("errnoRet")?;
        let mut conditions = Vec::new();
        for (place, arg) in syscall.args.iter().enumerate() {
            conditions.push(Condition::of(arg).with_context(|| format!("args[{place}]"))?);
        }
        let twice = |condition: &Condition| {
            conditions.iter().filter(|other| other.index == condition.index).count() > 1
        };
        let conditions = if conditions.is_empty() {
            Vec::new()
        } else if conditions.iter().any(twice) {
            // Two conditions on one argument were alternatives in the runtimes' first years, and
            // there are profiles that count on it.
            conditions.into_iter().map(|condition| vec![condition]).collect()
        } else {
            vec![conditions]
        };
        Ok(Self { names: &syscall.names, answer, conditions })
    }
}

impl Section {
    fn add(&mut self, numbers: &Numbers, entry: &Entry, default: u32) {
        for name in entry.names {
            if let Some(number) = numbers.find(self.abi, name) {
                if number < self.abi.private {
                    self.newest = self.newest.max(Some(number));
                }
                self.decide(number, entry.answer, &entry.conditions, default);
            }
            // What leads to the same call by another way.
            if let Some(Door { call, conditions }) = mux::door(self.abi, name)
                && entry.conditions.is_empty()
                && let Some(number) = numbers.find(self.abi, call)
            {
                self.decide(number, entry.answer, &[conditions], default);
            }
        }
    }

    fn decide(&mut self, number: u32, answer: u32, any: &[Vec<Condition>], default: u32) {
        if answer == default {
            return;
        }
        let decision = self.calls.entry(number).or_insert(Decision::When(Vec::new()));
        match decision {
            Decision::Always(_) => {}
            _ if any.is_empty() => *decision = Decision::Always(answer),
            Decision::When(rules) => {
                rules.extend(any.iter().map(|all| Rule { conditions: all.clone(), answer }))
            }
        }
    }
}

impl Condition {
    fn of(arg: &Arg) -> Result<Self> {
        let &Arg { index, value, value_two, op } = arg;
        ensure!(index < 6, "index: a system call has arguments 0 to 5, and no {index}");
        let (mask, value) = match op {
            Op::MaskedEq => (value, value_two & value),
            _ => (u64::MAX, value),
        };
        Ok(Self { index, op, mask, value })
    }
}

/// What the kernel is told to do: SECCOMP_RET_…, with a number in the lower half for some.
fn answer(action: Action, errno: Option<u32>) -> Result<u32> {
    let number = || {
        let errno = errno.unwrap_or(libc::EPERM as u32);
        ensure!(errno <= libc::SECCOMP_RET_DATA, "{errno} does not fit into 16 bits");
        Ok(errno)
    };
    let answer = match action {
        Action::Errno => return Ok(libc::SECCOMP_RET_ERRNO | number()?),
        Action::Trace => return Ok(libc::SECCOMP_RET_TRACE | number()?),
        Action::Kill | Action::KillThread => libc::SECCOMP_RET_KILL_THREAD,
        Action::KillProcess => libc::SECCOMP_RET_KILL_PROCESS,
        Action::Trap => libc::SECCOMP_RET_TRAP,
        Action::Allow => libc::SECCOMP_RET_ALLOW,
        Action::Log => libc::SECCOMP_RET_LOG,
        Action::Notify => libc::SECCOMP_RET_USER_NOTIF,
    };
    ensure!(errno.is_none(), "the action gives no error number: only ERRNO and TRACE do");
    Ok(answer)
}
