//! The bodies of requests about batches.

use serde::Serialize;
use utoipa::ToSchema;

/// A batch to create.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CreateBatch {
    /// Identifies the batch in the whole system: 1–64 characters.
    #[schema(example = "PO-1042", min_length = 1, max_length = 64)]
    pub reference: String,
    /// The product; created if it is new.
    #[schema(example = "LAMP-RED", min_length = 1, max_length = 64)]
    pub sku: String,
    /// Units bought.
    #[schema(example = 100, minimum = 1, maximum = 1_000_000_000)]
    pub quantity: u32,
    /// When it arrives; left out or null: it is in the warehouse.
    #[schema(format = Date, example = "2036-03-31")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<String>,
    /// Where it lies or will lie; `main` where it is left out.
    #[schema(example = "main", min_length = 1, max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub location: Option<String>,
}

/// The change of a batch: at least one of these.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ChangeBatch {
    /// The counted quantity; 0 for a batch that is lost. Unchanged where it is left out.
    #[schema(example = 80, minimum = 0, maximum = 1_000_000_000, nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// When it arrives; unchanged where it is left out.
    #[schema(format = Date, example = "2036-04-14", nullable = false)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<String>,
}

/// The receipt of a batch.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct Receipt {
    /// The quantity counted on arrival; the expected quantity where it is left out. Needed with a rest, and then at least
    /// 1 and less than is expected.
    #[schema(example = 60, minimum = 0, maximum = 1_000_000_000)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub quantity: Option<u32>,
    /// What becomes of the units that were expected and have not arrived; left out or null: as with `"close"`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rest: Option<Rest>,
}

/// What becomes of the units that were expected and have not arrived.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
#[serde(untagged)]
pub enum Rest {
    /// They are still expected, as a batch of their own.
    Expected(ExpectedRest),
    /// Nothing more comes of them.
    Closed(RestWord),
}

/// The rest of a batch that is still expected.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, ToSchema)]
#[schema(example = json!({"eta": "2036-05-02"}))]
pub struct ExpectedRest {
    /// When it arrives; left out or null: on the day on which the batch was to arrive.
    #[schema(format = Date)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub eta: Option<String>,
    /// Its reference; left out or null: that of the batch with the next number, as in `PO-1042/2`.
    #[schema(min_length = 1, max_length = 64)]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reference: Option<String>,
}

/// A word for the rest of a batch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum RestWord {
    /// Nothing more comes of it.
    Close,
}
