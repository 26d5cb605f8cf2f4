//! The merged layers, read by name: each value is parsed as what it is for, and refused with what is allowed.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::str::FromStr;

use super::error::SettingsError;
use super::secrets::refused;
use super::source::Sourced;
use super::values::{Count, MAX_COUNT};

/// The merged values by name, not yet parsed.
pub(super) struct MergedValues(BTreeMap<String, Sourced>);

impl MergedValues {
    /// The values of all layers, by name.
    pub(super) const fn of(values: BTreeMap<String, Sourced>) -> Self {
        Self(values)
    }

    /// The text of a setting, and where it comes from.
    pub(super) fn get(&self, name: &str) -> Option<&Sourced> {
        self.0.get(name)
    }

    /// A setting that is one value.
    ///
    /// # Errors
    /// [`SettingsError`], with what is allowed.
    pub(super) fn optional<T: FromStr<Err = String>>(&self, name: &'static str) -> Result<Option<T>, SettingsError> {
        self.parsed(name, Sourced::text)
    }

    /// A setting that is a list.
    ///
    /// # Errors
    /// [`SettingsError`], with what is allowed.
    pub(super) fn list<T: FromStr<Err = String>>(&self, name: &'static str) -> Result<Option<T>, SettingsError> {
        self.parsed(name, Sourced::list_text)
    }

    fn parsed<T: FromStr<Err = String>>(
        &self,
        name: &'static str,
        text: impl FnOnce(&Sourced) -> Option<String>,
    ) -> Result<Option<T>, SettingsError> {
        let Some(sourced) = self.0.get(name) else {
            return Ok(None);
        };
        let wrong = |given: String, allowed| SettingsError::Wrong {
            name,
            origin: sourced.source.clone(),
            given,
            allowed,
        };
        let text = text(sourced).ok_or_else(|| wrong("a list".to_owned(), "a single value is allowed".to_owned()))?;
        text.parse()
            .map(Some)
            .map_err(|allowed| wrong(refused(name, &text), allowed))
    }

    /// A setting with a default in the catalogue.
    ///
    /// # Errors
    /// [`SettingsError`], with what is allowed.
    pub(super) fn required<T: FromStr<Err = String>>(&self, name: &'static str) -> Result<T, SettingsError> {
        Ok(self
            .optional(name)?
            .expect("a required setting has a default in the catalogue"))
    }

    /// A number of things, at least one.
    ///
    /// # Errors
    /// [`SettingsError`], with what is allowed.
    pub(super) fn count(&self, name: &'static str) -> Result<Option<NonZeroUsize>, SettingsError> {
        Ok(self.optional::<Count<MAX_COUNT>>(name)?.map(|count| count.0))
    }
}
