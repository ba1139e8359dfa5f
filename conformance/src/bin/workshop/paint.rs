//! Colours, where standard output is a terminal and NO_COLOR is not set. See <https://no-color.org>.

use std::{env, fmt::Display, io::IsTerminal, sync::OnceLock};

/// Whether to use any.
pub fn on() -> bool {
    static ON: OnceLock<bool> = OnceLock::new();
    *ON.get_or_init(|| {
        let plain = env::var_os("NO_COLOR").is_some_and(|value| !value.is_empty());
        let dumb = env::var_os("TERM").is_some_and(|value| value == "dumb");
        std::io::stdout().is_terminal() && !plain && !dumb
    })
}

fn paint(code: &str, text: impl Display) -> String {
    if on() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_string() }
}

pub fn good(text: impl Display) -> String {
    paint("32", text)
}

pub fn bad(text: impl Display) -> String {
    paint("31", text)
}

pub fn odd(text: impl Display) -> String {
    paint("33", text)
}

pub fn bold(text: impl Display) -> String {
    paint("1", text)
}

pub fn faint(text: impl Display) -> String {
    paint("2", text)
}
