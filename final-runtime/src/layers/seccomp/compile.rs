//! From rules to a program for the kernel.
//!
//! It runs at every system call of the container, so it has to be short on every way through: the
//! numbers are looked up by halves, and neighbours with the same answer are one. Some 450 calls
//! with 60 borders between allowed and not take six comparisons.

use anyhow::{Result, ensure};

use super::{
    arch::{Abi, X32_BIT},
    bpf::{AND, Assembler, IF_EQUAL, IF_GREATER, IF_NOT_LESS, Instruction, LOAD, Label},
    rules::{Condition, Decision, Rule, Rules, Section},
};
use crate::spec::seccomp::{Arch, Op};

/// BPF_MAXINSNS
const MOST: usize = 4096;

// Offsets in `struct seccomp_data`.
const NUMBER: u32 = 0;
const ARCH: u32 = 4;
const ARGS: u32 = 16;

/// What is answered to calls of an architecture that the filter does not have, as by libseccomp.
pub const WRONG_ARCH: u32 = libc::SECCOMP_RET_KILL_THREAD;

/// The program that does what the rules say.
pub fn compile(rules: &Rules) -> Result<Vec<Instruction>> {
    let mut assembler = Assembler::default();
    let mut next = assembler.answer(WRONG_ARCH);
    // Written from the end: the first section, which is the machine's own, is the first asked for.
    for section in rules.sections.iter().rev() {
        if section.abi.arch == Arch::X32 && rules.has(Arch::X86_64) {
            continue; // the same `arch`: it is part of that section
        }
        let own = section_of(&mut assembler, rules, section);
        next = assembler.branch(IF_EQUAL, section.abi.audit, own, next);
    }
    assembler.step(LOAD, ARCH, next);
    let program = assembler.finish();
    let length = program.len();
    ensure!(length <= MOST, "the filter has {length} instructions, and the kernel takes {MOST}");
    Ok(program)
}

impl Rules {
    fn section(&self, arch: Arch) -> Option<&Section> {
        self.sections.iter().find(|section| section.abi.arch == arch)
    }

    fn has(&self, arch: Arch) -> bool {
        self.section(arch).is_some()
    }
}

/// What is answered from this number on.
struct Border {
    first: u32,
    answer: Label,
}

fn section_of(assembler: &mut Assembler, rules: &Rules, section: &Section) -> Label {
    let mut leaves = Leaves { assembler, rules, done: Vec::new() };
    let mut borders = leaves.borders(section);
    if section.abi.bit > 0 {
        borders.insert(0, Border { first: 0, answer: leaves.answer(WRONG_ARCH) });
    }
    if section.abi.arch == Arch::X86_64 {
        match rules.section(Arch::X32) {
            Some(x32) => borders.extend(leaves.borders(x32)),
            None => {
                let wrong = leaves.answer(rules.younger_than(section).unwrap_or(WRONG_ARCH));
                borders.push(Border { first: X32_BIT, answer: wrong });
            }
        }
        // A tracer makes it -1 to have no call at all.
        let none = leaves.answer(rules.default);
        borders.push(Border { first: u32::MAX, answer: none });
    }
    borders.dedup_by_key(|border| border.answer);
    let tree = halves(assembler, &borders);
    assembler.step(LOAD, NUMBER, tree)
}

impl Rules {
    fn younger_than(&self, section: &Section) -> Option<u32> {
        section.newest.and(self.younger)
    }
}

/// Looks the number up.
fn halves(assembler: &mut Assembler, borders: &[Border]) -> Label {
    match borders {
        [only] => only.answer,
        // One among others.
        [before, one, after] if before.answer == after.answer && one.first + 1 == after.first => {
            assembler.branch(IF_EQUAL, one.first, one.answer, before.answer)
        }
        _ => {
            let (lower, upper) = borders.split_at(borders.len() / 2);
            let first = upper[0].first;
            let upper = halves(assembler, upper);
            let lower = halves(assembler, lower);
            assembler.branch(IF_NOT_LESS, first, upper, lower)
        }
    }
}

/// The ends of the tree: each of them is written once.
struct Leaves<'a> {
    assembler: &'a mut Assembler,
    rules: &'a Rules,
    done: Vec<(Decision, bool, Label)>,
}

impl Leaves<'_> {
    /// A section's numbers in order, without gaps.
    fn borders(&mut self, section: &Section) -> Vec<Border> {
        let abi = section.abi;
        let default = self.answer(self.rules.default);
        let younger = self.rules.younger_than(section).map(|answer| self.answer(answer));
        let mut borders = vec![Border { first: abi.bit, answer: default }];
        let mut put = |first: u32, answer| {
            borders.pop_if(|last| last.first == first);
            borders.push(Border { first, answer });
        };
        let mut young = younger.zip(section.newest).map(|(answer, newest)| (newest + 1, answer));
        for (number, decision) in &section.calls {
            if let Some((first, answer)) = young.take_if(|(first, _)| *first <= *number) {
                put(first, answer);
                put(abi.private, default);
            }
            let answer = self.decision(abi, decision);
            put(*number, answer);
            put(number + 1, default);
        }
        if let Some((first, answer)) = young {
            put(first, answer);
            if abi.private < u32::MAX {
                put(abi.private, default);
            }
        }
        borders
    }

    fn answer(&mut self, answer: u32) -> Label {
        self.decision_once(Decision::Always(answer), true, |leaves| leaves.assembler.answer(answer))
    }

    fn decision(&mut self, abi: &Abi, decision: &Decision) -> Label {
        match decision {
            Decision::Always(answer) => self.answer(*answer),
            Decision::When(rules) => self.decision_once(decision.clone(), abi.wide, |leaves| {
                let mut next = leaves.answer(leaves.rules.default);
                for rule in rules.iter().rev() {
                    next = leaves.rule(abi, rule, next);
                }
                next
            }),
        }
    }

    fn decision_once(
        &mut self,
        decision: Decision,
        wide: bool,
        write: impl FnOnce(&mut Self) -> Label,
    ) -> Label {
        let done = self.done.iter().find(|(other, w, _)| (other, *w) == (&decision, wide));
        if let Some((_, _, label)) = done {
            return *label;
        }
        let label = write(self);
        self.done.push((decision, wide, label));
        label
    }

    fn rule(&mut self, abi: &Abi, rule: &Rule, otherwise: Label) -> Label {
        let mut next = self.answer(rule.answer);
        for condition in rule.conditions.iter().rev() {
            next = compare(self.assembler, abi, condition, next, otherwise);
        }
        next
    }
}

/// Goes on at `yes` or `no`. The accumulator has 32 bits, so the upper half is compared first, and
/// the lower one if the upper halves are equal.
fn compare(
    assembler: &mut Assembler,
    abi: &Abi,
    condition: &Condition,
    yes: Label,
    no: Label,
) -> Label {
    // ANCHOR: exercise-8-5
    let &Condition { index, op, mask, value } = condition;
    // "Less" is "not (greater or equal)".
    let (code, yes, no) = match op {
        Op::Eq | Op::MaskedEq => (IF_EQUAL, yes, no),
        Op::Ne => (IF_EQUAL, no, yes),
        Op::Gt => (IF_GREATER, yes, no),
        Op::Ge => (IF_NOT_LESS, yes, no),
        Op::Le => (IF_GREATER, no, yes),
        Op::Lt => (IF_NOT_LESS, no, yes),
    };
    let (at, upper_value) = (ARGS + 8 * index, (value >> 32) as u32); // little-endian, all of them
    let lower = assembler.branch(code, value as u32, yes, no);
    let lower = load(assembler, at, mask as u32, lower);
    if !abi.wide || mask >> 32 == 0 {
        return lower; // where no bit of the upper half counts, none is set in `value` either
    }
    let mut upper = assembler.branch(IF_EQUAL, upper_value, lower, no);
    if code != IF_EQUAL {
        upper = assembler.branch(IF_GREATER, upper_value, yes, upper);
    }
    load(assembler, at + 4, (mask >> 32) as u32, upper)
    // ANCHOR_END: exercise-8-5
}

fn load(assembler: &mut Assembler, offset: u32, mask: u32, next: Label) -> Label {
    let next = if mask == u32::MAX { next } else { assembler.step(AND, mask, next) };
    assembler.step(LOAD, offset, next)
}
