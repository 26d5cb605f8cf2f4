//! Sorting more records than memory should hold: sorted runs in a temporary file, merged when they are read.
//!
//! A record is a few numbers, compared one after the other, so runs are written and read without parsing.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::vec;

/// The most bytes of records in memory before they become a run in the file: few beside the rest of an import, and
/// enough that ten million rows are a hundred runs.
const RUN_BYTES: usize = 4 * 1024 * 1024;

/// How many bytes of a run are read at once while runs are merged.
const READ_BYTES: usize = 16 * 1024;

/// The bytes of a number in the file.
const NUMBER_BYTES: usize = size_of::<u64>();

/// A record: numbers, compared from the first to the last.
pub(super) type Record<const N: usize> = [u64; N];

/// Takes records in any order.
pub(super) struct Sorter<const N: usize> {
    run: Vec<Record<N>>,
    most: usize,
    /// The runs so far, one behind the other.
    file: Option<BufWriter<File>>,
    /// How many records each has.
    runs: Vec<usize>,
}

impl<const N: usize> Sorter<N> {
    /// An empty one.
    pub(super) const fn new() -> Self {
        Self::with_runs_of(RUN_BYTES / (N * NUMBER_BYTES))
    }

    /// An empty one with at most so many records in memory.
    const fn with_runs_of(most: usize) -> Self {
        Self {
            run: Vec::new(),
            most,
            file: None,
            runs: Vec::new(),
        }
    }

    /// Takes a record.
    ///
    /// # Errors
    /// When the temporary file can't be written.
    pub(super) fn push(&mut self, record: Record<N>) -> io::Result<()> {
        if self.run.len() == self.most {
            self.write_run()?;
        }
        self.run.push(record);
        Ok(())
    }

    fn write_run(&mut self) -> io::Result<()> {
        self.run.sort_unstable();
        let file = match self.file.take() {
            Some(file) => file,
            None => BufWriter::new(tempfile::tempfile()?),
        };
        let file = self.file.insert(file);
        for number in self.run.iter().flatten() {
            file.write_all(&number.to_le_bytes())?;
        }
        self.runs.push(self.run.len());
        self.run.clear();
        Ok(())
    }

    /// All records, in order.
    ///
    /// # Errors
    /// When the temporary file can't be written or read.
    pub(super) fn sorted(mut self) -> io::Result<Sorted<N>> {
        self.run.sort_unstable();
        let mut runs = vec![Run {
            records: self.run.into_iter(),
            rest: None,
        }];
        if let Some(file) = self.file {
            let file = Arc::new(file.into_inner().map_err(io::IntoInnerError::into_error)?);
            let mut begins_at = 0;
            for records in self.runs {
                let ends_at = begins_at + (records * N * NUMBER_BYTES) as u64;
                runs.push(Run {
                    records: Vec::new().into_iter(),
                    rest: Some((Arc::clone(&file), begins_at..ends_at)),
                });
                begins_at = ends_at;
            }
        }
        let mut sorted = Sorted {
            least: BinaryHeap::with_capacity(runs.len()),
            runs,
        };
        for run in 0..sorted.runs.len() {
            sorted.take_from(run)?;
        }
        Ok(sorted)
    }
}

/// Records in order.
pub(super) struct Sorted<const N: usize> {
    runs: Vec<Run<N>>,
    /// The first record of each run that has one left, with the number of the run.
    least: BinaryHeap<Reverse<(Record<N>, usize)>>,
}

impl<const N: usize> Sorted<N> {
    fn take_from(&mut self, run: usize) -> io::Result<()> {
        if let Some(record) = self.runs[run].next()? {
            self.least.push(Reverse((record, run)));
        }
        Ok(())
    }

    fn take(&mut self) -> io::Result<Option<Record<N>>> {
        let Some(Reverse((record, run))) = self.least.pop() else {
            return Ok(None);
        };
        self.take_from(run)?;
        Ok(Some(record))
    }
}

impl<const N: usize> Iterator for Sorted<N> {
    type Item = io::Result<Record<N>>;

    fn next(&mut self) -> Option<Self::Item> {
        self.take().transpose()
    }
}

/// A sorted run: the records in memory, and where the rest of them is in the file.
struct Run<const N: usize> {
    records: vec::IntoIter<Record<N>>,
    rest: Option<(Arc<File>, std::ops::Range<u64>)>,
}

impl<const N: usize> Run<N> {
    fn next(&mut self) -> io::Result<Option<Record<N>>> {
        if let Some(record) = self.records.next() {
            return Ok(Some(record));
        }
        let Some((file, rest)) = &mut self.rest else {
            return Ok(None);
        };
        let record_bytes = N * NUMBER_BYTES;
        let most = (READ_BYTES / record_bytes * record_bytes) as u64;
        let bytes = most.min(rest.end - rest.start);
        let mut buffer = vec![0; usize::try_from(bytes).unwrap_or(READ_BYTES)];
        file.read_exact_at(&mut buffer, rest.start)?;
        rest.start += bytes;
        self.records = buffer
            .chunks_exact(record_bytes)
            .map(|bytes| {
                let mut numbers = bytes.as_chunks::<NUMBER_BYTES>().0.iter();
                std::array::from_fn(|_| numbers.next().map_or(0, |number| u64::from_le_bytes(*number)))
            })
            .collect::<Vec<_>>()
            .into_iter();
        Ok(self.records.next())
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn more_records_than_memory_holds_come_in_order() {
        let mut sorter = Sorter::with_runs_of(1_000);
        let records = (0..10_500_u64).map(|number| [number * 7_919 % 10_501, number]);
        for record in records.clone() {
            sorter.push(record).expect("space for some records");
        }
        assert_eq!(sorter.runs.len(), 10);
        let sorted: Vec<_> = sorter
            .sorted()
            .and_then(Iterator::collect)
            .expect("the records can be read");
        let mut expected: Vec<_> = records.collect();
        expected.sort_unstable();
        assert_eq!(sorted, expected);
    }

    proptest! {
        #[test]
        fn any_records_come_in_order(records in proptest::collection::vec(any::<[u64; 3]>(), 0..40)) {
            let mut sorter = Sorter::with_runs_of(7);
            for record in &records {
                sorter.push(*record).expect("space for some records");
            }
            let sorted: io::Result<Vec<_>> = sorter.sorted().and_then(Iterator::collect);
            let mut expected = records;
            expected.sort_unstable();
            prop_assert_eq!(sorted.ok(), Some(expected));
        }
    }
}
