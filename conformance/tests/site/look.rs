//! A page as `look.js` sees it.

use anyhow::{Context, Result};
use serde::Deserialize;

use crate::browser::Browser;

#[derive(Debug, Deserialize)]
pub struct Look {
    pub language: String,
    pub title: String,
    pub ids: Vec<String>,
    pub headings: Vec<String>,
    /// Paths in the site, each with the fragment, which may be empty.
    pub links: Vec<(String, String)>,
    /// Those that are not there, or are none.
    pub pictures: Vec<String>,
    /// What makes the page wider than the window.
    pub wide: Vec<String>,
    /// Text of figures that is hard to read.
    pub faint: Vec<String>,
    pub other: Option<Other>,
}

/// The link to the other language.
#[derive(Debug, Deserialize)]
pub struct Other {
    pub path: String,
    pub language: String,
    /// By key, and to be seen.
    pub reachable: bool,
}

impl Look {
    /// At the page that is open.
    pub fn at(browser: &Browser) -> Result<Self> {
        let seen = browser.script(include_str!("look.js"))?;
        serde_json::from_value(seen).context("what look.js has seen")
    }
}
