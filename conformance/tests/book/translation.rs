//! The translation is whole, and of the pages as they are: what has no translation, or one that is
//! marked as doubtful ("fuzzy"), or is no longer in the pages is told with its page.
//!
//! What is to be translated mdbook-i18n-helpers extracts, as `book/build --messages` does; a catalogue
//! is written as gettext has it (info gettext, "The Format of PO Files").

use std::{collections::BTreeMap, fs, path::Path, process::Command};

use anyhow::{Context, Result, ensure};
use conformance::TempDir;

use crate::page::folder;

pub fn the_translation_is_whole_and_current() -> Result<()> {
    let built = TempDir::new("messages")?;
    let mut command = Command::new(folder().join("build"));
    let output = command.arg("--messages").arg(built.path()).output().context("book/build")?;
    let told = String::from_utf8_lossy(&output.stderr);
    ensure!(output.status.success(), "book/build --messages: {told}");

    let source = Catalogue::read(&built.path().join("messages.pot"))?;
    let translation = Catalogue::read(&folder().join("po/zh-CN.po"))?;
    let troubles = troubles(&source, &translation);
    let first = troubles.iter().take(40).map(|line| format!("\n    {line}")).collect::<String>();
    ensure!(
        troubles.is_empty(),
        "book/po/zh-CN.po is not the translation of the pages, in {} places:{first}",
        troubles.len()
    );
    Ok(())
}

fn troubles(source: &Catalogue, translation: &Catalogue) -> Vec<String> {
    let untranslated = source.0.iter().filter_map(|(text, original)| {
        let why = match translation.0.get(text) {
            _ if is_code(text) => return None,
            None => "not translated",
            Some(message) if message.translation.is_empty() => "not translated",
            Some(message) if message.fuzzy => "fuzzy, to be looked at",
            Some(_) => return None,
        };
        Some(format!("{}: {why}: {text:?}", original.place))
    });
    let stale = translation.0.iter().filter(|(text, _)| !source.0.contains_key(*text));
    let stale =
        stale.map(|(text, message)| format!("{}: no longer in the pages: {text:?}", message.place));
    untranslated.chain(stale).collect()
}

/// A block of code, or what is included as it stands.
fn is_code(text: &str) -> bool {
    text.starts_with("```") || text.starts_with("{{#")
}

/// The messages of a file, by their texts.
#[derive(Default)]
struct Catalogue(BTreeMap<String, Message>);

#[derive(Default)]
struct Message {
    translation: String,
    /// The first page and line that it is on.
    place: String,
    fuzzy: bool,
}

impl Catalogue {
    fn read(path: &Path) -> Result<Self> {
        let text =
            fs::read_to_string(path).with_context(|| format!("reading {}", path.display()))?;
        let mut messages = BTreeMap::new();
        for entry in text.split("\n\n") {
            let (id, message) = Message::parse(entry);
            // The empty one is the head of the file; what is commented out has none.
            if !id.is_empty() {
                messages.insert(id, message);
            }
        }
        Ok(Self(messages))
    }
}

impl Message {
    /// One entry, with its text.
    fn parse(entry: &str) -> (String, Self) {
        let mut message = Self::default();
        let mut id = String::new();
        let mut in_id = false;
        for line in entry.lines() {
            let literal = line.strip_prefix("msgid ").map(|rest| (true, rest));
            let literal =
                literal.or_else(|| line.strip_prefix("msgstr ").map(|rest| (false, rest)));
            if let Some(places) = line.strip_prefix("#: ") {
                if message.place.is_empty() {
                    let first = places.split_whitespace().next().unwrap_or_default();
                    message.place = format!("book/{first}");
                }
            } else if let Some(flags) = line.strip_prefix("#,") {
                message.fuzzy |= flags.split(',').any(|flag| flag.trim() == "fuzzy");
            } else if let Some((id_follows, quoted)) =
                literal.or_else(|| line.starts_with('"').then_some((in_id, line)))
            {
                in_id = id_follows;
                let text = if in_id { &mut id } else { &mut message.translation };
                *text += &unquoted(quoted);
            }
        }
        (id, message)
    }
}

fn unquoted(quoted: &str) -> String {
    let inner = quoted.trim().trim_start_matches('"');
    let inner = inner.strip_suffix('"').unwrap_or(inner);
    let mut text = String::new();
    let mut chars = inner.chars();
    while let Some(c) = chars.next() {
        text.push(match c {
            '\\' => match chars.next() {
                Some('n') => '\n',
                Some('t') => '\t',
                Some('r') => '\r',
                Some(other) => other,
                None => '\\',
            },
            c => c,
        });
    }
    text
}
