//! Files of visits: CSV with the header `visitor,space,start_ms,end_ms`, plain or gzip, checked row by row.

use std::fs::File;
use std::io::{BufRead, BufReader, Read};
use std::path::Path;

use csv::ByteRecord;
use flate2::bufread::MultiGzDecoder;
use lct_graph::{IdError, MAX_MILLIS, Millis, check_id};

/// The first line of every file of visits.
pub const HEADER: [&str; 4] = ["visitor", "space", "start_ms", "end_ms"];

const GZIP_MAGIC: [u8; 2] = [0x1f, 0x8b];

/// Why a file cannot be read. Never repeats what stands in it.
#[derive(Debug, thiserror::Error)]
pub enum VisitFileError {
    /// The file cannot be opened or read.
    #[error("cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// A row breaks a rule.
    #[error("line {line}: {rule}")]
    Row {
        /// Number of the line, from 1.
        line: u64,
        /// What it would have to be.
        rule: &'static str,
    },
}

/// One row: valid by the rules of LCT.VISIT that need neither clock nor settings.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct VisitRow<'a> {
    /// Number of its line in the file, from 1.
    pub line: u64,
    /// The visitor's id.
    pub visitor: &'a [u8],
    /// The space's id.
    pub space: &'a [u8],
    /// When the visit began.
    pub start: Millis,
    /// When it ended; after `start`.
    pub end: Millis,
}

/// A file of visits, read from its beginning.
pub struct VisitFile {
    reader: csv::Reader<Box<dyn Read>>,
    record: ByteRecord,
}

impl VisitFile {
    /// Opens a file and checks its header. Whether it is compressed shows in its first bytes, not in its name.
    ///
    /// # Errors
    /// The file cannot be read, or starts with another header.
    pub fn open(path: &Path) -> Result<Self, VisitFileError> {
        let mut file = BufReader::with_capacity(1 << 18, File::open(path)?);
        let source: Box<dyn Read> = if file.fill_buf()?.starts_with(&GZIP_MAGIC) {
            Box::new(MultiGzDecoder::new(file))
        } else {
            Box::new(file)
        };
        // With a line feed at the very end each record ends just before the line the reader then stands on.
        let reader = csv::ReaderBuilder::new()
            .has_headers(false)
            .flexible(true)
            .terminator(csv::Terminator::Any(b'\n'))
            .from_reader(Box::new(source.chain(&b"\n"[..])) as Box<dyn Read>);
        let mut file = Self {
            reader,
            record: ByteRecord::new(),
        };
        if file.read()? && file.fields() == Some(HEADER.map(str::as_bytes)) {
            Ok(file)
        } else {
            Err(VisitFileError::Row {
                line: 1,
                rule: "must be visitor,space,start_ms,end_ms",
            })
        }
    }

    /// The next row; `None` at the end of the file.
    ///
    /// # Errors
    /// The file cannot be read further, or the row breaks a rule.
    pub fn next_row(&mut self) -> Result<Option<VisitRow<'_>>, VisitFileError> {
        if !self.read()? {
            return Ok(None);
        }
        let line = self.reader.position().line() - 1;
        let fields = self
            .fields()
            .ok_or("must have four fields: visitor,space,start_ms,end_ms");
        fields
            .and_then(|fields| row(line, fields))
            .map(Some)
            .map_err(|rule| VisitFileError::Row { line, rule })
    }

    /// The record's four fields, a carriage return at its end left off; `None` if there are not four.
    fn fields(&self) -> Option<[&[u8]; 4]> {
        let mut fields = [&b""[..]; 4];
        if self.record.len() != fields.len() {
            return None;
        }
        for (field, bytes) in fields.iter_mut().zip(&self.record) {
            *field = bytes;
        }
        fields[3] = fields[3].strip_suffix(b"\r").unwrap_or(fields[3]);
        Some(fields)
    }

    fn read(&mut self) -> Result<bool, VisitFileError> {
        // Bytes, of any number of fields: reading the source is all that can fail.
        self.reader
            .read_byte_record(&mut self.record)
            .map_err(|error| match error.into_kind() {
                csv::ErrorKind::Io(error) => VisitFileError::Io(error),
                other => VisitFileError::Io(std::io::Error::other(format!("{other:?}"))),
            })
    }
}

fn row(line: u64, [visitor, space, start, end]: [&[u8]; 4]) -> Result<VisitRow<'_>, &'static str> {
    check_id(visitor).map_err(|error| match error {
        IdError::Length => "visitor: must be 1 to 128 bytes long",
        IdError::NotUtf8 => "visitor: must be UTF-8",
        IdError::Control => "visitor: must not hold control characters",
    })?;
    check_id(space).map_err(|error| match error {
        IdError::Length => "space: must be 1 to 128 bytes long",
        IdError::NotUtf8 => "space: must be UTF-8",
        IdError::Control => "space: must not hold control characters",
    })?;
    let start = millis(start).ok_or("start_ms: must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits")?;
    let end = millis(end).ok_or("end_ms: must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits")?;
    if start >= end {
        return Err("end_ms: must be after start_ms");
    }
    Ok(VisitRow {
        line,
        visitor,
        space,
        start,
        end,
    })
}

/// Plain digits without a sign or leading zeros, as the commands take them.
fn millis(field: &[u8]) -> Option<Millis> {
    let number: Millis = std::str::from_utf8(field).ok()?.parse().ok()?;
    (number <= MAX_MILLIS && number.to_string().as_bytes() == field).then_some(number)
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;

    fn file(bytes: &[u8]) -> tempfile::NamedTempFile {
        let mut file = tempfile::NamedTempFile::new().unwrap();
        file.write_all(bytes).unwrap();
        file
    }

    type Row = (u64, String, String, Millis, Millis);

    /// The rows of a file, or the line it fails with.
    fn rows(bytes: &[u8]) -> Result<Vec<Row>, String> {
        let read = || -> Result<_, VisitFileError> {
            let file = file(bytes);
            let mut visits = VisitFile::open(file.path())?;
            let mut rows = Vec::new();
            while let Some(row) = visits.next_row()? {
                let text = |id: &[u8]| String::from_utf8(id.into()).unwrap();
                rows.push((
                    row.line,
                    text(row.visitor),
                    text(row.space),
                    row.start,
                    row.end,
                ));
            }
            Ok(rows)
        };
        read().map_err(|error| error.to_string())
    }

    #[test]
    fn plain_and_compressed_files_hold_the_same() {
        let csv = b"visitor,space,start_ms,end_ms\nanna,cafe,1000,2000\n\n\"b,o\",caf\xc3\xa9,0,9007199254740991\n";
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(csv).unwrap();
        let expected = Ok(vec![
            (2, "anna".into(), "cafe".into(), 1000, 2000),
            (4, "b,o".into(), "café".into(), 0, MAX_MILLIS),
        ]);
        assert_eq!(rows(csv), expected);
        assert_eq!(rows(&gzip.finish().unwrap()), expected);
        let crlf = String::from_utf8_lossy(csv)
            .replace('\n', "\r\n")
            .replace("\r\n\r\n", "\r\n\n");
        assert_eq!(rows(crlf.trim_end().as_bytes()), expected);
        assert_eq!(rows(b"visitor,space,start_ms,end_ms\n"), Ok(vec![]));
    }

    #[test]
    fn a_bad_row_is_named_by_its_line_and_its_rule() {
        let long = "x".repeat(129);
        let number =
            "must be a whole number of milliseconds from 0 to 9007199254740991, in plain digits";
        let cases = [
            (
                "a,b,1".to_string(),
                "must have four fields: visitor,space,start_ms,end_ms".to_string(),
            ),
            (
                "a,b,1,2,3".into(),
                "must have four fields: visitor,space,start_ms,end_ms".into(),
            ),
            (
                ",b,1,2".into(),
                "visitor: must be 1 to 128 bytes long".into(),
            ),
            (
                format!("a,{long},1,2"),
                "space: must be 1 to 128 bytes long".into(),
            ),
            (
                "a,\tb,1,2".into(),
                "space: must not hold control characters".into(),
            ),
            ("a,b,+1,2".into(), format!("start_ms: {number}")),
            ("a,b,01,2".into(), format!("start_ms: {number}")),
            ("a,b,1, 2".into(), format!("end_ms: {number}")),
            ("a,b,1,2.0".into(), format!("end_ms: {number}")),
            ("a,b,1,9007199254740992".into(), format!("end_ms: {number}")),
            ("a,b,2,2".into(), "end_ms: must be after start_ms".into()),
        ];
        for (row, rule) in cases {
            let file = format!("visitor,space,start_ms,end_ms\na,b,1,2\n{row}\n");
            assert_eq!(rows(file.as_bytes()), Err(format!("line 3: {rule}")));
        }
        let not_utf8 = b"visitor,space,start_ms,end_ms\n\xff,b,1,2\n";
        assert_eq!(rows(not_utf8), Err("line 2: visitor: must be UTF-8".into()));
    }

    #[test]
    fn a_file_of_something_else_is_refused() {
        for other in [
            "",
            "a,b,1,2\n",
            "visitor;space;start_ms;end_ms\n",
            "visitor,space,start,end\n",
        ] {
            assert_eq!(
                rows(other.as_bytes()),
                Err("line 1: must be visitor,space,start_ms,end_ms".into())
            );
        }
        assert!(
            rows(b"\x1f\x8bnot really gzip")
                .unwrap_err()
                .starts_with("cannot be read: ")
        );
    }
}
