//! One value for one file of a group, and the flag by which it was asked for.
//!
//! A controller says what is to be written before any of it is. So what this kernel lacks is told
//! while the group is still as it was, and what was there can be put back.

use std::{fmt::Display, io};

use anyhow::{Context, Error, Result, bail};
use step05::Explain;

use crate::{Controller, Files};

/// What is to be written where.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// Who asked for it.
    pub flag: &'static str,
    /// The file.
    pub file: &'static str,
    /// What is written.
    pub value: String,
    /// In a file that is read as a table, the line that shows the value.
    key: Option<&'static str>,
}

impl Setting {
    /// In a file that is read as it is written.
    pub fn new(flag: &'static str, file: &'static str, value: impl Display) -> Self {
        Self { flag, file, value: value.to_string(), key: None }
    }

    /// In a file that is read as lines `KEY VALUE`.
    pub fn shown_as(self, key: &'static str) -> Self {
        Self { key: Some(key), ..self }
    }

    /// A switch.
    pub fn switch(flag: &'static str, file: &'static str, on: bool) -> Self {
        Self::new(flag, file, u8::from(on))
    }

    /// The same with the value that the group has now.
    pub fn now(&self, files: &Files) -> Result<Self> {
        let value = match self.key {
            Some(key) => files.keyed(self.file, key)?.unwrap_or_default().to_string(),
            None => files.read(self.file)?.unwrap_or_default().trim().to_string(),
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
    if let Some(Setting { flag, file, .. }) = settings.iter().find(|one| !files.has(one.file)) {
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
        let written = files.write(explain, setting.file, &setting.value);
        written.map_err(refused).context(setting.flag)
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Version::V1, files::fake::Fake};

    #[test]
    fn what_is_there_can_be_put_back() {
        let table = "oom_kill_disable 1\nunder_oom 0\noom_kill 3\n";
        let fake = Fake::new(V1, &[("memory.oom_control", table), ("cpu.max", "max 100000\n")]);
        let control = Setting::switch("--x", "memory.oom_control", false);
        let before = control.shown_as("oom_kill_disable").now(&fake.0).expect("reading");
        assert_eq!(before.value, "1");
        let max = Setting::new("--x", "cpu.max", "5 6").now(&fake.0).expect("reading");
        assert_eq!(max.value, "max 100000");
    }
}
