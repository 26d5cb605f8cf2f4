//! Access keys to be made.

use earmark_application::{KeyName, Role, Roles};
use jiff::Timestamp;

use crate::wire::reading::faults::Faults;
use crate::wire::reading::fields::Fields;
use crate::wire::reading::values::text;

/// A key to be made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewKey {
    /// Its name.
    pub name: KeyName,
    /// What its holder may do.
    pub roles: Roles,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// Reads a key to be made.
pub fn new_key(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<NewKey> {
    let name = fields.required("name", faults, text(KeyName::new));
    let roles = fields.list("roles", Role::ALL.len(), faults, |json, path, faults| {
        let read = text(str::parse::<Role>)(json);
        read.map_err(|message| faults.add(path, message)).ok()
    });
    if roles == Some(None) {
        faults.add(fields.path_of("roles"), "is missing");
    }
    let expires_at = end(fields, faults);
    Some(NewKey {
        name: name?,
        roles: roles??.into_iter().collect(),
        expires_at: expires_at?,
    })
}

/// Reads when a key ends. `None` among what was read: it does not.
pub fn end(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Timestamp>> {
    let instant = |text: &str| {
        text.parse::<Timestamp>()
            .map_err(|_| "must be an instant, as in 2027-01-31T00:00:00Z")
    };
    fields.optional("expires_at", faults, text(instant))
}
