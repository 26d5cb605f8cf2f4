//! The words of a digest, for both of its versions.

use earmark_application::{Digest, Worst};
use earmark_domain::{MoveReason, Reference};
use jiff::Timestamp;
use jiff::civil::Date;

/// What the mail is about.
pub(super) fn subject(digest: &Digest) -> String {
    format!("[Earmark] {}", headline(digest))
}

/// What the mail is about, in a few words.
pub(super) fn headline(digest: &Digest) -> String {
    let short = (!digest.short.is_empty()).then(|| format!("{} short", total(&digest.short, "product", "products")));
    let broken = (!digest.broken.is_empty()).then(|| total(&digest.broken, "broken promise", "broken promises"));
    let overdue = (!digest.overdue.is_empty()).then(|| total(&digest.overdue, "overdue batch", "overdue batches"));
    let parts: Vec<String> = [short, broken, overdue].into_iter().flatten().collect();
    parts.join(", ")
}

/// From when to when it tells.
pub(super) fn period(digest: &Digest) -> String {
    format!(
        "What has happened since {}, as things stood on {}.",
        moment(digest.since),
        moment(digest.at)
    )
}

/// Why it was sent, and how often it is.
pub(super) const FOOTER: &str =
    "Earmark sends a digest when products are short, promises are broken or batches are overdue, and none otherwise.";

/// How many there are.
pub(super) fn total<T>(worst: &Worst<T>, one: &str, many: &str) -> String {
    let more_than = if worst.at_least { "more than " } else { "" };
    format!("{more_than}{}", counted(worst.total(), one, many))
}

/// How many there are beside those that are told.
pub(super) fn more<T>(worst: &Worst<T>) -> Option<String> {
    match (worst.more, worst.at_least) {
        (0, false) => None,
        (more, false) => Some(format!("and {} more", grouped(more))),
        (more, true) => Some(format!("and more than {} more", grouped(more))),
    }
}

/// A number with its noun.
pub(super) fn counted(number: u64, one: &str, many: &str) -> String {
    format!("{} {}", grouped(number), if number == 1 { one } else { many })
}

/// Units, in words.
pub(super) fn units(number: u64) -> String {
    counted(number, "unit", "units")
}

/// A number with its digits in groups of three.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let mut grouped = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.char_indices() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            grouped.push(',');
        }
        grouped.push(digit);
    }
    grouped
}

/// A day, and how far it is from today.
pub(super) fn day(date: Date, today: Date) -> String {
    let days = today.until(date).map_or(0, |span| i64::from(span.get_days()));
    let distance = match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2.. => format!("in {}", counted(days.unsigned_abs(), "day", "days")),
        _ => format!("{} ago", counted(days.unsigned_abs(), "day", "days")),
    };
    format!("{} ({distance})", date.strftime("%a %Y-%m-%d"))
}

/// An instant.
pub(super) fn moment(instant: Timestamp) -> String {
    instant.strftime("%a %Y-%m-%d, %H:%M UTC").to_string()
}

/// Why a promise was broken: what stands before the batch, the batch if there is one, and what stands behind it.
pub(super) fn why(reason: &MoveReason) -> (&'static str, Option<&Reference>, &'static str) {
    let (before, after) = match reason {
        MoveReason::BatchQuantityChanged(_) => ("batch ", " has fewer units"),
        MoveReason::BatchEtaChanged(_) => ("batch ", " arrives on another day"),
        MoveReason::BatchReceived(_) => ("batch ", " was received"),
        MoveReason::BatchReceiptUndone(_) => ("batch ", " has not arrived after all"),
        MoveReason::BatchCancelled(_) => ("batch ", " was cancelled"),
        MoveReason::BatchOverdue(_) => ("batch ", " is overdue"),
        MoveReason::Improved => ("other lines moved to better stock", ""),
        MoveReason::OrderChanged => ("the terms of the order changed", ""),
    };
    (before, reason.batch(), after)
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::*;

    #[test]
    fn numbers_are_grouped() {
        let grouped: Vec<String> = [0, 999, 1_000, 1_234_567].map(grouped).to_vec();
        assert_eq!(grouped, ["0", "999", "1,000", "1,234,567"]);
        assert_eq!(
            (units(1), units(2_000)),
            ("1 unit".to_owned(), "2,000 units".to_owned())
        );
    }

    #[test]
    fn days_are_told_from_today() {
        let today = date(2030, 6, 10);
        for (day_of_june, shown) in [
            (8, "Sat 2030-06-08 (2 days ago)"),
            (9, "Sun 2030-06-09 (yesterday)"),
            (10, "Mon 2030-06-10 (today)"),
            (11, "Tue 2030-06-11 (tomorrow)"),
            (20, "Thu 2030-06-20 (in 10 days)"),
        ] {
            assert_eq!(day(date(2030, 6, day_of_june), today), shown);
        }
        assert_eq!(day(date(2031, 6, 10), today), "Tue 2031-06-10 (in 365 days)");
    }

    #[test]
    fn what_is_not_told_is_counted() {
        let worst = |more, at_least| Worst {
            items: vec![(); 10],
            more,
            at_least,
        };
        assert_eq!(more(&worst(0, false)), None);
        assert_eq!(more(&worst(2_000, false)).as_deref(), Some("and 2,000 more"));
        assert_eq!(more(&worst(90, true)).as_deref(), Some("and more than 90 more"));
        assert_eq!(total(&worst(90, true), "line", "lines"), "more than 100 lines");
    }
}
