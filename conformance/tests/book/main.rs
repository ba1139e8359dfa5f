//! The book is true: what it shows of the code is there, its links lead somewhere, and its console
//! sessions were run.
//!
//! | file | subject |
//! | --- | --- |
//! | `page.rs` | the pages, and reading them line by line |
//! | `pages.rs` | the summary, includes, anchors, links, and that mdBook builds it all |
//! | `session.rs` | a console block: who runs it, what is typed, what is shown |
//! | `sessions.rs` | running it, and comparing |
//! | `translation.rs` | the pages in the other language |
//! | `normal.rs` | what differs from one run to the next, and is no difference |
//!
//! `BOOK=update cargo test -p conformance --test book` writes what the commands say now into the
//! pages: that is how a session is made. Look at the difference before it is committed.

mod normal;
mod page;
mod pages;
mod session;
mod sessions;
mod translation;

use std::process::ExitCode;

use conformance::checkpoint;
use pages::{
    every_anchor_is_shown, every_include_is_there, every_link_leads_somewhere,
    every_manual_page_is_linked_as_such, every_page_is_in_the_summary, mdbook_builds_it,
};
use translation::the_translation_is_whole_and_current;

fn main() -> ExitCode {
    let mut tests = conformance::tests! {
        every_page_is_in_the_summary,
        every_include_is_there,
        every_anchor_is_shown,
        every_link_leads_somewhere,
        every_manual_page_is_linked_as_such,
        mdbook_builds_it: [Command("mdbook")],
        the_translation_is_whole_and_current: [Command("mdbook"), Command("mdbook-xgettext"), Command("mdbook-gettext")],
    };
    tests.extend(sessions::tests());
    checkpoint::main(tests)
}
