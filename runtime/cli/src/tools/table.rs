//! Tables for people: columns as wide as their widest cell, in the manner of Kafka's own tools.

/// A column: its title, and the width it has at least.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Column(pub(crate) &'static str, pub(crate) usize);

/// Rows of text under titles.
#[derive(Debug)]
pub(crate) struct Table {
    columns: Vec<Column>,
    rows: Vec<Vec<String>>,
}

impl Table {
    pub(crate) fn new(columns: &[Column]) -> Self {
        Self {
            columns: columns.to_vec(),
            rows: Vec::new(),
        }
    }

    /// Adds a row, which has a cell for each column.
    pub(crate) fn row(&mut self, cells: Vec<String>) {
        debug_assert_eq!(cells.len(), self.columns.len(), "a cell for each column");
        self.rows.push(cells);
    }

    /// The titles and the rows, a line each. The last column is not padded.
    pub(crate) fn to_text(&self) -> String {
        let width = |index: usize, column: &Column| {
            let cells = self.rows.iter().map(|row| row[index].chars().count());
            cells
                .chain([column.1, column.0.len()])
                .max()
                .unwrap_or_default()
        };
        let widths: Vec<usize> = self
            .columns
            .iter()
            .enumerate()
            .map(|(index, column)| width(index, column))
            .collect();
        let titles: Vec<&str> = self.columns.iter().map(|column| column.0).collect();
        let mut text = String::new();
        line(&mut text, &titles, &widths);
        for row in &self.rows {
            let cells: Vec<&str> = row.iter().map(String::as_str).collect();
            line(&mut text, &cells, &widths);
        }
        text
    }
}

fn line(text: &mut String, cells: &[&str], widths: &[usize]) {
    let (last, padded) = cells.split_last().unwrap_or((&"", &[]));
    for (cell, width) in padded.iter().zip(widths) {
        text.push_str(&format!("{cell:<width$} "));
    }
    text.push_str(last);
    text.push('\n');
}

#[cfg(test)]
mod tests {
    use super::{Column, Table};

    #[test]
    fn columns_are_as_wide_as_their_widest_cell() {
        let mut table = Table::new(&[Column("GROUP", 3), Column("LAG", 6), Column("HOST", 9)]);
        table.row(vec!["shoppers".into(), "7".into(), "/127.0.0.1".into()]);
        table.row(vec!["é".into(), "-".into(), "-".into()]);
        assert_eq!(
            table.to_text(),
            "GROUP    LAG    HOST\nshoppers 7      /127.0.0.1\né        -      -\n"
        );
    }
}
