//! The decision of a group: its commands, decided one after the other on what the store has loaded.

use std::panic::{AssertUnwindSafe, catch_unwind};

use earmark_domain::{Command, DecisionContext, Loaded, Outcome, UnitOfWork};

use crate::answer::{Answer, CommandError};
use crate::decision::{Decided, Undecided};
use crate::envelope::Envelope;

/// Decides commands, each in its context. Pure: it can be called again on other records.
pub(crate) fn decide(
    envelopes: &[Envelope],
    contexts: &[DecisionContext],
    loaded: Loaded,
) -> Result<Decided, Undecided> {
    let mut unit_of_work = UnitOfWork::open(loaded)?;
    let continues_change = matches!(sole_command(envelopes), Some(Command::ContinueChange(_)));
    let pending = unit_of_work.products_with_pending_changes();
    if !pending.is_empty() && !continues_change {
        return Err(Undecided::ChangesPending(pending));
    }
    if let Some(last) = contexts
        .last()
        .filter(|_| !expires_holds(envelopes) && !continues_change)
    {
        let due = unit_of_work.products_with_due_holds(last.now);
        if !due.is_empty() {
            return Err(Undecided::HoldsDue(due));
        }
    }
    let mut answers = Vec::with_capacity(envelopes.len());
    for (number, (envelope, context)) in envelopes.iter().zip(contexts).enumerate() {
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
    matches!(sole_command(envelopes), Some(Command::ExpireHolds(_)))
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
