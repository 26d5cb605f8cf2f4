//! Lines as planners see them: at risk, waiting, changed.

use earmark_application::{AgeClass, LineAtRisk, LineChange, LineOfBatch, LogPosition, WaitingLine};
use earmark_domain::{Hit, Part, Standing};
use jiff::civil::Date;
use serde::Serialize;

use super::CountedJson;
use crate::wire::text::Text;
use crate::wire::views::list::Each;
use crate::wire::views::orders::{AllocationJson, LineJson};
use crate::wire::views::shortages::RemedyJson;
use crate::wire::words::{AgeJson, NetChangeJson, RiskKindJson};

/// A line that is at risk.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LineAtRisk))]
pub struct LineAtRiskJson<'a> {
    /// Why it is at risk. A line is listed once, by the first that fits.
    risk: RiskKindJson,
    /// The days between the day it is required by, or the ETA of the batch, and the day it can leave at the earliest, or
    /// today.
    #[cfg_attr(feature = "schema", schema(example = 3))]
    days: u32,
    /// The day since which it is at risk.
    #[cfg_attr(feature = "schema", schema(value_type = String, format = Date, example = "2036-03-31"))]
    since: Text<Date>,
    /// The batch because of which it is; null: it waits.
    #[cfg_attr(feature = "schema", schema(example = "PO-1042", required))]
    batch: Option<&'a str>,
    /// The day it is required by; null: any day.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-28", required)
    )]
    required_by: Option<Text<Date>>,
    /// The line.
    #[cfg_attr(feature = "schema", schema(value_type = LineJson<'static>))]
    line: LineJson<'a>,
}

impl<'a> From<&'a LineAtRisk> for LineAtRiskJson<'a> {
    fn from(line: &'a LineAtRisk) -> Self {
        Self {
            risk: line.risk.kind.into(),
            days: line.risk.days,
            since: Text(line.since),
            batch: line.risk.batch.as_ref().map(|batch| batch.as_str()),
            required_by: line.required_by.map(Text),
            line: (&line.line).into(),
        }
    }
}

/// A page of lines at risk.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = RiskPage))]
pub struct RiskPageJson<'a> {
    /// Lines, kind by kind. There may be few, or none, though the list goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineAtRiskJson<'static>>))]
    pub items: Each<'a, LineAtRisk, LineAtRiskJson<'a>>,
    /// `after` of the next page, an opaque text; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// A class of lines that wait, by how long they have waited.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = AgeClass))]
pub struct AgeClassJson {
    /// The class.
    age: AgeJson,
    #[serde(flatten)]
    counted: CountedJson,
    /// Whether there are more lines than were counted.
    #[cfg_attr(feature = "schema", schema(example = false))]
    more: bool,
}

impl From<&AgeClass> for AgeClassJson {
    fn from(class: &AgeClass) -> Self {
        Self {
            age: class.age.into(),
            counted: class.counted.into(),
            more: class.more,
        }
    }
}

/// The lines that wait, by how long they have waited.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = BacklogByAge))]
pub struct BacklogByAgeJson<'a> {
    /// The classes, the youngest first.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AgeClassJson>))]
    pub classes: Each<'a, AgeClass, AgeClassJson>,
}

/// A line that waits.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = WaitingLine))]
pub struct WaitingLineJson<'a> {
    /// How long it has waited.
    age: AgeJson,
    /// The day it is required by; null: any day.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-28", required)
    )]
    required_by: Option<Text<Date>>,
    /// The smallest change with which it would fit, if it were alone: one member. Left out: it fits, and is served in its
    /// turn.
    #[cfg_attr(feature = "schema", schema(value_type = Option<RemedyJson<'static>>))]
    #[serde(skip_serializing_if = "Option::is_none")]
    remedy: Option<RemedyJson<'a>>,
    /// The line.
    #[cfg_attr(feature = "schema", schema(value_type = LineJson<'static>))]
    line: LineJson<'a>,
}

impl<'a> From<&'a WaitingLine> for WaitingLineJson<'a> {
    fn from(line: &'a WaitingLine) -> Self {
        Self {
            age: line.age.into(),
            required_by: line.required_by.map(Text),
            remedy: line.remedy.as_ref().map(RemedyJson::from),
            line: (&line.line).into(),
        }
    }
}

/// A page of lines that wait.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = WaitingPage))]
pub struct WaitingPageJson<'a> {
    /// Lines, the oldest first.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<WaitingLineJson<'static>>))]
    pub items: Each<'a, WaitingLine, WaitingLineJson<'a>>,
    /// `after` of the next page, an opaque text; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// What a batch, as it is, does to a line with units in it.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Hit, example = "slack"))]
#[serde(rename_all = "snake_case")]
pub enum HitJson {
    /// The line leaves in time.
    Slack,
    /// It would leave too late, and other stock is free for it that leaves in time.
    Movable,
    /// It leaves too late.
    Hurt,
}

impl From<&Hit> for HitJson {
    fn from(hit: &Hit) -> Self {
        match hit {
            Hit::Slack(_) => Self::Slack,
            Hit::Movable(_) => Self::Movable,
            Hit::Hurt(_) => Self::Hurt,
        }
    }
}

/// A line with units in a batch.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LineOfBatch))]
pub struct LineOfBatchJson<'a> {
    /// Its units in the batch.
    #[cfg_attr(feature = "schema", schema(example = 3, minimum = 1))]
    units: u32,
    /// The day its customer counts on: the one it is required by, or else the first one that was promised.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-28", required)
    )]
    counted_on: Option<Text<Date>>,
    /// What the batch, as it is, does to it; null: it was not looked at, as the batch has too many lines.
    #[cfg_attr(feature = "schema", schema(required))]
    hit: Option<HitJson>,
    /// The days that it has left, or that it is late; null for a line that could move, or was not looked at.
    #[cfg_attr(feature = "schema", schema(example = 3, required))]
    days: Option<u32>,
    /// The other stock that is free for it and leaves in time.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<AllocationJson<'static>>))]
    could_move_to: Each<'a, Part, AllocationJson<'a>>,
    /// The line.
    #[cfg_attr(feature = "schema", schema(value_type = LineJson<'static>))]
    line: LineJson<'a>,
}

impl<'a> From<&'a LineOfBatch> for LineOfBatchJson<'a> {
    fn from(line: &'a LineOfBatch) -> Self {
        let (days, parts): (_, &[Part]) = match &line.hit {
            Some(Hit::Slack(days) | Hit::Hurt(days)) => (Some(*days), &[]),
            Some(Hit::Movable(parts)) => (None, parts),
            None => (None, &[]),
        };
        Self {
            units: line.units.get(),
            counted_on: line.counted_on.map(Text),
            hit: line.hit.as_ref().map(HitJson::from),
            days,
            could_move_to: Each::of(parts),
            line: (&line.line).into(),
        }
    }
}

/// A page of the lines of a batch.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LineOfBatchPage))]
pub struct LineOfBatchPageJson<'a> {
    /// Lines: those that would leave the batch last come first.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineOfBatchJson<'static>>))]
    pub items: Each<'a, LineOfBatch, LineOfBatchJson<'a>>,
    /// `after` of the next page, an opaque text; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(required))]
    pub next: Option<String>,
}

/// Where a line stands.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = Standing, example = "promised"))]
#[serde(rename_all = "snake_case")]
pub enum StandingJson {
    /// It was not placed yet, or was refused.
    Absent,
    /// It waits for stock.
    Waiting,
    /// It is promised for a day.
    Promised,
    /// It has left the building.
    Left,
    /// It was cancelled, or its hold has expired.
    Ended,
}

impl From<Standing> for StandingJson {
    fn from(standing: Standing) -> Self {
        match standing {
            Standing::Absent => Self::Absent,
            Standing::Waiting => Self::Waiting,
            Standing::Promised(_) => Self::Promised,
            Standing::Left => Self::Left,
            Standing::Ended => Self::Ended,
        }
    }
}

/// What has become of a line.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = LineChange))]
pub struct LineChangeJson<'a> {
    /// The order it belongs to.
    #[cfg_attr(feature = "schema", schema(example = "order-7"))]
    order_id: &'a str,
    /// Identifies it within the order.
    #[cfg_attr(feature = "schema", schema(example = "1"))]
    line_id: &'a str,
    /// Its product.
    #[cfg_attr(feature = "schema", schema(example = "LAMP-RED"))]
    sku: &'a str,
    /// What has become of it, all in all.
    change: NetChangeJson,
    /// Where it stood.
    from: StandingJson,
    /// The day it was promised for; null: it was not promised.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-28", required)
    )]
    promised_from: Option<Text<Date>>,
    /// Where it stands.
    to: StandingJson,
    /// The day it is promised for; null: it is not promised.
    #[cfg_attr(
        feature = "schema",
        schema(value_type = Option<String>, format = Date, example = "2036-03-31", required)
    )]
    promised_to: Option<Text<Date>>,
}

impl<'a> From<&'a LineChange> for LineChangeJson<'a> {
    fn from(line: &'a LineChange) -> Self {
        let promised = |standing: Standing| standing.promised_on().map(Text);
        Self {
            order_id: line.key.order.as_str(),
            line_id: line.key.line.as_str(),
            sku: line.sku.as_str(),
            change: line.change.into(),
            from: line.from.into(),
            promised_from: promised(line.from),
            to: line.to.into(),
            promised_to: promised(line.to),
        }
    }
}

/// A page of what has become of lines.
#[derive(Debug, Serialize)]
#[cfg_attr(feature = "schema", derive(utoipa::ToSchema), schema(as = ChangePage))]
pub struct ChangePageJson<'a> {
    /// Lines, in the order in which they were first concerned. There may be few, or none, though the list goes on.
    #[cfg_attr(feature = "schema", schema(value_type = Vec<LineChangeJson<'static>>))]
    items: Each<'a, LineChange, LineChangeJson<'a>>,
    /// `after` of the next page; null: this is the last page.
    #[cfg_attr(feature = "schema", schema(value_type = Option<String>, example = "1-17", required))]
    next: Option<Text<LogPosition>>,
    /// The cursor of the newest event when the page was read: the next look may begin there.
    #[cfg_attr(feature = "schema", schema(value_type = String, example = "1-42"))]
    until: Text<LogPosition>,
}

impl<'a> ChangePageJson<'a> {
    /// A page, with the place where the next one begins, and that of the newest event.
    #[must_use]
    pub fn new(items: &'a [LineChange], next: Option<LogPosition>, until: LogPosition) -> Self {
        Self {
            items: Each::of(items),
            next: next.map(Text),
            until: Text(until),
        }
    }
}
