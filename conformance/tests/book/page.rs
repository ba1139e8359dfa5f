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
        let mut names = Vec::new();
        for entry in fs::read_dir(folder().join("src")).context("reading book/src")? {
            let name = entry?.file_name().to_string_lossy().into_owned();
            names.extend(name.ends_with(".md").then_some(name));
        }
        names.sort();
        names.iter().map(|name| Self::read(name)).collect()
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

fn fragment(heading: &str) -> String {
    let keep = |c: char| match c {
        c if c.is_alphanumeric() || c == '_' || c == '-' => Some(c.to_ascii_lowercase()),
        c if c.is_whitespace() => Some('-'),
        _ => None,
    };
    heading.trim().chars().filter_map(keep).collect()
}
