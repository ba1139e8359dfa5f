//! A program for the kernel that says which devices a group may use: what `devices.allow` is in v1.
//!
//! The kernel runs it for each mknod(2) and open(2) of a device, and hands it in register 1 a
//! pointer to `struct bpf_cgroup_dev_ctx`: what is to be done (above bit 16) with which type (below
//! it), the major and the minor number. What it leaves in register 0 is the answer: 0 is no.
//! For `c 1:3 rw` it is, as `bpftool prog dump xlated` would show it:
//!
//! ```text
//! w2 = *(u32 *)(r1 + 0)        what is asked, and the type
//! w3 = w2
//! w2 &= 0xffff                 the type
//! w3 >>= 16                    what is asked
//! w4 = *(u32 *)(r1 + 4)        the major number
//! w5 = *(u32 *)(r1 + 8)        the minor number
//!
//! if w2 != 2 goto next         a character device?
//! if w4 != 1 goto next
//! if w5 != 3 goto next
//! w3 &= 0xfffffff9             what the rule grants is asked for no longer
//! if w3 != 0 goto next
//! w0 = 1                       nothing is left to be asked for
//! exit
//! next:
//! w0 = 0                       no rule grants it
//! exit
//! ```
//!
//! Of two rules about a device the later one counts. So the program begins with the last.
//!
//! See the kernel's bpf/standardization/instruction-set and admin-guide/cgroup-v2 ("Device
//! controller").

use crate::{DeviceRule, bpf::Instruction};

// Operation codes. Those that calculate do it on 32 bits.
const LOAD: u8 = 0x61; // reg = *(u32 *)(other + offset)
const MOVE: u8 = 0xbc; // reg = other
const SET: u8 = 0xb4; // reg = value
const AND: u8 = 0x54; // reg &= value
const SHIFT_RIGHT: u8 = 0x74; // reg >>= value
const JUMP_IF: u8 = 0x15; // if reg == value, skip offset instructions
const JUMP_IF_NOT: u8 = 0x55; // if reg != value, the same
const EXIT: u8 = 0x95;

// What the registers are for.
const ANSWER: u8 = 0;
const CONTEXT: u8 = 1;
const SCRATCH: u8 = 1; // once all is read from the context
const TYPE: u8 = 2;
const ASKED: u8 = 3;
const MAJOR: u8 = 4;
const MINOR: u8 = 5;

/// The program that allows what `rules` allow, of which the last about a device counts, and nothing else.
pub fn assemble(rules: &[DeviceRule]) -> Vec<Instruction> {
    let mut program = vec![
        two(LOAD, TYPE, CONTEXT, 0),
        two(MOVE, ASKED, TYPE, 0),
        one(AND, TYPE, 0xffff),
        one(SHIFT_RIGHT, ASKED, 16),
        two(LOAD, MAJOR, CONTEXT, 4),
        two(LOAD, MINOR, CONTEXT, 8),
    ];
    program.extend(rules.iter().rev().flat_map(of_one));
    program.extend(answer(0));
    program
}

/// The part for one rule, which answers, or falls through to the next.
fn of_one(rule: &DeviceRule) -> Vec<Instruction> {
    // ANCHOR: exercise-8-6
    let mut part = Vec::new();
    let unless = |register, value: u32| one(JUMP_IF_NOT, register, value.cast_signed());
    part.extend(rule.kind.number().map(|kind| unless(TYPE, kind)));
    part.extend(rule.major.map(|major| unless(MAJOR, major)));
    part.extend(rule.minor.map(|minor| unless(MINOR, minor)));
    let named = rule.access.bits().cast_signed();
    if rule.allow {
        part.extend([one(AND, ASKED, !named), unless(ASKED, 0)]);
    } else {
        part.extend([
            two(MOVE, SCRATCH, ASKED, 0),
            one(AND, SCRATCH, named),
            one(JUMP_IF, SCRATCH, 0),
        ]);
    }
    part.extend(answer(rule.allow.into()));
    jump_to_the_end(&mut part);
    part
    // ANCHOR_END: exercise-8-6
}

fn jump_to_the_end(part: &mut [Instruction]) {
    let length = part.len();
    for (at, instruction) in part.iter_mut().enumerate() {
        if [JUMP_IF, JUMP_IF_NOT].contains(&instruction.code) {
            instruction.offset = (length - at - 1) as i16; // a part has eight instructions at most
        }
    }
}

fn answer(value: i32) -> [Instruction; 2] {
    [one(SET, ANSWER, value), one(EXIT, 0, 0)]
}

fn one(code: u8, register: u8, value: i32) -> Instruction {
    Instruction { code, registers: register, offset: 0, value }
}

fn two(code: u8, register: u8, other: u8, offset: i16) -> Instruction {
    Instruction { code, registers: other << 4 | register, offset, value: 0 }
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;
    use crate::device_rule::tests::read;

    /// What the kernel would do with it.
    fn run(program: &[Instruction], context: [u32; 3]) -> u32 {
        let mut registers = [0u32; 16];
        let mut at = 0;
        loop {
            let Instruction { code, registers: both, offset, value } = program[at];
            let (this, other) = (usize::from(both & 15), usize::from(both >> 4));
            let value = value.cast_unsigned();
            at += 1;
            match code {
                LOAD => registers[this] = context[offset as usize / 4],
                MOVE => registers[this] = registers[other],
                SET => registers[this] = value,
                AND => registers[this] &= value,
                SHIFT_RIGHT => registers[this] >>= value,
                JUMP_IF if registers[this] == value => at += offset as usize,
                JUMP_IF_NOT if registers[this] != value => at += offset as usize,
                JUMP_IF | JUMP_IF_NOT => {}
                EXIT => return registers[0],
                code => panic!("no such instruction: {code:#x}"),
            }
        }
    }

    /// Whether it answers as one would who reads the rules: for each act the last one that names it.
    #[rstest]
    fn it_answers_as_the_rules_say(
        #[values(
            &[],
            &["a *:* rwm"],
            &["c 1:3 rw"],
            &["c 1:3 r", "c 1:3 w"],
            &["b *:* m", "c *:* m", "c 1:* r", "b *:3 w"],
            &["a 1:3 rm", "c 2:* rwm"],
            &["a *:* rwm", "not c 1:3 rwm"],
            &["a *:* rwm", "not c 1:3 w", "not b 2:* rwm", "b 2:1 r"],
            &["c 1:* rwm", "not c 1:3 rw", "c 1:3 r"],
            &["not c 1:3 r", "c 1:* rw"],
            &["a *:* rwm", "not a *:* rwm"]
        )]
        rules: &[&str],
    ) {
        let rules = read(rules);
        let program = assemble(&rules);
        for number in 0..2 * 8 * 4 * 4 {
            let (kind, asked) = (number % 2 + 1, number / 2 % 8);
            let (major, minor) = (number / 16 % 4, number / 64);
            let names = |rule: &DeviceRule, act: u32| {
                rule.kind.number().is_none_or(|of_rule| of_rule == kind)
                    && rule.access.bits() & act != 0
                    && rule.major.is_none_or(|of_rule| of_rule == major)
                    && rule.minor.is_none_or(|of_rule| of_rule == minor)
            };
            let last = |act| rules.iter().rfind(|rule| names(rule, act));
            let granted = |act| last(act).is_some_and(|rule| rule.allow);
            let all = [1, 2, 4].into_iter().filter(|act| asked & act != 0).all(granted);
            // The kernel never asks for nothing.
            if asked != 0 {
                let answer = run(&program, [asked << 16 | kind, major, minor]);
                assert_eq!(answer, all.into(), "{rules:?}: {kind} {major}:{minor} {asked:b}");
            }
        }
    }
}
