//! Peers of every kind, and how long each is waited for.

use std::{
    os::unix::net::UnixListener,
    thread::{self, JoinHandle},
};

use nix::sys::socket::{Backlog, listen};
use rstest::rstest;

use super::*;
use crate::dbus::message::tests::UNKNOWN;

/// As long as a test waits for a peer that does not answer.
const SOON: Duration = Duration::from_millis(300);

/// A socket, and somebody who listens on it.
struct Peer {
    path: PathBuf,
    thread: Option<JoinHandle<()>>,
}

impl Peer {
    fn new(name: &str, serve: impl FnOnce(UnixListener) + Send + 'static) -> Self {
        let path = std::env::temp_dir().join(format!("step06-{name}-{}", std::process::id()));
        let _ = std::fs::remove_file(&path);
        let listener = UnixListener::bind(&path).expect("listening");
        Self { path, thread: Some(thread::spawn(move || serve(listener))) }
    }

    /// One that says this as soon as somebody connects, and no more until they go.
    fn saying(name: &str, words: &'static [u8]) -> Self {
        Self::new(name, move |listener| {
            let (mut socket, _) = listener.accept().expect("accepting");
            socket.write_all(words).expect("saying");
            wait_for_the_end(socket);
        })
    }

    fn open(&self) -> Result<Connection> {
        let deadline = Deadline::after(SOON);
        let mut connection = Connection::open(&self.path, deadline)?;
        connection.greet(deadline)?;
        Ok(connection)
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
        let ended = self.thread.take().map(JoinHandle::join);
        assert!(thread::panicking() || ended.is_none_or(|ended| ended.is_ok()));
    }
}

fn wait_for_the_end(mut socket: UnixStream) {
    while socket.read(&mut [0; 64]).is_ok_and(|read| read > 0) {}
}

fn ping<'a>() -> Call<'a> {
    Call {
        destination: "org.freedesktop.systemd1",
        path: "/org/freedesktop/systemd1",
        interface: "org.freedesktop.DBus.Peer",
        member: "Ping",
        signature: "",
        body: Vec::new(),
    }
}

const WELCOME: &[u8] = b"DATA\r\nOK 0123\r\n";

/// An answer without a body, to the call of this number.
fn answer(kind: u8, to: u8) -> Vec<u8> {
    let mut bytes = vec![b'l', kind, 1, 1, 0, 0, 0, 0, 1, 0, 0, 0, 8, 0, 0, 0];
    bytes.extend([5, 1, b'u', 0, to, 0, 0, 0]);
    bytes
}

fn said<T: std::fmt::Debug>(result: Result<T>, path: &Path) -> String {
    let error = format!("{:#}", result.expect_err("it cannot have worked"));
    error.replace(&path.display().to_string(), "SOCKET")
}

#[rstest]
#[case::silent("silent", b"", "SOCKET: no answer within 0.3 s")]
#[case::half("half", b"DATA\r\nOK 01", "SOCKET: no answer within 0.3 s")]
#[case::rejected(
    "rejected",
    b"REJECTED EXTERNAL\r\n",
    "SOCKET: this user is not let in (REJECTED EXTERNAL)"
)]
#[case::rejected_late(
    "late",
    b"DATA\r\nREJECTED\r\n",
    "SOCKET: this user is not let in (REJECTED)"
)]
#[case::another_protocol(
    "http",
    b"HTTP/1.1 400 Bad Request\r\n\r\n",
    "SOCKET: this user is not let in (HTTP/1.1 400 Bad Request)"
)]
#[case::noise("noise", &[b'x'; 2000], "SOCKET: it does not speak D-Bus")]
fn who_does_not_welcome_is_left(
    #[case] name: &str,
    #[case] words: &'static [u8],
    #[case] expected: &str,
) {
    let peer = Peer::saying(name, words);
    let start = Instant::now();
    assert_eq!(said(peer.open(), &peer.path), expected);
    assert!(start.elapsed() < SOON * 4, "it took {:?}", start.elapsed());
}

#[test]
fn who_goes_away_is_told_of() {
    let peer = Peer::new("gone", |listener| {
        let (mut socket, _) = listener.accept().expect("accepting");
        let _ = socket.read(&mut [0; 64]);
    });
    assert_eq!(said(peer.open(), &peer.path), "SOCKET: the connection was closed");
}

/// A byte now and then is no answer: the deadline is the whole answer's.
#[test]
fn who_dribbles_is_left() {
    let peer = Peer::new("dribble", |listener| {
        let (mut socket, _) = listener.accept().expect("accepting");
        while socket.write_all(b"D").is_ok() {
            sleep(SOON / 10);
        }
    });
    let start = Instant::now();
    assert_eq!(said(peer.open(), &peer.path), "SOCKET: no answer within 0.3 s");
    assert!(start.elapsed() < SOON * 4, "it took {:?}", start.elapsed());
}

/// connect(2) itself would wait, when as many are waiting as may.
#[test]
fn who_does_not_accept_is_left() {
    let peer = Peer::new("crowded", |_| {});
    let _ = std::fs::remove_file(&peer.path);
    let listener = UnixListener::bind(&peer.path).expect("listening");
    listen(&listener, Backlog::new(0).expect("a number")).expect("listening to one");
    let _waiting = UnixStream::connect(&peer.path).expect("the first one waits");
    let expected = "connecting to SOCKET: no answer within 0.3 s";
    assert_eq!(said(peer.open(), &peer.path), expected);
}

#[test]
fn where_nobody_is_there_is_no_waiting() {
    let path = std::env::temp_dir().join(format!("step06-nobody-{}", std::process::id()));
    let open = || Connection::open(&path, Deadline::after(SOON));
    let expected = "connecting to SOCKET: ENOENT: No such file or directory";
    assert_eq!(said(open(), &path), expected);
    drop(UnixListener::bind(&path).expect("listening"));
    let expected = "connecting to SOCKET: ECONNREFUSED: Connection refused";
    assert_eq!(said(open(), &path), expected);
    std::fs::remove_file(&path).expect("removing the socket");
}

/// The peer answers the first call with this.
fn called(name: &str, words: Vec<u8>) -> Result<Message, String> {
    let peer = Peer::new(name, move |listener| {
        let (mut socket, _) = listener.accept().expect("accepting");
        socket.write_all(&[WELCOME, &words].concat()).expect("saying");
        wait_for_the_end(socket);
    });
    let mut connection = peer.open().expect("it welcomes");
    assert_eq!(connection.peer().expect("it is there"), Pid::this());
    let answer = connection.call(&ping(), Deadline::after(SOON));
    let path = peer.path.display().to_string();
    answer.map_err(|error| format!("{error:#}").replace(&path, "SOCKET"))
}

#[test]
#[cfg_attr(target_endian = "big", ignore = "the bytes are a little-endian machine's")]
fn of_many_messages_one_is_the_answer() {
    let mut signal = answer(4, 9);
    signal[16] = 42; // a field that is none of ours
    let words = [signal, answer(2, 7), answer(2, 1)].concat();
    assert_eq!(called("answer", words).expect("an answer").reply_to, Some(1));
}

#[rstest]
#[case::none("none", vec![], "SOCKET: no answer within 0.3 s")]
#[case::others("others", answer(2, 7), "SOCKET: no answer within 0.3 s")]
#[case::half("part", answer(2, 1)[..20].to_vec(), "SOCKET: no answer within 0.3 s")]
#[case::error_without_a_name("nameless", answer(3, 1), "SOCKET: an error does not say which")]
#[case::noise("rubbish", vec![b'x'; 64], "SOCKET: the message is in another order of bytes")]
#[cfg_attr(target_endian = "big", ignore = "the bytes are a little-endian machine's")]
fn what_is_no_answer(#[case] name: &str, #[case] words: Vec<u8>, #[case] expected: &str) {
    assert_eq!(called(name, words).expect_err("it is no answer"), expected);
}

#[test]
#[cfg_attr(target_endian = "big", ignore = "the bytes are a little-endian machine's")]
fn a_refusal_is_the_peers_own_words() {
    let said = called("refusal", UNKNOWN.to_vec()).expect_err("it is refused");
    assert_eq!(said, "Unit nope.scope not loaded (NoSuchUnit)");
}
