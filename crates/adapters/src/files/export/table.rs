//! A table that is written row by row, as CSV or NDJSON.

use std::io::{self, BufWriter, Write};

use serde::Serialize;

use crate::files::format::Format;

/// A row that can be exported: an object of NDJSON, and a record of CSV.
pub trait Exported: Serialize {
    /// The CSV header: the names of the fields, in order.
    const COLUMNS: &'static [&'static str];

    /// Writes the row as a CSV record.
    ///
    /// # Errors
    /// When the writer fails.
    fn write_csv<W: Write>(&self, writer: &mut csv::Writer<W>) -> csv::Result<()> {
        writer.serialize(self)
    }
}

/// A table that is being written. It buffers a few KiB only.
pub struct Table<W: Write>(Writer<W>);

enum Writer<W: Write> {
    Csv(Box<csv::Writer<W>>),
    Ndjson(BufWriter<W>),
}

impl<W: Write> Table<W> {
    /// Begins a table of rows of this type. CSV gets its header even if no row follows.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn begin<R: Exported>(to: W, format: Format) -> io::Result<Self> {
        Ok(Self(match format {
            Format::Csv => {
                let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(to);
                writer.write_record(R::COLUMNS).map_err(plain)?;
                Writer::Csv(Box::new(writer))
            }
            Format::Ndjson => Writer::Ndjson(BufWriter::new(to)),
        }))
    }

    /// Adds a row.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn write<R: Exported>(&mut self, row: &R) -> io::Result<()> {
        match &mut self.0 {
            Writer::Csv(writer) => row.write_csv(writer).map_err(plain)?,
            Writer::Ndjson(writer) => {
                serde_json::to_writer(&mut *writer, row)?;
                writer.write_all(b"\n")?;
            }
        }
        Ok(())
    }

    /// Writes what is left in the buffer.
    ///
    /// # Errors
    /// When the writer fails.
    pub fn finish(self) -> io::Result<()> {
        match self.0 {
            Writer::Csv(mut writer) => writer.flush(),
            Writer::Ndjson(mut writer) => writer.flush(),
        }
    }
}

/// The error of the writer itself: unlike the wrapped one, it shows whether a pipe was closed.
fn plain(error: csv::Error) -> io::Error {
    match error.into_kind() {
        csv::ErrorKind::Io(error) => error,
        other => io::Error::other(format!("{other:?}")),
    }
}
