//! What the messages of a source may do: the parameters of its address say it.

use earmark_application::{Bounds, Prefix, Prefixes, Principal, Role, Roles, SourceName};

use super::address::{AddressError, BrokerAddress};

/// What the messages of a source may do.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Rights {
    roles: Roles,
    bounds: Bounds,
}

impl Rights {
    /// Takes `roles`, `orders_with_prefix` and `skus_with_prefix` from an address: each names several, parted by commas. By
    /// default messages have every role but `admin`, which is for none of them, and know of everything.
    ///
    /// # Errors
    /// [`AddressError::Value`].
    pub(crate) fn take(broker: &mut BrokerAddress) -> Result<Self, AddressError> {
        let roles = broker.take_parameter("roles", "some of viewer, sales, warehouse and planner", |text| {
            let roles: Result<Vec<Role>, _> = text.split(',').map(str::parse).collect();
            roles.ok().filter(|roles| !roles.contains(&Role::Admin))
        })?;
        let mut prefixes = |name| {
            let prefixes = broker.take_parameter(name, "up to 16 beginnings of names", |text| {
                let prefixes: Result<Vec<Prefix>, _> = text.split(',').map(str::parse).collect();
                Prefixes::new(prefixes.ok()?).ok()
            });
            prefixes.map(Option::unwrap_or_default)
        };
        let bounds = Bounds {
            orders: prefixes("orders_with_prefix")?,
            skus: prefixes("skus_with_prefix")?,
        };
        Ok(Self {
            roles: roles.map_or(Roles::OF_THE_SHOP, |roles| roles.into_iter().collect()),
            bounds,
        })
    }

    /// Whom the messages of a source stand for.
    pub(crate) fn principal(&self, source: &SourceName) -> Principal {
        Principal::new(source.as_str(), self.roles).within(&self.bounds)
    }
}

#[cfg(test)]
mod tests {
    use super::super::address::Scheme;
    use super::*;

    fn principal(query: &str) -> Result<Principal, AddressError> {
        let scheme = Scheme {
            plain: "plain",
            encrypted: "safe",
            both: "plain:// or safe://",
            port: 4222,
        };
        let mut broker = BrokerAddress::read(&format!("plain://host/COMMANDS{query}"), scheme)?;
        let rights = Rights::take(&mut broker)?;
        broker.no_more_parameters()?;
        Ok(rights.principal(&SourceName::new("desk")))
    }

    #[test]
    fn messages_may_do_what_the_address_says_and_by_default_all_that_is_about_the_shop() {
        let by_default = principal("").expect("rights");
        assert_eq!(by_default, Principal::new("desk", Roles::OF_THE_SHOP));
        let some = principal("?roles=sales,warehouse&orders_with_prefix=MKT-,M&skus_with_prefix=A").expect("rights");
        let roles = some.roles();
        assert!(roles.has(Role::Sales) && roles.has(Role::Warehouse) && !roles.has(Role::Planner));
        let bounds = some.bounds().expect("bounds");
        let orders: Vec<&str> = bounds.orders.iter().map(Prefix::as_str).collect();
        assert_eq!(orders, ["M"], "one begins with the other");
        assert!(bounds.skus.admit("A-1") && !bounds.skus.admit("B"));
        for wrong in [
            "?roles=",
            "?roles=admin",
            "?roles=sales,root",
            "?orders_with_prefix=",
            "?skus_with_prefix=A,%20",
        ] {
            assert!(principal(wrong).is_err(), "{wrong}");
        }
    }
}
