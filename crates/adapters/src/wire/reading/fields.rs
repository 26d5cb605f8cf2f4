//! Walking a JSON object field by field, collecting every fault on the way.
//!
//! A reader answers `None` for a value at fault and the walk goes on: a caller with three wrong fields gets three
//! faults. The results are domain types, so no later code checks them again.

use std::borrow::Cow;
use std::fmt::Display;

use super::faults::{Faults, shortened};
use super::json::Json;

/// Room for the fields of nearly every object, so that the list of known fields is allocated once.
const USUAL_FIELDS: usize = 8;

/// An object that is being read. [`finish`](Fields::finish) ends it.
#[derive(Debug)]
pub struct Fields<'a> {
    entries: &'a [(Cow<'a, str>, Json<'a>)],
    /// Its own path; empty for the root.
    path: &'a str,
    /// The fields that were asked for so far; the flag is set by `finish` when the field is met.
    known: Vec<(&'static str, bool)>,
}

impl<'a> Fields<'a> {
    /// The object at `path`. Any other value is a fault.
    pub fn of(json: &'a Json<'a>, path: &'a str, faults: &mut Faults) -> Option<Self> {
        let Json::Object(entries) = json else {
            faults.add(path, format_args!("must be an object, is {}", json.kind()));
            return None;
        };
        Some(Self {
            entries,
            path,
            known: Vec::with_capacity(USUAL_FIELDS),
        })
    }

    /// Its own path; empty for the root.
    #[must_use]
    pub const fn path(&self) -> &'a str {
        self.path
    }

    /// The path of one of its fields.
    #[must_use]
    pub fn path_of(&self, name: &str) -> String {
        if self.path.is_empty() {
            name.to_owned()
        } else {
            format!("{}.{name}", self.path)
        }
    }

    /// The value of a field, where one was sent.
    pub fn get(&mut self, name: &'static str) -> Option<&'a Json<'a>> {
        self.known.push((name, false));
        self.entries.iter().find(|(key, _)| key == name).map(|(_, value)| value)
    }

    /// A required field. `None`: it is missing or at fault.
    pub fn required<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<T> {
        let Some(json) = self.get(name) else {
            faults.add(self.path_of(name), "is missing");
            return None;
        };
        read(json)
            .map_err(|message| faults.add(self.path_of(name), message))
            .ok()
    }

    /// An optional field; null counts as absent. `None`: it is at fault.
    pub fn optional<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            None | Some(Json::Null) => Some(None),
            Some(json) => read(json)
                .map(Some)
                .map_err(|message| faults.add(self.path_of(name), message))
                .ok(),
        }
    }

    /// An optional field that must not be null, since a caller could mean null as "remove it". `None`: it is at fault.
    pub fn given<T, E: Display>(
        &mut self,
        name: &'static str,
        faults: &mut Faults,
        read: impl FnOnce(&Json<'_>) -> Result<T, E>,
    ) -> Option<Option<T>> {
        match self.get(name) {
            None => Some(None),
            Some(json) => read(json)
                .map(Some)
                .map_err(|message| faults.add(self.path_of(name), message))
                .ok(),
        }
    }

    /// An optional list, whose items are read one by one, each with its own path; null counts as absent. `None`: the
    /// list or an item is at fault.
    pub fn list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        faults: &mut Faults,
        mut read: impl FnMut(&Json<'_>, &str, &mut Faults) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        let sent = match self.get(name) {
            None | Some(Json::Null) => return Some(None),
            Some(Json::List(sent)) => sent,
            Some(other) => {
                faults.add(self.path_of(name), format_args!("must be a list, is {}", other.kind()));
                return None;
            }
        };
        if sent.is_empty() || sent.len() > most {
            let field = self.path_of(name);
            faults.add(field, format_args!("must have 1 to {most} entries, has {}", sent.len()));
            return None;
        }
        self.items(name, sent, faults, &mut read).map(Some)
    }

    /// An optional list that may be empty, and must not be null, since a caller could mean null as "empty it". `None`:
    /// the list or an item is at fault.
    pub fn given_list<T>(
        &mut self,
        name: &'static str,
        most: usize,
        faults: &mut Faults,
        mut read: impl FnMut(&Json<'_>, &str, &mut Faults) -> Option<T>,
    ) -> Option<Option<Vec<T>>> {
        match self.get(name) {
            None => Some(None),
            Some(Json::List(sent)) if sent.len() <= most => self.items(name, sent, faults, &mut read).map(Some),
            Some(Json::List(sent)) => {
                let field = self.path_of(name);
                faults.add(
                    field,
                    format_args!("must have at most {most} entries, has {}", sent.len()),
                );
                None
            }
            Some(other) => {
                let field = self.path_of(name);
                faults.add(
                    field,
                    format_args!("must be a list, which may be empty, is {}", other.kind()),
                );
                None
            }
        }
    }

    /// The items of a list.
    fn items<T>(
        &self,
        name: &str,
        sent: &[Json<'_>],
        faults: &mut Faults,
        read: &mut impl FnMut(&Json<'_>, &str, &mut Faults) -> Option<T>,
    ) -> Option<Vec<T>> {
        let field = self.path_of(name);
        let mut items = Vec::with_capacity(sent.len());
        for (index, json) in sent.iter().enumerate() {
            items.extend(read(json, &format!("{field}[{index}]"), faults));
        }
        (items.len() == sent.len()).then_some(items)
    }

    /// Ends the object: a field that was not asked for is unknown, and no field may occur twice.
    pub fn finish(mut self, faults: &mut Faults) {
        for (key, _) in self.entries {
            match self.known.iter_mut().find(|(name, _)| name == key) {
                Some((_, met)) if !*met => *met = true,
                Some(_) => faults.add(self.path_of(key), "is given more than once"),
                None => {
                    let known: Vec<&str> = self.known.iter().map(|(name, _)| *name).collect();
                    let field = self.path_of(&shortened(key));
                    match known.as_slice() {
                        [] => faults.add(field, "is not known here; there are no fields"),
                        known => faults.add(
                            field,
                            format_args!("is not known here; the fields are {}", known.join(", ")),
                        ),
                    }
                }
            }
        }
    }
}

/// Reads an object with `read` and reports every field that `read` did not ask for.
pub fn object<T>(
    json: &Json<'_>,
    path: &str,
    faults: &mut Faults,
    read: impl FnOnce(&mut Fields<'_>, &mut Faults) -> Option<T>,
) -> Option<T> {
    let mut fields = Fields::of(json, path, faults)?;
    let value = read(&mut fields, faults);
    fields.finish(faults);
    value
}

#[cfg(test)]
mod tests {
    use std::str::FromStr;

    use earmark_domain::Sku;

    use super::super::json::parse;
    use super::super::values::{date, quantity, text, yes_or_no};
    use super::*;

    #[test]
    fn every_fault_of_an_object_is_reported() {
        let sent = br#"{"sku": 7, "quantity": 0, "split": "yes", "prio": 1, "eta": "2026-02-30", "eta": null}"#;
        let body = parse(sent).expect("JSON");
        let mut faults = Faults::default();
        let mut fields = Fields::of(&body, "", &mut faults).expect("an object");
        assert_eq!(fields.required("sku", &mut faults, text(Sku::from_str)), None);
        assert_eq!(fields.required("quantity", &mut faults, quantity), None);
        assert_eq!(fields.required("order_id", &mut faults, text(Sku::from_str)), None);
        assert_eq!(fields.optional("split", &mut faults, yes_or_no), None);
        assert_eq!(fields.optional("eta", &mut faults, text(date)), None);
        assert_eq!(fields.optional("line_id", &mut faults, text(Sku::from_str)), Some(None));
        fields.finish(&mut faults);
        let (faults, _) = faults.into_parts();
        let faults: Vec<(&str, &str)> = faults.iter().map(|f| (f.field.as_str(), f.message.as_str())).collect();
        assert_eq!(
            faults,
            [
                ("sku", "must be text, is a number"),
                ("quantity", "must be a whole number from 1 to 1000000000, is 0"),
                ("order_id", "is missing"),
                ("split", "must be true or false, is text"),
                ("eta", "must be a date that exists, is \"2026-02-30\""),
                (
                    "prio",
                    "is not known here; the fields are sku, quantity, order_id, split, eta, line_id"
                ),
                ("eta", "is given more than once"),
            ]
        );
    }
}
