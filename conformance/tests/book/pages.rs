//! What must hold of the pages themselves. mdBook is silent about most of it.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use anyhow::{Context, Result, bail, ensure};
use conformance::TempDir;

use crate::page::{Page, folder};

/// A page that the summary does not name is not built; one that it names and that is missing is
/// built as an empty one.
pub fn every_page_is_in_the_summary() -> Result<()> {
    let listed: BTreeSet<_> = links(&Page::read("SUMMARY.md")?).map(|(_, link)| link).collect();
    let there: BTreeSet<_> = Page::all()?
        .into_iter()
        .map(|page| page.name)
        .filter(|name| name != "SUMMARY.md")
        .collect();
    ensure!(listed == there, "SUMMARY.md lists {listed:?}, but the pages are {there:?}");
    Ok(())
}

/// Where an anchor is missing mdBook includes nothing, and says nothing.
pub fn every_include_is_there() -> Result<()> {
    for page in Page::all()? {
        for (line, include) in includes(&page)? {
            include.check().with_context(|| page.at(line))?;
        }
    }
    Ok(())
}

/// A mark in the code for a region that no page shows any more is noise. Those of exercises are
/// shown by the exercises.
pub fn every_anchor_is_shown() -> Result<()> {
    let mut shown = BTreeSet::new();
    for page in Page::all()? {
        for (_, include) in includes(&page)? {
            shown.extend(
                include.anchor.map(|anchor| (include.path.file_name().map(Into::into), anchor)),
            );
        }
    }
    for file in sources(&folder().join(".."))? {
        let text = fs::read_to_string(&file)?;
        for anchor in text.lines().filter_map(|line| line.trim().strip_prefix("// ANCHOR: ")) {
            let key = (file.file_name().map(PathBuf::from), anchor.to_string());
            let exercise = anchor.starts_with("exercise-");
            ensure!(exercise || shown.contains(&key), "{}: no page shows {anchor}", file.display());
        }
    }
    Ok(())
}

/// Links to pages, to headings of pages and to files of the book.
pub fn every_link_leads_somewhere() -> Result<()> {
    for page in Page::all()? {
        for (line, link) in links(&page).filter(|(_, link)| !link.contains("://")) {
            let (name, fragment) = link.split_once('#').unwrap_or((&link, ""));
            let target = if name.is_empty() { page.name.clone() } else { page.relative(name) };
            let path = folder().join("src").join(&target);
            ensure!(path.is_file(), "{}: {target} is not there", page.at(line));
            if !fragment.is_empty() {
                let there = Page::read(&target)?.fragments();
                let at = page.at(line);
                ensure!(
                    there.iter().any(|one| one == fragment),
                    "{at}: {target} has no heading #{fragment}, but {there:?}"
                );
            }
        }
    }
    Ok(())
}

/// `[clone(2)]` leads to the page of that name and section, not to one that was copied from the
/// line above; and it does lead somewhere, since Markdown shows what is not defined as it stands.
pub fn every_manual_page_is_linked_as_such() -> Result<()> {
    const SITE: &str = "https://man7.org/linux/man-pages";
    for page in Page::all()? {
        let defined: Vec<_> = page.prose().filter_map(|(_, line)| definition(&line)).collect();
        for (text, target) in &defined {
            let manual = text.strip_suffix(')').and_then(|text| text.split_once('('));
            let (name, section) = manual.with_context(|| format!("{}: {text}", page.name))?;
            let directory = section.get(..1).unwrap_or_default();
            let expected = format!("{SITE}/man{directory}/{name}.{section}.html");
            ensure!(*target == expected, "{}: {text} leads to {target}", page.name);
        }
        for (number, line) in page.prose() {
            for text in line.split('[').skip(1).filter_map(|rest| rest.split(']').next()) {
                let known = defined.iter().any(|(name, _)| name == text);
                let manual = text.ends_with(')') && text.contains('(');
                ensure!(known || !manual, "{}: [{text}] is not defined", page.at(number));
            }
        }
    }
    Ok(())
}

pub fn mdbook_builds_it() -> Result<()> {
    let built = TempDir::new("book")?;
    let mut command = Command::new("mdbook");
    command.arg("build").arg("--dest-dir").arg(built.path()).arg(folder());
    let output = command.output().context("running mdbook")?;
    let told = String::from_utf8_lossy(&output.stderr);
    let trouble = told.lines().find(|line| line.contains("WARN") || line.contains("ERROR"));
    if let Some(trouble) = trouble {
        bail!("mdbook is not content: {trouble}");
    }
    ensure!(output.status.success(), "mdbook: {told}");
    ensure!(built.path().join("index.html").is_file(), "mdbook made no index.html");
    Ok(())
}

/// `{{#include PATH}}` or `{{#include PATH:ANCHOR}}`.
struct Include {
    path: PathBuf,
    anchor: Option<String>,
}

impl Include {
    fn check(&self) -> Result<()> {
        let path = self.path.display();
        let text = fs::read_to_string(&self.path).with_context(|| format!("including {path}"))?;
        let Some(anchor) = &self.anchor else { return Ok(()) };
        let place = |mark: String| {
            let mut found = text.lines().zip(1..).filter(|(line, _)| line.trim().ends_with(&mark));
            let line = found.next().map(|(_, number)| number);
            let line = line.with_context(|| format!("{path} has no {mark:?}"))?;
            ensure!(found.next().is_none(), "{path} has {mark:?} twice");
            Ok(line)
        };
        let begin: usize = place(format!("// ANCHOR: {anchor}"))?;
        let end = place(format!("// ANCHOR_END: {anchor}"))?;
        ensure!(end > begin + 1, "{path}: nothing is between the marks of {anchor}");
        Ok(())
    }
}

/// Lines by number are refused: they go on showing something when the code has moved.
fn includes(page: &Page) -> Result<Vec<(usize, Include)>> {
    let mut all = Vec::new();
    for (line, number) in page.text.lines().zip(1..) {
        let Some(start) = line.find("{{#") else { continue };
        if line[..start].ends_with('\\') {
            continue; // shown as it stands
        }
        let inner =
            line[start..].strip_prefix("{{#include ").and_then(|rest| rest.split_once("}}"));
        let (inner, _) =
            inner.with_context(|| format!("{}: only #include is used here", page.at(number)))?;
        let (path, anchor) = match inner.trim().split_once(':') {
            Some((path, anchor)) => (path, Some(anchor.to_string())),
            None => (inner.trim(), None),
        };
        let by_line = anchor
            .iter()
            .any(|anchor| anchor.starts_with(|c: char| c.is_ascii_digit() || c == ':'));
        ensure!(!by_line, "{}: includes lines by number", page.at(number));
        all.push((
            number,
            Include { path: folder().join("src").join(page.relative(path)), anchor },
        ));
    }
    Ok(all)
}

/// Every target of a link or a picture on a page, each after what introduces it.
fn links(page: &Page) -> impl Iterator<Item = (usize, String)> {
    const BEFORE: [(&str, char); 3] = [("](", ')'), ("href=\"", '"'), ("src=\"", '"')];
    page.prose().flat_map(|(number, line)| {
        let targets = BEFORE.iter().flat_map(|(before, after)| {
            let targets = line.split(before).skip(1);
            targets.filter_map(|rest| rest.split(*after).next()).map(str::to_string)
        });
        targets.map(|target| (number, target)).collect::<Vec<_>>()
    })
}

/// `[text]: target`, on a line of its own.
fn definition(line: &str) -> Option<(String, String)> {
    let (text, target) = line.strip_prefix('[')?.split_once("]: ")?;
    Some((text.to_string(), target.to_string()))
}

/// Every Rust file of the steps and of the final runtime, and of their tests.
fn sources(workspace: &Path) -> Result<Vec<PathBuf>> {
    let mut dirs: Vec<PathBuf> = Vec::new();
    for entry in fs::read_dir(workspace)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        if name.starts_with("step0") || name == "final-runtime" {
            dirs.extend(["src", "tests"].map(|dir| entry.path().join(dir)));
        }
    }
    let mut files = Vec::new();
    dirs.retain(|dir| dir.is_dir());
    while let Some(dir) = dirs.pop() {
        for entry in fs::read_dir(&dir).with_context(|| format!("reading {}", dir.display()))? {
            let path = entry?.path();
            match path.is_dir() {
                true => dirs.push(path),
                false => {
                    files.extend(path.extension().is_some_and(|ext| ext == "rs").then_some(path))
                }
            }
        }
    }
    Ok(files)
}
