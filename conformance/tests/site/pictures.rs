//! Screenshots, for people to look at.

use std::{fs, path::Path};

use anyhow::{Context, Result};

use crate::{
    browser::{Browser, DESK, TELEPHONE},
    site::{Language, Site},
};

/// The first page, a chapter, and one with wide tables.
const PAGES: [&str; 3] = ["index", "step03-mount", "controllers/memory"];

pub fn screenshots_are_taken() -> Result<()> {
    let site = Site::get()?;
    let browser = Browser::new()?;
    let dir = Path::new(env!("CARGO_TARGET_TMPDIR")).join("../conformance/screenshots");
    fs::create_dir_all(&dir).with_context(|| format!("making {}", dir.display()))?;
    for (size, on) in [(TELEPHONE, "telephone"), (DESK, "desk")] {
        browser.resize(size)?;
        for (dark, light) in [(false, "light"), (true, "dark")] {
            browser.prefer_dark(dark)?;
            for language in Language::ALL {
                for page in PAGES {
                    let path = language.path(&format!("{page}.html"));
                    browser.open(&format!("{}{path}", site.address))?;
                    let name = page.replace('/', "-");
                    let file = dir.join(format!("{name}-{}-{on}-{light}.png", language.tag()));
                    fs::write(&file, browser.screenshot()?)
                        .with_context(|| format!("writing {}", file.display()))?;
                }
            }
        }
    }
    Ok(())
}
