//! A console block of a page.
//!
//! The line before it says who runs it: `<!-- run: as root -->`, `<!-- run: as user -->`, or
//! `<!-- run: not, REASON -->`. After commas may follow what it needs of the machine: `needs command
//! NAME`, `needs static NAME` (a command that is linked statically), `needs filesystem NAME`, `needs
//! cgroup CONTROLLER` (in either version), `needs cgroup-v1 CONTROLLER`, `needs cgroup-v2
//! CONTROLLER`.
//!
//! In the block, a line that begins with the prompt (`# ` for root, `$ ` for others) is typed, and so
//! are lines after it that begin with `> `; all else is what is shown.

use anyhow::{Context, Result, bail, ensure};
use conformance::Need;

use crate::page::Page;

/// Who types.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Root,
    User,
}

#[derive(Clone, Debug)]
pub struct Session {
    pub page: String,
    pub line: usize,
    pub who: Who,
    pub needs: Vec<Need>,
    pub commands: Vec<Command>,
    /// The lines of the block, as they stand on the page.
    pub block: String,
}

#[derive(Clone, Debug, Default)]
pub struct Command {
    /// As on the page, prompts included.
    pub typed: String,
    /// For the shell.
    pub script: String,
    pub shown: String,
}

impl Session {
    /// Those of a page that are to be run.
    pub fn all(page: &Page) -> Result<Vec<Self>> {
        let mut sessions = Vec::new();
        let mut before = "";
        let mut lines = page.text.lines().zip(1..);
        while let Some((line, number)) = lines.next() {
            if line.starts_with("```console") {
                let block: Vec<_> = lines
                    .by_ref()
                    .map(|(line, _)| line)
                    .take_while(|line| *line != "```")
                    .collect();
                let session = Self::read(before, &block).with_context(|| page.at(number))?;
                sessions.extend(session.map(|session| Self {
                    page: page.name.clone(),
                    line: number,
                    ..session
                }));
            }
            before = line;
        }
        Ok(sessions)
    }

    fn read(mark: &str, block: &[&str]) -> Result<Option<Self>> {
        let mark =
            mark.trim().strip_prefix("<!-- run: ").and_then(|mark| mark.strip_suffix(" -->"));
        let mark = mark.context("no line <!-- run: … --> stands before this console block")?;
        let mut words = mark.split(", ");
        let who = match words.next().unwrap_or_default() {
            "as root" => Who::Root,
            "as user" => Who::User,
            "not" => {
                ensure!(words.next().is_some(), "it is not run, for no reason");
                return Ok(None);
            }
            other => bail!("run {other:?}: expected as root, as user or not"),
        };
        let (needs, implied) = (words.map(need).collect::<Result<Vec<_>>>()?, who.needs());
        Ok(Some(Self {
            page: String::new(),
            line: 0,
            who,
            needs: implied.iter().copied().chain(needs).collect(),
            commands: commands(block, who)?,
            block: block.join("\n"),
        }))
    }

    /// The block with these outputs in place of the old.
    pub fn rewritten(&self, outputs: &[String]) -> String {
        let both = self.commands.iter().zip(outputs);
        let texts = both.flat_map(|(command, output)| [command.typed.as_str(), output.as_str()]);
        texts.filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
    }
}

impl Who {
    fn prompt(self) -> &'static str {
        match self {
            Self::Root => "# ",
            Self::User => "$ ",
        }
    }

    fn needs(self) -> &'static [Need] {
        match self {
            Self::Root => &[Need::Root, Need::Sandbox, Need::Command("bash")],
            Self::User => &[Need::Sandbox, Need::UserNamespaces, Need::Command("bash")],
        }
    }
}

fn commands(block: &[&str], who: Who) -> Result<Vec<Command>> {
    let mut commands: Vec<Command> = Vec::new();
    let mut typing = false;
    for line in block {
        if let Some(script) = line.strip_prefix(who.prompt()) {
            let (typed, script) = (line.to_string(), script.to_string());
            commands.push(Command { typed, script, shown: String::new() });
            typing = true;
            continue;
        }
        let command = commands.last_mut().context("the block does not begin with a prompt")?;
        match line.strip_prefix("> ") {
            Some(more) if typing => {
                command.typed += &format!("\n{line}");
                command.script += &format!("\n{more}");
            }
            _ => {
                typing = false;
                command.shown += &format!("{line}\n");
            }
        }
    }
    Ok(commands)
}

fn need(words: &str) -> Result<Need> {
    let words: Vec<_> = words.split(' ').collect();
    let name = |name: &str| -> &'static str { name.to_string().leak() };
    Ok(match words[..] {
        ["needs", "command", one] => Need::Command(name(one)),
        ["needs", "static", one] if is_static(one) => Need::Command(name(one)),
        // No command is called so. It is the name that Debian's package of the static one has.
        ["needs", "static", one] => Need::Command(name(&format!("{one}-static"))),
        ["needs", "filesystem", one] => Need::Filesystem(name(one)),
        ["needs", "cgroup", one] => {
            let (v1, v2) = (Need::CgroupV1(name(one)), Need::CgroupV2(name(one)));
            if v1.missing().is_none() { v1 } else { v2 }
        }
        ["needs", "cgroup-v1", one] => Need::CgroupV1(name(one)),
        ["needs", "cgroup-v2", one] => Need::CgroupV2(name(one)),
        _ => bail!(
            "{words:?}: expected needs command, static, filesystem, cgroup, cgroup-v1 or cgroup-v2 NAME"
        ),
    })
}

/// Whether the command of this name needs no dynamic loader, whose path a program has near its
/// beginning. See elf(5), PT_INTERP.
fn is_static(name: &str) -> bool {
    let path = std::env::var_os("PATH").unwrap_or_default();
    let file = std::env::split_paths(&path).map(|dir| dir.join(name)).find(|file| file.is_file());
    let bytes = file.and_then(|file| std::fs::read(file).ok()).unwrap_or_default();
    let head = &bytes[..bytes.len().min(4096)];
    !bytes.is_empty() && !head.windows(4).any(|part| part == b"/ld-")
}
