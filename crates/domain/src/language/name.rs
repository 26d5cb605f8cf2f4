//! Names: SKU, batch reference, location, order id, line id.
//!
//! Each name has a type of its own, so a reference can't be passed where a SKU is meant. A value of such a type is
//! proof that the text is well-formed: 1–64 Unicode characters, no control characters, no space at either end. Names
//! are case-sensitive.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use core::fmt;

/// The longest name, in Unicode characters (not bytes).
pub const MAX_NAME_CHARS: usize = 64;

/// Why a text is not a name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NameError {
    /// The text is empty.
    #[error("must not be empty")]
    Empty,
    /// The text has too many characters.
    #[error("must have at most {most} characters, has {given}")]
    TooLong {
        /// The limit: [`MAX_NAME_CHARS`] or [`MAX_PRODUCT_NAME_CHARS`].
        most: usize,
        /// How many characters the text has.
        given: usize,
    },
    /// The text has a control character (a line break, a tab, NUL, …).
    #[error("must not contain control characters, has U+{0:04X}")]
    Control(u32),
    /// The text begins or ends with white space.
    #[error("must not begin or end with a space")]
    OuterSpace,
}

/// Checks the rule that all names share, with `most` as the longest length.
fn check(text: &str, most: usize) -> Result<(), NameError> {
    if text.is_empty() {
        return Err(NameError::Empty);
    }
    if let Some(control) = text.chars().find(|c| c.is_control()) {
        return Err(NameError::Control(u32::from(control)));
    }
    if text.starts_with(char::is_whitespace) || text.ends_with(char::is_whitespace) {
        return Err(NameError::OuterSpace);
    }
    match text.chars().count() {
        given if given > most => Err(NameError::TooLong { most, given }),
        _ => Ok(()),
    }
}

macro_rules! names {
    ($($(#[$doc:meta])* $name:ident;)+) => {$(
        $(#[$doc])*
        ///
        /// Cheap to clone: the text is shared.
        #[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(Arc<str>);

        impl $name {
            /// Checks a text and makes a name of it.
            ///
            /// # Errors
            /// [`NameError`] names the part of the rule that the text breaks.
            pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
                let text = text.as_ref();
                check(text, MAX_NAME_CHARS)?;
                Ok(Self(Arc::from(text)))
            }

            /// The name as text.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, "{}({})", stringify!($name), &self.0)
            }
        }

        impl core::borrow::Borrow<str> for $name {
            fn borrow(&self) -> &str {
                &self.0
            }
        }

        impl TryFrom<String> for $name {
            type Error = NameError;
            fn try_from(text: String) -> Result<Self, NameError> {
                Self::new(text)
            }
        }

        impl core::str::FromStr for $name {
            type Err = NameError;
            fn from_str(text: &str) -> Result<Self, NameError> {
                Self::new(text)
            }
        }
    )+};
}

names! {
    /// Identifies a product (stock-keeping unit).
    Sku;
    /// Identifies a batch; unique in the whole system.
    Reference;
    /// A place where batches are stored.
    Location;
    /// Identifies a customer's order.
    OrderId;
    /// Identifies a line within its order.
    LineId;
}

/// The longest product name, in Unicode characters.
pub const MAX_PRODUCT_NAME_CHARS: usize = 200;

/// A product's name for people: 1–200 characters, no control characters, no space at either end.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ProductName(Arc<str>);

impl ProductName {
    /// Checks a text and makes a product name of it.
    ///
    /// # Errors
    /// [`NameError`] names the part of the rule that the text breaks.
    pub fn new(text: impl AsRef<str>) -> Result<Self, NameError> {
        let text = text.as_ref();
        check(text, MAX_PRODUCT_NAME_CHARS)?;
        Ok(Self(Arc::from(text)))
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Default for Location {
    /// `main`: the location of a batch that names no other.
    fn default() -> Self {
        Self(Arc::from("main"))
    }
}

impl LineId {
    /// A value that sorts before every line id and is not a valid one itself: the start of a range scan.
    pub(crate) fn before_any() -> Self {
        Self(Arc::default())
    }
}

impl Reference {
    /// A value that sorts before every reference and is not a valid one itself: the start of a range scan.
    pub(crate) fn before_any() -> Self {
        Self(Arc::default())
    }
}

impl Reference {
    /// The reference of the rest of a batch with this one that no rest was left of before: `PO-7/2` for `PO-7`.
    ///
    /// # Errors
    /// [`NameError::TooLong`].
    pub(crate) fn first_rest(&self) -> Result<Self, NameError> {
        Self::new(format!("{self}/2"))
    }

    /// The batch that a batch with this reference is a rest of, if it is one, and the reference that its own rest has:
    /// `PO-7` and `PO-7/3` for `PO-7/2`. The second is an error if it is too long.
    pub(crate) fn as_rest(&self) -> Option<(Self, Result<Self, NameError>)> {
        let (whole, number) = self.0.rsplit_once('/')?;
        let rest: u32 = number.parse().ok()?;
        if rest < 2 || rest.to_string() != number {
            return None;
        }
        let next = rest.checked_add(1)?;
        Some((Self::new(whole).ok()?, Self::new(format!("{whole}/{next}"))))
    }
}

impl From<&Sku> for LineId {
    /// The default id of a line is its SKU.
    fn from(sku: &Sku) -> Self {
        Self(sku.0.clone())
    }
}

/// The identity of an order line: the order and the line's id within it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct LineKey {
    /// The order the line belongs to.
    pub order: OrderId,
    /// The line within the order.
    pub line: LineId,
}

impl fmt::Display for LineKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.order, self.line)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_is_case_sensitive_and_may_be_any_script() {
        assert_ne!(Sku::new("lamp"), Sku::new("Lamp"));
        assert!(Sku::new("ランプ-1").is_ok());
        assert!(Sku::new("two words").is_ok());
    }

    #[test]
    fn a_name_has_1_to_64_characters_however_many_bytes_they_take() {
        assert_eq!(Sku::new(""), Err(NameError::Empty));
        assert!(Sku::new("é".repeat(64)).is_ok());
        assert_eq!(
            Sku::new("é".repeat(65)),
            Err(NameError::TooLong { most: 64, given: 65 })
        );
    }

    #[test]
    fn a_name_has_no_control_character_and_no_space_at_either_end() {
        assert_eq!(Sku::new("a\nb"), Err(NameError::Control(10)));
        assert_eq!(Sku::new("a\u{0}"), Err(NameError::Control(0)));
        assert_eq!(Sku::new(" a"), Err(NameError::OuterSpace));
        assert_eq!(Sku::new("a\u{a0}"), Err(NameError::OuterSpace));
    }

    #[test]
    fn the_rest_of_a_batch_is_numbered_and_the_rest_of_a_rest_goes_on_counting() {
        let reference = |text: &str| Reference::new(text).expect("a name");
        assert_eq!(reference("PO-7").first_rest(), Ok(reference("PO-7/2")));
        let as_rest = |text: &str| reference(text).as_rest();
        assert_eq!(as_rest("PO-7/2"), Some((reference("PO-7"), Ok(reference("PO-7/3")))));
        assert_eq!(as_rest("a/b/9"), Some((reference("a/b"), Ok(reference("a/b/10")))));
        for no_rest in [
            "PO-7",
            "PO-7/1",
            "PO-7/02",
            "PO-7/+2",
            "PO-7/x",
            "/2",
            "PO-7/4294967295",
        ] {
            assert_eq!(as_rest(no_rest), None, "{no_rest}");
        }
    }

    #[test]
    fn the_reference_of_a_rest_is_no_longer_than_any_other() {
        let too_long = Err(NameError::TooLong { most: 64, given: 65 });
        let reference = Reference::new("é".repeat(63)).expect("a name");
        assert_eq!(reference.first_rest(), Err(NameError::TooLong { most: 64, given: 65 }));
        let ninth = Reference::new(format!("{}/9", "é".repeat(62))).expect("a name");
        assert_eq!(ninth.as_rest().expect("a rest").1, too_long);
    }

    #[test]
    fn the_default_id_of_a_line_is_its_sku() {
        let sku = Sku::new("LAMP").expect("a name");
        assert_eq!(LineId::from(&sku).as_str(), "LAMP");
    }
}
