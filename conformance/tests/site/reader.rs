//! What a reader does: goes to the other language and back, and searches.

use anyhow::{Context, Result, ensure};

use crate::{
    browser::{Browser, ENTER, TELEPHONE},
    site::{Language, Site},
};

/// By key, on a page that is in a folder, at one of its headings.
pub fn the_other_language_is_one_key_away() -> Result<()> {
    let site = Site::get()?;
    let browser = Browser::new()?;
    browser.resize(TELEPHONE)?;
    let page = "controllers/memory.html#by-hand";
    browser.open(&format!("{}{page}", site.address))?;
    for language in [Language::Chinese, Language::English] {
        let wanted = format!("{}{}", site.address, language.path(page));
        browser.type_into("#language", ENTER)?;
        browser.wait(&wanted, &format!("return location.href === '{wanted}'"))?;
        browser.wait("the page is loaded", "return document.readyState === 'complete'")?;
        let lang = browser.script("return document.documentElement.lang")?;
        ensure!(lang == language.tag(), "{wanted} is in {lang}");
    }
    Ok(())
}

pub fn search_finds_words() -> Result<()> {
    let site = Site::get()?;
    let browser = Browser::new()?;
    let searches = [
        (Language::English, "namespace"),
        (Language::English, "pivot_root"),
        (Language::Chinese, "命名空间"),
        (Language::Chinese, "pivot_root"),
    ];
    for (language, word) in searches {
        search(&browser, site, language, word)
            .with_context(|| format!("searching {word} in {}", language.tag()))?;
    }
    Ok(())
}

/// Opens an address that says what to search; types the word too, and follows the first result, which
/// has the word marked.
fn search(browser: &Browser, site: &Site, language: Language, word: &str) -> Result<()> {
    let page = format!("{}{}", site.address, language.path("index.html"));
    browser.open(&format!("{page}?search={word}"))?;
    found(browser, language).context("by address")?;

    browser.open(&page)?;
    browser.script("document.getElementById('mdbook-search-toggle').click()")?;
    browser.type_into("#mdbook-searchbar", word)?;
    found(browser, language)?;
    let before = browser.address()?;
    browser.script("document.querySelector('#mdbook-searchresults a').click()")?;
    browser.wait(
        "the word is marked on the page that was found",
        "return document.readyState === 'complete' && document.querySelectorAll('main mark').length > 0",
    )?;
    ensure!(browser.address()? != before, "the result leads nowhere");
    Ok(())
}

/// Waits for results.
fn found(browser: &Browser, language: Language) -> Result<()> {
    browser.wait(
        "results",
        "return document.querySelectorAll('#mdbook-searchresults .teaser em').length > 0",
    )?;
    let header = "return document.getElementById('mdbook-searchresults-header').innerText";
    let header = browser.script(header)?;
    let words = match language {
        Language::English => "search result",
        Language::Chinese => "搜索结果",
    };
    ensure!(header.as_str().is_some_and(|header| header.contains(words)), "its head is {header}");
    Ok(())
}
