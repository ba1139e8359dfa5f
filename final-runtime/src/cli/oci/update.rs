//! `update`: holds a container to other limits.

use std::{fs::File, io::stdin, path::PathBuf};

use anyhow::{Context, Result};
use step07::{Explain, step06};

use super::Global;
use crate::spec::{BlockIo, Cpu, Memory, Pids, Resources, load_resources};

/// Hold a container to other limits
#[derive(clap::Args)]
pub struct Args {
    /// A file that has them, as `linux.resources` of config.json does; `-` is standard input
    #[arg(short, long, value_name = "FILE")]
    resources: Option<PathBuf>,

    #[command(flatten)]
    limits: Limits,

    /// Its id
    pub id: String,
}

/// The limits that have flags, with the names that runc gives them. A file goes before them.
#[derive(clap::Args)]
struct Limits {
    /// The most memory, as in 64m
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory: Option<i64>,

    /// What of it is taken back last
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory_reservation: Option<i64>,

    /// The most memory and swap together; -1 for any
    #[arg(long, value_name = "SIZE", value_parser = size, allow_hyphen_values = true)]
    memory_swap: Option<i64>,

    /// Microseconds in which the quota is given anew
    #[arg(long, value_name = "US")]
    cpu_period: Option<u64>,

    /// Microseconds on a CPU in each period; -1 for any
    #[arg(long, value_name = "US", allow_hyphen_values = true)]
    cpu_quota: Option<i64>,

    /// Its share of the CPUs against others
    #[arg(long, value_name = "N")]
    cpu_share: Option<u64>,

    /// CPUs, as in 0-3,7
    #[arg(long, value_name = "LIST")]
    cpuset_cpus: Option<String>,

    /// Memory nodes
    #[arg(long, value_name = "LIST")]
    cpuset_mems: Option<String>,

    /// The most processes; -1 for any
    #[arg(long, value_name = "N", allow_hyphen_values = true)]
    pids_limit: Option<i64>,

    /// Its share of the disks against others
    #[arg(long, value_name = "N")]
    blkio_weight: Option<u16>,
}

impl From<&Limits> for Resources {
    fn from(flags: &Limits) -> Self {
        let memory = Memory {
            limit: flags.memory,
            reservation: flags.memory_reservation,
            swap: flags.memory_swap,
            ..Memory::default()
        };
        let cpu = Cpu {
            shares: flags.cpu_share,
            quota: flags.cpu_quota,
            period: flags.cpu_period,
            cpus: flags.cpuset_cpus.clone(),
            mems: flags.cpuset_mems.clone(),
            ..Cpu::default()
        };
        Self {
            memory: Some(memory),
            cpu: Some(cpu),
            pids: Some(Pids { limit: flags.pids_limit }),
            block_io: Some(BlockIo { weight: flags.blkio_weight, ..BlockIo::default() }),
            ..Self::default()
        }
    }
}

/// Bytes, or -1 for as many as there are.
fn size(text: &str) -> Result<i64> {
    if text == "-1" { Ok(-1) } else { Ok(step06::size(text)?.cast_signed()) }
}

impl Args {
    pub fn run(self, global: &Global) -> Result<u8> {
        let container = global.container(&self.id)?;
        container.update(&self.asked()?, &Explain::new(global.explain))?;
        Ok(0)
    }

    fn asked(&self) -> Result<Resources> {
        match &self.resources {
            None => Ok((&self.limits).into()),
            Some(file) if file.as_os_str() == "-" => load_resources(stdin(), "standard input"),
            Some(file) => {
                let name = file.display().to_string();
                let open = File::open(file).with_context(|| format!("update: opening {name}"))?;
                load_resources(open, &name)
            }
        }
    }
}
