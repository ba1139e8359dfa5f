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
    pub log: String,
    /// `stdout` or `stderr`.
    pub stream: String,
    /// RFC 3339, UTC.
    pub time: String,
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
        let file = OpenOptions::new()
            .create(true)
            .append(true)
            .mode(0o600)
            .open(file)
            .with_context(|| format!("opening the log {}", file.display()))?;
        Ok(Self { file, stream, line: Vec::new() })
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
            if end.is_some() || self.line.len() == LONGEST {
                self.flush()?;
            }
        }
        Ok(())
    }

    /// Writes what there is of a last line.
    pub fn flush(&mut self) -> Result<()> {
        if self.line.is_empty() {
            return Ok(());
        }
        let log = String::from_utf8_lossy(&self.line).into_owned();
        self.line.clear();
        let entry = Entry { log, stream: self.stream.into(), time: now() };
        let mut text = serde_json::to_vec(&entry).context("writing the log")?;
        text.push(b'\n');
        self.file.write_all(&text).context("writing the log")
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

    #[test]
    fn lines_come_back_as_they_were_written() {
        let file = std::env::temp_dir().join(format!("log-{}", std::process::id()));
        let mut out = Writer::open(&file, "stdout").expect("the log opens");
        let mut err = Writer::open(&file, "stderr").expect("the log opens");
        out.write(b"one\nt").expect("written");
        err.write(b"oops\n").expect("written");
        out.write(b"wo").expect("written");
        out.write(&vec![b'x'; LONGEST]).expect("written");
        out.flush().expect("written");
        let mut log = Reader::open(&file).expect("the log opens");
        let mut lines = Vec::new();
        while let Some(entry) = log.next().expect("read") {
            lines.push((entry.stream, entry.log));
        }
        std::fs::remove_file(&file).expect("removed");
        let streams: Vec<_> = lines.iter().map(|(stream, _)| stream.as_str()).collect();
        assert_eq!(streams, ["stdout", "stderr", "stdout", "stdout"]);
        assert_eq!((lines[0].1.as_str(), lines[1].1.as_str()), ("one\n", "oops\n"));
        assert_eq!(lines[2].1.len(), LONGEST);
        assert_eq!(lines[3].1, "xxx");
    }
}
