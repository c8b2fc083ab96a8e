//! Frames as one SVG that moves by itself: a strip of them, of which one is seen at a time. Every row is drawn once.

use std::{collections::HashMap, fmt::Write as _, time::Duration};

use vt100::{Cell, Color, Screen};

use super::film::Film;

/// Of one character, in pixels.
const WIDTH: f64 = 8.4;
const HEIGHT: f64 = 18.0;
const MARGIN: f64 = 14.0;
const BAR: f64 = 28.0;
/// The last picture stands so long before all begins anew.
const END: Duration = Duration::from_secs(4);

const INK: &str = "#d7dae0";
const PAPER: &str = "#1b1e24";
/// The sixteen colours of a terminal.
const PALETTE: [&str; 16] = [
    "#1b1e24", "#e06c75", "#98c379", "#e5c07b", "#61afef", "#c678dd", "#56b6c2", "#abb2bf",
    "#7f8794", "#ef7a83", "#a8d18a", "#f0cd8b", "#74bdf9", "#d58eea", "#66c6d2", "#ffffff",
];

pub fn draw(title: &str, film: &Film) -> String {
    let (rows, columns) = film.size();
    let width = f64::from(columns) * WIDTH + 2.0 * MARGIN;
    let height = f64::from(rows) * HEIGHT + BAR + MARGIN;
    let (mut drawn, mut strip) = (Rows::default(), String::new());
    for (number, frame) in film.frames.iter().enumerate() {
        let left = f64::from(u32::try_from(number).expect("few frames")) * width;
        for row in 0..rows {
            if let Some(id) = drawn.id_of(&frame.screen, row, columns) {
                let top = f64::from(row) * HEIGHT + BAR + HEIGHT * 0.75;
                writeln!(
                    strip,
                    "<use href='#r{id}' x='{:.1}' y='{top:.1}'/>",
                    left + MARGIN
                )
                .expect("memory");
            }
        }
    }
    let mut svg = String::new();
    write!(
        svg,
        "<svg xmlns='http://www.w3.org/2000/svg' width='{width:.0}' height='{height:.0}' viewBox='0 0 {width:.1} {height:.1}' \
         role='img' aria-labelledby='title'>\n<title id='title'>{title}</title>\n<style>\n\
         text {{ font: 14px ui-monospace, 'DejaVu Sans Mono', Menlo, Consolas, monospace; fill: {INK} }}\n\
         .b {{ font-weight: bold }} .d {{ opacity: .65 }}\n{}</style>\n<defs>\n{}</defs>\n\
         <rect width='100%' height='100%' rx='8' fill='{PAPER}'/>\n\
         <g fill='#4b5260'><circle cx='18' cy='15' r='5'/><circle cx='34' cy='15' r='5'/><circle cx='50' cy='15' r='5'/></g>\n\
         <g id='strip'>\n{strip}</g>\n</svg>\n",
        motion(film, width),
        drawn.defined,
    )
    .expect("memory");
    svg
}

/// The strip jumps from frame to frame; for those who want nothing to move it stands at the last.
fn motion(film: &Film, width: f64) -> String {
    let whole: Duration = film
        .frames
        .iter()
        .map(|frame| frame.lasts)
        .sum::<Duration>()
        + END;
    let mut steps = String::new();
    let (mut at, mut left) = (Duration::ZERO, 0.0);
    for frame in &film.frames {
        let percent = 100.0 * at.as_secs_f64() / whole.as_secs_f64();
        writeln!(
            steps,
            "{percent:.3}% {{ transform: translateX({left:.1}px) }}"
        )
        .expect("memory");
        at += frame.lasts;
        left -= width;
    }
    let last = left + width;
    format!(
        "#strip {{ animation: play {:.2}s step-end infinite }}\n@keyframes play {{\n{steps}}}\n\
         @media (prefers-reduced-motion: reduce) {{ #strip {{ animation: none; transform: translateX({last:.1}px) }} }}\n",
        whole.as_secs_f64(),
    )
}

/// Rows that were drawn already, by what is in them.
#[derive(Default)]
struct Rows {
    known: HashMap<String, usize>,
    defined: String,
}

impl Rows {
    /// `None` where nothing is to be seen.
    fn id_of(&mut self, screen: &Screen, row: u16, columns: u16) -> Option<usize> {
        let drawn = spans(screen, row, columns);
        if drawn.is_empty() {
            return None;
        }
        let next = self.known.len();
        let id = *self.known.entry(drawn).or_insert_with_key(|drawn| {
            writeln!(self.defined, "<text id='r{next}'>{drawn}</text>").expect("memory");
            next
        });
        Some(id)
    }
}

/// Stretches of a row that look alike, each at its place and as wide as a terminal has it, whatever the font.
fn spans(screen: &Screen, row: u16, columns: u16) -> String {
    let cells = (0..columns).filter_map(|column| Some((column, screen.cell(row, column)?)));
    let mut stretches: Vec<(u16, String, String)> = Vec::new();
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_wide_continuation()) {
        let text = if cell.has_contents() {
            cell.contents()
        } else {
            " "
        };
        let look = look(cell);
        match stretches.last_mut() {
            Some((_, known, so_far)) if *known == look => so_far.push_str(text),
            Some(_) | None => stretches.push((column, look, text.to_owned())),
        }
    }
    let mut drawn = String::new();
    for (column, look, text) in stretches {
        let shown = text.trim_end();
        if shown.is_empty() {
            continue;
        }
        let cells = u32::try_from(shown.chars().count()).expect("few cells");
        write!(
            drawn,
            "<tspan x='{:.1}' textLength='{:.1}'{look}>{}</tspan>",
            f64::from(column) * WIDTH,
            f64::from(cells) * WIDTH,
            escape(shown),
        )
        .expect("memory");
    }
    drawn
}

fn look(cell: &Cell) -> String {
    let mut look = String::new();
    let ink = match cell.fgcolor() {
        Color::Default => None,
        Color::Idx(index) => PALETTE
            .get(usize::from(index))
            .map(|colour| (*colour).to_owned()),
        Color::Rgb(red, green, blue) => Some(format!("#{red:02x}{green:02x}{blue:02x}")),
    };
    if let Some(ink) = ink {
        write!(look, " fill='{ink}'").expect("memory");
    }
    let classes: Vec<&str> = [("b", cell.bold()), ("d", cell.dim())]
        .iter()
        .filter(|(_, on)| *on)
        .map(|(class, _)| *class)
        .collect();
    if !classes.is_empty() {
        write!(look, " class='{}'", classes.join(" ")).expect("memory");
    }
    look
}

/// Spaces are made ones that nobody draws together.
fn escape(text: &str) -> String {
    text.replace('&', "&amp;")
        .replace('<', "&lt;")
        .replace('>', "&gt;")
        .replace(' ', "\u{a0}")
}
