//! Tables as kubectl draws them: upper-case header, columns three spaces apart, no lines.

use comfy_table::{ContentArrangement, Table as Grid, presets};

use super::style::{Style, Tone};
use crate::api::text::cut_to;

/// Rows under a header. Cells are given clean (`clean`) and may carry tones.
pub struct Table {
    header: Vec<String>,
    rows: Vec<Vec<String>>,
    headless: bool,
}

impl Table {
    pub fn new<T: Into<String>>(header: impl IntoIterator<Item = T>) -> Self {
        Self {
            header: header.into_iter().map(Into::into).collect(),
            rows: Vec::new(),
            headless: false,
        }
    }

    /// Rows alone, for programs that read columns.
    #[must_use]
    pub const fn without_header(mut self) -> Self {
        self.headless = true;
        self
    }

    /// A cell is as wide as its column in every row, so that one of them must not be very long.
    pub fn row<T: Into<String>>(&mut self, cells: impl IntoIterator<Item = T>) {
        const CELL: usize = 1024;
        let cells = cells.into_iter().map(Into::into);
        let cut = |cell: String| cut_to(CELL, &cell).into_owned();
        self.rows.push(cells.map(cut).collect());
    }

    /// How wide it is where nothing is wrapped.
    #[must_use]
    pub fn natural_width(&self) -> usize {
        let mut widths: Vec<usize> = Vec::new();
        for row in std::iter::once(&self.header).chain(&self.rows) {
            widths.resize(widths.len().max(row.len()), 0);
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(console::measure_text_width(cell));
            }
        }
        widths.iter().sum::<usize>() + 3 * widths.len().saturating_sub(1)
    }

    pub(super) fn render(&self, style: Style) -> String {
        let mut grid = Grid::new();
        grid.load_style(presets::NOTHING);
        if let Some(width) = style.width.filter(|width| *width < self.natural_width()) {
            grid.set_content_arrangement(ContentArrangement::Dynamic)
                // The last column's padding is cut off again below.
                .set_width(u16::try_from(width + 3).unwrap_or(u16::MAX));
        }
        if !self.headless {
            grid.set_header(self.header.iter().map(|title| Tone::Faint.of(title)));
        }
        for row in &self.rows {
            grid.add_row(row);
        }
        for column in grid.column_iter_mut() {
            column.set_padding((0, 3));
        }
        let mut text = String::new();
        for line in grid.lines() {
            text.push_str(line.trim_end());
            text.push('\n');
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::{super::style::paint, *};

    fn drawn(width: Option<usize>) -> String {
        let mut table = Table::new(["NAME", "STATE"]);
        table.row(["default/a".to_owned(), Tone::Good.of("Running")]);
        table.row(["a-much-longer-namespace/b", "Stopped"]);
        paint(
            &table.render(Style {
                width,
                unicode: true,
            }),
            false,
        )
    }

    #[test]
    fn columns_line_up_in_spite_of_tones() {
        assert_eq!(
            drawn(None),
            "NAME                        STATE\ndefault/a                   Running\na-much-longer-namespace/b   Stopped\n"
        );
        assert_eq!(drawn(Some(80)), drawn(None));
    }

    #[test]
    fn a_narrow_terminal_is_not_overrun() {
        let text = drawn(Some(24));
        assert!(
            text.lines()
                .all(|line| console::measure_text_width(line) <= 24),
            "{text}"
        );
    }
}
