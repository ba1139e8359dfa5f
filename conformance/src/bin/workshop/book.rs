//! `book`: the course in a browser, served by mdBook, which shows changes as they are saved.

use std::process::Command;

use anyhow::{Context, Result, bail};
use clap::ValueEnum;
use conformance::Need;

use crate::tree::Tree;

#[derive(clap::Args)]
pub struct Args {
    /// The language
    #[arg(long, value_enum, default_value_t = Language::En)]
    lang: Language,

    /// The port of this machine on which it is served
    #[arg(long, default_value_t = 3000)]
    port: u16,

    /// Open it in a browser
    #[arg(long)]
    open: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Language {
    /// English
    En,
    /// 简体中文; the words in figures stay English, which `book/build` has in Chinese too
    #[value(name = "zh-CN", alias = "zh")]
    ZhCn,
}

/// Goes on until it is interrupted.
pub fn run(tree: &Tree, args: &Args) -> Result<bool> {
    let mut programs = vec![("mdbook", "mdbook@^0.5")];
    if args.lang == Language::ZhCn {
        programs.push(("mdbook-gettext", "mdbook-i18n-helpers@^0.4"));
    }
    programs.retain(|(program, _)| Need::Command(program).missing().is_some());
    let missing: Vec<_> = programs.into_iter().map(|(_, package)| package).collect();
    if !missing.is_empty() {
        bail!(
            "the book is shown by mdBook, which is missing: cargo install --locked {}",
            missing.join(" ")
        );
    }
    let mut mdbook = Command::new("mdbook");
    mdbook.arg("serve").args(["--port", &args.port.to_string()]);
    mdbook.args(args.open.then_some("--open"));
    let site = tree.root.join("target/book");
    if args.lang == Language::ZhCn {
        // As `book/build` has it.
        mdbook.env("MDBOOK_BOOK__LANGUAGE", "zh-CN");
        mdbook.env("MDBOOK_PREPROCESSOR__GETTEXT", r#"{"before": ["links"]}"#);
        mdbook.arg("--dest-dir").arg(site.join("zh-CN"));
    } else {
        mdbook.arg("--dest-dir").arg(site.join("en"));
    }
    mdbook.arg(tree.root.join("book"));
    println!("http://localhost:{}/  (Ctrl-C ends this)", args.port);
    Ok(mdbook.status().context("running mdbook")?.success())
}
