//! What was first asked for: by it a request that comes again is known, however things stand by then.
//!
//! The terms that are short are kept as they are, so that a refusal can name the one that differs. Lines and locations are
//! kept as digests.

use core::fmt;
use core::str::FromStr;

use jiff::civil::Date;

use super::digest::Digest;
use super::locations::Locations;
use super::name::{LineId, Sku};
use super::order_terms::{HoldFor, OnOrderShortage, OnShortage};
use super::precedence::{Precedence, Priority};
use super::quantity::Quantity;
use super::term::Term;

/// Why a text does not say what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("does not say what was asked for")]
pub struct AskedError;

/// What was asked for a line that was placed alone. Its SKU and whether it may be split never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedLine {
    quantity: Quantity,
    on_shortage: OnShortage,
    /// `None`: any location.
    locations: Option<Digest>,
}

impl AskedLine {
    /// These terms.
    #[must_use]
    pub fn new(quantity: Quantity, on_shortage: OnShortage, locations: &Locations) -> Self {
        Self {
            quantity,
            on_shortage,
            locations: (!locations.is_any()).then(|| Digest::EMPTY.of_locations(locations)),
        }
    }

    pub(crate) const fn quantity(self) -> Quantity {
        self.quantity
    }

    pub(crate) const fn on_shortage(self) -> OnShortage {
        self.on_shortage
    }

    /// Whether these locations were asked for.
    pub(crate) fn is_from(self, locations: &Locations) -> bool {
        Self::new(self.quantity, self.on_shortage, locations) == self
    }
}

/// As events and stores keep it: `12 reject`, or with a digest of the locations behind.
impl fmt::Display for AskedLine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.quantity, self.on_shortage.as_str())?;
        match self.locations {
            Some(digest) => write!(f, " {digest}"),
            None => Ok(()),
        }
    }
}

impl FromStr for AskedLine {
    type Err = AskedError;

    fn from_str(text: &str) -> Result<Self, AskedError> {
        let mut words = text.split(' ');
        let asked = Self {
            quantity: units(words.next())?,
            on_shortage: match words.next() {
                Some("reject") => OnShortage::Reject,
                Some("backorder") => OnShortage::Backorder,
                _ => return Err(AskedError),
            },
            locations: words.next().map(digest).transpose()?,
        };
        words.next().map_or(Ok(asked), |_| Err(AskedError))
    }
}

/// What was asked for an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AskedOrder {
    lines: Digest,
    locations: Digest,
    split: bool,
    on_shortage: OnOrderShortage,
    hold_for: Option<HoldFor>,
    precedence: Precedence,
}

/// A line of an order as it is asked for.
pub(crate) type LineAsked<'l> = (&'l LineId, &'l Sku, Quantity, &'l Locations);

impl AskedOrder {
    /// An order of these lines, by line id, on these terms.
    pub(crate) fn new<'l>(
        lines: impl Iterator<Item = LineAsked<'l>>,
        split: bool,
        on_shortage: OnOrderShortage,
        hold_for: Option<HoldFor>,
        precedence: Precedence,
    ) -> Self {
        let empty = (Digest::EMPTY, Digest::EMPTY);
        let (lines, locations) = lines.fold(empty, |(digest, places), (id, sku, quantity, locations)| {
            let digest = digest.with(id.as_str()).with(sku.as_str());
            // The end of one line's locations is told by the id of the next.
            let places = places.with(id.as_str()).of_locations(locations);
            (digest.with_number(u64::from(quantity.get())), places)
        });
        Self {
            lines,
            locations,
            split,
            on_shortage,
            hold_for,
            precedence,
        }
    }

    /// In which terms another request differs.
    pub(crate) fn differences(&self, other: &Self) -> [(Term, bool); 7] {
        [
            (Term::Lines, self.lines != other.lines),
            // Other lines have other locations.
            (
                Term::Locations,
                self.lines == other.lines && self.locations != other.locations,
            ),
            (Term::Split, self.split != other.split),
            (Term::OnShortage, self.on_shortage != other.on_shortage),
            (Term::HoldSeconds, self.hold_for != other.hold_for),
            (
                Term::Priority,
                self.precedence.priority() != other.precedence.priority(),
            ),
            (
                Term::RequiredBy,
                self.precedence.required_by() != other.precedence.required_by(),
            ),
        ]
    }
}

/// As events and stores keep it: two digests, then the terms.
impl fmt::Display for AskedOrder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let split = if self.split { "split" } else { "whole" };
        write!(
            f,
            "{} {} {split} {}",
            self.lines,
            self.locations,
            self.on_shortage.as_str()
        )?;
        write!(f, " {}", self.hold_for.map_or(0, |hold| hold.duration().as_secs()))?;
        write!(f, " {}", self.precedence.priority().get())?;
        match self.precedence.required_by() {
            Some(day) => write!(f, " {day}"),
            None => Ok(()),
        }
    }
}

impl FromStr for AskedOrder {
    type Err = AskedError;

    fn from_str(text: &str) -> Result<Self, AskedError> {
        let mut words = text.split(' ');
        let mut word = || words.next().ok_or(AskedError);
        let (lines, locations) = (digest(word()?)?, digest(word()?)?);
        let split = match word()? {
            "split" => true,
            "whole" => false,
            _ => return Err(AskedError),
        };
        let on_shortage = match word()? {
            "reject" => OnOrderShortage::Reject,
            "backorder" => OnOrderShortage::Backorder,
            "partial" => OnOrderShortage::Partial,
            _ => return Err(AskedError),
        };
        let hold_for = match number(word()?)? {
            0 => None,
            seconds => Some(HoldFor::seconds(seconds).map_err(|_| AskedError)?),
        };
        let priority = Priority::new(number(word()?)?).map_err(|_| AskedError)?;
        let required_by = words.next().map(|day| day.parse::<Date>().map_err(|_| AskedError));
        let asked = Self {
            lines,
            locations,
            split,
            on_shortage,
            hold_for,
            precedence: Precedence::of(priority, required_by.transpose()?),
        };
        words.next().map_or(Ok(asked), |_| Err(AskedError))
    }
}

fn digest(word: &str) -> Result<Digest, AskedError> {
    Digest::parse(word).ok_or(AskedError)
}

fn number(word: &str) -> Result<i64, AskedError> {
    word.parse().map_err(|_| AskedError)
}

fn units(word: Option<&str>) -> Result<Quantity, AskedError> {
    Quantity::new(number(word.ok_or(AskedError)?)?).map_err(|_| AskedError)
}

#[cfg(test)]
mod tests {
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::*;
    use crate::language::name::Location;

    fn asked(lines: &[(&str, &str, u32, &[&str])], split: bool) -> AskedOrder {
        let lines: Vec<_> = lines
            .iter()
            .map(|(id, sku, quantity, places)| {
                let places = places.iter().map(|place| Location::new(*place).expect("a name"));
                (
                    LineId::new(*id).expect("a name"),
                    Sku::new(*sku).expect("a name"),
                    Quantity::new(*quantity).expect("a quantity"),
                    locations(places.collect()),
                )
            })
            .collect();
        let lines = lines
            .iter()
            .map(|(id, sku, quantity, places)| (id, sku, *quantity, places));
        AskedOrder::new(lines, split, OnOrderShortage::Partial, None, Precedence::default())
    }

    fn locations(places: Vec<Location>) -> Locations {
        match places.as_slice() {
            [] => Locations::ANY,
            _ => Locations::new(places).expect("each once"),
        }
    }

    fn differing(a: &AskedOrder, b: &AskedOrder) -> Vec<Term> {
        let differences = a.differences(b).into_iter().filter(|(_, differs)| *differs);
        differences.map(|(term, _)| term).collect()
    }

    #[test]
    fn what_differs_is_named() {
        let one = asked(&[("1", "LAMP", 12, &["north"])], false);
        for (other, differs) in [
            (asked(&[("1", "LAMP", 12, &["north"])], false), &[][..]),
            (asked(&[("1", "LAMP", 12, &["north"])], true), &[Term::Split]),
            (asked(&[("1", "LAMP", 12, &[])], false), &[Term::Locations]),
            (asked(&[("1", "LAMP", 1, &["north"])], false), &[Term::Lines]),
            (asked(&[("1", "LAM", 12, &["north"])], false), &[Term::Lines]),
            (asked(&[("1L", "AMP", 12, &["north"])], false), &[Term::Lines]),
            (asked(&[], true), &[Term::Lines, Term::Split]),
        ] {
            assert_eq!(differing(&one, &other), differs);
        }
    }

    #[test]
    fn it_is_kept_as_a_short_text() {
        let line = AskedLine::new(
            Quantity::new(12).expect("a quantity"),
            OnShortage::Backorder,
            &Locations::ANY,
        );
        assert_eq!(line.to_string(), "12 backorder");
        let order = asked(&[], true);
        assert_eq!(order.to_string(), "cbf29ce484222325 cbf29ce484222325 split partial 0 0");
    }

    #[test]
    fn a_text_that_says_something_else_is_refused() {
        for text in [
            "",
            "12",
            "0 reject",
            "12 later",
            "12 reject 1f",
            "12 reject cbf29ce484222325 more",
        ] {
            assert_eq!(text.parse::<AskedLine>(), Err(AskedError), "{text}");
        }
        let order = asked(&[], true).to_string();
        let no_day = order.clone() + " 2030-02-30";
        let too_much = order.clone() + " 2030-01-01 x";
        for text in ["", "12 reject", &order[1..], &no_day, &too_much] {
            assert_eq!(text.parse::<AskedOrder>(), Err(AskedError), "{text}");
        }
    }

    proptest! {
        #[test]
        fn it_is_read_back_as_it_was_kept(
            quantity in 1_u32..=1_000_000_000,
            named in any::<bool>(),
            backorder in any::<bool>(),
            hold in prop::option::of(1_i64..1000),
            priority in -1_000_000_i32..=1_000_000,
            dated in any::<bool>(),
        ) {
            let north = named.then(|| Location::new("north").expect("a name"));
            let places = locations(north.into_iter().collect());
            let quantity = Quantity::new(quantity).expect("a quantity");
            let line = AskedLine::new(quantity, if backorder { OnShortage::Backorder } else { OnShortage::Reject }, &places);
            prop_assert_eq!(line.to_string().parse(), Ok(line));
            let required_by = dated.then(|| jiff::civil::date(2030, 6, 10));
            let precedence = Precedence::of(Priority::new(priority).expect("a priority"), required_by);
            let hold = hold.map(|seconds| HoldFor::seconds(seconds).expect("a hold"));
            let (id, sku) = (LineId::new("1").expect("a name"), Sku::new("LAMP").expect("a name"));
            let lines = [(&id, &sku, quantity, &places)];
            let order = AskedOrder::new(lines.into_iter(), named, OnOrderShortage::Backorder, hold, precedence);
            prop_assert_eq!(order.to_string().parse(), Ok(order));
        }
    }
}
