//! An output stream of a program, read while the program goes on.

use std::{
    ffi::OsStr,
    io::Read,
    os::unix::ffi::OsStrExt,
    sync::{Arc, Condvar, Mutex, PoisonError},
    thread,
    time::Instant,
};

/// An output stream that a thread reads as it comes.
#[derive(Debug)]
pub struct Stream {
    shared: Arc<(Mutex<Heard>, Condvar)>,
}

#[derive(Debug, Default)]
struct Heard {
    bytes: Vec<u8>,
    ended: bool,
}

impl Stream {
    pub fn read(mut from: impl Read + Send + 'static) -> Self {
        let shared = Arc::new((Mutex::new(Heard::default()), Condvar::new()));
        let ours = Arc::clone(&shared);
        thread::spawn(move || {
            let mut buffer = [0; 8192];
            loop {
                let count = from.read(&mut buffer).unwrap_or(0);
                let (heard, news) = &*ours;
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                heard.bytes.extend(&buffer[..count]);
                heard.ended = count == 0;
                news.notify_all();
                if heard.ended {
                    return;
                }
            }
        });
        Self { shared }
    }

    /// The line that begins at `from`, without its end; waits for it.
    pub fn line(&self, from: usize, deadline: Instant) -> Option<String> {
        let (heard, news) = &*self.shared;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        loop {
            let rest = &heard.bytes[from..];
            if let Some(length) = rest.iter().position(|byte| *byte == b'\n') {
                return Some(OsStr::from_bytes(&rest[..length]).to_string_lossy().into_owned());
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if heard.ended || left.is_zero() {
                return None;
            }
            heard = news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
    }

    pub fn bytes(&self) -> Vec<u8> {
        self.shared.0.lock().unwrap_or_else(PoisonError::into_inner).bytes.clone()
    }

    pub fn text(&self) -> String {
        String::from_utf8_lossy(&self.bytes()).into_owned()
    }

    /// Waits for its end. `false`: it has not come in time.
    pub fn finish(&mut self, deadline: Instant) -> bool {
        let (heard, news) = &*self.shared;
        let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
        while !heard.ended {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            heard = news.wait_timeout(heard, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}
