//! Places in lists, as cursors: opaque texts that name where a page ends. Their encoding may change, so clients must not
//! interpret them.

use earmark_application::{DuePlace, EtaPlace, PlacedPlace, RiskPlace};
use earmark_domain::{
    LineId, LineKey, MAX_NAME_CHARS, OrderId, Precedence, Priority, Reference, ReleasePosition, ReleaseRank, RiskKind,
    ServicePosition, Sku,
};
use jiff::Timestamp;
use jiff::civil::Date;

/// The longest cursor that is made: some numbers, days and words, and three names of characters of up to four bytes, in
/// hexadecimal.
const LONGEST: usize = 2 * (200 + 3 * (1 + 4 * MAX_NAME_CHARS));

/// A place in a list.
pub(crate) trait Place: Sized {
    /// Writes its parts.
    fn write(&self, parts: &mut Parts);

    /// Reads its parts. `None`: they are not of such a place.
    fn read(parts: &mut Reader<'_>) -> Option<Self>;
}

/// The place as a cursor.
pub(crate) fn cursor(place: &impl Place) -> String {
    let mut parts = Parts(String::new());
    place.write(&mut parts);
    parts.0.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// The place of a cursor.
///
/// # Errors
/// What it must be.
pub(crate) fn place<P: Place>(cursor: &str) -> Result<P, &'static str> {
    const WRONG: &str = "must be `next` of the page before";
    let read = || {
        if cursor.len() > LONGEST || !cursor.len().is_multiple_of(2) || !cursor.is_ascii() {
            return None;
        }
        let bytes = (0..cursor.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&cursor[at..at + 2], 16).ok());
        let plain = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
        let mut parts = Reader(plain.strip_suffix('\n')?.split('\n'));
        let place = P::read(&mut parts)?;
        parts.0.next().is_none().then_some(place)
    };
    read().ok_or(WRONG)
}

/// The parts of a place as they are written. No name contains a control character, so a line end parts them safely.
pub(crate) struct Parts(String);

impl Parts {
    fn add(&mut self, part: impl std::fmt::Display) {
        use std::fmt::Write as _;
        // Writing to a text does not fail.
        let _ = writeln!(self.0, "{part}");
    }

    fn add_optional(&mut self, part: Option<impl std::fmt::Display>) {
        match part {
            Some(part) => self.add(part),
            None => self.add(""),
        }
    }
}

/// The parts of a place as they are read.
pub(crate) struct Reader<'p>(std::str::Split<'p, char>);

impl Reader<'_> {
    fn parse<T: std::str::FromStr>(&mut self) -> Option<T> {
        self.0.next()?.parse().ok()
    }

    /// A part that may be empty. `None`: it is wrong.
    fn optional<T: std::str::FromStr>(&mut self) -> Option<Option<T>> {
        match self.0.next()? {
            "" => Some(None),
            part => Some(Some(part.parse().ok()?)),
        }
    }

    /// A number that a database counts to.
    fn counter(&mut self) -> Option<u64> {
        self.parse().filter(|number| i64::try_from(*number).is_ok())
    }
}

impl Place for LineKey {
    fn write(&self, parts: &mut Parts) {
        parts.add(&self.order);
        parts.add(&self.line);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            order: parts.parse::<OrderId>()?,
            line: parts.parse::<LineId>()?,
        })
    }
}

impl Place for Precedence {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.priority().get());
        parts.add_optional(self.required_by());
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        let priority = Priority::new(parts.parse::<i32>()?).ok()?;
        Some(Self::of(priority, parts.optional()?))
    }
}

impl Place for ServicePosition {
    fn write(&self, parts: &mut Parts) {
        self.precedence.write(parts);
        parts.add(self.placed_version);
        self.key.write(parts);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            precedence: Precedence::read(parts)?,
            placed_version: parts.counter()?,
            key: LineKey::read(parts)?,
        })
    }
}

impl Place for ReleasePosition {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.rank.is_held());
        self.rank.precedence().write(parts);
        parts.add(self.allocated_version);
        self.line.write(parts);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        let held = parts.parse()?;
        Some(Self {
            rank: ReleaseRank::of(Precedence::read(parts)?, held),
            allocated_version: parts.counter()?,
            line: ServicePosition::read(parts)?,
        })
    }
}

impl Place for DuePlace {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.required_by);
        self.key.write(parts);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            required_by: parts.parse()?,
            key: LineKey::read(parts)?,
        })
    }
}

impl Place for PlacedPlace {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.placed_at);
        self.key.write(parts);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            placed_at: parts.parse::<Timestamp>()?,
            key: LineKey::read(parts)?,
        })
    }
}

impl Place for EtaPlace {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.eta);
        parts.add(&self.sku);
        parts.add(&self.reference);
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(Self {
            eta: parts.parse::<Date>()?,
            sku: parts.parse::<Sku>()?,
            reference: parts.parse::<Reference>()?,
        })
    }
}

/// A place that may be before the first.
fn write_optional(place: Option<&impl Place>, parts: &mut Parts) {
    parts.add(place.is_some());
    if let Some(place) = place {
        place.write(parts);
    }
}

/// The same, read. `None`: it is wrong.
fn read_optional<P: Place>(parts: &mut Reader<'_>) -> Option<Option<P>> {
    match parts.parse()? {
        true => Some(Some(P::read(parts)?)),
        false => Some(None),
    }
}

impl Place for RiskPlace {
    fn write(&self, parts: &mut Parts) {
        parts.add(self.kind().as_str());
        match self {
            Self::PromisedLate(line) | Self::Waiting(line) => write_optional(line.as_ref(), parts),
            Self::BatchOverdue(batch, line) => {
                write_optional(batch.as_ref(), parts);
                write_optional(line.as_ref(), parts);
            }
        }
    }

    fn read(parts: &mut Reader<'_>) -> Option<Self> {
        Some(match RiskKind::parse(parts.0.next()?)? {
            RiskKind::PromisedLate => Self::PromisedLate(read_optional(parts)?),
            RiskKind::BatchOverdue => Self::BatchOverdue(read_optional(parts)?, read_optional(parts)?),
            RiskKind::Waiting => Self::Waiting(read_optional(parts)?),
        })
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Debug;

    use proptest::prelude::*;

    use super::*;

    fn is_read_back<P: Place + PartialEq + Debug>(given: &P) {
        let cursor = cursor(given);
        assert!(cursor.len() <= LONGEST);
        assert_eq!(place::<P>(&cursor).as_ref(), Ok(given));
        assert!(place::<P>(&format!("{cursor}0a")).is_err(), "more than a place");
    }

    prop_compose! {
        fn service_position()(
            priority in -1_000_000_i32..=1_000_000,
            required_by in proptest::option::of(1_i16..=9_999),
            placed_version in 0_u64..=i64::MAX.unsigned_abs(),
            order in "[^\\p{C}\\p{Z}]{1,64}",
            line in "[^\\p{C}\\p{Z}]{1,64}",
        ) -> ServicePosition {
            let priority = Priority::new(priority).expect("a priority");
            let required_by = required_by.map(|year| jiff::civil::date(year, 2, 28));
            ServicePosition {
                precedence: Precedence::of(priority, required_by),
                placed_version,
                key: LineKey {
                    order: OrderId::new(order).expect("a name"),
                    line: LineId::new(line).expect("a name"),
                },
            }
        }
    }

    proptest! {
        #[test]
        fn a_cursor_is_read_as_its_place(
            line in service_position(),
            held: bool,
            allocated_version in 0_u64..=i64::MAX.unsigned_abs(),
            microseconds in -1_000_000_000_000_i64..=4_000_000_000_000_000,
            name in "[^\\p{C}\\p{Z}]{1,64}",
        ) {
            let position = ReleasePosition {
                rank: ReleaseRank::of(line.precedence, held),
                allocated_version,
                line: line.clone(),
            };
            let due = DuePlace { required_by: jiff::civil::date(2030, 1, 31), key: line.key.clone() };
            let batch = EtaPlace {
                eta: due.required_by,
                sku: Sku::new(name.as_str()).expect("a name"),
                reference: Reference::new(name).expect("a name"),
            };
            is_read_back(&PlacedPlace {
                placed_at: Timestamp::from_microsecond(microseconds).expect("an instant"),
                key: line.key.clone(),
            });
            is_read_back(&line);
            is_read_back(&position);
            is_read_back(&batch);
            is_read_back(&RiskPlace::PromisedLate(Some(due.clone())));
            is_read_back(&RiskPlace::Waiting(Some(due)));
            is_read_back(&RiskPlace::Waiting(None));
            is_read_back(&RiskPlace::BatchOverdue(Some(batch.clone()), Some(position)));
            is_read_back(&RiskPlace::BatchOverdue(Some(batch), None));
            is_read_back(&RiskPlace::BatchOverdue(None, None));
        }

        #[test]
        fn any_other_text_is_refused_and_does_no_harm(text in "\\PC{0,40}") {
            prop_assert!(place::<RiskPlace>(&text).is_err());
            prop_assert!(place::<ServicePosition>(&text).is_err());
        }
    }
}
