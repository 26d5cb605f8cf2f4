//! Rows: the records of a source as entries, one at a time.

use std::fs::File;
use std::io::{BufRead, BufReader, Seek, SeekFrom};

use super::columns::Header;
use super::csv_records::CsvRecords;
use super::entry::{BadRow, Entry};
use super::error::FileError;
use super::json_lines::JsonLines;
use super::kind::Kind;
use super::objects::read_object;
use super::place::Place;
use super::source::{Shape, Source};
use crate::files::format::Format;
use crate::wire::MAX_COMMAND_BYTES;

/// How many bytes are read at once where rows are read by their place: few, because each jump throws them away.
const JUMP_BUFFER_BYTES: usize = 8 * 1024;

/// A row of a file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Row {
    /// The line it begins on, counted from 1, the header included.
    pub line: u64,
    /// The byte of the file it begins at.
    pub offset: u64,
    /// How many bytes it has, its line end included.
    pub bytes: u64,
    /// The entry, or why the row is invalid.
    pub entry: Result<Entry, BadRow>,
}

/// Reads the rows of a source. Blank lines are skipped; after an error there are no more rows.
pub struct Rows<T = Box<dyn BufRead + Send>> {
    kind: Kind,
    records: Records<T>,
    /// Whether a last row without a line end may be the beginning of one.
    may_break_off: bool,
    done: bool,
}

enum Records<T> {
    Csv {
        /// Much larger than the other variant: the parser has a table of its states.
        records: Box<CsvRecords<T>>,
        header: Header,
    },
    Ndjson(JsonLines<T>),
}

impl Rows {
    /// Starts reading: a CSV header is read and checked at once.
    ///
    /// # Errors
    /// [`FileError`] when the header can't be read, or does not fit the kind.
    pub fn begin(source: Source, kind: Kind) -> Result<Self, FileError> {
        Self::over(source.text, source.shape, kind)
    }
}

impl Rows<BufReader<File>> {
    /// Starts to read the rows of a file again, or of a copy of it, whose [`shape`](Source::shape) is known.
    ///
    /// # Errors
    /// As [`begin`](Rows::begin).
    pub fn again(mut file: File, shape: Shape, kind: Kind) -> Result<Self, FileError> {
        file.seek(SeekFrom::Start(shape.begins_at))
            .map_err(|error| FileError::Read { line: 1, error })?;
        Self::over(BufReader::with_capacity(JUMP_BUFFER_BYTES, file), shape, kind)
    }

    /// Reads the row that begins at this byte of the file, on this line. In the order of the file this costs no more
    /// than reading one row after the other.
    ///
    /// # Errors
    /// [`FileError`] when it can't be read, or when there is no row: the file is not what it was.
    pub fn at(&mut self, offset: u64, line: u64) -> Result<Row, FileError> {
        let failed = |error| FileError::Read { line, error };
        match &mut self.records {
            Records::Csv { records, .. } => records.seek(offset, line).map_err(failed)?,
            Records::Ndjson(lines) => lines.seek(offset, line).map_err(failed)?,
        }
        match self.read()? {
            Some(row) if row.offset == offset => Ok(row),
            _ => Err(FileError::Changed),
        }
    }
}

impl<T: BufRead> Rows<T> {
    fn over(text: T, shape: Shape, kind: Kind) -> Result<Self, FileError> {
        let records = match shape.format {
            Format::Csv if kind == Kind::Changes => return Err(FileError::NotCsv(kind)),
            Format::Csv => {
                let mut records = Box::new(CsvRecords::new(text, shape.begins_at));
                records.next()?.ok_or(FileError::Empty(kind.header()))?;
                let header = Header::read(records.fields(), kind)?;
                Records::Csv { records, header }
            }
            Format::Ndjson => Records::Ndjson(JsonLines::new(text, shape.begins_at)),
        };
        Ok(Self {
            kind,
            records,
            may_break_off: shape.may_break_off,
            done: false,
        })
    }

    fn read(&mut self) -> Result<Option<Row>, FileError> {
        let (place, entry) = match &mut self.records {
            Records::Csv { records, header } => {
                let Some(place) = records.next()? else {
                    return Ok(None);
                };
                let entry = if self.may_break_off && !place.whole {
                    Err(BadRow::new("the input ends within this row: there is no line end"))
                } else {
                    header.entry(self.kind, records.fields())
                };
                (place, entry.map_err(|bad| with_lines(bad, place)))
            }
            Records::Ndjson(lines) => {
                let line = lines.line();
                let found = lines.next().map_err(|error| FileError::Read { line, error })?;
                match found {
                    None => return Ok(None),
                    Some((place, true)) => (place, read_object(self.kind, lines.text())),
                    Some((place, false)) => {
                        let why = format!("is longer than {MAX_COMMAND_BYTES} bytes");
                        (place, Err(BadRow::new(why)))
                    }
                }
            }
        };
        Ok(Some(Row {
            line: place.line,
            offset: place.offset,
            bytes: place.bytes,
            entry,
        }))
    }
}

/// A bad record that goes over several lines may have swallowed other rows, so nothing is known of what it is about.
fn with_lines(bad: BadRow, place: Place) -> BadRow {
    if place.line == place.last_line {
        return bad;
    }
    BadRow::new(format!(
        "{}; the row goes on to line {}: is a quotation mark not closed?",
        bad.why, place.last_line
    ))
}

impl<T: BufRead> Iterator for Rows<T> {
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

#[cfg(test)]
mod tests {
    use std::io::{Seek, Write};
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

    /// The rows by their lines and entries, wherever they stand in the bytes.
    fn entries(text: impl AsRef<[u8]>, kind: Kind) -> Vec<(u64, Result<Entry, BadRow>)> {
        let rows = rows(text, kind).expect("a file that can be read to its end");
        rows.into_iter().map(|row| (row.line, row.entry)).collect()
    }

    #[test]
    fn columns_may_be_in_any_order() {
        let turned = entries("name,sku\n\"Lamp, small\",LAMP\nRug,RUG\n", Kind::Products);
        assert_eq!(turned, entries(TWO_PRODUCTS, Kind::Products));
    }

    #[test]
    fn plain_gzip_spreadsheet_and_json_files_have_the_same_rows() {
        let plain = entries(TWO_PRODUCTS, Kind::Products);
        for same in [
            gzip(TWO_PRODUCTS),
            format!("\u{feff}{TWO_PRODUCTS}").into_bytes(),
            TWO_PRODUCTS.replace('\n', "\r\n").into_bytes(),
            TWO_PRODUCTS.trim_end().as_bytes().to_vec(),
        ] {
            assert_eq!(entries(same, Kind::Products), plain);
        }
        let json = "{\"sku\":\"LAMP\",\"name\":\"Lamp, small\"}\n{\"sku\":\"RUG\",\"name\":\"Rug\"}";
        let json = entries(json, Kind::Products).into_iter().map(|(_, entry)| entry);
        assert!(json.eq(plain.into_iter().map(|(_, entry)| entry)));
    }

    #[test]
    fn a_row_is_found_again_by_its_place() {
        for (name, text) in [
            ("csv", format!("\u{feff}{TWO_PRODUCTS}\n,\n\"MAT\",\"M\"\nBAD\n")),
            (
                "ndjson",
                "{\"sku\":\"LAMP\",\"name\":\"Lamp\"}\n\n{}\n{\"sku\":\"RUG\",\"name\":\"Rug\"}".to_owned(),
            ),
        ] {
            let mut file = tempfile::tempfile().expect("a file");
            file.write_all(text.as_bytes()).expect("space for a few bytes");
            file.rewind().expect("a file");
            let source = open(file.try_clone().expect("a file"), None, None).expect("a file");
            let shape = source.shape();
            let first: Vec<Row> = Rows::begin(source, Kind::Products)
                .and_then(Iterator::collect)
                .expect("rows");
            assert!(first.len() >= 3, "{name}");
            let mut again = Rows::again(file, shape, Kind::Products).expect("the same header");
            for row in first.iter().rev().chain(&first) {
                assert_eq!(again.at(row.offset, row.line).expect("the same row"), *row, "{name}");
            }
            assert!(
                matches!(again.at(first[1].offset - 1, 1), Err(FileError::Changed)),
                "{name}"
            );
        }
    }

    #[test]
    fn a_copy_has_the_same_rows_and_begins_at_its_first_byte() {
        let file = tempfile::tempfile().expect("a file");
        let copy = std::io::BufWriter::new(file.try_clone().expect("a file"));
        let packed = gzip(&format!("\u{feff}{TWO_PRODUCTS}"));
        let source = open(std::io::Cursor::new(packed), None, None).expect("bytes in memory");
        assert!(source.is_packed());
        let source = source.copied_to(copy);
        let shape = source.shape();
        let first: Vec<Row> = Rows::begin(source, Kind::Products)
            .and_then(Iterator::collect)
            .expect("rows");
        let again: Vec<Row> = Rows::again(file, shape, Kind::Products)
            .and_then(Iterator::collect)
            .expect("rows");
        assert_eq!((first.len(), shape.begins_at), (2, 0));
        assert_eq!(again, first);
    }

    #[test]
    fn zero_bytes_behind_gzip_data_are_padding_and_other_bytes_are_not() {
        let mut padded = gzip(TWO_PRODUCTS);
        padded.resize(padded.len() + 100_000, 0);
        assert_eq!(entries(&padded, Kind::Products).len(), 2);
        padded.extend(gzip("MAT,Mat\n"));
        assert_eq!(entries(&padded, Kind::Products).len(), 3);
        padded.extend(b"rest");
        assert!(matches!(rows(padded, Kind::Products), Err(FileError::Read { .. })));
    }

    #[test]
    fn a_pipe_that_ends_within_a_row_is_told() {
        let read = |bytes: Vec<u8>| -> Vec<Row> {
            let source = open(std::io::Cursor::new(bytes), None, None).expect("bytes in memory");
            let rows = Rows::begin(source.from_pipe(), Kind::Products).and_then(Iterator::collect);
            rows.expect("a header")
        };
        let text = "sku,name\nLAMP,Lamp\nRUG,Ru";
        let cut = read(text.as_bytes().to_vec());
        let why = cut[1].entry.as_ref().map_err(|bad| bad.why.as_str());
        assert_eq!(
            (cut[1].line, why),
            (3, Err("the input ends within this row: there is no line end"))
        );
        assert!(
            read(format!("{text}\n").into_bytes())
                .iter()
                .all(|row| row.entry.is_ok())
        );
        // Here the checksum proves it, and there the brace.
        assert!(read(gzip(text)).iter().all(|row| row.entry.is_ok()));
        assert!(read(br#"{"sku":"LAMP","name":"Lamp"}"#.to_vec())[0].entry.is_ok());
        assert!(read(br#"{"sku":"LAMP","name":"La"#.to_vec())[0].entry.is_err());
    }

    #[test]
    fn a_bad_row_over_several_lines_says_so_and_belongs_to_no_order() {
        let read = rows(
            "order_id,sku,quantity\nO-1,\"LAMP,2\nO-2,\"RUG,1\nO-3,MAT,1\n",
            Kind::Orders,
        )
        .expect("rows");
        let bad = read[0].entry.as_ref().expect_err("a bad row");
        assert!(bad.why.contains("the row goes on to line 3"), "{}", bad.why);
        assert_eq!(bad.order, None);
        assert_eq!((read[1].line, read[1].entry.is_ok()), (4, true));
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
        assert_eq!(read[1].1.as_deref(), Some("must be an object, is a list"));
        assert_eq!(read[2].1.as_deref(), Some("name: must be text, is true or false"));
        assert_eq!(
            read[3].1.as_deref(),
            Some(
                "must have at least one of name, safety_stock; colour: is not known here; the fields are sku, name, \
                 safety_stock"
            )
        );
    }

    #[test]
    fn locations_in_json_are_a_list_as_in_the_bodies_of_calls() {
        let read = |locations: &str| {
            let row = format!(r#"{{"order_id":"O","sku":"LAMP","quantity":1,"priority":3,"locations":{locations}}}"#);
            rows(row, Kind::Orders).expect("rows").remove(0).entry
        };
        let table = rows(
            "order_id,sku,quantity,priority,locations\nO,LAMP,1,3,north|south\n",
            Kind::Orders,
        );
        assert_eq!(read(r#"["north","south"]"#), table.expect("rows").remove(0).entry);
        for (locations, reason) in [
            ("[]", "locations: must have 1 to 16 entries, has 0"),
            ("[1]", "locations[0]: must be text, is a number"),
            (r#""north|south""#, "locations: must be a list, is text"),
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
                .shape()
                .format
        };
        assert_eq!(format("stock", None), Format::Ndjson);
        assert_eq!(format("stock.CSV.gz", None), Format::Csv);
        assert_eq!(format("stock.csv", Some(Format::Ndjson)), Format::Ndjson);
        assert_eq!(format("stock.jsonl", None), Format::Ndjson);
    }
}
