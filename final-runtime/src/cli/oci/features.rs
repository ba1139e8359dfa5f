//! `features`: what of the specification there is. See features.md and features-linux.md of the OCI
//! runtime specification.
//!
//! It tells what this program knows, whether or not this machine has it; `supportedFlags` alone is
//! about this kernel. Nothing is listed here by name that a reader of `config.json` lists already.

use anyhow::Result;
use serde_json::{Value, json};
use step07::Cap;

use super::print;
use crate::{
    layers::seccomp::{ABIS, has_flag},
    oci::option_words,
    spec::{
        Hooks, MemoryPolicyFlag, MemoryPolicyMode, NamespaceKind, VERSION, names,
        seccomp::{Action, Flag, Op},
    },
};

/// Print what this runtime can do as JSON
#[derive(clap::Args)]
pub struct Args {}

impl Args {
    pub fn run(self) -> Result<u8> {
        print(&json!({
            "ociVersionMin": "1.0.0",
            "ociVersionMax": VERSION,
            "hooks": Hooks::default().moments().map(|(name, _)| name),
            "mountOptions": option_words(),
            "linux": linux(),
            "annotations": {
                "final-runtime.version": env!("CARGO_PKG_VERSION"),
                // Engines look for this one, whatever the runtime is called.
                "org.opencontainers.runc.checkpoint.enabled": "false",
            },
            // It does nothing because of an annotation.
            "potentiallyUnsafeConfigAnnotations": [],
        }))
    }
}

fn linux() -> Value {
    json!({
        "namespaces": names::<NamespaceKind>(),
        "capabilities": Cap::all().map(|cap| cap.to_string()).collect::<Vec<_>>(),
        "cgroup": { "v1": true, "v2": true, "systemd": true, "systemdUser": true, "rdma": true },
        "seccomp": seccomp(),
        "apparmor": { "enabled": true },
        "selinux": { "enabled": true },
        "intelRdt": { "enabled": true, "schemata": true, "monitoring": true },
        "memoryPolicy": {
            "modes": names::<MemoryPolicyMode>(), "flags": names::<MemoryPolicyFlag>()
        },
        "mountExtensions": { "idmap": { "enabled": true } },
        "netDevices": { "enabled": true },
    })
}

fn seccomp() -> Value {
    let flags = names::<Flag>();
    let read = |name: &&str| serde_json::from_value::<Flag>(json!(name)).is_ok_and(has_flag);
    let supported: Vec<_> = flags.iter().copied().filter(read).collect();
    json!({
        "enabled": true,
        "actions": names::<Action>(),
        "operators": names::<Op>(),
        "archs": ABIS.iter().map(|abi| abi.arch.name()).collect::<Vec<_>>(),
        "knownFlags": flags,
        "supportedFlags": supported,
    })
}
