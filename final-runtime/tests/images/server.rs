//! A registry of the tests' own, on a sandbox's loopback: it answers what a test wants.

use std::{
    fs::File,
    io::{Read, Write},
    net::{TcpListener, TcpStream},
    sync::{
        Arc, Mutex, PoisonError,
        atomic::{AtomicBool, Ordering},
        mpsc,
    },
    thread::{self, JoinHandle},
    time::Duration,
};

use anyhow::{Context, Result};
use conformance::Sandbox;
use nix::sched::{CloneFlags, setns};

use crate::made::{MANIFEST, Made, digest};

/// What was asked.
#[derive(Clone, Debug)]
pub struct Request {
    /// With the query.
    pub path: String,
    headers: Vec<(String, String)>,
}

impl Request {
    /// A header's value.
    pub fn header(&self, name: &str) -> Option<&str> {
        let found = self.headers.iter().find(|(known, _)| known.eq_ignore_ascii_case(name));
        found.map(|(_, value)| value.as_str())
    }

    /// The first byte that is wanted.
    pub fn from(&self) -> usize {
        let range = self.header("range").and_then(|range| range.strip_prefix("bytes="));
        range.and_then(|range| range.trim_end_matches('-').parse().ok()).unwrap_or(0)
    }
}

/// What is answered.
#[derive(Clone, Debug, Default)]
pub struct Reply {
    pub status: u16,
    pub headers: Vec<(String, String)>,
    pub body: Vec<u8>,
    /// So much of the body, and then the connection is closed.
    pub cut: Option<usize>,
    /// The body again and again, for as long as somebody listens.
    pub endless: bool,
}

impl Reply {
    /// Of a status alone.
    pub fn status(status: u16) -> Self {
        Self { status, ..Self::default() }
    }

    /// Of content.
    pub fn of(body: &[u8], media_type: &str) -> Self {
        let headers = vec![("Content-Type".into(), media_type.into())];
        Self { status: 200, headers, body: body.into(), ..Self::default() }
    }

    /// With one more header.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }
}

/// What says how to answer: the request, and how many there were before it of the same path.
type Handler = dyn Fn(&Request, usize) -> Reply + Send + Sync;

pub struct Server {
    /// `127.0.0.1:PORT`.
    pub address: String,
    seen: Arc<Mutex<Vec<Request>>>,
    over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Server {
    /// A server that is reached within the sandbox.
    pub fn start(
        sandbox: &Sandbox,
        handler: impl Fn(&Request, usize) -> Reply + Send + Sync + 'static,
    ) -> Result<Self> {
        let network = File::open(sandbox.root().with_file_name("ns").join("net"))?;
        let (seen, over) =
            (Arc::<Mutex<Vec<Request>>>::default(), Arc::new(AtomicBool::new(false)));
        let (tell, told) = mpsc::channel();
        let (all, ended) = (seen.clone(), over.clone());
        let thread = thread::spawn(move || {
            // Of this thread alone: so it listens where the sandbox's programs call.
            let listener = setns(&network, CloneFlags::CLONE_NEWNET)
                .map_err(std::io::Error::from)
                .and_then(|()| TcpListener::bind("127.0.0.1:0"));
            let address = listener.as_ref().ok().and_then(|listener| listener.local_addr().ok());
            let _ = tell.send(address);
            let Ok(listener) = listener else { return };
            serve(&listener, &handler, &all, &ended);
        });
        let address = told.recv()?.context("listening in the sandbox")?.to_string();
        Ok(Self { address, seen, over, thread: Some(thread) })
    }

    /// What was asked so far.
    pub fn seen(&self) -> Vec<Request> {
        self.seen.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.over.store(true, Ordering::Relaxed);
        self.thread.take().map(JoinHandle::join);
    }
}

fn serve(listener: &TcpListener, handler: &Handler, seen: &Mutex<Vec<Request>>, over: &AtomicBool) {
    if listener.set_nonblocking(true).is_err() {
        return;
    }
    thread::scope(|scope| {
        while !over.load(Ordering::Relaxed) {
            match listener.accept() {
                Ok((stream, _)) => drop(scope.spawn(|| answer(stream, handler, seen, over))),
                Err(_) => thread::sleep(Duration::from_millis(2)),
            }
        }
    });
}

fn answer(mut stream: TcpStream, handler: &Handler, seen: &Mutex<Vec<Request>>, over: &AtomicBool) {
    let timeout = Some(Duration::from_secs(5));
    let _ = stream.set_nonblocking(false);
    let _ = stream.set_read_timeout(timeout);
    let _ = stream.set_write_timeout(timeout);
    let Some(request) = read(&mut stream) else { return };
    let count = {
        let mut seen = seen.lock().unwrap_or_else(PoisonError::into_inner);
        let count = seen.iter().filter(|before| before.path == request.path).count();
        seen.push(request.clone());
        count
    };
    let _ = write(&mut stream, &handler(&request, count), over);
}

/// `None`: it speaks TLS, which this server does not.
fn read(stream: &mut TcpStream) -> Option<Request> {
    let (mut head, mut byte) = (Vec::new(), [0]);
    while !head.ends_with(b"\r\n\r\n") {
        stream.read_exact(&mut byte).ok()?;
        head.push(byte[0]);
        if head[0] == 0x16 {
            return None;
        }
    }
    let head = String::from_utf8(head).ok()?;
    let mut lines = head.lines();
    let path = lines.next()?.split(' ').nth(1)?.to_string();
    let headers = lines.filter_map(|line| line.split_once(": "));
    let headers = headers.map(|(name, value)| (name.to_string(), value.to_string())).collect();
    Some(Request { path, headers })
}

fn write(stream: &mut TcpStream, reply: &Reply, over: &AtomicBool) -> std::io::Result<()> {
    write!(stream, "HTTP/1.1 {} x\r\nConnection: close\r\n", reply.status)?;
    for (name, value) in &reply.headers {
        write!(stream, "{name}: {value}\r\n")?;
    }
    if reply.endless {
        write!(stream, "\r\n")?;
        while !over.load(Ordering::Relaxed) {
            stream.write_all(&reply.body)?;
        }
        return Ok(());
    }
    write!(stream, "Content-Length: {}\r\n\r\n", reply.body.len())?;
    stream.write_all(&reply.body[..reply.cut.unwrap_or(reply.body.len())])
}

impl Made {
    /// Answers as an honest registry would.
    pub fn reply(&self, request: &Request) -> Reply {
        let path = request.path.split('?').next().unwrap_or_default();
        let name = path.rsplit('/').next().unwrap_or_default();
        match path {
            "/v2/" => Reply::status(200),
            _ if path.contains("/manifests/") => match name {
                name if name == "latest" || name == digest(&self.manifest) => {
                    Reply::of(&self.manifest, MANIFEST)
                }
                _ => Reply::status(404),
            },
            _ if path.contains("/blobs/") => {
                let all = [&self.layer, &self.config];
                let blob = all.into_iter().find(|blob| digest(blob) == name);
                blob.map_or(Reply::status(404), |blob| part(blob, request.from()))
            }
            _ => Reply::status(404),
        }
    }
}

/// A blob from this byte on.
pub fn part(blob: &[u8], from: usize) -> Reply {
    if from == 0 {
        return Reply::of(blob, "application/octet-stream");
    }
    let range = format!("bytes {from}-{}/{}", blob.len() - 1, blob.len());
    let reply = Reply::of(&blob[from..], "application/octet-stream").with("Content-Range", &range);
    Reply { status: 206, ..reply }
}
