//! What tells others: who is told, how far each is, and through what.

mod mailer;
mod publisher;
mod subscriptions;

pub use mailer::{Mail, MailError, Mailer};
pub use publisher::{DeliveryLimits, EventMessage, LastPublished, PublishError, Publisher, RetryPolicy};
pub use subscriptions::{
    DeadLetter, DeadLetterAction, Failing, LeaseClaim, LeaseHolder, LetterState, MAX_DEAD_LETTERS, Progress, Retried,
    SubscriptionLease, SubscriptionName, SubscriptionStatus, Subscriptions,
};
