//! Precedence and release rank as one integer each, so that one indexed column sorts in the domain's order.
//!
//! A rank is −(priority · 2³² + urgency). The urgency of a day counts down from 2³¹, so that an earlier day has a
//! larger one, and every day of the calendar is more urgent than none, which is 0. An order without priority and date
//! has rank 0.

use earmark_domain::{Precedence, Priority, ReleaseRank};
use jiff::SignedDuration;
use jiff::civil::{Date, date};

/// The range of urgencies: a priority's step.
const DAYS: i64 = 1 << 32;
/// Urgency counts down from here.
const LAST_DAY: i64 = 1 << 31;
const EPOCH: Date = date(1970, 1, 1);

/// The offset of held lines: below the release ranks of all firm lines.
const HELD: i64 = -(1 << 60);

/// The release ranks of firm lines are not below this, and those of held lines are.
pub(crate) const LOWEST_FIRM: i64 = HELD / 2;

/// The days since 1970. SQLite's indexes of lines by the day they are required by have it, computed from the rank:
/// `2147483648 - (-rank & 4294967295)`. Those of PostgreSQL have the last 32 bits of the rank, which sort alike.
pub(crate) fn day_number(day: Date) -> i64 {
    day.duration_since(EPOCH).as_hours() / 24
}

/// The rank of a precedence: the smaller is served first.
pub(crate) fn rank(precedence: Precedence) -> i64 {
    let urgency = precedence.required_by().map_or(0, |day| LAST_DAY - day_number(day));
    -(i64::from(precedence.priority().get()) * DAYS + urgency)
}

/// The precedence of a rank; `None`: the number is no rank.
pub(crate) fn precedence(rank: i64) -> Option<Precedence> {
    let negated = rank.checked_neg()?;
    let priority = Priority::new(negated.div_euclid(DAYS)).ok()?;
    let required_by = match negated.rem_euclid(DAYS) {
        0 => None,
        urgency => {
            let since = SignedDuration::from_hours((LAST_DAY - urgency) * 24);
            Some(EPOCH.checked_add(since).ok()?)
        }
    };
    Some(Precedence::of(priority, required_by))
}

/// The column value of a release rank: the smaller leaves its batch first. 0 for a firm line without priority and date.
pub(crate) fn release_rank(release_rank: ReleaseRank) -> i64 {
    let held = if release_rank.is_held() { HELD } else { 0 };
    held - rank(release_rank.precedence())
}

/// The release rank of a column value; `None`: the number is no release rank.
pub(crate) fn release_rank_of(value: i64) -> Option<ReleaseRank> {
    let held = value < LOWEST_FIRM;
    let firm = if held { value.checked_sub(HELD)? } else { value };
    Some(ReleaseRank::of(precedence(firm.checked_neg()?)?, held))
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAYS_TRIED: [Option<Date>; 6] = [
        None,
        Some(Date::MIN),
        Some(date(1969, 12, 31)),
        Some(date(2026, 11, 24)),
        Some(date(2026, 11, 25)),
        Some(Date::MAX),
    ];

    fn all() -> Vec<Precedence> {
        let priorities = [-Priority::MOST, -1, 0, 1, 17, Priority::MOST];
        let of = |number: i32| Priority::new(number).expect("a priority");
        let pairs = priorities
            .into_iter()
            .flat_map(|number| DAYS_TRIED.map(|day| (of(number), day)));
        pairs.map(|(priority, day)| Precedence::of(priority, day)).collect()
    }

    #[test]
    fn the_day_that_a_line_is_required_by_can_be_computed_from_its_rank() {
        for precedence in all() {
            let rank = rank(precedence);
            let has_a_day = rank & 4_294_967_295 != 0;
            let number = has_a_day.then_some(2_147_483_648 - (-rank & 4_294_967_295));
            assert_eq!(number, precedence.required_by().map(day_number), "{precedence:?}");
        }
    }

    #[test]
    fn ranks_sort_as_precedences_do() {
        for a in all() {
            for b in all() {
                assert_eq!(rank(a).cmp(&rank(b)), a.cmp(&b), "{a:?} and {b:?}");
            }
        }
        assert_eq!(rank(Precedence::default()), 0);
    }

    #[test]
    fn release_ranks_sort_as_in_the_domain() {
        let both = [true, false].into_iter().flat_map(|held| {
            let of = move |precedence| ReleaseRank::of(precedence, held);
            all().into_iter().map(of)
        });
        let ranks: Vec<ReleaseRank> = both.collect();
        for a in &ranks {
            for b in &ranks {
                assert_eq!(release_rank(*a).cmp(&release_rank(*b)), a.cmp(b), "{a:?} and {b:?}");
            }
        }
        assert_eq!(release_rank(ReleaseRank::of(Precedence::default(), false)), 0);
    }

    #[test]
    fn a_rank_is_decoded_as_it_was_encoded() {
        for one in all() {
            assert_eq!(precedence(rank(one)), Some(one));
            for held in [true, false] {
                let release = ReleaseRank::of(one, held);
                assert_eq!(release_rank_of(release_rank(release)), Some(release));
            }
        }
    }

    #[test]
    fn a_number_that_encodes_nothing_is_refused() {
        for bad in [i64::MIN, i64::MAX, 1] {
            assert_eq!(precedence(bad), None, "{bad}");
        }
        for bad in [i64::MIN, i64::MAX, HELD / 2 + 1] {
            assert_eq!(release_rank_of(bad), None, "{bad}");
        }
    }
}
