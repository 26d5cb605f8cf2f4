//! Claims: which of them is the name of a person, and which of them says what the person may do.

use std::collections::BTreeMap;
use std::str::FromStr;

use earmark_application::{Person, PersonName, Role, Roles, SignInError};
use openidconnect::core::CoreGenderClaim;
use openidconnect::{AdditionalClaims, IdTokenClaims};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

/// What stands before the name of somebody who has neither an address of mail nor a name to be called by. No such name has a
/// colon.
const SUBJECT: &str = "sub:";

/// The claims that the standard does not name.
#[derive(Debug, Serialize, Deserialize)]
#[serde(transparent)]
pub(super) struct OtherClaims(pub(super) Map<String, Value>);

impl AdditionalClaims for OtherClaims {}

/// The claims of a token.
pub(super) type Claims = IdTokenClaims<OtherClaims, CoreGenderClaim>;

/// Where the roles are: the name of a claim, or a way through nested ones, as in `realm_access.roles`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ClaimPath(String);

impl FromStr for ClaimPath {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let is_path = !text.is_empty() && !text.chars().any(|char| char.is_whitespace() || char.is_control());
        is_path
            .then(|| Self(text.to_owned()))
            .ok_or_else(|| "the name of a claim is allowed, as in roles, or realm_access.roles".to_owned())
    }
}

impl ClaimPath {
    /// What is there. A name with a dot in it, as in `https://shop.example/roles`, is a name before it is a way.
    fn find<'c>(&self, claims: &'c Map<String, Value>) -> Option<&'c Value> {
        if let Some(value) = claims.get(&self.0) {
            return Some(value);
        }
        let (first, rest) = self.0.split_once('.')?;
        let mut value = claims.get(first)?;
        for name in rest.split('.') {
            value = value.as_object()?.get(name)?;
        }
        Some(value)
    }
}

/// Which role a value stands for, where the provider has other names for them. What is not listed is no role.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RoleMapping(BTreeMap<String, Role>);

impl FromStr for RoleMapping {
    type Err = String;

    /// Reads pairs `VALUE=ROLE`, separated by commas. Several values may stand for one role.
    fn from_str(text: &str) -> Result<Self, String> {
        let allowed = || {
            "values of the provider, each with a role of this service, are allowed, as in stock-admins=admin,staff=viewer"
                .to_owned()
        };
        let mut roles = BTreeMap::new();
        for pair in text.split(',').map(str::trim).filter(|pair| !pair.is_empty()) {
            // A value may have an equals sign; a role has none.
            let (value, role) = pair.rsplit_once('=').ok_or_else(allowed)?;
            let role: Role = role.trim().parse().map_err(|why| format!("{why}; {}", allowed()))?;
            let value = value.trim();
            if value.is_empty() {
                return Err(allowed());
            }
            if roles.insert(value.to_owned(), role).is_some() {
                return Err(format!("{value:?} is there twice"));
            }
        }
        Ok(Self(roles))
    }
}

impl RoleMapping {
    /// The role of a value. Without any mapping it is the one that is called so.
    fn role(&self, value: &str) -> Option<Role> {
        if self.0.is_empty() {
            return value.parse().ok();
        }
        self.0.get(value).copied()
    }
}

/// Who it is, and what they may do.
///
/// # Errors
/// [`SignInError::Refused`] when nothing of it can be a name.
pub(super) fn person(claims: &Claims, path: &ClaimPath, mapping: &RoleMapping) -> Result<Person, SignInError> {
    Ok(Person {
        name: name(claims)?,
        roles: roles(&claims.additional_claims().0, path, mapping),
    })
}

/// The name by which events call a person: the address of mail, if the provider has verified it; else the name to be called
/// by, if it is none of another kind; else the subject. So no name is that of somebody else because they chose it.
fn name(claims: &Claims) -> Result<PersonName, SignInError> {
    let mail = claims.email().filter(|_| claims.email_verified() == Some(true));
    let mail = mail.map(|mail| mail.as_str()).filter(|mail| mail.contains('@'));
    let called = claims.preferred_username().map(|name| name.as_str());
    let called = called.filter(|name| !name.contains(['@', ':']));
    if let Some(name) = mail.or(called).and_then(|text| PersonName::of(text).ok()) {
        return Ok(name);
    }
    let subject = PersonName::of(&format!("{SUBJECT}{}", claims.subject().as_str()));
    subject.map_err(|why| SignInError::Refused(format!("the subject is no name: {why}")))
}

/// The roles in a list of texts, or in a text with spaces between them.
fn roles(claims: &Map<String, Value>, path: &ClaimPath, mapping: &RoleMapping) -> Roles {
    let role = |value: &str| mapping.role(value);
    match path.find(claims) {
        Some(Value::Array(values)) => values.iter().filter_map(Value::as_str).filter_map(role).collect(),
        Some(Value::String(text)) => role(text)
            .into_iter()
            .chain(text.split_whitespace().filter_map(role))
            .collect(),
        _ => Roles::NONE,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn claims(more: &Value) -> Claims {
        let mut all = json!({"iss": "https://id.example", "aud": "earmark", "exp": 2, "iat": 1, "sub": "248-97"});
        let all_members = all.as_object_mut().expect("an object");
        all_members.extend(more.as_object().expect("an object").clone());
        serde_json::from_value(all).expect("claims")
    }

    fn path(text: &str) -> ClaimPath {
        text.parse().expect("a path")
    }

    #[test]
    fn a_person_is_called_by_what_nobody_else_can_choose() {
        let called = |more: Value| name(&claims(&more)).expect("a name").to_string();
        let verified = json!({"email": "anna@shop.example", "email_verified": true, "preferred_username": "anna"});
        assert_eq!(called(verified), "oidc:anna@shop.example");
        // Some providers write a text.
        let text = json!({"email": "anna@shop.example", "email_verified": "true"});
        assert_eq!(called(text), "oidc:anna@shop.example");
        let unverified = json!({"email": "bert@shop.example", "preferred_username": "anna"});
        assert_eq!(called(unverified), "oidc:anna");
        let no_mail = json!({"email": "anna", "email_verified": true});
        assert_eq!(called(no_mail), "oidc:sub:248-97");
        // A name to be called by that is another kind of name, or can't be shown.
        for chosen in ["bert@shop.example", "sub:1", "an na", "", "\u{1b}[2J"] {
            assert_eq!(
                called(json!({"preferred_username": chosen})),
                "oidc:sub:248-97",
                "{chosen:?}"
            );
        }
        assert!(name(&claims(&json!({"sub": "24 8"}))).is_err());
    }

    #[test]
    fn roles_are_found_by_name_or_by_a_way_through_nested_claims() {
        let of =
            |at: &str, more: Value| roles(&claims(&more).additional_claims().0, &path(at), &RoleMapping::default());
        let both = Roles::NONE.and(Role::Sales).and(Role::Viewer);
        assert_eq!(
            of("roles", json!({"roles": ["sales", "viewer", "offline_access", 7]})),
            both
        );
        assert_eq!(of("roles", json!({"roles": "sales viewer other"})), both);
        assert_eq!(
            of(
                "realm_access.roles",
                json!({"realm_access": {"roles": ["sales", "viewer"]}})
            ),
            both
        );
        assert_eq!(
            of(
                "https://a.example/r",
                json!({"https://a.example/r": ["sales", "viewer"]})
            ),
            both
        );
        for none in [
            json!({}),
            json!({"roles": []}),
            json!({"roles": {"sales": true}}),
            json!({"roles": null}),
            json!({"roles": ["Sales", "SALES ", "root"]}),
            json!({"other": ["sales"]}),
        ] {
            assert_eq!(of("roles", none.clone()), Roles::NONE, "{none}");
        }
        assert_eq!(of("a.b.c", json!({"a": {"b": ["sales"]}})), Roles::NONE);
    }

    #[test]
    fn where_values_are_mapped_no_other_is_a_role() {
        let mapping: RoleMapping = "stock admins=admin, CN=staff=viewer,ops=admin"
            .parse()
            .expect("a mapping");
        let of = |values: &[&str]| {
            roles(
                &claims(&json!({"roles": values})).additional_claims().0,
                &path("roles"),
                &mapping,
            )
        };
        assert_eq!(
            of(&["stock admins", "CN=staff"]),
            Roles::NONE.and(Role::Admin).and(Role::Viewer)
        );
        assert_eq!(of(&["ops"]), Roles::NONE.and(Role::Admin));
        assert_eq!(of(&["admin", "viewer", "stock", "admins"]), Roles::NONE);
        for wrong in ["admin", "x=root", "=admin", "a=admin,a=viewer"] {
            assert!(wrong.parse::<RoleMapping>().is_err(), "{wrong}");
        }
        assert_eq!("".parse::<RoleMapping>(), Ok(RoleMapping::default()));
    }
}
