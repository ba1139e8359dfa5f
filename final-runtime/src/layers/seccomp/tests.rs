//! Programs, held against what the profiles say in plain words.

use super::{
    Filter, NATIVE,
    arch::{ABIS, Abi, X32_BIT, find},
    compile::WRONG_ARCH,
    interpreter::{Call, run},
    numbers::Numbers,
    profile::{Circumstances, Profile},
};
use crate::spec::seccomp::{Action, Arch, Arg, Op, Seccomp, Syscall};
use step07::{Cap, CapSet};

const ALLOW: u32 = libc::SECCOMP_RET_ALLOW;
const ENOSYS: u32 = libc::SECCOMP_RET_ERRNO | libc::ENOSYS as u32;
const EPERM: u32 = libc::SECCOMP_RET_ERRNO | libc::EPERM as u32;

fn parse(json: &str) -> Seccomp {
    serde_json::from_str(json).unwrap_or_else(|error| panic!("{json}: {error}"))
}

fn error(json: &str) -> String {
    format!("{:#}", Filter::compile(&parse(json)).expect_err(json))
}

fn abi(arch: Arch) -> &'static Abi {
    find(arch).expect("it has a table")
}

/// What a filter answers.
fn ask(filter: &Filter, arch: Arch, name: &str, args: [u64; 6]) -> u32 {
    let number = Numbers::new().find(abi(arch), name).expect(name);
    run(&filter.program, &Call { number, arch: abi(arch).audit, args }).0
}

fn returned(action: Action, errno: Option<u32>) -> u32 {
    let errno = errno.unwrap_or(libc::EPERM as u32);
    match action {
        Action::Kill | Action::KillThread => 0,
        Action::KillProcess => 0x8000_0000,
        Action::Trap => 0x0003_0000,
        Action::Errno => 0x0005_0000 | errno,
        Action::Trace => 0x7ff0_0000 | errno,
        Action::Allow => 0x7fff_0000,
        Action::Log => 0x7ffc_0000,
        Action::Notify => 0x7fc0_0000,
    }
}

fn holds(abi: &Abi, arg: &Arg, args: &[u64; 6]) -> bool {
    let cut = |number: u64| if abi.wide { number } else { number & 0xffff_ffff };
    let (is, value) = (cut(args[arg.index as usize]), cut(arg.value));
    match arg.op {
        Op::Ne => is != value,
        Op::Lt => is < value,
        Op::Le => is <= value,
        Op::Eq => is == value,
        Op::Ge => is >= value,
        Op::Gt => is > value,
        Op::MaskedEq => is & value == cut(arg.value_two) & value,
    }
}

/// What the object says about one number, read without any of the code above but the table. Not
/// for the calls behind other calls.
struct Plainly<'a> {
    default: u32,
    abi: &'a Abi,
    entries: Vec<&'a Syscall>,
}

impl<'a> Plainly<'a> {
    fn of(seccomp: &'a Seccomp, named: &[Vec<u32>], abi: &'a Abi, number: u32) -> Self {
        let spoken = named.iter().flatten().copied();
        let newest = spoken.filter(|number| number & !X32_BIT < 0xf_0000).max();
        let young = newest
            .is_some_and(|newest| number > newest && (abi.arch != Arch::Arm || number < 0xf_0000));
        let permissive = matches!(seccomp.default_action, Action::Allow | Action::Log);
        let default = returned(seccomp.default_action, seccomp.default_errno_ret);
        let speaks = |(entry, numbers): &(&Syscall, &Vec<u32>)| {
            returned(entry.action, entry.errno_ret) != default && numbers.contains(&number)
        };
        let entries = seccomp.syscalls.iter().zip(named).filter(speaks);
        Self {
            default: if young && !permissive { ENOSYS } else { default },
            abi,
            entries: entries.map(|(entry, _)| entry).collect(),
        }
    }

    fn answer(&self, args: &[u64; 6]) -> u32 {
        let holds = |arg: &Arg| holds(self.abi, arg, args);
        let twice = |entry: &Syscall| {
            let mut seen = [false; 6];
            entry.args.iter().any(|arg| std::mem::replace(&mut seen[arg.index as usize], true))
        };
        let all = |entry: &&&Syscall| match twice(entry) {
            true => entry.args.iter().any(holds),
            false => entry.args.iter().all(holds),
        };
        let entry = self.entries.iter().find(|entry| entry.args.is_empty());
        let entry = entry.or_else(|| self.entries.iter().find(all));
        entry.map_or(self.default, |entry| returned(entry.action, entry.errno_ret))
    }
}

/// Numbers that look random and are the same each time: xorshift.
struct Numerals(u64);

impl Numerals {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end as u64) as usize
    }

    fn pick<T: Copy>(&mut self, all: &[T]) -> T {
        all[self.below(all.len())]
    }
}

/// Asks the filter about many numbers of every architecture of the object, several times each.
fn agree(seccomp: &Seccomp, asked: &[u32], random: &mut Numerals) {
    let filter = Filter::compile(seccomp).expect("it can be compiled");
    let (numbers, values) = (Numbers::new(), values(seccomp));
    for abi in ABIS.iter().filter(|a| a.arch == NATIVE || seccomp.architectures.contains(&a.arch)) {
        let named = |entry: &Syscall| {
            entry.names.iter().filter_map(|name| numbers.find(abi, name)).collect()
        };
        let named: Vec<Vec<u32>> = seccomp.syscalls.iter().map(named).collect();
        for number in asked.iter().map(|number| number | abi.bit) {
            let plainly = Plainly::of(seccomp, &named, abi, number);
            for _ in 0..6 {
                let args = std::array::from_fn(|_| random.pick(&values));
                let call = Call { number, arch: abi.audit, args };
                let (is, steps) = run(&filter.program, &call);
                assert_eq!(is, plainly.answer(&args), "{:?} {call:x?} {seccomp:?}", abi.arch);
                assert!(steps < 80, "{steps} instructions for {call:x?}");
            }
        }
    }
}

/// At and beside each border, in either half.
fn values(seccomp: &Seccomp) -> Vec<u64> {
    let mut values = vec![0, 1, u64::MAX, 1 << 32, (1 << 32) - 1];
    for arg in seccomp.syscalls.iter().flat_map(|entry| &entry.args) {
        let value = arg.value;
        values.extend([value, value.wrapping_add(1), value.wrapping_sub(1), value ^ 1 << 32]);
        values.extend([value & 0xffff_ffff, arg.value_two, !value, arg.value_two | !value]);
    }
    values
}

#[test]
fn the_default_profile_does_what_it_says() {
    let mut random = Numerals(1);
    let all: Vec<u32> = (0..480).chain(0xf_0000..0xf_0008).collect();
    let admin: CapSet = [Cap::SYS_ADMIN].into_iter().collect();
    for (caps, arch) in [
        (CapSet::EMPTY, Arch::X86_64),
        (admin, Arch::X86_64),
        (CapSet::known(), Arch::X86_64),
        (CapSet::EMPTY, Arch::Aarch64),
        (CapSet::EMPTY, Arch::Riscv64),
    ] {
        let at = Circumstances { caps, arch, kernel: "6.1".parse().expect("a version") };
        let seccomp = Profile::standard().resolve(&at).expect("it can be resolved");
        agree(&seccomp, &all, &mut random);
    }
}

#[test]
fn the_default_profile_is_short() {
    let at = Circumstances::here(CapSet::EMPTY).expect("this machine has a kernel");
    let seccomp = Profile::standard().resolve(&at).expect("it can be resolved");
    let filter = Filter::compile(&seccomp).expect("it can be compiled");
    assert!(filter.program.len() < 400, "{} instructions", filter.program.len());
    let call = Call { number: 0, arch: abi(NATIVE).audit, args: [0; 6] };
    assert_eq!((run(&filter.program, &call).0, true), (ALLOW, run(&filter.program, &call).1 < 14));
}

#[test]
fn what_it_refuses_and_how() {
    let at = Circumstances {
        caps: CapSet::EMPTY,
        arch: Arch::X86_64,
        kernel: "6.1".parse().expect("one"),
    };
    let seccomp = Profile::standard().resolve(&at).expect("it can be resolved");
    let filter = Filter::compile(&seccomp).expect("it can be compiled");
    let ask = |arch, name, first| ask(&filter, arch, name, [first, 0, 0, 0, 0, 0]);
    for arch in [Arch::X86_64, Arch::X86, Arch::X32] {
        for (name, first, answer) in [
            ("read", 0, ALLOW),
            ("mount", 0, EPERM),
            ("keyctl", 0, EPERM),
            ("bpf", 0, EPERM),
            ("io_uring_setup", 0, EPERM),
            ("clone3", 0, ENOSYS),
            ("clone", libc::SIGCHLD as u64, ALLOW),
            ("clone", libc::CLONE_NEWUSER as u64, EPERM),
            ("clone", (libc::CLONE_NEWNET | libc::CLONE_VM) as u64, EPERM),
            ("socket", libc::AF_INET as u64, ALLOW),
            ("socket", libc::AF_VSOCK as u64, EPERM),
            ("personality", 0x20008, ALLOW),
            ("personality", 0x0040_0000, EPERM), // READ_IMPLIES_EXEC
        ] {
            assert_eq!(ask(arch, name, first), answer, "{arch:?} {name}");
        }
    }
    let number = |arch, number| run(&filter.program, &Call { number, arch, args: [0; 6] }).0;
    assert_eq!(number(abi(Arch::X86_64).audit, 470), ENOSYS);
    assert_eq!(number(abi(Arch::X86).audit, 100_000), ENOSYS);
    assert_eq!(number(abi(Arch::Aarch64).audit, 63), WRONG_ARCH);
}

/// Whatever one writes, the program does it: of few calls and arguments, so that entries meet.
#[test]
fn any_profile_does_what_it_says() {
    let mut random = Numerals(7);
    let names =
        ["read", "write", "open", "openat", "clone", "mmap", "cacheflush", "mseal", "no_such"];
    let actions = [
        Action::Kill,
        Action::KillProcess,
        Action::Trap,
        Action::Errno,
        Action::Trace,
        Action::Allow,
        Action::Log,
        Action::Notify,
    ];
    let ops = [Op::Ne, Op::Lt, Op::Le, Op::Eq, Op::Ge, Op::Gt, Op::MaskedEq];
    let numbers = [0, 1, 5, 0xff00, 1 << 31, (1 << 32) - 1, 1 << 32, (7 << 32) + 3, u64::MAX];
    // The calls that are named on some architecture, and their neighbours.
    let table = Numbers::new();
    let named = ABIS.iter().flat_map(|abi| names.iter().filter_map(|name| table.find(abi, name)));
    let around =
        named.map(|number| number & !X32_BIT).flat_map(|n| [n.saturating_sub(1), n, n + 1]);
    let asked: Vec<u32> = around.collect();
    for _ in 0..100 {
        let action = |random: &mut Numerals| {
            let action = random.pick(&actions);
            let gives = matches!(action, Action::Errno | Action::Trace) && random.below(2) == 0;
            (action, gives.then_some(38))
        };
        let (default_action, default_errno_ret) = action(&mut random);
        let syscall = |random: &mut Numerals| {
            let (action, errno_ret) = action(random);
            let arg = |random: &mut Numerals| Arg {
                index: random.below(3) as u32,
                value: random.pick(&numbers),
                value_two: random.pick(&numbers),
                op: random.pick(&ops),
            };
            let args = (0..random.below(4)).map(|_| arg(random)).collect();
            let names = (0..=random.below(3)).map(|_| random.pick(&names).into()).collect();
            Syscall { names, action, errno_ret, args }
        };
        let seccomp = Seccomp {
            default_action,
            default_errno_ret,
            architectures: vec![Arch::X86_64, Arch::X32, Arch::Arm, Arch::Aarch64, Arch::S390],
            flags: None,
            listener_path: None,
            listener_metadata: None,
            syscalls: (0..random.below(7)).map(|_| syscall(&mut random)).collect(),
        };
        agree(&seccomp, &asked, &mut random);
    }
}

/// One call with so many conditions that no single jump leads over them.
#[test]
fn jumps_are_as_long_as_they_have_to_be() {
    let entry = |value: u64| {
        format!(
            r#"{{"names": ["getpid"], "action": "SCMP_ACT_ERRNO", "errnoRet": {value},
            "args": [{{"index": 2, "value": {}, "op": "SCMP_CMP_EQ"}}]}}"#,
            value << 32 | 7
        )
    };
    let entries: Vec<_> = (1..=600).map(entry).collect();
    let all = |entries: &[String]| {
        format!(r#"{{"defaultAction": "SCMP_ACT_ALLOW", "syscalls": [{}]}}"#, entries.join(","))
    };
    let filter = Filter::compile(&parse(&all(&entries))).expect("it can be compiled");
    for value in 0..=601 {
        let errno = if (1..=600).contains(&value) { 0x5_0000 | value as u32 } else { ALLOW };
        let args = [0, 0, value << 32 | 7, 0, 0, 0];
        assert_eq!(ask(&filter, NATIVE, "getpid", args), errno, "{value}");
        assert_eq!(ask(&filter, NATIVE, "getppid", args), ALLOW);
    }
    let entries: Vec<_> = (1..=1200).map(entry).collect();
    let error = error(&all(&entries));
    assert!(error.ends_with("instructions, and the kernel takes 4096"), "{error}");
}

#[test]
fn doors_of_32_bit_x86_are_kept_too() {
    let filter = parse(
        r#"{"defaultAction": "SCMP_ACT_ALLOW", "architectures": ["SCMP_ARCH_X86"], "syscalls": [
            {"names": ["connect", "semop"], "action": "SCMP_ACT_ERRNO"}]}"#,
    );
    let filter = Filter::compile(&filter).expect("it can be compiled");
    let ask = |name, first| ask(&filter, Arch::X86, name, [first, 0, 0, 0, 0, 0]);
    assert_eq!([ask("connect", 0), ask("socketcall", 3)], [EPERM; 2]);
    assert_eq!([ask("socketcall", 1), ask("socketcall", 4), ask("ipc", 2)], [ALLOW; 3]);
    assert_eq!([ask("ipc", 1), ask("ipc", 0x1_0001)], [EPERM; 2]);
}

#[test]
fn what_is_wrong_is_named() {
    let with = |entry: &str| {
        error(&format!(
            r#"{{"defaultAction": "SCMP_ACT_ERRNO", "syscalls": [
            {{"names": ["read"], "action": "SCMP_ACT_ALLOW"}}, {entry}]}}"#
        ))
    };
    assert_eq!(
        with(r#"{"names": [], "action": "SCMP_ACT_ALLOW"}"#),
        "syscalls[1]: names: there has to be at least one"
    );
    assert_eq!(
        with(r#"{"names": ["a", ""], "action": "SCMP_ACT_ALLOW"}"#),
        "syscalls[1]: names[1] is empty"
    );
    assert_eq!(
        with(
            r#"{"names": ["a"], "action": "SCMP_ACT_ALLOW", "args": [{"index": 6, "value": 0, "op": "SCMP_CMP_EQ"}]}"#
        ),
        "syscalls[1]: args[0]: index: a system call has arguments 0 to 5, and no 6"
    );
    assert_eq!(
        with(r#"{"names": ["a"], "action": "SCMP_ACT_LOG", "errnoRet": 3}"#),
        "syscalls[1]: errnoRet: the action gives no error number: only ERRNO and TRACE do"
    );
    assert_eq!(
        error(r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 65536}"#),
        "defaultErrnoRet: 65536 does not fit into 16 bits"
    );
    assert_eq!(
        error(r#"{"defaultAction": "SCMP_ACT_ERRNO", "listenerMetadata": "x"}"#),
        "listenerMetadata: without listenerPath"
    );
}
