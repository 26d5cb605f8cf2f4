//! Access keys to be made.

use earmark_application::{Bounds, KeyName, MAX_PREFIXES, Prefix, Prefixes, Role, Roles};
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
    /// What its holder knows of.
    pub bounds: Bounds,
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
    let orders = prefixes("orders_with_prefix", fields, faults);
    let skus = prefixes("skus_with_prefix", fields, faults);
    let expires_at = end(fields, faults);
    let roles: Roles = roles??.into_iter().collect();
    let bounds = Bounds {
        orders: orders?,
        skus: skus?,
    };
    if let Err(why) = bounds.go_with(roles) {
        faults.add(fields.path_of("roles"), why);
    }
    Some(NewKey {
        name: name?,
        roles,
        bounds,
        expires_at: expires_at?,
    })
}

/// Reads how the names begin that a key is bounded to. None: any name.
fn prefixes(field: &'static str, fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Prefixes> {
    let read = fields.list(field, MAX_PREFIXES, faults, |json, path, faults| {
        let read = text(str::parse::<Prefix>)(json);
        read.map_err(|message| faults.add(path, message)).ok()
    });
    // There are no more than may be.
    Prefixes::new(read?.unwrap_or_default()).ok()
}

/// Reads when a key ends. `None` among what was read: it does not.
pub fn end(fields: &mut Fields<'_>, faults: &mut Faults) -> Option<Option<Timestamp>> {
    let instant = |text: &str| {
        text.parse::<Timestamp>()
            .map_err(|_| "must be an instant, as in 2027-01-31T00:00:00Z")
    };
    fields.optional("expires_at", faults, text(instant))
}
