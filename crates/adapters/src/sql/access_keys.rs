//! Access keys, as both stores keep them.

use earmark_application::{AccessKey, Bounds, KeyHash, KeyName, Prefix, Prefixes, Role, Roles, StoreError};
use jiff::Timestamp;

use super::decode::RowContext;

/// The columns of a key, with its instants read.
pub(crate) struct StoredAccessKey {
    pub(crate) name: String,
    pub(crate) hash: Vec<u8>,
    pub(crate) roles: String,
    pub(crate) orders_with_prefix: String,
    pub(crate) skus_with_prefix: String,
    pub(crate) created_at: Timestamp,
    pub(crate) expires_at: Option<Timestamp>,
    pub(crate) revoked_at: Option<Timestamp>,
    pub(crate) last_used_at: Option<Timestamp>,
}

impl TryFrom<StoredAccessKey> for AccessKey {
    type Error = StoreError;

    fn try_from(stored: StoredAccessKey) -> Result<Self, StoreError> {
        let at = context(&stored.name);
        Ok(Self {
            name: at.read("name", KeyName::new(&stored.name))?,
            hash: KeyHash(at.read("hash", stored.hash.as_slice().try_into())?),
            roles: read_roles(&at, &stored.roles)?,
            bounds: Bounds {
                orders: read_prefixes(&at, "orders_with_prefix", &stored.orders_with_prefix)?,
                skus: read_prefixes(&at, "skus_with_prefix", &stored.skus_with_prefix)?,
            },
            created_at: stored.created_at,
            expires_at: stored.expires_at,
            revoked_at: stored.revoked_at,
            last_used_at: stored.last_used_at,
        })
    }
}

/// A key's row, to name it in errors.
pub(crate) fn context(name: &String) -> RowContext<'_> {
    RowContext {
        table: "access_keys",
        key: name,
    }
}

/// Roles as they are stored: their names in order, parted by commas.
pub(crate) fn stored_roles(roles: Roles) -> String {
    let names: Vec<&str> = roles.iter().map(Role::as_str).collect();
    names.join(",")
}

/// What is stored in any other way is refused: a key must not do more than whoever reads the table sees.
pub(super) fn read_roles(at: &RowContext<'_>, text: &str) -> Result<Roles, StoreError> {
    let names = text.split(',').filter(|_| !text.is_empty());
    let roles: Roles = at.read("roles", names.map(str::parse::<Role>).collect())?;
    if stored_roles(roles) == text {
        Ok(roles)
    } else {
        Err(at.corrupt(format_args!("roles {text:?} are not in order, or not each once")))
    }
}

/// Prefixes as they are stored: in order, each on a line. No name has a line end in it.
pub(crate) fn stored_prefixes(prefixes: &Prefixes) -> String {
    let texts: Vec<&str> = prefixes.iter().map(Prefix::as_str).collect();
    texts.join("\n")
}

/// What is stored in any other way is refused: read as fewer prefixes, or as none, it would show more than it should.
fn read_prefixes(at: &RowContext<'_>, column: &'static str, text: &str) -> Result<Prefixes, StoreError> {
    let texts = text.split('\n').filter(|_| !text.is_empty());
    let read: Vec<Prefix> = at.read(column, texts.map(str::parse).collect())?;
    let prefixes = at.read(column, Prefixes::new(read))?;
    if stored_prefixes(&prefixes) == text {
        Ok(prefixes)
    } else {
        Err(at.corrupt(format_args!("{column} {text:?} are not in order, or not each once")))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(roles: &str, hash: Vec<u8>) -> Result<AccessKey, StoreError> {
        StoredAccessKey {
            name: "shop".to_owned(),
            hash,
            roles: roles.to_owned(),
            orders_with_prefix: String::new(),
            skus_with_prefix: String::new(),
            created_at: Timestamp::UNIX_EPOCH,
            expires_at: None,
            revoked_at: None,
            last_used_at: None,
        }
        .try_into()
    }

    #[test]
    fn any_roles_are_read_as_they_were_stored() {
        for chosen in 0_u8..32 {
            let is_chosen = |(at, _): &(usize, Role)| chosen & (1 << at) != 0;
            let roles: Roles = Role::ALL
                .into_iter()
                .enumerate()
                .filter(is_chosen)
                .map(|(_, role)| role)
                .collect();
            let key = read(&stored_roles(roles), vec![7; 32]).expect("a key");
            assert_eq!(key.roles, roles);
        }
        let roles = [Role::Sales, Role::Viewer].into_iter().collect();
        assert_eq!(stored_roles(roles), "viewer,sales");
        assert_eq!(stored_roles(Roles::NONE), "");
    }

    #[test]
    fn what_is_no_key_is_reported_and_its_hash_is_not_shown() {
        for roles in [
            "sales,viewer",
            "viewer,viewer",
            "viewer,",
            ",",
            "viewer, sales",
            "root",
            "Admin",
        ] {
            let read = read(roles, vec![7; 32]);
            assert!(
                matches!(&read, Err(StoreError::Corrupt(why)) if why.contains("shop")),
                "{roles}: {read:?}"
            );
        }
        let short = read("viewer", vec![77; 31]);
        assert!(
            matches!(&short, Err(StoreError::Corrupt(why)) if !why.contains("77")),
            "{short:?}"
        );
    }

    #[test]
    fn prefixes_are_read_as_they_were_stored_and_nothing_else_is() {
        let at = RowContext {
            table: "access_keys",
            key: &"shop",
        };
        let read = |text: &str| read_prefixes(&at, "skus_with_prefix", text);
        for text in ["", "A", "A-\nB é", "A 1"] {
            let prefixes = read(text).expect("prefixes");
            assert_eq!(stored_prefixes(&prefixes), text);
        }
        for text in ["\n", "A\n", "\nA", "B\nA", "A\nA", "A\nAB", " A", "A\r\nB"] {
            assert!(matches!(read(text), Err(StoreError::Corrupt(_))), "{text:?}");
        }
    }
}
