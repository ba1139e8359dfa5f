//! The pages of the book.

use std::{
    fs,
    path::{Path, PathBuf},
};

use anyhow::{Context, Result};

/// The folder that holds `book.toml`.
pub fn folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../book")
}

/// One Markdown file of the book.
#[derive(Clone, Debug)]
pub struct Page {
    /// Below `book/src`.
    pub name: String,
    pub path: PathBuf,
    pub text: String,
}

impl Page {
    pub fn read(name: &str) -> Result<Self> {
        let path = folder().join("src").join(name);
        let text = fs::read_to_string(&path).with_context(|| format!("reading {}", path.display()));
        Ok(Self { name: name.into(), path, text: text? })
    }

    /// All of them, by name.
    pub fn all() -> Result<Vec<Self>> {
        let mut names = names(Path::new(""))?;
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
    }

    /// What a link on this page, or an include, names: links are relative to the page's folder.
    pub fn relative(&self, link: &str) -> String {
        let dir = Path::new(&self.name).parent().unwrap_or(Path::new(""));
        dir.join(link).to_string_lossy().into_owned()
    }

    /// The lines outside of code blocks, each with its number and without its inline code.
    pub fn prose(&self) -> impl Iterator<Item = (usize, String)> {
        let mut fenced = false;
        self.text.lines().zip(1..).filter_map(move |(line, number)| {
            let fence = line.trim_start().starts_with("```");
            fenced ^= fence;
            let outside_code = line.split('`').step_by(2).collect::<Vec<_>>().join("`");
            (!fenced && !fence).then_some((number, outside_code))
        })
    }

    /// The fragments that a link may name: one for each heading, made as mdBook makes them.
    pub fn fragments(&self) -> Vec<String> {
        let mut fenced = false;
        let lines = self.text.lines().filter(move |line| {
            fenced ^= line.starts_with("```");
            !fenced
        });
        let headings = lines.filter_map(|line| {
            line.trim_start_matches('#').strip_prefix(' ').filter(|_| line.starts_with('#'))
        });
        headings.map(fragment).collect()
    }

    /// `page.md:12`
    pub fn at(&self, line: usize) -> String {
        format!("book/src/{}:{line}", self.name)
    }
}

/// The pages in a folder below `book/src`, and in those below it.
fn names(below: &Path) -> Result<Vec<String>> {
    let dir = folder().join("src").join(below);
    let mut names = Vec::new();
    for entry in fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))? {
        let entry = entry?;
        let path = below.join(entry.file_name());
        if entry.file_type()?.is_dir() {
            names.extend(self::names(&path)?);
        } else if path.extension().is_some_and(|extension| extension == "md") {
            names.push(path.to_string_lossy().into_owned());
        }
    }
    Ok(names)
}

fn fragment(heading: &str) -> String {
    let keep = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    };
    heading.trim().chars().filter_map(keep).collect()
}
