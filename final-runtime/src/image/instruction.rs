//! Changes to a configuration, in the words of a Dockerfile: `--change 'CMD ["sh"]'`.

use std::str::FromStr;

use anyhow::{Context, Error, Result, anyhow, bail, ensure};
use serde_json::json;

use super::config::Execution;
use crate::{account::Wanted, signal::SignalNumber};

/// One change.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Instruction {
    /// The arguments, or a line for the shell.
    Cmd(Vec<String>),
    /// What is put before the arguments.
    Entrypoint(Vec<String>),
    /// Variables.
    Env(Vec<(String, String)>),
    /// Ports.
    Expose(Vec<String>),
    /// Labels.
    Label(Vec<(String, String)>),
    /// The signal that asks it to end.
    StopSignal(String),
    /// Who the command is.
    User(String),
    /// Places for data.
    Volume(Vec<String>),
    /// The working directory.
    Workdir(String),
}

impl Instruction {
    /// Makes the change.
    pub fn apply(&self, execution: &mut Execution) {
        let empty = || json!({});
        match self {
            Self::Cmd(words) => execution.cmd.clone_from(words),
            // Arguments for another entry point are not meant for this one.
            Self::Entrypoint(words) => {
                execution.entrypoint.clone_from(words);
                execution.cmd.clear();
            }
            Self::Env(pairs) => pairs.iter().for_each(|(name, value)| {
                let start = format!("{name}=");
                execution.env.retain(|known| !known.starts_with(&start));
                execution.env.push(format!("{start}{value}"));
            }),
            Self::Expose(ports) => {
                execution.exposed_ports.extend(ports.iter().map(|port| (port.clone(), empty())));
            }
            Self::Label(pairs) => execution.labels.extend(pairs.iter().cloned()),
            Self::StopSignal(signal) => execution.stop_signal.clone_from(signal),
            Self::User(user) => execution.user.clone_from(user),
            Self::Volume(places) => {
                execution.volumes.extend(places.iter().map(|place| (place.clone(), empty())));
            }
            Self::Workdir(dir) => execution.working_dir.clone_from(dir),
        }
    }
}

impl FromStr for Instruction {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        parse(text).map_err(|why| anyhow!("image: --change {text:?}: {why:#}"))
    }
}

fn parse(text: &str) -> Result<Instruction> {
    let (word, rest) = text.trim().split_once(char::is_whitespace).unwrap_or((text.trim(), ""));
    let rest = rest.trim();
    ensure!(!rest.is_empty(), "expected INSTRUCTION ARGUMENTS, as in CMD [\"sh\"]");
    Ok(match word.to_ascii_uppercase().as_str() {
        "CMD" => Instruction::Cmd(command(rest)?),
        "ENTRYPOINT" => Instruction::Entrypoint(command(rest)?),
        "ENV" => Instruction::Env(pairs(rest)?),
        "LABEL" => Instruction::Label(pairs(rest)?),
        "EXPOSE" => Instruction::Expose(rest.split_whitespace().map(port).collect::<Result<_>>()?),
        "STOPSIGNAL" => {
            rest.parse::<SignalNumber>()?;
            Instruction::StopSignal(rest.into())
        }
        "USER" => {
            rest.parse::<Wanted>()?;
            Instruction::User(rest.into())
        }
        "VOLUME" => Instruction::Volume(list(rest)?),
        "WORKDIR" => {
            ensure!(rest.starts_with('/'), "a directory is an absolute path");
            Instruction::Workdir(rest.into())
        }
        _ => bail!(
            "expected CMD, ENTRYPOINT, ENV, EXPOSE, LABEL, STOPSIGNAL, USER, VOLUME or WORKDIR"
        ),
    })
}

/// `["a", "b"]`, or a line for the shell.
fn command(text: &str) -> Result<Vec<String>> {
    match text.starts_with('[') {
        true => serde_json::from_str(text).context("expected [\"COMMAND\", \"ARGUMENT\", ...]"),
        false => Ok(vec!["/bin/sh".into(), "-c".into(), text.into()]),
    }
}

fn list(text: &str) -> Result<Vec<String>> {
    match text.starts_with('[') {
        true => serde_json::from_str(text).context("expected [\"PLACE\", ...]"),
        false => Ok(text.split_whitespace().map(String::from).collect()),
    }
}

/// `A=b C="d e"`, or `A b c`.
fn pairs(text: &str) -> Result<Vec<(String, String)>> {
    let first = text.split_whitespace().next().unwrap_or_default();
    if !first.contains('=') {
        let (name, value) = text.split_once(char::is_whitespace).context("expected NAME=VALUE")?;
        return Ok(vec![(name.into(), value.trim().into())]);
    }
    let pair = |word: String| {
        let (name, value) = word.split_once('=').context("expected NAME=VALUE")?;
        ensure!(!name.is_empty(), "expected NAME=VALUE");
        Ok((name.into(), value.into()))
    };
    words(text)?.into_iter().map(pair).collect()
}

/// Words as a shell has them: quotation marks keep spaces together.
fn words(text: &str) -> Result<Vec<String>> {
    let (mut words, mut word, mut quote) = (Vec::new(), None::<String>, None);
    let mut chars = text.chars();
    while let Some(c) = chars.next() {
        match (c, quote) {
            (c, Some(mark)) if c == mark => quote = None,
            ('"' | '\'', None) => {
                quote = Some(c);
                word.get_or_insert_default();
            }
            ('\\', None | Some('"')) => word.get_or_insert_default().extend(chars.next()),
            (c, None) if c.is_whitespace() => words.extend(word.take()),
            (c, _) => word.get_or_insert_default().push(c),
        }
    }
    ensure!(quote.is_none(), "a quotation mark is not closed");
    words.extend(word);
    Ok(words)
}

/// `80`, `80/udp`, `80-89/tcp`.
fn port(text: &str) -> Result<String> {
    let (ports, protocol) = text.split_once('/').unwrap_or((text, "tcp"));
    let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
    let good = [first, last].iter().all(|port| port.parse::<u16>().is_ok_and(|port| port > 0));
    ensure!(good && ["tcp", "udp"].contains(&protocol), "{text:?} is no port");
    Ok(format!("{ports}/{protocol}"))
}

#[cfg(test)]
mod tests {
    use rstest::rstest;

    use super::*;

    #[rstest]
    #[case(r#"CMD ["a", "b c"]"#, r#"{"Cmd":["a","b c"]}"#)]
    #[case("cmd a b", r#"{"Cmd":["/bin/sh","-c","a b"]}"#)]
    #[case(r#"ENTRYPOINT ["e"]"#, r#"{"Entrypoint":["e"]}"#)]
    #[case(r#"ENV A=b C="d e" F='g "h"'"#, r#"{"Env":["A=b","C=d e","F=g \"h\""],"Cmd":["old"]}"#)]
    #[case("ENV A b c", r#"{"Env":["A=b c"],"Cmd":["old"]}"#)]
    #[case("EXPOSE 80 53/udp", r#"{"ExposedPorts":{"53/udp":{},"80/tcp":{}},"Cmd":["old"]}"#)]
    #[case("LABEL a.b=c", r#"{"Cmd":["old"],"Labels":{"a.b":"c"}}"#)]
    #[case("STOPSIGNAL SIGQUIT", r#"{"Cmd":["old"],"StopSignal":"SIGQUIT"}"#)]
    #[case("USER me:1", r#"{"User":"me:1","Cmd":["old"]}"#)]
    #[case(r#"VOLUME ["/a"]"#, r#"{"Cmd":["old"],"Volumes":{"/a":{}}}"#)]
    #[case("VOLUME /a /b", r#"{"Cmd":["old"],"Volumes":{"/a":{},"/b":{}}}"#)]
    #[case("WORKDIR /a b", r#"{"Cmd":["old"],"WorkingDir":"/a b"}"#)]
    fn changes_are_made(#[case] text: &str, #[case] wanted: &str) {
        let mut execution = Execution { cmd: vec!["old".into()], ..Execution::default() };
        text.parse::<Instruction>().expect(text).apply(&mut execution);
        let wanted: serde_json::Value = serde_json::from_str(wanted).expect(wanted);
        assert_eq!(serde_json::to_value(&execution).expect("it can be"), wanted);
    }

    #[rstest]
    fn nothing_else_is_one(
        #[values(
            "",
            "CMD",
            "RUN x",
            "CMD [x",
            "ENV A",
            "ENV A=b c",
            "ENV =b",
            "ENV A=\"b",
            "EXPOSE x",
            "EXPOSE 0",
            "EXPOSE 80/x",
            "USER a b",
            "WORKDIR a",
            "STOPSIGNAL NOPE",
            "VOLUME [1]"
        )]
        text: &str,
    ) {
        text.parse::<Instruction>().expect_err(text);
    }
}
