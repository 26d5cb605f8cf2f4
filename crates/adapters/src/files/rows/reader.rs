//! Rows: the records of a source as entries, one at a time.

use std::borrow::Cow;
use std::io::BufRead;

use csv::ByteRecord;
use serde_json::{Map, Value};

use super::csv_records::CsvRecords;
use super::entry::{BadRow, Entry, Fields};
use super::error::{FileError, MAX_RECORD_BYTES};
use super::kind::Kind;
use super::lines::{Found, next_line};
use super::source::Source;
use super::values::BETWEEN_LOCATIONS;
use crate::files::format::Format;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, counted from 1, the header included.
    pub line: u64,
    /// The entry, or why the row is invalid.
    pub entry: Result<Entry, BadRow>,
}

/// Reads the rows of a source. Blank lines are skipped; after an error there are no more rows.
pub struct Rows {
    kind: Kind,
    records: Records,
    done: bool,
}

enum Records {
    Csv {
        records: CsvRecords,
        header: Header,
    },
    Ndjson {
        text: Box<dyn BufRead + Send>,
        line: u64,
        buffer: Vec<u8>,
    },
}

impl Rows {
    /// Starts reading: a CSV header is read and checked at once.
    ///
    /// # Errors
    /// [`FileError`] when the header can't be read, or does not fit the kind.
    pub fn begin(source: Source, kind: Kind) -> Result<Self, FileError> {
        let records = match source.format {
            Format::Csv => {
                let mut records = CsvRecords::new(source.text);
                let (_, header) = records.next()?.ok_or(FileError::Empty(kind.header()))?;
                let header = Header::read(header, kind)?;
                Records::Csv { records, header }
            }
            Format::Ndjson => Records::Ndjson {
                text: source.text,
                line: 0,
                buffer: Vec::new(),
            },
        };
        Ok(Self {
            kind,
            records,
            done: false,
        })
    }

    fn read(&mut self) -> Result<Option<Row>, FileError> {
        match &mut self.records {
            Records::Csv { records, header } => {
                let Some((line, record)) = records.next()? else {
                    return Ok(None);
                };
                let entry = header.fields(record).and_then(|fields| Entry::read(self.kind, &fields));
                Ok(Some(Row { line, entry }))
            }
            Records::Ndjson { text, line, buffer } => loop {
                let found = next_line(text, buffer).map_err(|error| FileError::Read { line: *line + 1, error })?;
                *line += 1;
                let entry = match found {
                    Found::End => return Ok(None),
                    Found::TooLong => Err(BadRow::new(format!("is longer than {MAX_RECORD_BYTES} bytes"))),
                    Found::Line if buffer.iter().all(u8::is_ascii_whitespace) => continue,
                    Found::Line => read_object(self.kind, buffer),
                };
                return Ok(Some(Row { line: *line, entry }));
            },
        }
    }
}

impl Iterator for Rows {
    type Item = Result<Row, FileError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.done {
            return None;
        }
        let row = self.read().transpose();
        self.done = !matches!(row, Some(Ok(_)));
        row
    }
}

/// The column of each field of a record.
struct Header {
    columns: Vec<usize>,
}

impl Header {
    fn read(header: &ByteRecord, kind: Kind) -> Result<Self, FileError> {
        let known_columns = kind.columns();
        let mut indexes = Vec::with_capacity(known_columns.len());
        for field in header {
            let given = String::from_utf8_lossy(field).trim().to_owned();
            let Some(index) = kind.index_of(&given) else {
                return Err(FileError::UnknownColumn {
                    given,
                    kind,
                    known: known(kind),
                });
            };
            if indexes.contains(&index) {
                return Err(FileError::ColumnTwice(given));
            }
            indexes.push(index);
        }
        let missing = known_columns
            .iter()
            .enumerate()
            .find(|(index, column)| !column.optional && !indexes.contains(index));
        match missing {
            Some((_, column)) => Err(FileError::MissingColumn {
                missing: column.name,
                kind,
                known: known(kind),
            }),
            None => Ok(Self { columns: indexes }),
        }
    }

    fn fields<'a>(&self, record: &'a ByteRecord) -> Result<Fields<'a>, BadRow> {
        if record.len() != self.columns.len() {
            let (given, named) = (record.len(), self.columns.len());
            return Err(BadRow::new(format!("has {given} fields, the header names {named}")));
        }
        let mut fields = Fields::default();
        for (index, field) in self.columns.iter().zip(record) {
            let text = std::str::from_utf8(field).map_err(|_| BadRow::new("is not UTF-8"))?;
            fields[*index] = (!text.is_empty()).then_some(Cow::Borrowed(text));
        }
        Ok(fields)
    }
}

fn known(kind: Kind) -> String {
    let names = kind.columns().iter().map(|column| match column.optional {
        true => format!("{} (optional)", column.name),
        false => column.name.to_owned(),
    });
    names.collect::<Vec<_>>().join(", ")
}

fn read_object(kind: Kind, line: &[u8]) -> Result<Entry, BadRow> {
    let object: Map<String, Value> =
        serde_json::from_slice(line).map_err(|error| BadRow::new(format!("is not a JSON object: {error}")))?;
    let mut fields = Fields::default();
    for (name, value) in object {
        let index = kind
            .index_of(&name)
            .ok_or_else(|| BadRow::new(format!("unknown field {name:?}; {kind} have {}", known(kind))))?;
        fields[index] = match value {
            Value::Null => None,
            Value::String(text) if text.is_empty() => None,
            Value::String(text) => Some(Cow::Owned(text)),
            Value::Number(number) => Some(Cow::Owned(number.to_string())),
            Value::Array(locations) if name == "locations" => Some(Cow::Owned(joined(&locations)?)),
            Value::Bool(_) | Value::Array(_) | Value::Object(_) => {
                return Err(BadRow::new(format!("{name}: must be text or a whole number")));
            }
        };
    }
    Entry::read(kind, &fields)
}

/// A list of locations, as the service's own objects have it, as the one text of a table.
fn joined(locations: &[Value]) -> Result<String, BadRow> {
    let name = |location: &Value| match location.as_str() {
        Some(name) if !name.contains(BETWEEN_LOCATIONS) => Ok(name.to_owned()),
        _ => Err(BadRow::new(format!(
            "locations: must be names without {BETWEEN_LOCATIONS}, one is {location}"
        ))),
    };
    let names: Vec<String> = locations.iter().map(name).collect::<Result<_, _>>()?;
    match names.as_slice() {
        // A list that happens to be empty must not mean any location.
        [] => Err(BadRow::new("locations: must not be an empty list")),
        names => Ok(names.join(&BETWEEN_LOCATIONS.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::path::Path;

    use flate2::Compression;
    use flate2::write::GzEncoder;

    use super::*;
    use crate::files::open;

    fn rows(text: impl AsRef<[u8]>, kind: Kind) -> Result<Vec<Row>, FileError> {
        let bytes = text.as_ref().to_vec();
        Rows::begin(
            open(std::io::Cursor::new(bytes), None, None).expect("bytes in memory"),
            kind,
        )?
        .collect()
    }

    fn lines_and_reasons(text: &str, kind: Kind) -> Vec<(u64, Option<String>)> {
        let rows = rows(text, kind).expect("a file that can be read to its end");
        rows.into_iter()
            .map(|row| (row.line, row.entry.err().map(|bad| bad.why)))
            .collect()
    }

    fn gzip(text: &str) -> Vec<u8> {
        let mut packed = GzEncoder::new(Vec::new(), Compression::fast());
        packed.write_all(text.as_bytes()).expect("memory");
        packed.finish().expect("memory")
    }

    const TWO_PRODUCTS: &str = "sku,name\nLAMP,\"Lamp, small\"\nRUG,Rug\n";

    #[test]
    fn columns_may_be_in_any_order() {
        let turned = rows("name,sku\n\"Lamp, small\",LAMP\nRug,RUG\n", Kind::Products).expect("rows");
        assert_eq!(turned, rows(TWO_PRODUCTS, Kind::Products).expect("rows"));
    }

    #[test]
    fn plain_gzip_spreadsheet_and_json_files_have_the_same_rows() {
        let plain = rows(TWO_PRODUCTS, Kind::Products).expect("rows");
        assert_eq!(rows(gzip(TWO_PRODUCTS), Kind::Products).expect("rows"), plain);
        assert_eq!(
            rows(format!("\u{feff}{TWO_PRODUCTS}"), Kind::Products).expect("rows"),
            plain
        );
        assert_eq!(
            rows(TWO_PRODUCTS.replace('\n', "\r\n"), Kind::Products).expect("rows"),
            plain
        );

        let json = "{\"sku\":\"LAMP\",\"name\":\"Lamp, small\"}\n{\"sku\":\"RUG\",\"name\":\"Rug\"}";
        let entries = |rows: Vec<Row>| rows.into_iter().map(|row| row.entry).collect::<Vec<_>>();
        assert_eq!(entries(rows(json, Kind::Products).expect("rows")), entries(plain));
    }

    #[test]
    fn consecutive_gzip_members_are_one_file() {
        let mut packed = gzip("sku,name\nLAMP,Lamp\n");
        packed.extend(gzip("RUG,Rug\n"));
        assert_eq!(rows(packed, Kind::Products).expect("rows").len(), 2);
    }

    #[test]
    fn a_gzip_file_that_was_cut_off_is_an_error_and_not_a_short_file() {
        let mut packed = gzip(&TWO_PRODUCTS.repeat(100));
        packed.truncate(packed.len() - 12);
        assert!(matches!(rows(packed, Kind::Products), Err(FileError::Read { .. })));
    }

    #[test]
    fn invalid_rows_are_reported_by_line_and_the_others_are_read() {
        let read = lines_and_reasons("sku,name\nLAMP,Lamp\nRUG\n\n,Nameless\n\"MAT\",Mat\n", Kind::Products);
        assert_eq!(
            read,
            [
                (2, None),
                (3, Some("has 1 fields, the header names 2".to_owned())),
                (5, Some("sku: must not be empty".to_owned())),
                (6, None),
            ]
        );
    }

    #[test]
    fn invalid_json_lines_are_reported_and_the_others_are_read() {
        let read = lines_and_reasons(
            "{\"sku\":\"LAMP\",\"name\":\"Lamp\"}\n\n[1]\n{\"sku\":\"RUG\",\"name\":true}\n\
             {\"sku\":\"RUG\",\"colour\":\"red\"}\n",
            Kind::Products,
        );
        let lines: Vec<u64> = read.iter().map(|(line, _)| *line).collect();
        assert_eq!(lines, [1, 3, 4, 5]);
        assert_eq!(read[0].1, None);
        assert!(
            read[1]
                .1
                .as_deref()
                .is_some_and(|why| why.starts_with("is not a JSON object"))
        );
        assert_eq!(read[2].1.as_deref(), Some("name: must be text or a whole number"));
        assert_eq!(
            read[3].1.as_deref(),
            Some("unknown field \"colour\"; products have sku, name, safety_stock (optional)")
        );
    }

    #[test]
    fn locations_in_json_may_be_a_list_as_well_as_one_text() {
        let read = |locations: &str| {
            let row = format!(r#"{{"order_id":"O","sku":"LAMP","quantity":1,"priority":3,"locations":{locations}}}"#);
            rows(row, Kind::Orders).expect("rows").remove(0).entry
        };
        let list = read(r#"["north","south"]"#);
        assert!(list.is_ok());
        assert_eq!(list, read(r#""north|south""#));
        for (locations, reason) in [
            ("[]", "locations: must not be an empty list"),
            ("[1]", "locations: must be names without |, one is 1"),
            (r#"["a|b"]"#, r#"locations: must be names without |, one is "a|b""#),
        ] {
            assert_eq!(read(locations).map_err(|bad| bad.why), Err(reason.to_owned()));
        }
    }

    #[test]
    fn a_row_that_is_not_utf_8_fails_alone() {
        let read = rows(b"sku,name\nLAMP,L\xffmp\nRUG,Rug\n", Kind::Products).expect("rows");
        assert_eq!(read[0].entry, Err(BadRow::new("is not UTF-8")));
        assert!(read[1].entry.is_ok());
    }

    #[test]
    fn a_header_with_an_unknown_missing_or_repeated_column_is_an_error() {
        let error = |text, kind| rows(text, kind).expect_err("a header that does not fit").to_string();
        assert_eq!(
            error("sku,colour\n", Kind::Products),
            "unknown column \"colour\" in the header; products have sku, name, safety_stock (optional)"
        );
        assert_eq!(
            error("sku,quantity\n", Kind::Orders),
            "the header lacks column \"order_id\"; orders have order_id, line_id (optional), sku, quantity, \
             ordered_at (optional), priority (optional), required_by (optional), locations (optional)"
        );
        assert_eq!(
            error("sku,name,sku\n", Kind::Products),
            "column \"sku\" occurs twice in the header"
        );
        assert_eq!(
            error("", Kind::Products),
            "the file is empty: a header row is expected, such as sku,name,safety_stock"
        );
    }

    #[test]
    fn the_given_format_precedes_the_name_and_the_name_precedes_the_content() {
        let format = |name: &str, asked| {
            open("{".as_bytes(), Some(Path::new(name)), asked)
                .expect("bytes in memory")
                .format
        };
        assert_eq!(format("stock", None), Format::Ndjson);
        assert_eq!(format("stock.CSV.gz", None), Format::Csv);
        assert_eq!(format("stock.csv", Some(Format::Ndjson)), Format::Ndjson);
        assert_eq!(format("stock.jsonl", None), Format::Ndjson);
    }
}
