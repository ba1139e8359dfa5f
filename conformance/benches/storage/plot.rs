//! Two pictures of the numbers, as SVG that looks right on light and dark paper.

use std::fmt::Write as _;

use crate::results::{Results, short};

const WIDTH: f64 = 640.0;
const BAR: f64 = 16.0;
const LEFT: f64 = 190.0;
const RIGHT: f64 = 90.0;

/// How much is written to the device for one byte of a large file, on a scale of powers of ten.
pub fn one_byte(results: &Results) -> String {
    let size = [512, 128, 64, 16, 1].into_iter().find(|size| {
        let what = format!("one byte in {size} MiB, KiB written");
        results.names().any(|name| results.get(name, &what).is_some())
    });
    let size = size.unwrap_or(1);
    let title = format!("KiB written for one byte in a file of {size} MiB (powers of ten)");
    let what = format!("one byte in {size} MiB, KiB written");
    bars(results, &title, &what, |number| number.max(1.0).log10())
}

/// How much memory four readers of one file take.
pub fn readers(results: &Results) -> String {
    let what = "four readers of 64 MiB, MiB of memory";
    bars(results, "MiB of memory for four readers of 64 MiB", what, |number| number.max(0.0))
}

fn bars(results: &Results, title: &str, what: &str, scale: fn(f64) -> f64) -> String {
    let numbers: Vec<_> = results
        .names()
        .filter_map(|name| Some((name.as_str(), results.get(name, what)?)))
        .collect();
    let most = numbers.iter().map(|(_, number)| scale(*number)).fold(f64::MIN_POSITIVE, f64::max);
    let height = 40.0 + numbers.len() as f64 * (BAR + 10.0);
    let mut svg = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {height}\" role=\"img\" \
         aria-label=\"{title}\" font-family=\"sans-serif\" font-size=\"13\" fill=\"currentColor\">\n\
         <text x=\"0\" y=\"16\" font-weight=\"bold\">{title}</text>\n"
    );
    for (row, (name, number)) in numbers.iter().enumerate() {
        let top = 32.0 + row as f64 * (BAR + 10.0);
        let width = (scale(*number) / most * (WIDTH - LEFT - RIGHT)).max(1.0);
        let base = top + BAR - 3.0;
        let end = LEFT + width + 6.0;
        let _ = writeln!(
            svg,
            "<text x=\"{}\" y=\"{base}\" text-anchor=\"end\">{name}</text>\
             <rect x=\"{LEFT}\" y=\"{top}\" width=\"{width:.1}\" height=\"{BAR}\" fill=\"#4a90d9\"/>\
             <text x=\"{end:.1}\" y=\"{base}\">{}</text>",
            LEFT - 8.0,
            short(*number)
        );
    }
    svg.push_str("</svg>\n");
    svg
}
