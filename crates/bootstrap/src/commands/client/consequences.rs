//! What a change does, told from what was there before and the answer of the service.

use super::models::{Batch, BatchChange, Line, Order, OrderChange};
use super::remote::Reply;
use super::tables::{changed_lines, effects, lines, turned, word};
use crate::failure::Failure;

/// What a change of a batch does; nothing: it changes nothing.
pub(super) fn of_batch(before: &Reply, after: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let (before, after): (Batch, BatchChange) = (before.read()?, after.read()?);
    let lines = effects(&after.effects, width);
    if before == after.batch && after.rest.is_none() && lines.is_empty() {
        return Ok(String::new());
    }
    let mut text = batch_turned(&before, &after);
    text.push_str(if lines.is_empty() {
        "\nNo line of an order is affected.\n"
    } else {
        &lines
    });
    Ok(text)
}

fn arrival(batch: &Batch) -> String {
    batch
        .eta
        .as_ref()
        .map_or_else(|| "here".to_owned(), |eta| format!("arrives {eta}"))
}

fn batch_turned(before: &Batch, change: &BatchChange) -> String {
    let after = &change.batch;
    let mut text = format!(
        "Batch {} of {}: {} units, {}, {}\n",
        after.reference,
        after.sku,
        turned(&before.quantity, &after.quantity),
        turned(&arrival(before), &arrival(after)),
        turned(&word(&before.status), &word(&after.status)),
    );
    if let Some(rest) = &change.rest {
        text.push_str(&format!(
            "The rest: {} units as {}, {}\n",
            rest.quantity,
            rest.reference,
            arrival(rest)
        ));
    }
    text
}

/// A batch after a change.
pub(super) fn batch_done(after: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let change: BatchChange = after.read()?;
    let batches: Vec<Batch> = [change.batch].into_iter().chain(change.rest).collect();
    Ok(format!(
        "{}\n{}",
        super::tables::batches(&batches, width),
        effects(&change.effects, width)
    ))
}

/// What a change of an order does; nothing: it changes nothing.
pub(super) fn of_order(before: &Reply, after: &Reply, width: Option<u16>) -> Result<String, Failure> {
    Ok(order_turned(&before.read()?, &after.read()?, width))
}

/// What other terms of an order do; nothing: they change nothing.
pub(super) fn of_terms(before: &Reply, after: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let (before, after): (Order, OrderChange) = (before.read()?, after.read()?);
    Ok(order_turned(&before, &after.order, width) + &effects(&after.effects, width))
}

fn order_turned(before: &Order, after: &Order, width: Option<u16>) -> String {
    let changes: Vec<(&Line, &Line)> = after
        .lines
        .iter()
        .filter_map(|line| {
            let was = before.lines.iter().find(|was| was.line_id == line.line_id)?;
            (was != line).then_some((was, line))
        })
        .collect();
    let header = |order: &Order| {
        let required = order.required_by.as_ref().map(|day| format!(", required by {day}"));
        let priority = (order.priority != 0).then(|| format!(", priority {}", order.priority));
        format!(
            "{}{}{}",
            word(&order.status),
            priority.unwrap_or_default(),
            required.unwrap_or_default()
        )
    };
    let (was, is) = (header(before), header(after));
    if changes.is_empty() && was == is && after.left_behind.is_empty() {
        return String::new();
    }
    let mut text = format!("Order {}: {}\n", after.order_id, turned(&was, &is));
    if !changes.is_empty() {
        text.push_str(&format!("\n{}\n", changed_lines(&changes, width)));
    }
    text.push_str(&left_behind(after));
    text
}

fn left_behind(order: &Order) -> String {
    let mut text = String::new();
    for left in &order.left_behind {
        let why = match (left.why.as_str(), &left.batch) {
            ("not_in_warehouse", Some(batch)) => format!("{batch} has not been received"),
            ("not_allocated", _) => "the line waits for stock".to_owned(),
            (why, _) => word(why),
        };
        text.push_str(&format!(
            "{} of line {} can't leave: {why}\n",
            left.quantity, left.line_id
        ));
    }
    if text.is_empty() { text } else { format!("\n{text}") }
}

/// An order, as it is.
pub(super) fn order_shown(order: &Reply, width: Option<u16>) -> Result<String, Failure> {
    Ok(order_text(&order.read()?, width))
}

/// An order after a change of its terms.
pub(super) fn terms_done(after: &Reply, width: Option<u16>) -> Result<String, Failure> {
    let change: OrderChange = after.read()?;
    Ok(order_text(&change.order, width) + &effects(&change.effects, width))
}

fn order_text(order: &Order, width: Option<u16>) -> String {
    let mut about = vec![word(&order.status)];
    about.extend(
        order
            .hold_expires_at
            .as_ref()
            .map(|until| format!("held until {until}")),
    );
    about.extend((order.priority != 0).then(|| format!("priority {}", order.priority)));
    about.extend(order.required_by.as_ref().map(|day| format!("required by {day}")));
    format!(
        "Order {}: {}\n\n{}\n{}",
        order.order_id,
        about.join(", "),
        lines(&order.lines, width),
        left_behind(order)
    )
}
