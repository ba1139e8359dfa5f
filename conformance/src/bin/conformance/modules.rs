//! Which kernel modules to load, in which order. See modules.dep(5).

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// What the tests use that a kernel may have as a module.
#[rustfmt::skip]
const WANTED: &[&str] = &[
    // storage
    "overlay", "fuse", "loop", "btrfs", "ext4", "xfs",
    "dm-mod", "dm-bufio", "dm-thin-pool", "dm-snapshot", "null_blk", "bfq", "lzo-rle", "zram",
    // networks
    "veth", "bridge", "dummy", "tun", "cls_cgroup", "sch_htb", "sch_prio",
    // firewall
    "nf_conntrack", "nf_conntrack_netlink", "nf_tables", "nft_chain_nat", "nft_compat", "nft_ct",
    "nft_fib", "nft_fib_inet", "nft_fib_ipv4", "nft_masq", "nft_nat", "nft_objref", "nft_redir",
    "nft_reject", "nft_socket", "xt_cgroup",
];

/// The files of the wanted modules in `dir` (`…/lib/modules/RELEASE`), each after those that it
/// depends on. What is not there is built in or does not exist for this kernel.
pub fn in_order(dir: &Path) -> Result<Vec<PathBuf>> {
    let file = dir.join("modules.dep");
    let text = fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
    let mut order: Vec<PathBuf> = Vec::new();
    for wanted in WANTED {
        for module in with_dependencies(&text, wanted) {
            let path = dir.join(module);
            if !order.contains(&path) {
                order.push(path);
            }
        }
    }
    Ok(order)
}

/// A line is `MODULE: DEPENDENCY…`, of which the last is to be loaded first.
fn with_dependencies<'a>(text: &'a str, wanted: &str) -> Vec<&'a str> {
    let name = |path: &str| {
        let file = path.rsplit('/').next().unwrap_or(path);
        file.split('.').next().unwrap_or(file).replace('-', "_")
    };
    let wanted = wanted.replace('-', "_");
    let found = text.lines().filter_map(|line| line.split_once(':'));
    let Some((module, needs)) = found.into_iter().find(|(module, _)| name(module) == wanted) else {
        return Vec::new();
    };
    needs.split_whitespace().rev().chain([module]).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_a_module_needs_comes_first() {
        let text = "kernel/a.ko:\nkernel/md/dm-thin-pool.ko: kernel/x.ko kernel/y.ko\n";
        let order = ["kernel/y.ko", "kernel/x.ko", "kernel/md/dm-thin-pool.ko"];
        assert_eq!(with_dependencies(text, "dm_thin_pool"), order);
        assert_eq!(with_dependencies(text, "nothing"), Vec::<&str>::new());
    }
}
