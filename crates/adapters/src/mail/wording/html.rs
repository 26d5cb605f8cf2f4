//! A digest as an HTML document: tables and styles within the elements, which is what mail programs show. It loads nothing.

use std::fmt::Write as _;

use earmark_application::{BrokenPromise, Digest, Inbound, OverdueBatch, ShortProduct, Waiter};
use earmark_domain::{LineKey, Sku};
use jiff::civil::Date;
use jiff::tz::TimeZone;

use super::names::visible;
use super::text::refused;
use super::words::{self, counted, day_and_distance, more, total, units, unseen};
use crate::html::escaped;

const FONT: &str = "font-family:-apple-system,'Segoe UI',Roboto,Helvetica,Arial,sans-serif";
const CARD: &str = "background:#ffffff;border:1px solid #dfe5e2;border-radius:8px;padding:14px 18px;margin:0 0 12px";
const MUTED: &str = "color:#5d6b66;font-size:13px";
const TABLE: &str = "border-collapse:collapse;width:100%;font-size:14px;margin:6px 0 2px";
const HEAD: &str = "text-align:left;font-weight:600;font-size:12px;color:#5d6b66;padding:4px 10px 4px 0;border-bottom:1px solid #dfe5e2";
const CELL: &str =
    "text-align:left;vertical-align:top;padding:5px 10px 5px 0;border-bottom:1px solid #eef2f0;word-break:break-word";
const NUMBER: &str = "text-align:right;white-space:nowrap;padding-right:20px";

const KEPT: &str = "white-space:nowrap";

/// The digest as an HTML document.
pub(super) fn html(digest: &Digest, zone: &TimeZone) -> String {
    let mut page = Page(String::with_capacity(16 * 1024));
    let title = escaped(&words::headline(digest));
    page.add(format_args!(
        "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width\"><title>{title}</title></head>\n\
         <body style=\"margin:0;padding:24px 12px;background:#f3f6f4;color:#1d2724;font-size:15px;line-height:1.45;{FONT}\">\n\
         <div style=\"max-width:680px;margin:0 auto\">\n\
         <div style=\"border-left:5px solid #e0a030;padding:2px 0 2px 14px;margin:0 0 20px\">\
         <div style=\"font-size:12px;letter-spacing:1px;color:#2f6f5e;font-weight:700\">EARMARK</div>\
         <h1 style=\"font-size:20px;line-height:1.3;margin:2px 0 4px\">{title}</h1>\
         <div style=\"{MUTED}\">{}</div></div>\n",
        escaped(&words::period(digest, zone)),
    ));
    if digest.may_repeat {
        page.muted(words::MAY_REPEAT);
    }
    if !digest.short.is_empty() {
        page.title("Short");
        for product in &digest.short.items {
            page.short(product, digest.today);
        }
        page.more(unseen(&digest.short, "ran short"));
    }
    if !digest.broken.is_empty() {
        page.title("Broken promises");
        page.card();
        page.table(
            &["Order, line", "Required by", "Now"],
            &digest.broken.items,
            |page, promise| page.broken(promise, digest.today),
        );
        page.more(unseen(&digest.broken, "were broken"));
        page.end_card();
    }
    if !digest.overdue.is_empty() {
        page.title("Overdue batches");
        page.card();
        page.table(
            &["Batch", "Due on", "Units", "Promised"],
            &digest.overdue.items,
            |page, batch| page.overdue(batch, digest.today),
        );
        page.more(unseen(&digest.overdue, "were overdue"));
        page.end_card();
    }
    page.add(format_args!(
        "<p style=\"{MUTED};margin:24px 0 0\">{}</p>\n</div></body></html>\n",
        escaped(words::FOOTER)
    ));
    page.0
}

/// A name, which stands for itself whatever direction its letters run in.
fn name(text: &str) -> String {
    format!("<bdi>{}</bdi>", escaped(&visible(text)))
}

/// A line of an order.
fn line(key: &LineKey) -> String {
    format!("{}, {}", name(key.order.as_str()), name(key.line.as_str()))
}

/// Something, and below it the product that it is about: side by side they don't fit on a telephone.
fn of_product(html: &str, sku: &Sku) -> String {
    format!("{html}<br><span style=\"{MUTED}\">{}</span>", name(sku.as_str()))
}

/// A day and how far it is, of which each stays on one line.
fn date(date: Date, today: Date) -> String {
    let (day, distance) = day_and_distance(date, today);
    format!("<span style=\"{KEPT}\">{day}</span> <span style=\"{KEPT}\">{distance}</span>")
}

/// A document that grows.
struct Page(String);

impl Page {
    fn add(&mut self, html: std::fmt::Arguments<'_>) {
        self.0.write_fmt(html).expect("a string takes all that is written");
    }

    fn title(&mut self, title: &str) {
        self.add(format_args!(
            "<h2 style=\"font-size:16px;margin:22px 0 8px\">{title}</h2>\n"
        ));
    }

    fn card(&mut self) {
        self.add(format_args!("<div style=\"{CARD}\">"));
    }

    fn end_card(&mut self) {
        self.add(format_args!("</div>\n"));
    }

    fn more(&mut self, more: Option<String>) {
        if let Some(more) = more {
            self.muted(&more);
        }
    }

    fn muted(&mut self, text: &str) {
        self.add(format_args!(
            "<p style=\"{MUTED};margin:6px 0 0\">{}</p>\n",
            escaped(text)
        ));
    }

    /// A table with a row for each item.
    fn table<T>(&mut self, columns: &[&str], items: &[T], mut row: impl FnMut(&mut Self, &T)) {
        self.add(format_args!("<table style=\"{TABLE}\"><tr>"));
        for column in columns {
            let number = if matches!(*column, "Units" | "Promised" | "Free" | "Priority") {
                NUMBER
            } else {
                ""
            };
            self.add(format_args!(
                "<th scope=\"col\" style=\"{HEAD};{number}\">{column}</th>"
            ));
        }
        self.add(format_args!("</tr>\n"));
        for item in items {
            self.add(format_args!("<tr>"));
            row(self, item);
            self.add(format_args!("</tr>\n"));
        }
        self.add(format_args!("</table>\n"));
    }

    /// A cell with HTML in it.
    fn cell(&mut self, html: &str) {
        self.add(format_args!("<td style=\"{CELL}\">{html}</td>"));
    }

    fn number(&mut self, number: u64) {
        let number = words::grouped(number);
        self.add(format_args!("<td style=\"{CELL};{NUMBER}\">{number}</td>"));
    }

    fn short(&mut self, product: &ShortProduct, today: Date) {
        let sku = name(product.sku.as_str());
        let called = (product.name.as_ref()).map_or_else(String::new, |called| {
            format!(" <span style=\"{MUTED}\">{}</span>", name(called.as_str()))
        });
        let missing = units(product.missing().get());
        self.card();
        self.add(format_args!(
            "<div style=\"font-size:16px;word-break:break-word\"><strong>{sku}</strong>{called}</div>\
             <div style=\"color:#a04020;font-weight:600;margin:2px 0 6px\">{missing} missing</div>\n"
        ));
        if !product.waiting.is_empty() {
            let lines = total(&product.waiting, "line waits", "lines wait");
            self.add(format_args!(
                "<div>{lines} for {}</div>",
                units(product.waiting_units.get())
            ));
            self.table(
                &["Order, line", "Units", "Required by", "Priority"],
                &product.waiting.items,
                |page, waiter| page.waiter(waiter, today),
            );
            self.more(more(&product.waiting));
        }
        if product.refused_lines > 0 {
            let (lines, lacked) = refused(product);
            self.add(format_args!("<div style=\"margin:6px 0\">{lines}; {lacked}</div>\n"));
        }
        if product.inbound.is_empty() {
            self.add(format_args!(
                "<div style=\"{MUTED};margin:6px 0 0\">Nothing is on its way.</div>"
            ));
        } else {
            let batches = counted(product.inbound.total(), "batch is", "batches are");
            self.add(format_args!(
                "<div style=\"margin:10px 0 0\">{batches} on the way</div>"
            ));
            self.table(
                &["Batch", "Arrives on", "Units", "Free"],
                &product.inbound.items,
                |page, batch| page.inbound(batch, today),
            );
            self.more(more(&product.inbound));
        }
        self.end_card();
    }

    fn waiter(&mut self, waiter: &Waiter, today: Date) {
        self.cell(&line(&waiter.key));
        self.number(u64::from(waiter.quantity.get()));
        self.cell(&waiter.required_by.map_or_else(String::new, |on| date(on, today)));
        let priority = waiter.priority.get();
        self.add(format_args!("<td style=\"{CELL};{NUMBER}\">{priority}</td>"));
    }

    fn inbound(&mut self, batch: &Inbound, today: Date) {
        self.cell(&name(batch.reference.as_str()));
        let overdue = if batch.overdue {
            " <strong style=\"color:#a04020\">overdue</strong>"
        } else {
            ""
        };
        self.cell(&format!("{}{overdue}", date(batch.eta, today)));
        self.number(u64::from(batch.quantity.get()));
        self.number(batch.available.get());
    }

    fn broken(&mut self, promise: &BrokenPromise, today: Date) {
        self.cell(&of_product(&line(&promise.key), &promise.sku));
        self.cell(&date(promise.required_by, today));
        let now = promise
            .promised_on
            .map_or_else(|| "waits for stock".to_owned(), |on| date(on, today));
        let (before, batch, after) = words::why(&promise.why);
        let batch = batch.map_or_else(String::new, |batch| name(batch.as_str()));
        self.cell(&format!(
            "{now}<br><span style=\"{MUTED}\">{before}{batch}{after}</span>"
        ));
    }

    fn overdue(&mut self, batch: &OverdueBatch, today: Date) {
        self.cell(&of_product(&name(batch.reference.as_str()), &batch.sku));
        self.cell(&date(batch.eta, today));
        self.number(u64::from(batch.quantity.get()));
        self.number(batch.allocated.get());
    }
}
