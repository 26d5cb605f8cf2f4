//! The words of a digest, for both of its versions.

use earmark_application::{Digest, Section, Worst};
use earmark_domain::{MoveReason, Reference};
use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;

/// What the mail is about.
pub(super) fn subject(digest: &Digest) -> String {
    format!("[Earmark] {}", headline(digest))
}

/// What the mail is about, in a few words.
pub(super) fn headline(digest: &Digest) -> String {
    let parts = [
        how_many(&digest.short, "product short", "products short"),
        how_many(&digest.broken, "broken promise", "broken promises"),
        how_many(&digest.overdue, "overdue batch", "overdue batches"),
    ];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    parts.join(", ")
}

/// How many a section has, as far as that is known.
fn how_many<T>(section: &Section<T>, one: &str, many: &str) -> Option<String> {
    let (told, at_most) = (section.items.len() as u64, section.at_most());
    match (told, section.unseen) {
        (0, 0) => None,
        (_, 0) => Some(counted(told, one, many)),
        (0, _) => Some(format!("up to {}", counted(at_most, one, many))),
        _ => Some(format!("{} to {}", grouped(told), counted(at_most, one, many))),
    }
}

/// Of when it tells.
pub(super) fn period(digest: &Digest, zone: &TimeZone) -> String {
    let at = digest.at.to_zoned(zone.clone());
    let moment = |instant: Timestamp| {
        let instant = instant.to_zoned(zone.clone());
        let day = if instant.date() == at.date() {
            ""
        } else {
            "%a %Y-%m-%d, "
        };
        instant.strftime(&format!("{day}%H:%M")).to_string()
    };
    let (since, until) = (moment(digest.since), moment(digest.until));
    let happened = if since == until {
        format!("at {since}")
    } else {
        format!("between {since} and {until}")
    };
    format!(
        "As things stood on {}, after what happened {happened}.",
        at.strftime("%a %Y-%m-%d at %H:%M %Z")
    )
}

/// That it may not be the first of its kind.
pub(super) const MAY_REPEAT: &str =
    "An earlier mail may have told some of this: the mail server did not say whether it took that one.";

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

/// How many there are beside those that are told, of which nobody knows more.
pub(super) fn unseen<T>(section: &Section<T>, what: &str) -> Option<String> {
    let unseen = grouped(section.unseen);
    (section.unseen > 0).then(|| format!("{unseen} more {what}; how they stand now was not looked at."))
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
    let (date, distance) = day_and_distance(date, today);
    format!("{date} {distance}")
}

/// A day, and how far it is from today, in brackets.
pub(super) fn day_and_distance(date: Date, today: Date) -> (String, String) {
    let days = today.until(date).map_or(0, |span| i64::from(span.get_days()));
    let distance = match days {
        0 => "today".to_owned(),
        1 => "tomorrow".to_owned(),
        -1 => "yesterday".to_owned(),
        2.. => format!("in {}", counted(days.unsigned_abs(), "day", "days")),
        _ => format!("{} ago", counted(days.unsigned_abs(), "day", "days")),
    };
    (date.strftime("%a %Y-%m-%d").to_string(), format!("({distance})"))
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
    fn what_was_not_looked_at_is_told_as_such() {
        let section = |told, unseen| Section {
            items: vec![(); told],
            unseen,
        };
        let how_many = |told, unseen| how_many(&section(told, unseen), "product short", "products short");
        assert_eq!(how_many(0, 0), None);
        assert_eq!(how_many(1, 0).as_deref(), Some("1 product short"));
        assert_eq!(how_many(40, 2_000).as_deref(), Some("40 to 2,040 products short"));
        assert_eq!(how_many(0, 3).as_deref(), Some("up to 3 products short"));
        assert_eq!(unseen(&section(40, 0), "ran short"), None);
        let told = "2,000 more ran short; how they stand now was not looked at.";
        assert_eq!(unseen(&section(40, 2_000), "ran short").as_deref(), Some(told));
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
