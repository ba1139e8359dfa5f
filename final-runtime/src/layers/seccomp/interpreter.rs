//! What the kernel does with a program, for tests: the instructions that `bpf.rs` has, and the
//! checks that the kernel makes before it takes one.

use super::bpf::{AND, IF_EQUAL, IF_GREATER, IF_NOT_LESS, Instruction, JUMP, LOAD, RETURN};

/// `struct seccomp_data`
#[derive(Clone, Copy, Debug)]
pub struct Call {
    pub number: u32,
    pub arch: u32,
    pub args: [u64; 6],
}

impl Call {
    fn load(&self, offset: u32) -> u32 {
        assert!(offset.is_multiple_of(4) && offset < 64, "the kernel would not load from {offset}");
        match offset {
            0 => self.number,
            4 => self.arch,
            8 | 12 => 0, // the instruction pointer
            _ => {
                let arg = self.args[(offset as usize - 16) / 8];
                if offset.is_multiple_of(8) { arg as u32 } else { (arg >> 32) as u32 }
            }
        }
    }
}

/// The answer, and how many instructions it took.
pub fn run(program: &[Instruction], call: &Call) -> (u32, usize) {
    let (mut at, mut accumulator, mut steps) = (0, 0, 0);
    loop {
        let Instruction { code, jt, jf, k } = program[at];
        let jump = |condition| usize::from(if condition { jt } else { jf });
        (at, steps) = (at + 1, steps + 1);
        match code {
            LOAD => accumulator = call.load(k),
            AND => accumulator &= k,
            JUMP => at += k as usize,
            IF_EQUAL => at += jump(accumulator == k),
            IF_GREATER => at += jump(accumulator > k),
            IF_NOT_LESS => at += jump(accumulator >= k),
            RETURN => return (k, steps),
            code => panic!("an instruction {code:#x}"),
        }
    }
}
