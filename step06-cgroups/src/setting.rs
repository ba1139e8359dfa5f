//! One value for one file of a group, and the flag by which it was asked for.
//!
//! A controller says what is to be written before any of it is. So what this kernel lacks is told
//! while the group is still as it was, and what was there can be put back.

use std::{borrow::Cow, fmt::Display, io};

use anyhow::{Context, Error, Result, bail};
use step05::Explain;

use crate::{Controller, Files};

/// What is to be written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Who asked for it.
    pub flag: &'static str,
    /// The file.
    pub file: Cow<'static, str>,
    /// What is written.
    pub value: String,
    shown: Shown,
}

/// How a file shows what was written to it.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Shown {
    /// As it was written.
    Whole,
    /// In one line of a table, as `KEY VALUE` where the value alone was written.
    Beside(&'static str),
    /// In one line of a table, which is as it was written, with a key of its own. One that says
    /// nothing has no line.
    Line { key: String, nothing: &'static str },
}

impl Setting {
    /// In a file that is read as it is written.
    pub fn new(
        flag: &'static str,
        file: impl Into<Cow<'static, str>>,
        value: impl Display,
    ) -> Self {
        Self { flag, file: file.into(), value: value.to_string(), shown: Shown::Whole }
    }

    /// In a file that is read as lines `KEY VALUE`.
    pub fn shown_as(self, key: &'static str) -> Self {
        Self { shown: Shown::Beside(key), ..self }
    }

    /// In a file of many lines `KEY VALUE` that are written one at a time, and where `nothing` as
    /// a value takes the line away.
    pub fn line(
        flag: &'static str,
        file: &'static str,
        key: &str,
        value: impl Display,
        nothing: &'static str,
    ) -> Self {
        let shown = Shown::Line { key: key.into(), nothing };
        Self { shown, ..Self::new(flag, file, format_args!("{key} {value}")) }
    }

    /// A switch.
    pub fn switch(flag: &'static str, file: &'static str, on: bool) -> Self {
        Self::new(flag, file, u8::from(on))
    }

    /// The same with the value that the group has now.
    pub fn now(&self, files: &Files) -> Result<Self> {
        let text = files.read(&self.file)?.unwrap_or_default();
        let after = |key: &str| {
            let line = |line: &str| line.strip_prefix(key)?.strip_prefix(' ').map(str::to_string);
            text.lines().find_map(line)
        };
        let value = match &self.shown {
            Shown::Whole => text.trim().to_string(),
            Shown::Beside(key) => after(key).unwrap_or("0".into()),
            Shown::Line { key, nothing } => {
                format!("{key} {}", after(key).unwrap_or(nothing.to_string()))
            }
        };
        Ok(Self { value, ..self.clone() })
    }
}

/// Writes all that `controller` was asked for, or nothing if this kernel does not have all the
/// files.
pub fn write_all(
    explain: &Explain,
    files: &Files,
    controller: &(impl Controller + ?Sized),
) -> Result<()> {
    let settings = controller.settings(files)?;
    if let Some(Setting { flag, file, .. }) = settings.iter().find(|one| !files.has(&one.file)) {
        let name = controller.name_in(files.version);
        bail!("{flag}: the {name} controller of this kernel has no {file}");
    }
    settings.iter().try_for_each(|setting| {
        let refused = |error: Error| {
            let code = error.root_cause().downcast_ref().and_then(io::Error::raw_os_error);
            match code.and_then(|code| controller.why(files, setting, code)) {
                Some(why) => error.context(why),
                None => error,
            }
        };
        let written = files.write(explain, &setting.file, &setting.value);
        written.map_err(refused).context(setting.flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Version::{V1, V2},
        files::fake::Fake,
    };

    #[test]
    fn what_is_there_can_be_put_back() {
        let table = "oom_kill_disable 1\nunder_oom 0\noom_kill 3\n";
        let fake = Fake::new(V1, &[("memory.oom_control", table), ("cpu.max", "max 100000\n")]);
        let control = Setting::switch("--x", "memory.oom_control", false);
        let before = control.shown_as("oom_kill_disable").now(&fake.0).expect("reading");
        assert_eq!(before.value, "1");
        let max = Setting::new("--x", "cpu.max", "5 6").now(&fake.0).expect("reading");
        assert_eq!(max.value, "max 100000");

        let fake = Fake::new(V2, &[("io.max", "8:0 rbps=5 wbps=max\n8:16 rbps=7 wbps=max\n")]);
        for (disk, before) in [("8:16", "8:16 rbps=7 wbps=max"), ("8:1", "8:1 nothing")] {
            let line = Setting::line("--x", "io.max", disk, "rbps=1", "nothing");
            assert_eq!(line.value, format!("{disk} rbps=1"));
            assert_eq!(line.now(&fake.0).expect("reading").value, before);
        }
    }
}
