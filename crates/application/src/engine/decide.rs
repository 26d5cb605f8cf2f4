//! The decision of a group: its commands, decided one after the other on what the store has loaded.

use std::collections::BTreeSet;
use std::panic::{AssertUnwindSafe, catch_unwind};

use earmark_domain::{Command, DecisionContext, Loaded, Outcome, UnitOfWork};

use crate::answer::{Answer, CommandError};
use crate::decision::{Decided, Undecided};
use crate::envelope::Envelope;

/// What a decision does when holds on its products are due.
#[derive(Debug, Clone)]
pub(crate) enum OnDueHolds {
    /// It is not taken: they have to be expired first.
    Expire,
    /// The commands that touch these products get this answer. The others are decided.
    Answer(CommandError),
}

/// Decides commands, each in its context; all contexts have one instant. Pure: it can be called again on other records.
pub(crate) fn decide(
    envelopes: &[Envelope],
    contexts: &[DecisionContext],
    on_due_holds: &OnDueHolds,
    loaded: Loaded,
) -> Result<Decided, Undecided> {
    let mut unit_of_work = UnitOfWork::open(loaded)?;
    let now = contexts
        .first()
        .filter(|_| !expires_holds(envelopes))
        .map(|context| context.now);
    let due = now.map_or_else(BTreeSet::new, |now| unit_of_work.products_with_due_holds(now));
    let on_due_holds = match on_due_holds {
        OnDueHolds::Expire if !due.is_empty() => return Err(Undecided::HoldsDue(due)),
        OnDueHolds::Answer(error) if !due.is_empty() => Some(error),
        OnDueHolds::Expire | OnDueHolds::Answer(_) => None,
    };
    let mut answers = Vec::with_capacity(envelopes.len());
    for (number, (envelope, context)) in envelopes.iter().zip(contexts).enumerate() {
        if let Some(error) = on_due_holds.filter(|_| unit_of_work.touches(&envelope.command, &due)) {
            answers.push(Err(error.clone()));
            continue;
        }
        // A panic leaves the unit of work torn, so it is thrown away with it.
        let answer = catch_unwind(AssertUnwindSafe(|| decide_one(&mut unit_of_work, envelope, context)))
            .map_err(|_| Undecided::Panicked { command: number })??;
        answers.push(answer);
    }
    let changes = unit_of_work.close()?;
    Ok(Decided { changes, answers })
}

/// Whether the group is the one command that expires due holds.
fn expires_holds(envelopes: &[Envelope]) -> bool {
    matches!(
        envelopes,
        [Envelope {
            command: Command::ExpireHolds(_),
            ..
        }]
    )
}

/// Decides one command. A preview leaves nothing in the unit of work.
fn decide_one(
    unit_of_work: &mut UnitOfWork,
    envelope: &Envelope,
    context: &DecisionContext,
) -> Result<Answer, Undecided> {
    let decide = |unit_of_work: &mut UnitOfWork| match envelope.if_version {
        Some(version) => unit_of_work.decide_on(version, &envelope.command, context),
        None => unit_of_work.decide(&envelope.command, context),
    };
    let answer = if envelope.preview {
        unit_of_work.preview(decide)?
    } else if envelope.message_id.as_ref().is_some_and(|id| !unit_of_work.receive(id)) {
        Ok(Outcome::AlreadyProcessed)
    } else {
        decide(unit_of_work)
    };
    Ok(answer.map_err(CommandError::from))
}
