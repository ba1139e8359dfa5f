//! What an image's configuration makes of a container: which command, as whom, in which
//! environment and directory. What the person says goes before.
//!
//! The configuration is another's work. Of all that it says nothing acts on the host: names of
//! users are looked up in the image, paths are the container's, labels are only shown.

use std::{
    ffi::{OsStr, OsString},
    path::{Component, Path, PathBuf},
};

use anyhow::{Context, Result, ensure};
use step07::{Process, Publish, Variable};

use super::config::Execution;
use crate::{account::Wanted, signal::SignalNumber};

impl Execution {
    /// The command and its arguments. Whoever names another entry point does not mean this one's
    /// arguments; an empty one is none.
    pub fn command(&self, entrypoint: Option<&OsStr>, args: &[OsString]) -> Result<Vec<OsString>> {
        let own = |words: &[String]| words.iter().map(OsString::from).collect::<Vec<_>>();
        let mut command = match entrypoint {
            Some(entrypoint) if entrypoint.is_empty() => Vec::new(),
            Some(entrypoint) => vec![entrypoint.to_owned()],
            None => own(&self.entrypoint),
        };
        match entrypoint {
            None if args.is_empty() => command.extend(own(&self.cmd)),
            _ => command.extend(args.iter().cloned()),
        }
        ensure!(!command.is_empty(), "image: it has no command of its own: name one");
        Ok(command)
    }

    /// Who the command is; `None` for root.
    pub fn wanted(&self) -> Result<Option<Wanted>> {
        let user = Some(&self.user).filter(|user| !user.is_empty());
        let wanted = user.map(|user| user.parse::<Wanted>()).transpose();
        wanted.with_context(|| format!("image: its user {:?}", self.user))
    }

    /// Sets the image's variables, but for those that the person has asked for.
    pub fn set_env(&self, process: &mut Process, asked: &[Variable]) {
        for variable in &self.env {
            let (name, value) = variable.split_once('=').unwrap_or((variable, ""));
            if !name.is_empty() && asked.iter().all(|asked| asked.name != name) {
                process.set_env(name, value);
            }
        }
    }

    /// Whether the image says what the variable is.
    pub fn has_env(&self, name: &str) -> bool {
        self.env.iter().any(|variable| variable.split('=').next() == Some(name))
    }

    /// The directory in which the command begins.
    pub fn workdir(&self) -> PathBuf {
        Path::new("/").join(&self.working_dir)
    }

    /// Places for data, but for those where the person has something mounted. Each is absolute and
    /// leads nowhere up.
    pub fn volumes(&self, taken: &[&Path]) -> Vec<PathBuf> {
        let taken: Vec<_> = taken.iter().map(|path| normal(path)).collect();
        let mut places: Vec<_> = self.volumes.keys().map(|path| normal(Path::new(path))).collect();
        places.sort();
        places.dedup();
        places.retain(|place| place != Path::new("/") && !taken.contains(place));
        places
    }

    /// The ports that it listens to, each as `--publish` takes it, with a port of the host that is
    /// free at this moment.
    pub fn publish_all(&self) -> Result<Vec<Publish>> {
        let mut all = Vec::new();
        for port in self.exposed_ports.keys() {
            let (ports, protocol) = port.split_once('/').unwrap_or((port, "tcp"));
            let bad = || format!("image: it exposes {port:?}, which is no port");
            let (first, last) = ports.split_once('-').unwrap_or((ports, ports));
            let (first, last): (u16, u16) =
                (first.parse().with_context(bad)?, last.parse().with_context(bad)?);
            for port in first..=last {
                let host = free_port(protocol).context("finding a free port")?;
                all.push(format!("{host}:{port}/{protocol}").parse().with_context(bad)?);
            }
        }
        Ok(all)
    }

    /// The signal that asks it to end; `None` for SIGTERM.
    pub fn stop_signal(&self) -> Result<Option<SignalNumber>> {
        let signal = Some(&self.stop_signal).filter(|signal| !signal.is_empty());
        let signal = signal.map(|signal| signal.parse()).transpose();
        signal.with_context(|| format!("image: its stop signal {:?}", self.stop_signal))
    }
}

/// Without `.` and `..`, of which the latter ends at the root, as it does in a container.
fn normal(path: &Path) -> PathBuf {
    let mut normal = PathBuf::from("/");
    for component in path.components() {
        match component {
            Component::Normal(name) => normal.push(name),
            Component::ParentDir => drop(normal.pop()),
            _ => {}
        }
    }
    normal
}

fn free_port(protocol: &str) -> std::io::Result<u16> {
    let any = (std::net::Ipv4Addr::UNSPECIFIED, 0);
    let address = match protocol {
        "udp" => std::net::UdpSocket::bind(any)?.local_addr()?,
        _ => std::net::TcpListener::bind(any)?.local_addr()?,
    };
    Ok(address.port())
}

#[cfg(test)]
mod tests {
    use rstest::rstest;
    use serde_json::{Value, json};

    use super::*;

    fn execution(value: Value) -> Execution {
        serde_json::from_value(value).expect("it is one")
    }

    #[rstest]
    #[case(json!({"Cmd": ["sh"]}), None, &[], Some("sh"))]
    #[case(json!({"Cmd": ["sh"]}), None, &["ls", "/"], Some("ls /"))]
    #[case(json!({"Entrypoint": ["a", "b"], "Cmd": ["c"]}), None, &[], Some("a b c"))]
    #[case(json!({"Entrypoint": ["a", "b"], "Cmd": ["c"]}), None, &["d"], Some("a b d"))]
    #[case(json!({"Entrypoint": ["a"], "Cmd": ["c"]}), Some("e"), &[], Some("e"))]
    #[case(json!({"Entrypoint": ["a"], "Cmd": ["c"]}), Some("e"), &["d"], Some("e d"))]
    #[case(json!({"Entrypoint": ["a"], "Cmd": ["c"]}), Some(""), &["d"], Some("d"))]
    #[case(json!({"Entrypoint": ["a"], "Cmd": ["c"]}), Some(""), &[], None)]
    #[case(json!({}), None, &[], None)]
    fn the_command_is_made_of_two(
        #[case] config: Value,
        #[case] entrypoint: Option<&str>,
        #[case] args: &[&str],
        #[case] command: Option<&str>,
    ) {
        let args: Vec<_> = args.iter().map(OsString::from).collect();
        let made = execution(config).command(entrypoint.map(OsStr::new), &args).ok();
        let made = made.map(|words| words.join(OsStr::new(" ")).into_string().expect("ASCII"));
        assert_eq!(made.as_deref(), command);
    }

    #[test]
    fn what_was_asked_for_goes_before() {
        let execution = execution(json!({"Env": ["A=1", "B=2=3", "C", "=x"]}));
        let mut process = Process::new(vec![]);
        process.env.clear();
        process.set_env("A", "mine");
        execution.set_env(&mut process, &["A=mine".parse().expect("it is one")]);
        let env: Vec<_> = process.env.iter().map(|(n, v)| (n.to_str(), v.to_str())).collect();
        let wanted = [("A", "mine"), ("B", "2=3"), ("C", "")];
        assert_eq!(env, wanted.map(|(name, value)| (Some(name), Some(value))));
        assert!(execution.has_env("B") && !execution.has_env("D"));
    }

    #[rstest]
    #[case("/data", Some("/data"))]
    #[case("/data/", Some("/data"))]
    #[case("data", Some("/data"))]
    #[case("../../etc", Some("/etc"))]
    #[case("/a/../../../etc", Some("/etc"))]
    #[case("/", None)]
    #[case("/..", None)]
    #[case("", None)]
    #[case("/taken/x/..", None)]
    fn volumes_lead_nowhere_up(#[case] path: &str, #[case] place: Option<&str>) {
        let volumes = execution(json!({"Volumes": {path: {}}})).volumes(&[Path::new("/taken/")]);
        assert_eq!(volumes, place.map(PathBuf::from).into_iter().collect::<Vec<_>>());
    }

    #[rstest]
    #[case("80/tcp", Some(&[80][..]))]
    #[case("80", Some(&[80][..]))]
    #[case("8000-8002/udp", Some(&[8000, 8001, 8002][..]))]
    #[case("0/tcp", None)]
    #[case("x", None)]
    #[case("80/sctp", None)]
    #[case("70000", None)]
    fn exposed_ports_are_published(#[case] port: &str, #[case] ports: Option<&[u16]>) {
        let all = execution(json!({"ExposedPorts": {port: {}}})).publish_all().ok();
        let all = all.map(|all| all.iter().map(|one| one.container).collect::<Vec<_>>());
        assert_eq!(all.as_deref(), ports);
    }

    #[rstest]
    #[case("", Some(None))]
    #[case("SIGQUIT", Some(Some(3)))]
    #[case("9", Some(Some(9)))]
    #[case("SIGNOPE", None)]
    #[case("0", None)]
    fn it_is_stopped_by_a_signal(#[case] text: &str, #[case] signal: Option<Option<i32>>) {
        let found = execution(json!({"StopSignal": text})).stop_signal().ok();
        assert_eq!(found.map(|found| found.map(|number| number.0)), signal);
    }
}
