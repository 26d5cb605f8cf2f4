//! A digest as plain text, in lines of 78 columns.

use std::fmt::Write as _;

use earmark_application::{BrokenPromise, Digest, Inbound, OverdueBatch, ShortProduct, Waiter};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::names::plain;
use super::words::{self, counted, day, more, total, units, unseen};

/// The width of a line, as mail has it. A single word may be longer.
const COLUMNS: usize = 78;

/// The digest as plain text.
pub(super) fn text(digest: &Digest, zone: &TimeZone) -> String {
    let mut text = Text::default();
    text.heading(&words::headline(digest), '=');
    text.wrapped(0, 0, &words::period(digest, zone));
    if digest.may_repeat {
        text.wrapped(0, 0, words::MAY_REPEAT);
    }
    if !digest.short.is_empty() {
        text.section("Short");
        for product in &digest.short.items {
            short(&mut text, product, digest.today);
        }
        text.more(0, unseen(&digest.short, "ran short"));
    }
    if !digest.broken.is_empty() {
        text.section("Broken promises");
        for promise in &digest.broken.items {
            broken(&mut text, promise, digest.today);
        }
        text.more(0, unseen(&digest.broken, "were broken"));
    }
    if !digest.overdue.is_empty() {
        text.section("Overdue batches");
        for batch in &digest.overdue.items {
            overdue(&mut text, batch, digest.today);
        }
        text.more(0, unseen(&digest.overdue, "were overdue"));
    }
    text.empty();
    // Mail programs know by this line that what follows is no part of the message.
    text.0.push_str("-- \n");
    text.wrapped(0, 0, words::FOOTER);
    text.0
}

fn short(text: &mut Text, product: &ShortProduct, today: Date) {
    let name = (product.name.as_ref()).map_or_else(String::new, |name| format!("  {}", plain(name.as_str())));
    text.line(0, &format!("{}{name}", plain(product.sku.as_str())));
    text.line(2, &format!("{} missing", units(product.missing().get())));
    if !product.waiting.is_empty() {
        let lines = total(&product.waiting, "line waits", "lines wait");
        text.line(2, &format!("{lines} for {}:", units(product.waiting_units.get())));
        for waiter in &product.waiting.items {
            waits(text, waiter, today);
        }
        text.more(4, more(&product.waiting));
    }
    if product.refused_lines > 0 {
        let (lines, lacked) = refused(product);
        text.line(2, &format!("{lines}; {lacked}"));
    }
    if product.inbound.is_empty() {
        text.line(2, "Nothing is on its way.");
    } else {
        text.line(2, "On its way:");
        for batch in &product.inbound.items {
            inbound(text, batch, today);
        }
        text.more(4, more(&product.inbound));
    }
    text.empty();
}

/// How many lines were refused, and what they lacked.
pub(super) fn refused(product: &ShortProduct) -> (String, String) {
    let one_or_many = if product.refused_lines == 1 {
        "it lacked"
    } else {
        "they lacked"
    };
    let lines = counted(product.refused_lines, "line was refused", "lines were refused");
    (lines, format!("{one_or_many} {}", units(product.refused_units.get())))
}

fn waits(text: &mut Text, waiter: &Waiter, today: Date) {
    let (order, line) = (plain(waiter.key.order.as_str()), plain(waiter.key.line.as_str()));
    let mut told = format!("{order}, line {line}: {}", units(u64::from(waiter.quantity.get())));
    if let Some(required_by) = waiter.required_by {
        told.push_str(", required by ");
        told.push_str(&day(required_by, today));
    }
    if waiter.priority.get() != 0 {
        write!(told, ", priority {}", waiter.priority.get()).expect("a string takes all that is written");
    }
    text.item(4, &told);
}

fn inbound(text: &mut Text, batch: &Inbound, today: Date) {
    let overdue = if batch.overdue { ", overdue" } else { "" };
    text.item(
        4,
        &format!(
            "{}: {}, {}{overdue}, {} free",
            plain(batch.reference.as_str()),
            units(u64::from(batch.quantity.get())),
            day(batch.eta, today),
            words::grouped(batch.available.get()),
        ),
    );
}

fn broken(text: &mut Text, promise: &BrokenPromise, today: Date) {
    let (order, line) = (plain(promise.key.order.as_str()), plain(promise.key.line.as_str()));
    text.line(0, &format!("{order}, line {line}  ({})", plain(promise.sku.as_str())));
    text.line(2, &format!("required by {}", day(promise.required_by, today)));
    let now = promise.promised_on.map_or_else(
        || "waits for stock".to_owned(),
        |on| format!("promised for {}", day(on, today)),
    );
    let (before, batch, after) = words::why(&promise.why);
    let batch = batch.map_or_else(Default::default, |batch| plain(batch.as_str()));
    text.line(2, &format!("{now}: {before}{batch}{after}"));
    text.empty();
}

fn overdue(text: &mut Text, batch: &OverdueBatch, today: Date) {
    let (reference, sku) = (plain(batch.reference.as_str()), plain(batch.sku.as_str()));
    text.line(0, &format!("{reference}  ({sku})"));
    let promised = match batch.allocated.get() {
        0 => "none of them promised".to_owned(),
        promised => format!("{} of them promised", words::grouped(promised)),
    };
    let quantity = units(u64::from(batch.quantity.get()));
    text.line(2, &format!("{quantity}, due on {}, {promised}", day(batch.eta, today)));
    text.empty();
}

/// Text that grows line by line.
#[derive(Default)]
struct Text(String);

impl Text {
    fn heading(&mut self, text: &str, underline: char) {
        self.line(0, text);
        let width = text.chars().count().min(COLUMNS);
        self.0.extend(std::iter::repeat_n(underline, width));
        self.0.push('\n');
        self.empty();
    }

    fn section(&mut self, title: &str) {
        self.empty();
        self.heading(title, '-');
    }

    /// An empty line, if there is none yet.
    fn empty(&mut self) {
        if !self.0.ends_with("\n\n") {
            self.0.push('\n');
        }
    }

    fn line(&mut self, indent: usize, text: &str) {
        self.wrapped(indent, indent + 2, text);
    }

    fn item(&mut self, indent: usize, text: &str) {
        self.wrapped(indent, indent + 4, text);
    }

    fn more(&mut self, indent: usize, more: Option<String>) {
        if let Some(more) = more {
            self.line(indent, &more);
        }
    }

    /// A paragraph, whose further lines are indented further.
    fn wrapped(&mut self, indent: usize, further: usize, text: &str) {
        let mut column = indent;
        self.0.extend(std::iter::repeat_n(' ', indent));
        for (index, word) in text.split(' ').enumerate() {
            let width = word.chars().count();
            if index > 0 && column + 1 + width > COLUMNS {
                self.0.truncate(self.0.trim_end_matches(' ').len());
                self.0.push('\n');
                self.0.extend(std::iter::repeat_n(' ', further));
                column = further;
            } else if index > 0 {
                self.0.push(' ');
                column += 1;
            }
            self.0.push_str(word);
            column += width;
        }
        self.0.push('\n');
    }
}
