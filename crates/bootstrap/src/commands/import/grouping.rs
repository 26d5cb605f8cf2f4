//! Grouping: which rows of a file belong together, and how line ids are numbered.

use clap::ValueEnum;
use earmark_adapters::files::Kind;

/// What becomes of a key that is on several rows of a file: the id of an order line, the reference of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Repeats {
    /// None of the rows is imported; each is reported
    Refuse,
    /// The quantities are added up
    Add,
    /// The second is numbered: LAMP-2, and so on
    Number,
}

/// Which rows belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grouping {
    /// None: each row is a command, whatever others say.
    Apart,
    /// None, and a row whose key is on another row is refused.
    RefuseRepeats,
    /// None, and a row whose key is on an earlier row gets a number.
    NumberRepeats,
    /// Rows with the same key.
    ByKey,
    /// The rows of an order.
    ByOrder(Repeats),
}

impl Grouping {
    /// The grouping for a kind of rows.
    pub(super) const fn of(kind: Kind, repeats: Repeats, whole_orders: bool) -> Self {
        match (kind, repeats) {
            (Kind::Changes, _) => Self::Apart,
            (Kind::Orders, repeats) if whole_orders => Self::ByOrder(repeats),
            // A product whose rows say the same is no fault, and what they say is only known when they are read.
            (Kind::Products, _) | (_, Repeats::Add) => Self::ByKey,
            (_, Repeats::Refuse) => Self::RefuseRepeats,
            (_, Repeats::Number) => Self::NumberRepeats,
        }
    }
}

/// The name of a row whose key is on an earlier row: `LAMP-2`.
pub(super) fn numbered(name: &str, number: u64) -> String {
    format!("{name}-{number}")
}

/// The parts of a name that [`numbered`] could have made.
pub(super) fn number_of(name: &str) -> Option<(&str, u64)> {
    let (name, number) = name.rsplit_once('-')?;
    if name.is_empty() || number.starts_with('0') || !number.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    Some((name, number.parse().ok().filter(|number| *number > 1)?))
}

/// The number of the `repeat`th row with a key, from 1 for the one behind the first. `taken`: the highest number that
/// another row has behind the same name by itself, so that no two rows get the same name.
pub(super) fn next_number(taken: u64, repeat: u64) -> u64 {
    taken.max(1).saturating_add(repeat)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_is_read_as_it_is_written() {
        assert_eq!(number_of(&numbered("BK-R93R", 56)), Some(("BK-R93R", 56)));
        for name in [
            "LAMP",
            "LAMP-",
            "LAMP-1",
            "LAMP-02",
            "LAMP-+2",
            "-2",
            "LAMP-99999999999999999999",
        ] {
            assert_eq!(number_of(name), None, "{name}");
        }
    }

    #[test]
    fn numbers_begin_at_2_and_behind_those_that_are_taken() {
        assert_eq!([next_number(0, 1), next_number(0, 2), next_number(4, 1)], [2, 3, 5]);
    }
}
