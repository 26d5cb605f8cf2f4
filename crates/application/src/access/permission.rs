//! What is allowed: decided here, and nowhere else.

use earmark_domain::{ChangeBatch, ChangeOrder, Command};

use super::principal::Principal;
use super::role::Role;

/// What a principal wants to do.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// To ask a question.
    Read,
    /// To run a command, or to preview it.
    Command(&'a Command),
    /// To decide on subscriptions, message sources and their dead letters.
    DeadLetters,
    /// To make, list and revoke keys.
    Keys,
    /// To read who was refused what, and who has changed who may do what.
    Audit,
}

/// The principal has none of the roles that would be needed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("this needs the role {needs}")]
pub struct Forbidden {
    /// The role that is meant for it.
    pub needs: Role,
}

/// Decides whether a principal may do something.
///
/// # Errors
/// [`Forbidden`], with the role that is meant for it.
pub fn may(principal: &Principal, action: Action<'_>) -> Result<(), Forbidden> {
    let roles = principal.roles();
    let is_allowed = |role: &Role| roles.has(*role);
    let allowed: &[Role] = match action {
        Action::Read => &Role::ALL,
        Action::Command(command) => match roles_for(command) {
            Some(allowed) => allowed,
            // The work that the service gives itself is nobody else's.
            None if roles.are_of_the_service() => return Ok(()),
            None => return Err(Forbidden { needs: Role::Admin }),
        },
        Action::DeadLetters | Action::Keys | Action::Audit => &[Role::Admin],
    };
    if allowed.iter().any(is_allowed) {
        return Ok(());
    }
    Err(Forbidden { needs: allowed[0] })
}

/// The roles that may run a command, first the one that it is meant for; `None`: the service alone.
const fn roles_for(command: &Command) -> Option<&'static [Role]> {
    Some(match command {
        Command::PutProduct(_) | Command::CreateBatch(_) | Command::CancelBatch(_) | Command::Reallocate(_) => {
            &[Role::Planner]
        }
        // A count is the warehouse's, a date is not.
        Command::ChangeBatch(ChangeBatch { eta: None, .. }) => &[Role::Warehouse, Role::Planner],
        Command::ChangeBatch(_) => &[Role::Planner],
        Command::ReceiveBatch { .. } | Command::UndoReceipt(_) => &[Role::Warehouse],
        Command::Dispatch(_) | Command::UndoDispatch { .. } => &[Role::Warehouse],
        Command::Allocate(_)
        | Command::PlaceOrder(_)
        | Command::ReplaceOrder(_)
        | Command::ConfirmOrder(_)
        | Command::ChangeLineQuantity { .. }
        | Command::CancelLine(_)
        | Command::CancelOrder(_)
        | Command::Quote(_) => &[Role::Sales],
        // Who is served before others is the planner's to say.
        Command::ChangeOrder(ChangeOrder { change, .. }) if change.priority.is_some() => &[Role::Planner],
        Command::ChangeOrder(_) => &[Role::Sales, Role::Planner],
        Command::ExpireHolds(_) | Command::PassDay(_) | Command::Continue(_) => return None,
    })
}

#[cfg(test)]
mod tests {
    use earmark_domain::{OrderId, Reference, Sku, TermsChange};

    use super::super::role::Roles;
    use super::*;

    fn of(roles: impl IntoIterator<Item = Role>) -> Principal {
        Principal::new("somebody", roles.into_iter().collect::<Roles>())
    }

    fn sku() -> Sku {
        Sku::new("LAMP").expect("a SKU")
    }

    #[test]
    fn who_has_any_role_may_read_and_who_has_none_may_nothing() {
        for role in Role::ALL {
            assert_eq!(may(&of([role]), Action::Read), Ok(()));
        }
        assert!(may(&of([]), Action::Read).is_err());
    }

    #[test]
    fn a_viewer_may_only_read() {
        let viewer = of([Role::Viewer]);
        let order = OrderId::new("O-1").expect("an order id");
        let cancel = may(&viewer, Action::Command(&Command::CancelOrder(order)));
        assert_eq!(cancel, Err(Forbidden { needs: Role::Sales }));
        for action in [Action::DeadLetters, Action::Keys, Action::Audit] {
            assert_eq!(may(&viewer, action), Err(Forbidden { needs: Role::Admin }));
        }
    }

    #[test]
    fn a_count_is_the_warehouses_and_a_date_the_planners() {
        let reference = Reference::new("B-1").expect("a reference");
        let count = Command::ChangeBatch(ChangeBatch {
            reference: reference.clone(),
            quantity: None,
            eta: None,
        });
        let date = Command::ChangeBatch(ChangeBatch {
            reference,
            quantity: None,
            eta: Some(jiff::civil::date(2026, 12, 1)),
        });
        let (warehouse, planner) = (of([Role::Warehouse]), of([Role::Planner]));
        assert_eq!(may(&warehouse, Action::Command(&count)), Ok(()));
        assert_eq!(may(&planner, Action::Command(&count)), Ok(()));
        assert_eq!(may(&planner, Action::Command(&date)), Ok(()));
        let forbidden = may(&warehouse, Action::Command(&date));
        assert_eq!(forbidden, Err(Forbidden { needs: Role::Planner }));
    }

    #[test]
    fn who_is_served_before_others_is_the_planners_to_say() {
        let change = |priority| {
            Command::ChangeOrder(ChangeOrder {
                order: OrderId::new("O-1").expect("an order id"),
                change: TermsChange {
                    priority,
                    ..TermsChange::default()
                },
            })
        };
        let sales = of([Role::Sales]);
        assert_eq!(may(&sales, Action::Command(&change(None))), Ok(()));
        let first = earmark_domain::Priority::new(1).expect("a priority");
        let forbidden = may(&sales, Action::Command(&change(Some(first))));
        assert_eq!(forbidden, Err(Forbidden { needs: Role::Planner }));
    }

    #[test]
    fn the_work_of_the_service_is_nobody_elses() {
        let work = Command::Continue(sku());
        assert_eq!(may(&Principal::service(), Action::Command(&work)), Ok(()));
        let all = Principal::new("root", Roles::ALL);
        assert!(may(&all, Action::Command(&work)).is_err());
    }
}
