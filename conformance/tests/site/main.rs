//! The book as a reader has it: built, and looked at in a browser, in both languages, on a telephone,
//! in light and in dark.
//!
//! | file | subject |
//! | --- | --- |
//! | `site.rs` | building the book, its pages, and serving them |
//! | `browser.rs` | Chromium, by the WebDriver protocol |
//! | `look.js`, `look.rs` | what a page looks like from inside, and what is wrong with it |
//! | `pages.rs` | every page, and where its links lead |
//! | `reader.rs` | what a reader does: changes the language, searches |
//! | `pictures.rs` | screenshots, for people: `target/conformance/screenshots` |

mod browser;
mod look;
mod pages;
mod pictures;
mod reader;
mod site;

use pages::every_page_reads_well;
use pictures::screenshots_are_taken;
use reader::{search_finds_words, the_other_language_is_one_key_away};

conformance::checkpoint! {
    every_page_reads_well: [Command("chromedriver"), Command("mdbook"), Command("mdbook-gettext")],
    the_other_language_is_one_key_away: [Command("chromedriver"), Command("mdbook"), Command("mdbook-gettext")],
    search_finds_words: [Command("chromedriver"), Command("mdbook"), Command("mdbook-gettext")],
    screenshots_are_taken: [Command("chromedriver"), Command("mdbook"), Command("mdbook-gettext")],
}
