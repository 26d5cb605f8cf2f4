//! What problems have besides the members of every problem: one place for their names, types and meanings.

/// What a member is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shape {
    /// A name.
    Name,
    /// A list of names.
    Names,
    /// A number of units, or a version: 0 or more.
    Number,
    /// The status of a line.
    LineStatus,
    /// The smallest change with which a line would have fitted.
    Remedy,
    /// Lines that do not fit.
    Shortages,
    /// Fields at fault.
    Faults,
}

/// A member of a problem.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Member {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub shape: Shape,
    /// What it means.
    pub meaning: &'static str,
    /// A value of it, where it is a name, names or a number: the text of its JSON.
    pub example: &'static str,
    /// Whether every problem of the kind has it.
    pub always: bool,
}

impl Member {
    const fn new(name: &'static str, shape: Shape, example: &'static str, meaning: &'static str) -> Self {
        Self {
            name,
            shape,
            meaning,
            example,
            always: true,
        }
    }

    /// The same member of a kind whose problems do not all have it.
    pub const fn sometimes(self) -> Self {
        Self { always: false, ..self }
    }
}

/// `reference`.
pub const REFERENCE: Member = Member::new("reference", Shape::Name, "\"PO-1042\"", "The batch.");
/// `batch`.
pub const BATCH: Member = Member::new("batch", Shape::Name, "\"PO-1042\"", "The batch that has not arrived.");
/// `sku`.
pub const SKU: Member = Member::new("sku", Shape::Name, "\"LAMP-RED\"", "The product of the line.");
/// `skus`.
pub const SKUS: Member = Member::new("skus", Shape::Names, "[\"LAMP-RED\"]", "The SKUs that are unknown.");
/// `locations`.
pub const LOCATIONS: Member = Member::new(
    "locations",
    Shape::Names,
    "[\"nroth\"]",
    "The locations that are unknown.",
);
/// `needs`.
pub const NEEDS: Member = Member::new("needs", Shape::Name, "\"planner\"", "The role that is needed.");
/// `order_id`.
pub const ORDER_ID: Member = Member::new("order_id", Shape::Name, "\"order-7\"", "The order.");
/// `name` of a subscription.
pub const NAME: Member = Member::new("name", Shape::Name, "\"log\"", "The subscription.");
/// `name` of an access key.
pub const KEY_NAME: Member = Member::new("name", Shape::Name, "\"web-shop\"", "The key.");
/// `session`.
pub const SESSION: Member = Member::new("session", Shape::Name, "\"6f1c09d2a4e7\"", "The session.");
/// `name` of a source.
pub const SOURCE_NAME: Member = Member::new("name", Shape::Name, "\"orders\"", "The source.");
/// `line_id`.
pub const LINE_ID: Member = Member::new("line_id", Shape::Name, "\"1\"", "The line.");
/// `line_ids`.
pub const LINE_IDS: Member = Member::new("line_ids", Shape::Names, "[\"1\"]", "The lines.");
/// `differs`.
pub const DIFFERS: Member = Member::new(
    "differs",
    Shape::Names,
    "[\"quantity\"]",
    "The fields in which the request differs from what was placed.",
);
/// `line_status`.
pub const LINE_STATUS: Member = Member::new("line_status", Shape::LineStatus, "", "How the line has ended.");
/// `requested`.
pub const REQUESTED: Member = Member::new("requested", Shape::Number, "300", "The units that are asked for.");
/// `available`.
pub const AVAILABLE: Member = Member::new(
    "available",
    Shape::Number,
    "70",
    "The units that are available to the line.",
);
/// `largest_batch`.
pub const LARGEST_BATCH: Member = Member::new(
    "largest_batch",
    Shape::Number,
    "70",
    "The most of these in one batch: what a line can get that must not be split.",
);
/// `quantity`.
pub const QUANTITY: Member = Member::new("quantity", Shape::Number, "3", "The units that the line has.");
/// `held`.
pub const HELD: Member = Member::new("held", Shape::Number, "3", "The units that are held.");
/// `dispatched`.
pub const DISPATCHED: Member = Member::new(
    "dispatched",
    Shape::Number,
    "30",
    "The units that have been dispatched, of the line or from the batch.",
);
/// `expected`.
pub const EXPECTED: Member = Member::new("expected", Shape::Number, "80", "The units that were expected.");
/// `received`.
pub const RECEIVED: Member = Member::new("received", Shape::Number, "98", "The units that arrived.");
/// `version`.
pub const VERSION: Member = Member::new("version", Shape::Number, "18", "The current version.");
/// `begin`.
pub const BEGIN: Member = Member::new(
    "begin",
    Shape::Name,
    "\"1-17\"",
    "The cursor to begin with instead: the last place that both histories have.",
);
/// `remedy`.
pub const REMEDY: Member = Member::new(
    "remedy",
    Shape::Remedy,
    "",
    "The smallest change with which the line would have fitted.",
);
/// `shortages`.
pub const SHORTAGES: Member = Member::new(
    "shortages",
    Shape::Shortages,
    "",
    "Every line of the order that does not fit. For a single line these are members of the problem itself.",
);
/// `errors`.
pub const ERRORS: Member = Member::new("errors", Shape::Faults, "", "Every field at fault.");
