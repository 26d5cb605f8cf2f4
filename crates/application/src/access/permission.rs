//! What is allowed: decided here, and nowhere else. What the records alone tell, of which product a batch is and of which an
//! order's lines are, is decided by [`may_change`], in the transaction that has read them.

use earmark_domain::{ChangeBatch, ChangeOrder, Command, CreateBatch, OrderId, PutProduct, Refusal, Sku};

use super::bounds::Bounds;
use super::principal::Principal;
use super::role::Role;

/// What a principal wants to do.
#[derive(Debug, Clone, Copy)]
pub enum Action<'a> {
    /// To ask a question. Of what it asks for, it is shown what it knows of.
    Read,
    /// To list batches: of a product, or of all.
    ListBatches(Option<&'a Sku>),
    /// To list orders.
    ListOrders,
    /// To read who waits for a product.
    ReadBacklog,
    /// Ask what planners ask of all products at once.
    Plan,
    /// To read what is about the service as a whole: its figures, its subscriptions and sources, and what they have put
    /// aside.
    ReadService,
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

/// What is asked for is not within the bounds of the principal.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum OutOfBounds {
    /// It is about the service as a whole.
    #[error("this is about the service as a whole, and the key is bounded to some orders or products")]
    Service,
    /// It lists batches of all products.
    #[error("the key is bounded to some products, so it lists the batches of one product: name it with `sku`")]
    Batches,
    /// It lists orders, which may have lines of any product.
    #[error("the key is bounded to some products, and orders may have others: it shows orders, and does not list them")]
    Orders,
    /// It is about everybody who waits.
    #[error("the key is bounded to some orders, and others wait, too: list the orders with `waiting` and `sku`")]
    Backlog,
    /// It is about all orders and products.
    #[error("this is about all orders and products, and the key is bounded to some")]
    Outlook,
    /// It would make an order of that id.
    #[error("the key is bounded to other orders than {0}")]
    Order(OrderId),
    /// It would make something of that product.
    #[error("the key is bounded to other products than {0}")]
    Sku(Sku),
    /// It would change an order with other lines, too.
    #[error("order {0} has lines of other products than those that the key is bounded to")]
    OtherLines(OrderId),
}

/// Why a principal may not do something.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Denied {
    /// It has none of the roles that would be needed.
    Forbidden(Forbidden),
    /// It is not within its bounds.
    OutOfBounds(OutOfBounds),
    /// It names what does not exist for it.
    Unknown(Refusal),
}

/// Decides whether a principal may do something.
///
/// # Errors
/// [`Denied`].
pub fn may(principal: &Principal, action: Action<'_>) -> Result<(), Denied> {
    has_role(principal, action).map_err(Denied::Forbidden)?;
    match principal.bounds() {
        Some(bounds) => is_within(bounds, action),
        None => Ok(()),
    }
}

/// Whether one of its roles is meant for it.
fn has_role(principal: &Principal, action: Action<'_>) -> Result<(), Forbidden> {
    let roles = principal.roles();
    let is_allowed = |role: &Role| roles.has(*role);
    let allowed: &[Role] = match action {
        Action::Read
        | Action::ListBatches(_)
        | Action::ListOrders
        | Action::ReadBacklog
        | Action::Plan
        | Action::ReadService => &Role::ALL,
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

/// Whether it names nothing beyond these bounds.
fn is_within(bounds: &Bounds, action: Action<'_>) -> Result<(), Denied> {
    let beyond = match action {
        Action::Command(command) => return names_only_known(bounds, command),
        Action::Read => return Ok(()),
        Action::ListBatches(of) if bounds.skus.is_empty() || of.is_some() => return Ok(()),
        Action::ListOrders if bounds.skus.is_empty() => return Ok(()),
        Action::ReadBacklog if bounds.orders.is_empty() => return Ok(()),
        Action::ListBatches(_) => OutOfBounds::Batches,
        Action::ListOrders => OutOfBounds::Orders,
        Action::ReadBacklog => OutOfBounds::Backlog,
        Action::Plan => OutOfBounds::Outlook,
        Action::ReadService | Action::DeadLetters | Action::Keys | Action::Audit => OutOfBounds::Service,
    };
    Err(Denied::OutOfBounds(beyond))
}

/// Whether a command names no order and no product beyond these bounds. What it would make there is forbidden, whether it is
/// there or not; what it would only change or take from does not exist.
fn names_only_known(bounds: &Bounds, command: &Command) -> Result<(), Denied> {
    let may_make = |order: &OrderId| {
        let beyond = || Denied::OutOfBounds(OutOfBounds::Order(order.clone()));
        bounds.has_order(order).then_some(()).ok_or_else(beyond)
    };
    let know = |skus: &mut dyn Iterator<Item = &Sku>| {
        let mut unknown: Vec<Sku> = skus.filter(|sku| !bounds.has_sku(sku)).cloned().collect();
        unknown.sort();
        unknown.dedup();
        if unknown.is_empty() {
            return Ok(());
        }
        Err(Denied::Unknown(Refusal::UnknownSku(unknown)))
    };
    match command {
        Command::PutProduct(PutProduct { sku, .. }) | Command::CreateBatch(CreateBatch { sku, .. }) => {
            let beyond = || Denied::OutOfBounds(OutOfBounds::Sku(sku.clone()));
            bounds.has_sku(sku).then_some(()).ok_or_else(beyond)
        }
        Command::Allocate(allocate) => {
            may_make(&allocate.line.key.order)?;
            know(&mut std::iter::once(&allocate.line.sku))
        }
        Command::PlaceOrder(place) | Command::ReplaceOrder(place) => {
            may_make(place.order())?;
            know(&mut place.lines().iter().map(|line| &line.sku))
        }
        Command::Quote(quote) => know(&mut quote.lines.iter().map(|line| &line.sku)),
        Command::Reallocate(sku) => know(&mut std::iter::once(sku)),
        Command::ConfirmOrder(_)
        | Command::ChangeOrder(_)
        | Command::ChangeLineQuantity { .. }
        | Command::CancelLine(_)
        | Command::CancelOrder(_)
        | Command::Dispatch(_)
        | Command::UndoDispatch { .. } => match command.changed_order() {
            Some(order) if !bounds.has_order(order) => Err(Denied::Unknown(Refusal::UnknownOrder(order.clone()))),
            _ => Ok(()),
        },
        // Of which product the batch is, the records tell.
        Command::ChangeBatch(_) | Command::ReceiveBatch { .. } | Command::UndoReceipt(_) | Command::CancelBatch(_) => {
            Ok(())
        }
        Command::ExpireHolds(_) | Command::PassDay(_) | Command::Continue(_) => {
            Err(Denied::OutOfBounds(OutOfBounds::Service))
        }
    }
}

/// Decides whether a principal with these bounds may run a command on what it names: `behind` are the SKUs of the batch, or of
/// each line of the order. Who changes an order changes all of it.
///
/// # Errors
/// [`Denied`].
pub(crate) fn may_change(bounds: &Bounds, command: &Command, behind: &[&Sku]) -> Result<(), Denied> {
    let within = behind.iter().filter(|sku| bounds.has_sku(sku)).count();
    if within == behind.len() {
        return Ok(());
    }
    Err(match (command.changed_batch(), command.changed_order()) {
        (Some(batch), _) => Denied::Unknown(Refusal::UnknownBatch(batch.clone())),
        (None, Some(order)) if within == 0 => Denied::Unknown(Refusal::UnknownOrder(order.clone())),
        (None, Some(order)) => Denied::OutOfBounds(OutOfBounds::OtherLines(order.clone())),
        // It names SKUs, which were looked at before.
        (None, None) => return Ok(()),
    })
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

    const fn needs(needs: Role) -> Denied {
        Denied::Forbidden(Forbidden { needs })
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
        assert_eq!(cancel, Err(needs(Role::Sales)));
        for action in [Action::DeadLetters, Action::Keys, Action::Audit] {
            assert_eq!(may(&viewer, action), Err(needs(Role::Admin)));
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
        assert_eq!(forbidden, Err(needs(Role::Planner)));
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
        assert_eq!(forbidden, Err(needs(Role::Planner)));
    }

    #[test]
    fn the_work_of_the_service_is_nobody_elses() {
        let work = Command::Continue(sku());
        assert_eq!(may(&Principal::service(), Action::Command(&work)), Ok(()));
        let all = Principal::new("root", Roles::ALL);
        assert!(may(&all, Action::Command(&work)).is_err());
    }

    fn bounded(orders: &[&str], skus: &[&str]) -> Principal {
        let prefixes = |texts: &[&str]| {
            let read = texts.iter().map(|text| text.parse().expect("a prefix"));
            super::super::bounds::Prefixes::new(read).expect("a few")
        };
        let bounds = Bounds {
            orders: prefixes(orders),
            skus: prefixes(skus),
        };
        Principal::new("somebody", Roles::ALL).within(&bounds)
    }

    #[test]
    fn what_is_about_the_service_or_about_everybody_is_nothing_for_who_is_bounded() {
        let of_orders = bounded(&["A-"], &[]);
        let of_products = bounded(&[], &["LAMP"]);
        let refused = |who: &Principal, action| match may(who, action) {
            Err(Denied::OutOfBounds(why)) => Some(why),
            _ => None,
        };
        for who in [&of_orders, &of_products] {
            for action in [Action::ReadService, Action::DeadLetters, Action::Keys, Action::Audit] {
                assert_eq!(refused(who, action), Some(OutOfBounds::Service));
            }
            assert_eq!(may(who, Action::Read), Ok(()));
        }
        let lamp = sku();
        assert_eq!(refused(&of_orders, Action::ReadBacklog), Some(OutOfBounds::Backlog));
        assert_eq!(may(&of_orders, Action::ListOrders), Ok(()));
        assert_eq!(may(&of_orders, Action::ListBatches(None)), Ok(()));
        assert_eq!(may(&of_products, Action::ReadBacklog), Ok(()));
        assert_eq!(refused(&of_products, Action::ListOrders), Some(OutOfBounds::Orders));
        assert_eq!(
            refused(&of_products, Action::ListBatches(None)),
            Some(OutOfBounds::Batches)
        );
        assert_eq!(may(&of_products, Action::ListBatches(Some(&lamp))), Ok(()));
    }

    #[test]
    fn what_is_out_of_bounds_does_not_exist_and_is_not_made_either() {
        let who = bounded(&["A-"], &["TABLE"]);
        let order = OrderId::new("B-1").expect("an order id");
        let run = |command: &Command| may(&who, Action::Command(command));
        let unknown = Denied::Unknown(Refusal::UnknownOrder(order.clone()));
        assert_eq!(run(&Command::CancelOrder(order)), Err(unknown));
        let unknown = Denied::Unknown(Refusal::UnknownSku(vec![sku()]));
        assert_eq!(run(&Command::Reallocate(sku())), Err(unknown));
        let put = Command::PutProduct(earmark_domain::PutProduct {
            sku: sku(),
            name: None,
            safety_stock: None,
        });
        assert_eq!(run(&put), Err(Denied::OutOfBounds(OutOfBounds::Sku(sku()))));
    }

    #[test]
    fn who_changes_an_order_knows_all_of_its_lines() {
        let who = bounded(&[], &["TABLE"]);
        let bounds = who.bounds().expect("bounds");
        let order = OrderId::new("B-1").expect("an order id");
        let (lamp, table) = (sku(), Sku::new("TABLE-1").expect("a SKU"));
        let cancel = Command::CancelOrder(order.clone());
        assert_eq!(may_change(bounds, &cancel, &[&table, &table]), Ok(()));
        assert_eq!(may_change(bounds, &cancel, &[]), Ok(()));
        let unknown = Denied::Unknown(Refusal::UnknownOrder(order.clone()));
        assert_eq!(may_change(bounds, &cancel, &[&lamp]), Err(unknown));
        let others = Denied::OutOfBounds(OutOfBounds::OtherLines(order));
        assert_eq!(may_change(bounds, &cancel, &[&lamp, &table]), Err(others));
        let reference = Reference::new("PO-1").expect("a reference");
        let unknown = Denied::Unknown(Refusal::UnknownBatch(reference.clone()));
        assert_eq!(
            may_change(bounds, &Command::CancelBatch(reference), &[&lamp]),
            Err(unknown)
        );
    }
}
