//! Every page in both languages: no error, nothing that sticks out, no link that leads nowhere.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::{Result, ensure};

use crate::{
    browser::{Browser, TELEPHONE},
    look::Look,
    site::{Language, Site},
};

pub fn every_page_reads_well() -> Result<()> {
    let site = Site::get()?;
    let browser = Browser::new()?;
    // What has room here has room everywhere.
    browser.resize(TELEPHONE)?;
    let mut troubles = Vec::new();
    let mut seen = BTreeMap::new();
    for page in site.pages()? {
        for language in Language::ALL {
            let path = language.path(&page);
            ensure!(site.has(&path), "{path} is not there, but the other language has it");
            browser.open(&format!("{}{path}", site.address))?;
            let look = Look::at(&browser)?;
            let errors = browser.errors()?.into_iter().map(|error| format!("it says {error}"));
            let told = of_a_page(&page, language, &look).into_iter().chain(errors);
            troubles.extend(told.map(|trouble| format!("{path}: {trouble}")));
            seen.insert(path, look);
        }
        let [english, chinese] =
            Language::ALL.map(|language| &seen[&language.path(&page)].headings);
        if english != chinese {
            troubles.push(format!("{page}: headings {english:?}, but in Chinese {chinese:?}"));
        }
    }
    troubles.extend(broken_links(site, &seen));
    troubles.extend(
        site.missing().iter().map(|path| format!("{path} was asked for, and is not there")),
    );
    let list = troubles.iter().take(60).map(|line| format!("\n    {line}")).collect::<String>();
    ensure!(troubles.is_empty(), "{} troubles on {} pages:{list}", troubles.len(), seen.len());
    Ok(())
}

/// What is wrong with a page by itself, as it is on a telephone.
fn of_a_page(page: &str, language: Language, look: &Look) -> Vec<String> {
    let mut troubles = Vec::new();
    let mut check = |right: bool, trouble: String| {
        if !right {
            troubles.push(trouble);
        }
    };
    check(look.language == language.tag(), format!("its language is {:?}", look.language));
    check(!look.title.is_empty(), "it has no title".into());
    for what in &look.wide {
        check(false, format!("on a telephone it sticks out: {what}"));
    }
    for what in &look.faint {
        check(false, format!("hard to read in {what}"));
    }
    for what in &look.pictures {
        check(false, format!("the picture {what} does not show"));
    }
    match &look.other {
        None => check(false, "no way to the other language".into()),
        Some(other) => {
            let wanted = language.other();
            check(
                other.path == wanted.path(page)
                    && other.language == wanted.tag()
                    && other.reachable,
                format!("the way to the other language is {other:?}"),
            );
        }
    }
    troubles
}

/// Links within the site.
fn broken_links(site: &Site, seen: &BTreeMap<String, Look>) -> Vec<String> {
    let mut broken = BTreeSet::new();
    for (page, look) in seen {
        for (path, fragment) in &look.links {
            let path = match path.as_str() {
                path if path.is_empty() || path.ends_with('/') => format!("{path}index.html"),
                path => path.to_string(),
            };
            let there = match seen.get(&path) {
                _ if fragment.is_empty() => site.has(&path),
                Some(target) => target.ids.contains(fragment),
                None => site.has(&path),
            };
            if !there {
                broken.insert(format!("{page}: the link to {path}#{fragment} leads nowhere"));
            }
        }
    }
    broken.into_iter().collect()
}
