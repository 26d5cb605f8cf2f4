//! Promises at risk: open lines that will miss the day they are required by, that rest on a batch that is overdue, or that
//! wait although they are due.

use earmark_domain::{BatchRecord, LineKey, LineView, Reference, ReleasePosition, Risk, RiskKind, risk};
use jiff::Timestamp;
use jiff::civil::Date;

use crate::ports::{DueList, DuePlace, EtaPlace, EventFeed, EventFilter, Outlook, Page};
use crate::read_models::LineRead;
use crate::store_error::StoreError;

/// How many lines of a batch that is overdue are read at once.
const LINES_AT_ONCE: usize = 200;

/// How many batches that are overdue are read at once.
const BATCHES_AT_ONCE: usize = 50;

/// How many lines on overdue batches a page looks at: some milliseconds. Nearly all of them are at risk.
const MAX_LINES_READ: usize = 1_000;

/// How many events of an order are read at once.
const EVENTS_AT_ONCE: usize = 500;

/// A line that is at risk.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LineAtRisk {
    /// The line.
    pub line: LineView,
    /// The day it is required by, if there is one.
    pub required_by: Option<Date>,
    /// Why it is at risk.
    pub risk: Risk,
    /// The day since which it is.
    pub since: Date,
}

/// A place in the list of lines at risk: kind by kind. `None`: before the first.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum RiskPlace {
    /// Behind a line that is promised too late.
    PromisedLate(Option<DuePlace>),
    /// Behind a line in a batch that is overdue; without a line, behind the batch.
    BatchOverdue(Option<EtaPlace>, Option<ReleasePosition>),
    /// Behind a line that waits.
    Waiting(Option<DuePlace>),
}

impl RiskPlace {
    /// The kind of risk that the list has come to.
    #[must_use]
    pub const fn kind(&self) -> RiskKind {
        match self {
            Self::PromisedLate(_) => RiskKind::PromisedLate,
            Self::BatchOverdue(..) => RiskKind::BatchOverdue,
            Self::Waiting(_) => RiskKind::Waiting,
        }
    }

    /// Before the first line of a kind.
    const fn before(kind: RiskKind) -> Self {
        match kind {
            RiskKind::PromisedLate => Self::PromisedLate(None),
            RiskKind::BatchOverdue => Self::BatchOverdue(None, None),
            RiskKind::Waiting => Self::Waiting(None),
        }
    }
}

/// The lines at risk at an instant of a day, from the one behind `after` on, at most `limit`: those that are promised too
/// late, by the day they are required by; those on batches that are overdue, by ETA; those that wait, by the day they are
/// required by. `kind`: of these alone. There may be fewer than asked for, or none, though the list goes on.
///
/// # Errors
/// When the store does not answer.
pub async fn lines_at_risk(
    (outlook, events): (&dyn Outlook, &dyn EventFeed),
    kind: Option<RiskKind>,
    after: Option<RiskPlace>,
    at: (Timestamp, Date),
    limit: usize,
) -> Result<Page<LineAtRisk, RiskPlace>, StoreError> {
    let mut list = Listing {
        outlook,
        at,
        limit,
        items: Vec::new(),
        looked_at: 0,
    };
    let kinds = RiskKind::ALL
        .into_iter()
        .filter(|each| kind.is_none_or(|kind| kind == *each));
    let from = after.as_ref().map_or(RiskKind::PromisedLate, RiskPlace::kind);
    let mut next = None;
    for kind in kinds.filter(|each| *each >= from) {
        let place = after.clone().filter(|after| after.kind() == kind);
        next = match place.unwrap_or_else(|| RiskPlace::before(kind)) {
            RiskPlace::PromisedLate(after) => {
                let next = list.due(DueList::PromisedLate, kind, after).await?;
                next.map(RiskPlace::PromisedLate)
            }
            RiskPlace::BatchOverdue(batch, line) => list.on_overdue_batches(batch, line).await?,
            RiskPlace::Waiting(after) => {
                let next = list.due(DueList::Waiting(at.1), kind, after).await?;
                next.map(RiskPlace::Waiting)
            }
        };
        if next.is_some() {
            break;
        }
    }
    let mut items = list.items;
    let promised_late = |item: &&mut LineAtRisk| item.risk.kind == RiskKind::PromisedLate;
    for item in items.iter_mut().filter(promised_late) {
        item.since = told_on(events, &item.line.key).await?.unwrap_or(item.since);
    }
    Ok(Page { items, next })
}

/// The day on which it was last told how a line is promised; `None`: that is not to be found.
async fn told_on(events: &dyn EventFeed, line: &LineKey) -> Result<Option<Date>, StoreError> {
    let filter = EventFilter {
        order: Some(line.order.clone()),
        ..EventFilter::default()
    };
    let (mut told, mut after) = (None, 0);
    loop {
        let page = events.events(&filter, after, EVENTS_AT_ONCE).await?;
        let of_line = page.events.iter().rev();
        let mut tells = of_line.filter(|event| event.event.fact.tells_promise_of(line));
        told = tells.next().map(|event| event.event.decided_on).or(told);
        if page.complete {
            return Ok(told);
        }
        after = page.next;
    }
}

struct Listing<'o> {
    outlook: &'o dyn Outlook,
    at: (Timestamp, Date),
    limit: usize,
    items: Vec<LineAtRisk>,
    /// How many lines on overdue batches were read.
    looked_at: usize,
}

impl Listing<'_> {
    fn room(&self) -> usize {
        self.limit.saturating_sub(self.items.len())
    }

    fn is_full(&self) -> bool {
        self.room() == 0 || self.looked_at >= MAX_LINES_READ
    }

    /// Adds a line if it is at risk by what it is listed for.
    fn add(&mut self, line: LineRead, kind: RiskKind, batch: Option<&Reference>) {
        let (now, today) = self.at;
        let Some(risk) = risk(&line.record, &line.allocations, now, today) else {
            return;
        };
        if risk.kind != kind || batch.is_some_and(|batch| risk.batch.as_ref() != Some(batch)) {
            return;
        }
        let required_by = line.record.terms.precedence.required_by();
        let since = match kind {
            RiskKind::PromisedLate | RiskKind::Waiting => required_by,
            RiskKind::BatchOverdue => {
                let etas = line.allocations.iter().filter_map(|(_, eta)| *eta);
                etas.min().and_then(|eta| eta.tomorrow().ok())
            }
        };
        self.items.push(LineAtRisk {
            line: line.view(now, today),
            required_by,
            risk,
            since: since.unwrap_or(today),
        });
    }

    /// Adds lines that are promised too late, or wait. Returns where the list goes on, if the page is full.
    async fn due(
        &mut self,
        list: DueList,
        kind: RiskKind,
        after: Option<DuePlace>,
    ) -> Result<Option<Option<DuePlace>>, StoreError> {
        let room = self.room();
        if room == 0 {
            return Ok(Some(after));
        }
        let one_more = room.saturating_add(1);
        let mut lines = self
            .outlook
            .due_lines(list, after.as_ref(), self.at.0, one_more)
            .await?;
        let more = lines.len() > room;
        lines.truncate(room);
        let last = lines.last().and_then(due_place);
        for line in lines {
            self.add(line, kind, None);
        }
        Ok(more.then_some(last))
    }

    /// Adds lines on batches that are overdue. Returns where the list goes on, if the page is full.
    async fn on_overdue_batches(
        &mut self,
        mut after: Option<EtaPlace>,
        line: Option<ReleasePosition>,
    ) -> Result<Option<RiskPlace>, StoreError> {
        let (now, today) = self.at;
        if let (Some(batch), Some(_)) = (&after, &line) {
            let next = self.on_batch(batch, line).await?;
            if next.is_some() {
                return Ok(next);
            }
        }
        loop {
            let batches = self
                .outlook
                .late_batches(today, after.as_ref(), now, BATCHES_AT_ONCE)
                .await?;
            let is_last = batches.len() < BATCHES_AT_ONCE;
            for batch in batches {
                // The overdue ones come first.
                let Some(place) = eta_place(&batch.record).filter(|place| place.eta < today) else {
                    return Ok(None);
                };
                if self.is_full() {
                    return Ok(Some(RiskPlace::BatchOverdue(after, None)));
                }
                if !batch.record.allocated.is_zero() {
                    let next = self.on_batch(&place, None).await?;
                    if next.is_some() {
                        return Ok(next);
                    }
                }
                after = Some(place);
            }
            if is_last {
                return Ok(None);
            }
        }
    }

    /// Adds lines in a batch. Returns where the list goes on, if the page is full.
    async fn on_batch(
        &mut self,
        batch: &EtaPlace,
        mut after: Option<ReleasePosition>,
    ) -> Result<Option<RiskPlace>, StoreError> {
        loop {
            let lines = self
                .outlook
                .lines_in_batch(&batch.reference, after.as_ref(), LINES_AT_ONCE);
            let lines = lines.await?;
            let is_last = lines.len() < LINES_AT_ONCE;
            for (position, line) in lines {
                if self.is_full() {
                    return Ok(Some(RiskPlace::BatchOverdue(Some(batch.clone()), after)));
                }
                self.looked_at += 1;
                self.add(line, RiskKind::BatchOverdue, Some(&batch.reference));
                after = Some(position);
            }
            if is_last {
                return Ok(None);
            }
        }
    }
}

fn due_place(line: &LineRead) -> Option<DuePlace> {
    Some(DuePlace {
        required_by: line.record.terms.precedence.required_by()?,
        key: line.record.terms.key.clone(),
    })
}

/// The place of a batch among those that are late; `None`: it has arrived.
pub(super) fn eta_place(batch: &BatchRecord) -> Option<EtaPlace> {
    Some(EtaPlace {
        eta: batch.eta?,
        sku: batch.sku.clone(),
        reference: batch.reference.clone(),
    })
}
