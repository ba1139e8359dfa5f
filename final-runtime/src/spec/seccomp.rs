//! `linux.seccomp`: which system calls the container's processes may make.
//!
//! See "Seccomp" in the runtime specification's `config-linux.md`, and seccomp(2). The names of
//! actions, architectures and operators are libseccomp's, from which the specification has them.
//! What they mean is in `layers/seccomp/`. Properties that the specification does not know are
//! ignored; values that it does not know are an error.

use std::path::PathBuf;

use serde::{Deserialize, Deserializer, Serialize};

/// The object `linux.seccomp`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Seccomp {
    /// What happens to a call that no entry of `syscalls` speaks of.
    pub default_action: Action,
    /// The error number, where `default_action` gives one; EPERM otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub default_errno_ret: Option<u32>,
    /// The architectures whose calls are allowed besides the machine's own.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub architectures: Vec<Arch>,
    /// How the kernel is to install the filter; the runtime chooses where there is no list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flags: Option<Vec<Flag>>,
    /// The socket of the agent that decides about the calls with the action NOTIFY.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_path: Option<PathBuf>,
    /// What the agent is told besides.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listener_metadata: Option<String>,
    /// The calls that something else happens to.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub syscalls: Vec<Syscall>,
}

/// One entry of `syscalls`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Syscall {
    /// The calls; those that an architecture, or this program, does not know are passed over.
    pub names: Vec<String>,
    /// What happens to them.
    pub action: Action,
    /// The error number, where `action` gives one; EPERM otherwise.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub errno_ret: Option<u32>,
    /// What has to be true of the arguments: all of these.
    #[serde(default, deserialize_with = "list", skip_serializing_if = "Vec::is_empty")]
    pub args: Vec<Arg>,
}

/// One entry of `args`.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub struct Arg {
    /// Which argument, from 0 to 5.
    pub index: u32,
    /// What it is compared with; the mask of `SCMP_CMP_MASKED_EQ`.
    pub value: u64,
    /// What has to be left under the mask of `SCMP_CMP_MASKED_EQ`; otherwise nothing.
    #[serde(default)]
    pub value_two: u64,
    /// How it is compared.
    pub op: Op,
}

/// What happens to a system call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Action {
    /// The older name of the next.
    #[serde(rename = "SCMP_ACT_KILL")]
    Kill,
    /// The thread that makes it ends.
    #[serde(rename = "SCMP_ACT_KILL_THREAD")]
    KillThread,
    /// The process that makes it ends.
    #[serde(rename = "SCMP_ACT_KILL_PROCESS")]
    KillProcess,
    /// The process gets SIGSYS.
    #[serde(rename = "SCMP_ACT_TRAP")]
    Trap,
    /// It fails with an error number.
    #[serde(rename = "SCMP_ACT_ERRNO")]
    Errno,
    /// A tracer decides; without one it fails with ENOSYS.
    #[serde(rename = "SCMP_ACT_TRACE")]
    Trace,
    /// Nothing.
    #[serde(rename = "SCMP_ACT_ALLOW")]
    Allow,
    /// It is written to the audit log.
    #[serde(rename = "SCMP_ACT_LOG")]
    Log,
    /// Another process decides, which listens to a descriptor of the filter.
    #[serde(rename = "SCMP_ACT_NOTIFY")]
    Notify,
}

/// How an argument is compared with a value. All numbers are unsigned.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub enum Op {
    /// `argument != value`
    #[serde(rename = "SCMP_CMP_NE")]
    Ne,
    /// `argument < value`
    #[serde(rename = "SCMP_CMP_LT")]
    Lt,
    /// `argument <= value`
    #[serde(rename = "SCMP_CMP_LE")]
    Le,
    /// `argument == value`
    #[serde(rename = "SCMP_CMP_EQ")]
    Eq,
    /// `argument >= value`
    #[serde(rename = "SCMP_CMP_GE")]
    Ge,
    /// `argument > value`
    #[serde(rename = "SCMP_CMP_GT")]
    Gt,
    /// `argument & value == valueTwo`
    #[serde(rename = "SCMP_CMP_MASKED_EQ")]
    MaskedEq,
}

/// A flag of seccomp(2), SECCOMP_SET_MODE_FILTER.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub enum Flag {
    /// The filter is put on all threads of the process.
    #[serde(rename = "SECCOMP_FILTER_FLAG_TSYNC")]
    Tsync,
    /// What is not allowed is written to the audit log.
    #[serde(rename = "SECCOMP_FILTER_FLAG_LOG")]
    Log,
    /// The processor may go on guessing at stores: faster, and open to CVE-2018-3639.
    #[serde(rename = "SECCOMP_FILTER_FLAG_SPEC_ALLOW")]
    SpecAllow,
    /// Whoever waits for the agent's answer is woken by a deadly signal only.
    #[serde(rename = "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV")]
    WaitKillableRecv,
}

macro_rules! architectures {
    ($($variant:ident $name:literal),* $(,)?) => {
        /// An architecture, as a set of system calls with their numbers.
        #[expect(missing_docs, reason = "their names are all that there is to say")]
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
        pub enum Arch {
            $(#[serde(rename = $name)] $variant,)*
        }

        impl Arch {
            /// Every one that the specification has.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Its name in the specification.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $name,)*
                }
            }
        }
    };
}

architectures! {
    X86 "SCMP_ARCH_X86",
    X86_64 "SCMP_ARCH_X86_64",
    X32 "SCMP_ARCH_X32",
    Arm "SCMP_ARCH_ARM",
    Aarch64 "SCMP_ARCH_AARCH64",
    Mips "SCMP_ARCH_MIPS",
    Mips64 "SCMP_ARCH_MIPS64",
    Mips64n32 "SCMP_ARCH_MIPS64N32",
    Mipsel "SCMP_ARCH_MIPSEL",
    Mipsel64 "SCMP_ARCH_MIPSEL64",
    Mipsel64n32 "SCMP_ARCH_MIPSEL64N32",
    Ppc "SCMP_ARCH_PPC",
    Ppc64 "SCMP_ARCH_PPC64",
    Ppc64le "SCMP_ARCH_PPC64LE",
    S390 "SCMP_ARCH_S390",
    S390x "SCMP_ARCH_S390X",
    Parisc "SCMP_ARCH_PARISC",
    Parisc64 "SCMP_ARCH_PARISC64",
    Riscv64 "SCMP_ARCH_RISCV64",
    Loongarch64 "SCMP_ARCH_LOONGARCH64",
    M68k "SCMP_ARCH_M68K",
    Sh "SCMP_ARCH_SH",
    Sheb "SCMP_ARCH_SHEB",
}

/// Programs in Go write `null` for a list without entries.
fn list<'de, D: Deserializer<'de>, T: Deserialize<'de>>(from: D) -> Result<Vec<T>, D::Error> {
    Option::deserialize(from).map(Option::unwrap_or_default)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_known_is_ignored_as_a_property_and_an_error_as_a_value() {
        let parse = serde_json::from_str::<Seccomp>;
        let seccomp = parse(
            r#"{"defaultAction": "SCMP_ACT_ERRNO", "defaultErrnoRet": 38, "future": {},
                "architectures": ["SCMP_ARCH_X86_64"], "flags": ["SECCOMP_FILTER_FLAG_LOG"],
                "syscalls": [{"names": ["read"], "action": "SCMP_ACT_ALLOW", "args":
                    [{"index": 1, "value": 18446744073709551615, "valueTwo": 7, "op": "SCMP_CMP_LE"}]},
                    {"names": ["write"], "action": "SCMP_ACT_TRACE", "errnoRet": 3, "args": null}]}"#,
        )
        .expect("it is as the specification has it");
        assert_eq!(seccomp.default_errno_ret, Some(38));
        assert_eq!(seccomp.flags, Some(vec![Flag::Log]));
        let arg = Arg { index: 1, value: u64::MAX, value_two: 7, op: Op::Le };
        assert_eq!(
            (&seccomp.syscalls[0].args[..], &seccomp.syscalls[1].args[..]),
            (&[arg][..], &[][..])
        );
        let error = parse(r#"{"defaultAction": "SCMP_ACT_HUG"}"#).expect_err("there is none");
        assert!(error.to_string().contains("unknown variant `SCMP_ACT_HUG`"), "{error}");
    }
}
