//! The book, built and served over HTTP on this machine alone.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, TcpListener, TcpStream},
    path::{Path, PathBuf},
    process::Command,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    thread,
};

use anyhow::{Context, Result, anyhow, ensure};

/// A language of the book.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Language {
    English,
    Chinese,
}

impl Language {
    pub const ALL: [Self; 2] = [Self::English, Self::Chinese];

    /// As BCP 47 has it.
    pub fn tag(self) -> &'static str {
        match self {
            Self::English => "en",
            Self::Chinese => "zh-CN",
        }
    }

    pub fn other(self) -> Self {
        match self {
            Self::English => Self::Chinese,
            Self::Chinese => Self::English,
        }
    }

    /// Where its pages are in the site.
    pub fn path(self, page: &str) -> String {
        match self {
            Self::English => page.to_string(),
            Self::Chinese => format!("zh-CN/{page}"),
        }
    }
}

/// The site, as long as the tests run.
pub struct Site {
    dir: PathBuf,
    /// `http://127.0.0.1:PORT/`
    pub address: String,
    /// What was asked for and is not there.
    missing: Arc<Mutex<Vec<String>>>,
}

impl Site {
    /// Built and served once for all tests.
    pub fn get() -> Result<&'static Self> {
        static SITE: OnceLock<Result<Site>> = OnceLock::new();
        SITE.get_or_init(Self::new).as_ref().map_err(|error| anyhow!("{error:#}"))
    }

    fn new() -> Result<Self> {
        let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("site");
        let build = Path::new(env!("CARGO_MANIFEST_DIR")).join("../book/build");
        let output = Command::new(build).arg(&dir).output().context("running book/build")?;
        let told = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "book/build: {told}");

        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
        let address = format!("http://{}/", listener.local_addr()?);
        let site = Self { dir: dir.clone(), address, missing: Arc::default() };
        let missing = Arc::clone(&site.missing);
        thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let (dir, missing) = (dir.clone(), Arc::clone(&missing));
                // A browser may close a connection at any time.
                thread::spawn(move || drop(serve(&stream, &dir, &missing)));
            }
        });
        Ok(site)
    }

    /// The pages of the English part, below the root. All have one in the other language.
    pub fn pages(&self) -> Result<Vec<String>> {
        let mut pages = Vec::new();
        collect(&self.dir, Path::new(""), &mut pages)?;
        pages.sort();
        Ok(pages)
    }

    pub fn has(&self, path: &str) -> bool {
        self.dir.join(path).is_file()
    }

    /// What the browser has asked for in vain since the last call.
    pub fn missing(&self) -> Vec<String> {
        std::mem::take(&mut self.missing.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Pages that a reader reads: not the table of contents for browsers without scripts, and not the
/// page that holds all others and prints itself.
fn collect(root: &Path, below: &Path, pages: &mut Vec<String>) -> Result<()> {
    const NO_PAGES: [&str; 2] = ["toc.html", "print.html"];
    for entry in fs::read_dir(root.join(below))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        let name = path.to_string_lossy().into_owned();
        if entry.file_type()?.is_dir() {
            if name != Language::Chinese.tag() {
                collect(root, &path, pages)?;
            }
        } else if name.ends_with(".html") && !NO_PAGES.contains(&name.as_str()) {
            pages.push(name);
        }
    }
    Ok(())
}

/// Answers one request.
fn serve(stream: &TcpStream, dir: &Path, missing: &Mutex<Vec<String>>) -> Result<()> {
    let mut lines = BufReader::new(stream).lines();
    let request = lines.next().context("no request")??;
    for line in lines {
        if line?.is_empty() {
            break;
        }
    }
    let target = request.split(' ').nth(1).context("no target")?;
    let path = target.split(['?', '#']).next().unwrap_or_default().trim_start_matches('/');
    let mut file = dir.join(path);
    if file.is_dir() {
        file.push("index.html");
    }
    let inside = !path.split('/').any(|part| part == "..");
    let (status, body) = match fs::read(&file).ok().filter(|_| inside) {
        Some(body) => ("200 OK", body),
        None => {
            missing.lock().unwrap_or_else(PoisonError::into_inner).push(path.to_string());
            ("404 Not Found", Vec::new())
        }
    };
    let kind = match file.extension().and_then(|extension| extension.to_str()) {
        Some("html") => "text/html; charset=utf-8",
        Some("css") => "text/css",
        Some("js") => "text/javascript",
        Some("svg") => "image/svg+xml",
        Some("png") => "image/png",
        Some("woff2") => "font/woff2",
        _ => "application/octet-stream",
    };
    let mut stream = stream;
    write!(
        stream,
        "HTTP/1.1 {status}\r\nContent-Type: {kind}\r\nContent-Length: {}\r\n\
         Cache-Control: max-age=600\r\nConnection: close\r\n\r\n",
        body.len()
    )?;
    Ok(stream.write_all(&body)?)
}
