//! Verbs about the network. See ip(7), unix(7).
//!
//! A listener prints `ready PORT`, takes one message, answers `got TEXT from ADDRESS`, and ends.
//! The other side sends a text and prints the answer. Everything gives up after five seconds.

use std::{
    ffi::OsString,
    fs,
    io::{self, Read, Write},
    net::{Shutdown, SocketAddr, TcpListener, TcpStream, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr as UnixAddr, UnixListener, UnixStream},
    },
    process::ExitCode,
    time::Duration,
};

use crate::{Result, failed, json::Json, number, process::say, text};

const PATIENCE: Duration = Duration::from_secs(5);

pub fn run(verb: &str, args: &[OsString]) -> Option<Result<ExitCode>> {
    let act = match verb {
        "connect" => connect,
        "listen" => listen,
        "udp-send" => udp_send,
        "udp-listen" => udp_listen,
        "abstract-connect" => abstract_connect,
        "abstract-listen" => abstract_listen,
        "resolve" => return Some(resolve(args)),
        _ => return None,
    };
    Some(act(args).map(|()| ExitCode::SUCCESS))
}

/// An address by number, or by a name that `/etc/hosts` has.
fn address(args: &[OsString]) -> Result<SocketAddr> {
    let word = text(args, 0, "the address")?;
    if let Ok(address) = word.parse() {
        return Ok(address);
    }
    let (host, port) = word.rsplit_once(':').ok_or_else(|| format!("{word} has no port"))?;
    let ip =
        look_up(host).into_iter().next().ok_or_else(|| format!("{host} is not in /etc/hosts"))?;
    format!("{ip}:{port}").parse().map_err(|_| format!("not an address: {ip}:{port}"))
}

/// `connect HOST:PORT TEXT`
fn connect(args: &[OsString]) -> Result<()> {
    let (to, message) = (address(args)?, text(args, 1, "the text")?);
    let answer = TcpStream::connect_timeout(&to, PATIENCE).and_then(|stream| {
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(&stream, message, || stream.shutdown(Shutdown::Write))
    });
    say(&answer.map_err(|error| failed(to, &error))?);
    Ok(())
}

/// `listen HOST:PORT`; port 0 takes any that is free.
fn listen(args: &[OsString]) -> Result<()> {
    let at = address(args)?;
    let done = TcpListener::bind(at).and_then(|listener| {
        say(&format!("ready {}", listener.local_addr()?.port()));
        let (stream, from) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        answer(&stream, &from.ip().to_string())
    });
    done.map_err(|error| failed(at, &error))
}

/// `udp-send HOST:PORT TEXT [FROM_PORT]`
fn udp_send(args: &[OsString]) -> Result<()> {
    let (to, message) = (address(args)?, text(args, 1, "the text")?);
    let port = args.get(2).map_or(Ok(0), |_| number(args, 2, "the port to send from"))? as u16;
    let from: SocketAddr =
        if to.is_ipv4() { ([0; 4], port).into() } else { ([0u16; 8], port).into() };
    let answer = UdpSocket::bind(from).and_then(|socket| {
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.connect(to)?;
        socket.send(message.as_bytes())?;
        let mut buffer = [0; 1500];
        let count = socket.recv(&mut buffer)?;
        Ok(String::from_utf8_lossy(&buffer[..count]).into_owned())
    });
    say(&answer.map_err(|error| failed(to, &error))?);
    Ok(())
}

/// `udp-listen HOST:PORT`
fn udp_listen(args: &[OsString]) -> Result<()> {
    let at = address(args)?;
    let done = UdpSocket::bind(at).and_then(|socket| {
        say(&format!("ready {}", socket.local_addr()?.port()));
        let mut buffer = [0; 1500];
        let (count, from) = socket.recv_from(&mut buffer)?;
        let message = String::from_utf8_lossy(&buffer[..count]);
        socket.send_to(format!("got {message} from {}", from.ip()).as_bytes(), from)
    });
    done.map(drop).map_err(|error| failed(at, &error))
}

/// `abstract-connect NAME TEXT`: a socket whose name is no file, but the network namespace's.
fn abstract_connect(args: &[OsString]) -> Result<()> {
    let (name, message) = (text(args, 0, "the name")?, text(args, 1, "the text")?);
    let answer = UnixAddr::from_abstract_name(name).and_then(|address| {
        let stream = UnixStream::connect_addr(&address)?;
        stream.set_read_timeout(Some(PATIENCE))?;
        exchange(&stream, message, || stream.shutdown(Shutdown::Write))
    });
    say(&answer.map_err(|error| failed(name, &error))?);
    Ok(())
}

/// `abstract-listen NAME`
fn abstract_listen(args: &[OsString]) -> Result<()> {
    let name = text(args, 0, "the name")?;
    let done = UnixAddr::from_abstract_name(name).and_then(|address| {
        let listener = UnixListener::bind_addr(&address)?;
        say("ready");
        let (stream, _) = listener.accept()?;
        stream.set_read_timeout(Some(PATIENCE))?;
        answer(&stream, "a neighbour")
    });
    done.map_err(|error| failed(name, &error))
}

fn exchange<S>(
    stream: &S,
    message: &str,
    close: impl FnOnce() -> io::Result<()>,
) -> io::Result<String>
where
    for<'a> &'a S: Read + Write,
{
    let mut stream = stream;
    stream.write_all(message.as_bytes())?;
    close()?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer)?;
    Ok(answer)
}

fn answer<S>(stream: &S, from: &str) -> io::Result<()>
where
    for<'a> &'a S: Read + Write,
{
    let mut stream = stream;
    let mut message = String::new();
    stream.read_to_string(&mut message)?;
    stream.write_all(format!("got {message} from {from}").as_bytes())
}

/// `resolve NAME`: its addresses by `/etc/hosts`. Name servers are not asked: in a static program
/// the C library would need its shared parts for that.
fn resolve(args: &[OsString]) -> Result<ExitCode> {
    println!("{}", Json::list(look_up(text(args, 0, "the name")?)));
    Ok(ExitCode::SUCCESS)
}

fn look_up(name: &str) -> Vec<String> {
    let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
    let lines = hosts.lines().map(|line| line.split('#').next().unwrap_or_default());
    let matching = lines.filter_map(|line| {
        let mut words = line.split_whitespace();
        let ip = words.next()?;
        words.any(|word| word == name).then(|| ip.to_string())
    });
    matching.collect()
}
