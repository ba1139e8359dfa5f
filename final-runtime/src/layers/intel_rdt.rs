//! `linux.intelRdt`: a share of the processor's cache and of the way to memory, and what is used of
//! them. See Documentation/filesystems/resctrl.rst of the kernel, and "IntelRdt" in config-linux.md of
//! the OCI runtime specification.
//!
//! A class of service is a directory, as a control group is one. What no class was asked for by name has
//! one of its own, which goes with the container; a class that has a name stays.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result, bail, ensure};
use nix::unistd::Pid;
use step07::{Explain, Layer, sh};

use crate::spec::IntelRdt;

/// Where it is mounted by custom.
const ROOT: &str = "/sys/fs/resctrl";

/// The layer that puts a container into a group of resctrl.
pub struct Resctrl {
    root: PathBuf,
    /// The class of service.
    class: PathBuf,
    /// Whether the class is the container's alone.
    own: bool,
    lines: Vec<String>,
    /// Where it is counted what the container uses.
    monitor: Option<PathBuf>,
    /// What was made here, in this order.
    made: Vec<PathBuf>,
    /// That it only goes where a container is already.
    joins: bool,
}

impl Resctrl {
    /// As asked for; an error where the kernel, or the machine, has none.
    pub fn new(asked: &IntelRdt, id: &str) -> Result<Self> {
        let mounted = Path::new(ROOT).join("schemata").exists();
        ensure!(mounted, "spec: linux.intelRdt: resctrl is not mounted on {ROOT}");
        Self::below(Path::new(ROOT), asked, id).context("spec: linux.intelRdt")
    }

    /// The same for one more process of that container.
    pub fn joined(asked: &IntelRdt, id: &str) -> Result<Self> {
        Ok(Self { joins: true, ..Self::new(asked, id)? })
    }

    fn below(root: &Path, asked: &IntelRdt, id: &str) -> Result<Self> {
        let class = class(root, asked, id)?;
        let schemes = [&asked.l3_cache_schema, &asked.mem_bw_schema];
        let lines = schemes.into_iter().flatten().chain(&asked.schemata).cloned().collect();
        if let Some(line) = &asked.mem_bw_schema {
            ensure!(line.starts_with("MB:"), "memBwSchema: {line:?} does not begin with MB:");
        }
        let folded = asked.schemata.iter().chain(&asked.mem_bw_schema).find(|it| it.contains('\n'));
        ensure!(folded.is_none(), "{:?} is more than one line", folded.map_or("", |it| it));
        Ok(Self {
            root: root.into(),
            own: asked.clos_id.is_none(),
            lines,
            monitor: asked.enable_monitoring.then(|| monitor(&class, id)),
            class,
            made: Vec::new(),
            joins: false,
        })
    }

    /// Makes the class, or finds the one of that name as it was asked for. Who gives it no share has
    /// said that somebody else has made it.
    fn find_class(&mut self, explain: &Explain) -> Result<()> {
        let there = self.class.is_dir();
        if there && !self.own {
            return self.compare();
        }
        ensure!(self.own || !self.lines.is_empty(), "{}: no such class", self.class.display());
        let class = self.class.clone();
        self.make(explain, &class)?;
        self.lines.iter().try_for_each(|line| self.write(explain, &class, "schemata", line))
    }

    fn make(&mut self, explain: &Explain, dir: &Path) -> Result<()> {
        let doing = format!("making {}", dir.display());
        explain.act(sh(["mkdir".as_ref(), dir.as_os_str()]), &doing, || fs::create_dir(dir))?;
        self.made.push(dir.into());
        Ok(())
    }

    /// What the kernel has against it is in a file.
    fn write(&self, explain: &Explain, dir: &Path, file: &str, line: &str) -> Result<()> {
        let path = dir.join(file);
        let shown = path.display();
        explain
            .act(
                format_args!("{} > {shown}", sh(["echo", line])),
                format_args!("writing {line:?} to {shown}"),
                || fs::write(&path, format!("{line}\n")),
            )
            .with_context(|| {
                let status = fs::read_to_string(self.root.join("info/last_cmd_status"));
                format!("linux.intelRdt ({})", status.as_deref().unwrap_or("no status").trim())
            })
    }

    /// A class that is there must have what was asked for.
    fn compare(&self) -> Result<()> {
        let file = self.class.join("schemata");
        let text =
            fs::read_to_string(&file).with_context(|| format!("reading {}", file.display()))?;
        for line in self.lines.iter().flat_map(|lines| lines.lines()) {
            let has = text.lines().any(|other| is_in(line, other));
            ensure!(has, "{} is there, and has not {line:?}", self.class.display());
        }
        Ok(())
    }
}

/// The directory of the class; `/` is the one that every process begins in.
fn class(root: &Path, asked: &IntelRdt, id: &str) -> Result<PathBuf> {
    match asked.clos_id.as_deref().unwrap_or(id) {
        "/" => Ok(root.into()),
        // The kernel's own directories.
        name @ ("" | "." | ".." | "info" | "mon_data" | "mon_groups") => {
            bail!("closID: {name:?} is no class's name")
        }
        name if name.contains('/') => bail!("closID: {name:?} is no class's name"),
        name => Ok(root.join(name)),
    }
}

fn monitor(class: &Path, id: &str) -> PathBuf {
    class.join("mon_groups").join(id)
}

/// Whether all that a line such as `L3:0=7f0;1=1f` says is in another. The kernel fills up its numbers
/// with zeros and blanks, and may tell of more domains.
fn is_in(line: &str, other: &str) -> bool {
    let (Some((resource, asked)), Some((of, has))) = (line.split_once(':'), other.split_once(':'))
    else {
        return false;
    };
    let has: Vec<_> = has.split(';').map(domain).collect();
    resource.trim() == of.trim() && asked.split(';').all(|one| has.contains(&domain(one)))
}

fn domain(text: &str) -> (&str, String) {
    let (domain, value) = text.split_once('=').unwrap_or((text, ""));
    let value = value.trim().to_ascii_lowercase();
    (domain.trim(), value.trim_start_matches('0').into())
}

/// Removes what a container had for itself.
pub fn remove(asked: &IntelRdt, id: &str) {
    remove_below(Path::new(ROOT), asked, id);
}

fn remove_below(root: &Path, asked: &IntelRdt, id: &str) {
    let Ok(class) = class(root, asked, id) else { return };
    // They may have been given back by now.
    if asked.enable_monitoring {
        let _ = fs::remove_dir(monitor(&class, id));
    }
    if asked.clos_id.is_none() {
        let _ = fs::remove_dir(class);
    }
}

impl Layer for Resctrl {
    fn name(&self) -> &'static str {
        "resctrl"
    }

    fn prepare(&mut self, explain: &Explain) -> Result<()> {
        if self.joins {
            return Ok(());
        }
        self.find_class(explain)?;
        match self.monitor.clone() {
            Some(monitor) => self.make(explain, &monitor),
            None => Ok(()),
        }
    }

    /// A monitor is of those of its class alone, so the class comes first.
    fn attach(&mut self, explain: &Explain, child: Pid) -> Result<()> {
        let mut groups = [Some(&self.class), self.monitor.as_ref()].into_iter().flatten();
        groups.try_for_each(|group| self.write(explain, group, "tasks", &child.to_string()))
    }

    fn release(&mut self, _explain: &Explain) -> Result<()> {
        let stays = |dir: &PathBuf| *dir == self.class && !self.own;
        for dir in self.made.iter().rev().filter(|dir| !stays(dir)) {
            let _ = fs::remove_dir(dir); // it may have been given back by now
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use conformance::TempDir;
    use rstest::rstest;

    use super::*;

    /// A directory in the place of resctrl, which makes no files by itself.
    fn resctrl() -> (TempDir, PathBuf) {
        let temp = TempDir::new("resctrl").expect("a directory");
        let root = temp.path().to_path_buf();
        fs::write(root.join("schemata"), "    L3:0=7ff;1=7ff\n    MB:0=100;1=100\n")
            .expect("a file");
        fs::create_dir(root.join("mon_groups")).expect("a directory");
        (temp, root)
    }

    fn asked(json: serde_json::Value) -> IntelRdt {
        serde_json::from_value(json).expect("it is as specified")
    }

    /// What one container has done to it, before and after its end; or why it may not.
    fn life(root: &Path, rdt: &IntelRdt) -> Result<[Vec<String>; 2]> {
        let explain = Explain::new(false);
        let mut layer = Resctrl::below(root, rdt, "id")?;
        layer.prepare(&explain).inspect_err(|_| drop(layer.release(&explain)))?;
        layer.attach(&explain, Pid::from_raw(77))?;
        let during = files(root);
        // The kernel's directories can be removed with the files in them.
        for dir in &layer.made {
            let _ = fs::remove_file(dir.join("tasks"));
            let _ = fs::remove_file(dir.join("schemata"));
        }
        remove_below(root, rdt, "id");
        Ok([during, files(root)])
    }

    /// Of those in use: what was written to them, the last line.
    fn files(root: &Path) -> Vec<String> {
        let mut all = Vec::new();
        let mut dirs = vec![root.to_path_buf()];
        while let Some(dir) = dirs.pop() {
            for entry in fs::read_dir(&dir).expect("a directory") {
                let path = entry.expect("an entry").path();
                if path.is_dir() {
                    dirs.push(path);
                } else if dir != root || path.ends_with("tasks") {
                    let text = fs::read_to_string(&path).expect("a file");
                    let name = path.strip_prefix(root).expect("it is below");
                    all.push(format!("{}: {}", name.display(), text.trim()));
                }
            }
        }
        all.sort();
        all
    }

    #[test]
    fn a_class_of_its_own_goes_with_the_container() {
        let (_temp, root) = resctrl();
        let rdt = asked(serde_json::json!({ "schemata": ["L3:0=7f0"] }));
        let [during, after] = life(&root, &rdt).expect("it is had");
        assert_eq!(during, ["id/schemata: L3:0=7f0", "id/tasks: 77"]);
        assert_eq!(after, [""; 0]);
        assert!(!root.join("id").exists());
    }

    #[test]
    fn a_class_with_a_name_stays_and_is_had_again() {
        let (_temp, root) = resctrl();
        let text = r#"{ "closID": "gold", "l3CacheSchema": "L3:0=f", "memBwSchema": "MB:0=20" }"#;
        let rdt: IntelRdt = serde_json::from_str(text).expect("it is as specified");
        life(&root, &rdt).expect("it is made");
        assert!(root.join("gold").is_dir());
        fs::write(root.join("gold/schemata"), "L3:0=00f;1=7ff\nMB:0= 20;1=100\n").expect("a file");
        let [during, _] = life(&root, &rdt).expect("it is the same");
        assert!(during.contains(&"gold/tasks: 77".into()), "{during:?}");
        let other = asked(serde_json::json!({ "closID": "gold", "schemata": ["MB:0=30"] }));
        let error = life(&root, &other).expect_err("it is another").to_string();
        assert!(error.ends_with("gold is there, and has not \"MB:0=30\""), "{error}");
        assert!(root.join("gold").is_dir());
    }

    #[test]
    fn who_asks_for_no_share_finds_the_class_or_is_refused() {
        let (_temp, root) = resctrl();
        let rdt = asked(serde_json::json!({ "closID": "gold" }));
        let error = life(&root, &rdt).expect_err("there is none").to_string();
        assert!(error.ends_with("gold: no such class"), "{error}");
        fs::create_dir(root.join("gold")).expect("a directory");
        fs::write(root.join("gold/schemata"), "L3:0=f\n").expect("a file");
        let [during, _] = life(&root, &rdt).expect("it is there");
        assert_eq!(during, ["gold/schemata: L3:0=f", "gold/tasks: 77"]);
    }

    #[test]
    fn what_is_used_is_counted_in_a_group_of_its_own() {
        let (_temp, root) = resctrl();
        let rdt = asked(serde_json::json!({ "closID": "/", "enableMonitoring": true }));
        let [during, after] = life(&root, &rdt).expect("it is had");
        assert_eq!(during, ["mon_groups/id/tasks: 77", "tasks: 77"]);
        assert_eq!(after, ["tasks: 77"]);
        assert!(!root.join("mon_groups/id").exists());
    }

    #[test]
    fn a_group_that_is_there_is_somebody_elses() {
        let (_temp, root) = resctrl();
        fs::create_dir(root.join("mon_groups/id")).expect("a directory");
        let rdt = asked(serde_json::json!({ "closID": "/", "enableMonitoring": true }));
        life(&root, &rdt).expect_err("it is there");
        assert!(root.join("mon_groups/id").exists());
    }

    #[rstest]
    #[case(serde_json::json!({ "closID": "a/b" }), "closID: \"a/b\" is no class's name")]
    #[case(serde_json::json!({ "closID": "mon_groups" }), "closID: \"mon_groups\" is no class's name")]
    #[case(serde_json::json!({ "memBwSchema": "L3:0=f" }), "memBwSchema: \"L3:0=f\" does not begin with MB:")]
    #[case(serde_json::json!({ "schemata": ["L3:0=f\nMB:0=9"] }), "\"L3:0=f\\nMB:0=9\" is more than one line")]
    fn what_cannot_be_is_refused(#[case] json: serde_json::Value, #[case] said: &str) {
        let (_temp, root) = resctrl();
        let error = Resctrl::below(&root, &asked(json), "id").err().expect("it cannot be");
        assert_eq!(error.to_string(), said);
    }
}
