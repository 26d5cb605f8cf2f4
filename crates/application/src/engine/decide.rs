//! The decision of a group: its commands, decided one after the other on what the store has loaded.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use earmark_domain::{Command, DecisionContext, Loaded, UnitOfWork};

use crate::access::may_change;
use crate::answer::{Answer, CommandError};
use crate::bounded::Trim;
use crate::decision::{Decided, Undecided};
use crate::envelope::Envelope;

/// What a decision does when work on its products is pending: holds are due, or an earlier command is not carried out to
/// its end.
#[derive(Debug, Clone)]
pub(crate) enum OnPendingWork {
    /// It is not taken: the work has to be finished first.
    Finish,
    /// The commands that touch these products get this answer. The others are decided.
    Answer(CommandError),
}

/// Decides commands, each in its context; all contexts have one instant. Pure: it can be called again on other records.
pub(crate) fn decide(
    envelopes: &[Envelope],
    contexts: &[DecisionContext],
    on_pending_work: &OnPendingWork,
    loaded: Loaded,
) -> Result<Decided, Undecided> {
    let mut unit_of_work = UnitOfWork::open(loaded)?;
    let (mut work, mut holds) = (BTreeSet::new(), BTreeSet::new());
    let sole = sole_command(envelopes);
    if !matches!(sole, Some(Command::Continue(_))) {
        work = unit_of_work.products_with_pending_work();
        if let Some(context) = contexts.first()
            && !matches!(sole, Some(Command::ExpireHolds(_)))
        {
            holds = unit_of_work.products_with_due_holds(context.now);
        }
    }
    let blocked = match on_pending_work {
        OnPendingWork::Finish if !work.is_empty() => return Err(Undecided::WorkPending(work)),
        OnPendingWork::Finish if !holds.is_empty() => return Err(Undecided::HoldsDue(holds)),
        OnPendingWork::Finish => None,
        OnPendingWork::Answer(error) => {
            work.append(&mut holds);
            Some((work, error)).filter(|(products, _)| !products.is_empty())
        }
    };
    // Products on which a command of this group has left work to be continued.
    let mut left_over = BTreeSet::new();
    let mut answers = Vec::with_capacity(envelopes.len());
    for (number, (envelope, context)) in envelopes.iter().zip(contexts).enumerate() {
        if let Some((products, error)) = &blocked
            && unit_of_work.touches(&envelope.command, products)
        {
            answers.push(Err((*error).clone()));
            continue;
        }
        if !left_over.is_empty() && unit_of_work.touches(&envelope.command, &left_over) {
            return Err(Undecided::Parts { first: number });
        }
        if envelopes.len() > 1 && unit_of_work.lacks_lines(&envelope.command) {
            return Err(Undecided::Parts { first: number.max(1) });
        }
        // A panic leaves the unit of work torn, so it is thrown away with it.
        let answer = catch_unwind(AssertUnwindSafe(|| decide_one(&mut unit_of_work, envelope, context)))
            .map_err(|_| Undecided::Panicked { command: number })??;
        answers.push(answer);
        if envelope.command.may_leave_work() {
            left_over = unit_of_work.products_with_pending_work();
        }
    }
    let changes = unit_of_work.close()?;
    Ok(Decided { changes, answers })
}

/// The command of a group of one.
const fn sole_command(envelopes: &[Envelope]) -> Option<&Command> {
    match envelopes {
        [only] => Some(&only.command),
        _ => None,
    }
}

/// Decides one command. A preview leaves nothing in the unit of work.
fn decide_one(
    unit_of_work: &mut UnitOfWork,
    envelope: &Envelope,
    context: &DecisionContext,
) -> Result<Answer, Undecided> {
    let decide = |unit_of_work: &mut UnitOfWork| match &envelope.if_versions {
        Some(versions) => unit_of_work.decide_on(versions, &envelope.command, context),
        None => unit_of_work.decide(&envelope.command, context),
    };
    let bounds = envelope.principal.bounds();
    if let Some(bounds) = bounds {
        let behind = unit_of_work.skus_behind(&envelope.command);
        if let Err(denied) = may_change(bounds, &envelope.command, &behind) {
            return Ok(Err(denied.into()));
        }
    }
    let answer = if envelope.preview {
        unit_of_work.preview(decide)?
    } else if let Some(id) = &envelope.message_id {
        unit_of_work.receive(id, context.now, decide)
    } else {
        decide(unit_of_work)
    };
    Ok(match (answer, bounds) {
        (Ok(outcome), Some(bounds)) => Ok(outcome.within(bounds)),
        (answer, _) => answer.map_err(CommandError::from),
    })
}
