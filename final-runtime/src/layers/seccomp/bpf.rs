//! Classic BPF, as far as a filter of system calls needs it, written from its end to its beginning.
//!
//! A program is a list of instructions on one accumulator. Jumps lead forward only, so that every
//! program ends, and a conditional one at most 255 instructions far. Writing backwards, one knows
//! where the targets are when a jump is written, and whether they are near enough. See seccomp(2),
//! and "BPF engine and instruction set" in the kernel's `networking/filter.rst`.

/// One instruction: `struct sock_filter`.
#[repr(C)]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Instruction {
    /// What to do.
    pub code: u16,
    /// How many instructions to jump over if the condition is true.
    pub jt: u8,
    /// And if it is false.
    pub jf: u8,
    /// A constant.
    pub k: u32,
}

/// Loads the 32 bits at offset `k` of `struct seccomp_data`.
pub const LOAD: u16 = 0x20; // BPF_LD | BPF_W | BPF_ABS
/// Keeps the bits of `k`.
pub const AND: u16 = 0x54; // BPF_ALU | BPF_AND | BPF_K
/// Goes on `k` instructions further.
pub const JUMP: u16 = 0x05; // BPF_JMP | BPF_JA
/// Goes on `jt` or `jf` instructions further, by whether it is `k`.
pub const IF_EQUAL: u16 = 0x15; // BPF_JMP | BPF_JEQ | BPF_K
/// By whether it is greater.
pub const IF_GREATER: u16 = 0x25; // BPF_JMP | BPF_JGT | BPF_K
/// By whether it is `k` or greater.
pub const IF_NOT_LESS: u16 = 0x35; // BPF_JMP | BPF_JGE | BPF_K
/// Ends with the answer `k`.
pub const RETURN: u16 = 0x06; // BPF_RET | BPF_K

/// How far a conditional jump reaches.
const REACH: usize = 255;

/// A place in a program that is being written: how many instructions stand behind it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Label(usize);

/// A program that is being written, its last instruction first.
#[derive(Default)]
pub struct Assembler(Vec<Instruction>);

impl Assembler {
    /// Ends with an answer.
    pub fn answer(&mut self, answer: u32) -> Label {
        self.push(RETURN, 0, 0, answer)
    }

    /// Does something that is no jump, and goes on at `next`.
    pub fn step(&mut self, code: u16, k: u32, next: Label) -> Label {
        if self.distance(next) > 0 {
            self.leap(next);
        }
        self.push(code, 0, 0, k)
    }

    /// Goes on at `yes` if the condition is true, else at `no`. Where there is nothing to choose,
    /// nothing is written.
    pub fn branch(&mut self, code: u16, k: u32, yes: Label, no: Label) -> Label {
        if yes == no {
            return yes;
        }
        let yes = self.near(yes);
        let no = self.near(no);
        let (jt, jf) = (self.distance(yes), self.distance(no));
        let narrow = |distance: usize| u8::try_from(distance).expect("`near` brought it near");
        self.push(code, narrow(jt), narrow(jf), k)
    }

    /// The program in the order in which it runs.
    pub fn finish(mut self) -> Vec<Instruction> {
        self.0.reverse();
        self.0
    }

    fn push(&mut self, code: u16, jt: u8, jf: u8, k: u32) -> Label {
        self.0.push(Instruction { code, jt, jf, k });
        Label(self.0.len() - 1)
    }

    /// How many instructions there are between the next one to be written and `label`.
    fn distance(&self, label: Label) -> usize {
        self.0.len() - 1 - label.0
    }

    /// A place that does the same as `label` and is near enough, also when one more instruction
    /// has been written.
    fn near(&mut self, label: Label) -> Label {
        if self.distance(label) < REACH { label } else { self.leap(label) }
    }

    /// Writes an instruction that does the same as going on at `label`, however far that is.
    fn leap(&mut self, label: Label) -> Label {
        match self.0[label.0] {
            end if end.code == RETURN => self.answer(end.k), // as short, and quicker
            _ => {
                let distance = u32::try_from(self.distance(label)).expect("programs are short");
                self.push(JUMP, 0, 0, distance)
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::{
        super::interpreter::{Call, run},
        *,
    };

    /// Both targets at every distance around the farthest that a conditional jump reaches.
    #[test]
    fn no_target_is_too_far() {
        for between in 240..270 {
            let mut assembler = Assembler::default();
            let end = [assembler.answer(1), assembler.answer(2)];
            let [no, yes] = end.map(|end| assembler.step(LOAD, 4, end));
            for _ in 0..between {
                assembler.answer(3);
            }
            let first = assembler.branch(IF_EQUAL, 7, yes, no);
            assembler.step(LOAD, 0, first);
            let program = assembler.finish();
            let ask = |number| run(&program, &Call { number, arch: 0, args: [0; 6] }).0;
            assert_eq!((ask(7), ask(8)), (2, 1), "{between}");
        }
    }
}
