//! What a container said, line by line, in the format of Docker's json-file driver:
//! `{"log":"hello\n","stream":"stdout","time":"2026-01-02T03:04:05.678Z"}`.

use std::{
    fs::{File, OpenOptions},
    io::{BufRead, BufReader, Write},
    os::unix::fs::OpenOptionsExt,
    path::Path,
};

use anyhow::{Context, Result};
use serde::{Deserialize, Serialize};

use super::record::now;

/// The longest piece of a line that stands in one entry, in bytes. A longer line is several
/// entries, of which only the last ends in a newline: so memory does not grow with a line.
const LONGEST: usize = 16 * 1024;

/// One line, or a piece of a long one.
#[derive(Debug, Serialize, Deserialize)]
pub struct Entry {
    /// With its newline. What is not UTF-8 is replaced by U+FFFD.
    log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// RFC 3339, UTC.
    pub time: String,
    /// What `log` stands for, if it is not the same. Other readers of this format pass it over.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    bytes: Option<Vec<u8>>,
}

impl Entry {
    fn new(line: &[u8], stream: &str) -> Self {
        let log = String::from_utf8_lossy(line).into_owned();
        let bytes = (log.as_bytes() != line).then(|| line.to_vec());
        Self { log, stream: stream.into(), time: now(), bytes }
    }

    /// What was said.
    pub fn bytes(&self) -> &[u8] {
        self.bytes.as_deref().unwrap_or(self.log.as_bytes())
    }
}

/// Makes the log of a container that has not said anything.
pub fn create(file: &Path) -> Result<()> {
    open(file).map(drop)
}

fn open(file: &Path) -> Result<File> {
    let mut options = OpenOptions::new();
    let opened = options.create(true).append(true).mode(0o600).open(file);
    opened.with_context(|| format!("opening the log {}", file.display()))
}

/// Where one stream of a container is written down.
pub struct Writer {
    file: File,
    stream: &'static str,
    line: Vec<u8>,
}

impl Writer {
    /// Appends to `file`, which other streams may share: each entry is one write.
    pub fn open(file: &Path, stream: &'static str) -> Result<Self> {
        Ok(Self { file: open(file)?, stream, line: Vec::new() })
    }

    /// Takes what came, and writes the lines that are complete.
    pub fn write(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let room = LONGEST - self.line.len();
            let window = &bytes[..room.min(bytes.len())];
            let end = window.iter().position(|&b| b == b'\n').map(|at| at + 1);
            let take = end.unwrap_or(window.len());
            self.line.extend(&bytes[..take]);
            bytes = &bytes[take..];
            if end.is_some() {
                self.flush()?;
            } else if self.line.len() == LONGEST {
                self.write_piece()?;
            }
        }
        Ok(())
    }

    /// Writes what there is of a last line.
    pub fn flush(&mut self) -> Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let entry = Entry::new(&self.line, self.stream);
        self.line.clear();
        let mut text = serde_json::to_vec(&entry).context("writing the log")?;
        text.push(b'\n');
        self.file.write_all(&text).context("writing the log")
    }

    /// Writes a piece of a line that goes on, and does not cut a character in two.
    fn write_piece(&mut self) -> Result<()> {
        let cut = match std::str::from_utf8(&self.line) {
            Err(error) if error.error_len().is_none() => error.valid_up_to(),
            _ => self.line.len(),
        };
        let rest = self.line.split_off(cut);
        self.flush()?;
        self.line = rest;
        Ok(())
    }
}

/// The entries of a log so far, and later those that have come since.
pub struct Reader {
    file: BufReader<File>,
    rest: String,
}

impl Reader {
    /// Begins at the first entry.
    pub fn open(file: &Path) -> Result<Self> {
        let file =
            File::open(file).with_context(|| format!("opening the log {}", file.display()))?;
        Ok(Self { file: BufReader::new(file), rest: String::new() })
    }

    /// The next entry that is complete. `None`: not now.
    pub fn next(&mut self) -> Result<Option<Entry>> {
        self.file.read_line(&mut self.rest).context("reading the log")?;
        if !self.rest.ends_with('\n') {
            return Ok(None); // the writer is in the middle of it
        }
        let entry = serde_json::from_str(&self.rest).context("the log is damaged")?;
        self.rest.clear();
        Ok(Some(entry))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What comes back of what was written: stream and bytes.
    fn written(name: &str, write: impl Fn(&mut Writer, &mut Writer)) -> Vec<(String, Vec<u8>)> {
        let file = std::env::temp_dir().join(format!("log-{name}-{}", std::process::id()));
        let mut out = Writer::open(&file, "stdout").expect("the log opens");
        let mut err = Writer::open(&file, "stderr").expect("the log opens");
        write(&mut out, &mut err);
        out.flush().expect("written");
        let mut log = Reader::open(&file).expect("the log opens");
        let mut entries = Vec::new();
        while let Some(entry) = log.next().expect("read") {
            entries.push((entry.stream.clone(), entry.bytes().to_vec()));
        }
        std::fs::remove_file(&file).expect("removed");
        entries
    }

    #[test]
    fn lines_come_back_as_they_were_written() {
        let lines = written("lines", |out, err| {
            out.write(b"one\nt").expect("written");
            err.write(b"oops\n").expect("written");
            out.write(b"wo").expect("written");
            out.write(&vec![b'x'; LONGEST]).expect("written");
        });
        let streams: Vec<_> = lines.iter().map(|(stream, _)| stream.as_str()).collect();
        assert_eq!(streams, ["stdout", "stderr", "stdout", "stdout"]);
        assert_eq!((lines[0].1.as_slice(), lines[1].1.as_slice()), (&b"one\n"[..], &b"oops\n"[..]));
        assert_eq!(lines[2].1.len(), LONGEST);
        assert_eq!(lines[3].1, b"xxx");
    }

    #[test]
    fn what_is_no_text_comes_back_too() {
        let binary: Vec<u8> = (0..=255).cycle().take(3 * LONGEST + 7).collect();
        let lines = written("binary", |out, _| out.write(&binary).expect("written"));
        let all: Vec<u8> = lines.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(all, binary);
    }

    #[test]
    fn no_character_is_cut_in_two() {
        let text = "x".to_string() + &"容".repeat(LONGEST);
        let lines = written("characters", |out, _| out.write(text.as_bytes()).expect("written"));
        assert!(lines.len() > 3);
        for (_, bytes) in &lines {
            assert!(
                std::str::from_utf8(bytes)
                    .is_ok_and(|piece| piece.len() > LONGEST - 4 || text.ends_with(piece))
            );
        }
        let all: Vec<u8> = lines.into_iter().flat_map(|(_, bytes)| bytes).collect();
        assert_eq!(all, text.as_bytes());
    }
}
