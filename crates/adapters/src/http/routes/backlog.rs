//! The backlog of a product, and the cursor of its pages.

use std::str::FromStr;

use actix_web::http::StatusCode;
use actix_web::web::Data;
use actix_web::{HttpRequest, HttpResponse, get};
use earmark_application::Action;
use earmark_domain::{LineId, LineKey, LineView, OrderId, Precedence, Priority, ServicePosition, Sku};

use crate::http::api::Api;
use crate::http::execution::unknown_sku;
use crate::http::middleware::auth::require;
use crate::http::request::context::RequestContext;
use crate::http::request::input::Input;
use crate::http::request::query::{DEFAULT_PAGE, MAX_PAGE, limit};
use crate::http::response::problem::Problem;
use crate::http::response::reply::Reply;
use crate::wire::views::list::Each;
use crate::wire::views::pages::BacklogPageJson;

/// Show the backlog of a product
///
/// Its lines in order of service, a page at a time: send `next` as `after` to get the next page.
#[utoipa::path(
    tag = "Products",
    operation_id = "show_backlog",
    params(
        ("sku" = String, Path, description = "The product", example = "LAMP-RED"),
        ("after" = Option<String>, Query, description = "`next` of the page before"),
        ("limit" = Option<u32>, Query, minimum = 1, maximum = 500,
            description = "At most so many; 50 where it is left out"),
    ),
    responses((status = 200, description = "A page of the backlog", body = BacklogPageJson<'static>))
)]
#[get("/v1/products/{sku}/backlog")]
pub(crate) async fn show(request: HttpRequest, api: Data<Api>) -> Result<HttpResponse, Problem> {
    let (mut input, query) = Input::of(&request, &["after", "limit"]);
    let sku = input.path("sku", Sku::from_str);
    let after = query.optional("after", &mut input.faults, service_position);
    let most = query.optional("limit", &mut input.faults, limit(MAX_PAGE));
    let read = sku.zip(after).zip(most);
    let ((sku, after), most) = input.finish(read)?;
    require(&request, &api, Action::ReadBacklog)?;
    let most = most.unwrap_or(DEFAULT_PAGE);
    let now = api.now();
    let views = api.views(&RequestContext::principal(&request));
    let lines = views.backlog(&sku, after.as_ref(), now, most + 1).await;
    let Some(mut lines) = lines.map_err(|error| Problem::from(&error))? else {
        return Err(unknown_sku(&sku));
    };
    let more = lines.len() > most;
    lines.truncate(most);
    let next = lines
        .last()
        .filter(|_| more)
        .map(|line| cursor(&line.record.service_position()));
    let today = api.day_of(now);
    let lines: Vec<LineView> = lines.into_iter().map(|line| line.view(now, today)).collect();
    let items = Each::of(&lines);
    Ok(Reply::new(StatusCode::OK, &BacklogPageJson { items, next }).response())
}

/// A service position as an opaque cursor. Its encoding may change, so clients must not interpret it.
fn cursor(position: &ServicePosition) -> String {
    let required_by = position.precedence.required_by();
    // No name contains a control character, so a line end separates them safely.
    let plain = format!(
        "{}\n{}\n{}\n{}\n{}",
        position.precedence.priority().get(),
        required_by.map(|day| day.to_string()).unwrap_or_default(),
        position.placed_version,
        position.key.order,
        position.key.line
    );
    plain.bytes().map(|byte| format!("{byte:02x}")).collect()
}

fn service_position(cursor: &str) -> Result<ServicePosition, &'static str> {
    const WRONG: &str = "must be `next` of the page before";
    /// The longest that [`cursor`] makes: two numbers, a day, and two names of characters of up to four bytes, in
    /// hexadecimal.
    const LONGEST: usize = 2 * (12 + 12 + 24 + 2 * (1 + 4 * earmark_domain::MAX_NAME_CHARS));
    let read = || {
        if cursor.len() > LONGEST || !cursor.len().is_multiple_of(2) || !cursor.is_ascii() {
            return None;
        }
        let bytes = (0..cursor.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&cursor[at..at + 2], 16).ok());
        let plain = String::from_utf8(bytes.collect::<Option<Vec<u8>>>()?).ok()?;
        let mut parts = plain.splitn(5, '\n');
        let priority = Priority::new(parts.next()?.parse::<i32>().ok()?).ok()?;
        let required_by = match parts.next()? {
            "" => None,
            day => Some(day.parse().ok()?),
        };
        Some(ServicePosition {
            precedence: Precedence::of(priority, required_by),
            placed_version: parts
                .next()?
                .parse()
                .ok()
                .filter(|version| i64::try_from(*version).is_ok())?,
            key: LineKey {
                order: OrderId::new(parts.next()?).ok()?,
                line: LineId::new(parts.next()?).ok()?,
            },
        })
    };
    read().ok_or(WRONG)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn a_cursor_decodes_to_its_position(
            priority in -1_000_000_i32..=1_000_000,
            required_by in proptest::option::of(1_i16..=9_999),
            placed_version in 0_u64..=i64::MAX.unsigned_abs(),
            order in "\\PC{1,64}",
            line in "\\PC{1,64}",
        ) {
            let (Ok(order), Ok(line)) = (OrderId::new(order), LineId::new(line)) else { return Ok(()) };
            let priority = Priority::new(priority).expect("a priority");
            let required_by = required_by.map(|year| jiff::civil::date(year, 2, 28));
            let given = ServicePosition {
                precedence: Precedence::of(priority, required_by),
                placed_version,
                key: LineKey { order, line },
            };
            prop_assert_eq!(service_position(&cursor(&given)), Ok(given));
        }

        #[test]
        fn any_text_is_a_cursor_or_refused(text in ".{0,64}") {
            drop(service_position(&text));
        }
    }
}
