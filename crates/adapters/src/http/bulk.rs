//! Bulk: commands as lines in, answers as lines out, both streamed.
//!
//! Lines are read, decided and answered side by side: a bounded number is under way, in the order sent, and reading
//! stops while that many wait for an answer or while the client does not take the answers it has. So neither a fast
//! sender nor a slow reader costs memory; a client has to read while it sends.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::pin;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use actix_web::error::PayloadError;
use actix_web::http::StatusCode;
use actix_web::web::{Data, Payload};
use actix_web::{HttpRequest, HttpResponse, post};
use async_stream::stream;
use bytes::Bytes;
use earmark_application::{Answer, OrderedStream, Ticket};
use earmark_domain::{Command, Sku};
use futures::Stream;
use tokio::time::timeout;

use super::api::{Api, Mode};
use super::batches::create_batch;
use super::edge::request_id;
use super::fields::{Faults, text};
use super::input::{Input, broken, finish, json, media_type, object};
use super::json::Json;
use super::kinds;
use super::lines::{Line, Lines};
use super::ordering::{allocate_line, place_order};
use super::problem::Problem;
use super::products::put_product;
use super::reply::Reply;
use super::schema;

/// The media types that bodies of lines come in; the first is the one that is told.
const MEDIA_TYPES: &[&str] = &[
    "application/x-ndjson",
    "application/ndjson",
    "application/jsonl",
    "application/json",
];

/// The media type of the answers.
const NDJSON: &str = "application/x-ndjson";

/// How many lines of one stream are under way: several groups' worth, so that every transaction travels full, and at
/// 64 KiB a line at most 64 MiB of the largest.
const WINDOW: usize = 1_024;

/// How many bytes of answers are gathered before they are sent, when that many are there at once.
const CHUNK_BYTES: usize = 32 * 1024;

/// How long a stream may be silent: longer than anybody's pause between two lines, short enough for a connection that
/// was forgotten.
const IDLE: Duration = Duration::from_secs(120);

/// What a line comes to: an answer that is awaited, or known at once.
#[derive(Debug)]
enum Pending {
    Asked(Ticket),
    Known(Problem),
}

/// The lines under way, in the order sent. That is the order they are decided in too, so whoever waits for the first
/// is woken once for a whole group.
#[derive(Debug, Default)]
struct InFlight(VecDeque<Pending>);

impl InFlight {
    fn push(&mut self, pending: Pending) {
        self.0.push_back(pending);
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The answer to the first line, once it is there. Can be dropped and asked again without losing anything.
    async fn first(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.0.front_mut()? {
            Pending::Asked(ticket) => Some(ticket.answer().await),
            Pending::Known(_) => None,
        };
        self.redeem(answer)
    }

    /// The answer to the first line, if it is there already.
    fn first_now(&mut self) -> Option<Result<Answer, Problem>> {
        let answer = match self.0.front_mut()? {
            Pending::Asked(ticket) => Some(ticket.answered()?),
            Pending::Known(_) => None,
        };
        self.redeem(answer)
    }

    /// Takes the first line away: with its answer, unless that was known before.
    fn redeem(&mut self, answer: Option<Answer>) -> Option<Result<Answer, Problem>> {
        match (self.0.pop_front()?, answer) {
            (Pending::Known(problem), _) => Some(Err(problem)),
            (Pending::Asked(_), answer) => answer.map(Ok),
        }
    }
}

/// Send many commands
///
/// One command a line, one answer a line in the order sent: `{"status", "body"}` as the single call would have
/// answered. Answers come while lines are still being sent, so read while you send. A line that is wrong answers for
/// itself alone; blank lines are passed over.
#[utoipa::path(
    tag = "Bulk",
    operation_id = "bulk",
    request_body(content = schema::BulkCommand, content_type = "application/x-ndjson",
        description = "Lines of up to 64 KiB",
        example = json!({"create_batch": {"reference": "PO-1043", "sku": "LAMP-RED", "quantity": 5}})),
    responses((status = 200, description = "One line for each line sent", body = schema::BulkAnswer,
        content_type = "application/x-ndjson"))
)]
#[post("/v1/bulk")]
pub(super) async fn bulk(request: HttpRequest, payload: Payload, api: Data<Api>) -> Result<HttpResponse, Problem> {
    Input::without_query(&request).finish(Some(()))?;
    media_type(&request, MEDIA_TYPES)?;
    let answers = answers(api, payload, request_id(&request));
    Ok(HttpResponse::Ok().content_type(NDJSON).streaming(answers))
}

/// What became of waiting for a line or an answer.
enum Step {
    Line(Result<Option<Line>, PayloadError>),
    Silence,
    Draining,
    Answer(Result<Answer, Problem>),
}

fn answers(
    api: Data<Api>,
    source: impl Stream<Item = Result<Bytes, PayloadError>> + Unpin,
    request_id: Arc<str>,
) -> impl Stream<Item = Result<Bytes, Infallible>> {
    stream! {
        let ordered = api.engine().ordered();
        let mut lines = Lines::of(source);
        let mut in_flight_before = InFlight::default();
        let mut reading = true;
        let mut draining = pin!(api.readiness().draining());
        while reading || !in_flight_before.is_empty() {
            let step = {
                let mut line = pin!(timeout(IDLE, lines.next()));
                tokio::select! {
                    // Answers first: what is done makes room for what comes.
                    biased;
                    Some(answer) = in_flight_before.first(), if !in_flight_before.is_empty() => Step::Answer(answer),
                    () = &mut draining, if reading => Step::Draining,
                    line = &mut line, if reading && in_flight_before.len() < WINDOW => line.map_or(Step::Silence, Step::Line),
                }
            };
            match step {
                Step::Line(Ok(Some(Line::Whole(bytes)))) if bytes.iter().all(u8::is_ascii_whitespace) => {}
                Step::Line(Ok(Some(line))) => in_flight_before.push(submit(&ordered, line, &request_id).await),
                Step::Line(Ok(None)) => reading = false,
                Step::Line(Err(error)) => {
                    // The client is gone, most likely; where it is not, it learns where the service stopped reading.
                    reading = false;
                    let problem = broken(&error);
                    in_flight_before.push(Pending::Known(problem));
                }
                Step::Silence => {
                    // While answers are awaited nothing need come.
                    if in_flight_before.is_empty() {
                        reading = false;
                        let told = "nothing was sent for two minutes";
                        in_flight_before.push(Pending::Known(Problem::new(&kinds::REQUEST_TIMEOUT, told)));
                    }
                }
                Step::Draining => {
                    // The answer of the first line that is not read any more. Those behind it have none, and have not
                    // been executed.
                    reading = false;
                    let told = "the service is shutting down; send this line, and those after it, again";
                    in_flight_before.push(Pending::Known(Problem::new(&kinds::SHUTTING_DOWN, told)));
                }
                Step::Answer(answer) => {
                    let mut text = String::new();
                    write_answer(&mut text, &present(&api, answer, &request_id).await);
                    // Those that are there already travel in the same chunk.
                    while text.len() < CHUNK_BYTES
                        && let Some(answer) = in_flight_before.first_now()
                    {
                        write_answer(&mut text, &present(&api, answer, &request_id).await);
                    }
                    yield Ok(Bytes::from(text));
                }
            }
        }
    }
}

/// Reads a line and hands its command on, behind those before it. Waits for a place in the queue.
async fn submit(ordered: &OrderedStream, line: Line, request_id: &Arc<str>) -> Pending {
    match command(line) {
        Ok(command) => {
            let envelope = Api::envelope(command, Arc::clone(request_id), Mode::default());
            Pending::Asked(ordered.submit(envelope).await)
        }
        Err(problem) => Pending::Known(problem),
    }
}

/// The command of a line.
fn command(line: Line) -> Result<Command, Problem> {
    let Line::Whole(bytes) = line else {
        return Err(Problem::new(&kinds::PAYLOAD_TOO_LARGE, "the line has more than 64 KiB"));
    };
    let json = json(&bytes)?;
    let mut faults = Faults::default();
    let command = one_command(&json, &mut faults);
    finish(faults, command)
}

fn one_command(json: &Json<'_>, faults: &mut Faults) -> Option<Command> {
    const NAMES: &str = "create_batch, allocate, place_order, put_product";
    let Json::Object(entries) = json else {
        faults.add(
            "",
            format_args!("must be an object with one of {NAMES}, is {}", json.kind()),
        );
        return None;
    };
    let [(name, json)] = entries.as_slice() else {
        faults.add(
            "",
            format_args!("must have exactly one of {NAMES}, has {} fields", entries.len()),
        );
        return None;
    };
    match &**name {
        "create_batch" => object(json, name, faults, create_batch).map(Command::CreateBatch),
        "allocate" => object(json, name, faults, allocate_line).map(Command::Allocate),
        "place_order" => object(json, name, faults, place_order).map(Command::PlaceOrder),
        "put_product" => object(json, name, faults, |fields, faults| {
            let sku = fields.required("sku", faults, text(Sku::from_str));
            put_product(sku, fields, faults)
        })
        .map(Command::PutProduct),
        other => {
            let field = super::problem::shortened(other);
            faults.add(field, format_args!("is not known here; the commands are {NAMES}"));
            None
        }
    }
}

/// An answer as the single call would have given it: its status, and the text of its body.
async fn present(api: &Api, answer: Result<Answer, Problem>, request_id: &str) -> (StatusCode, String) {
    let reply = match answer {
        Ok(Ok(outcome)) => api.reply(&outcome).await,
        Ok(Err(error)) => Err(Problem::of(&error)),
        Err(problem) => Err(problem),
    };
    match reply {
        Ok(Reply { status, body, .. }) => (status, body),
        Err(problem) => {
            tracing::error_span!("request", %request_id).in_scope(|| problem.log());
            (problem.status(), problem.body())
        }
    }
}

fn write_answer(text: &mut String, (status, body): &(StatusCode, String)) {
    text.push_str("{\"status\":");
    text.push_str(status.as_str());
    text.push_str(",\"body\":");
    text.push_str(body);
    text.push_str("}\n");
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(text: &str) -> Result<Command, Problem> {
        command(Line::Whole(Bytes::copy_from_slice(text.as_bytes())))
    }

    #[test]
    fn a_line_is_one_command_as_the_single_call_reads_it() {
        for (line, name) in [
            (
                r#"{"create_batch": {"reference": "b", "sku": "s", "quantity": 1}}"#,
                "create_batch",
            ),
            (
                r#"{"allocate": {"order_id": "o", "sku": "s", "quantity": 1, "split": true}}"#,
                "allocate",
            ),
            (
                r#"{"place_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 1}]}}"#,
                "place_order",
            ),
            (r#"{"put_product": {"sku": "s", "safety_stock": 3}}"#, "put_product"),
        ] {
            assert_eq!(read(line).map(|command| command.name()).ok(), Some(name));
        }
    }

    #[test]
    fn a_fault_in_a_line_is_told_with_its_path() {
        let problem = read(r#"{"place_order": {"order_id": "o", "lines": [{"sku": "s", "quantity": 0}]}}"#)
            .expect_err("a quantity of none");
        assert!(problem.body().contains("place_order.lines[0].quantity"), "{problem}");
    }

    #[test]
    fn a_line_that_is_no_command_says_what_is() {
        for (line, status) in [
            ("{}", 422),
            ("[]", 422),
            (r#"{"allocate": {}, "create_batch": {}}"#, 422),
            (r#"{"cancel": {}}"#, 422),
            ("{", 400),
        ] {
            assert_eq!(
                read(line).map_err(|problem| problem.status().as_u16()),
                Err(status),
                "{line}"
            );
        }
        assert_eq!(
            command(Line::TooLong).map_err(|problem| problem.status()),
            Err(StatusCode::PAYLOAD_TOO_LARGE)
        );
    }

    proptest! {
        #[test]
        fn any_line_is_a_command_or_the_callers_fault(bytes in proptest::collection::vec(any::<u8>(), 0..128)) {
            if let Err(problem) = command(Line::Whole(Bytes::from(bytes))) {
                prop_assert!(problem.status().is_client_error());
            }
        }

        #[test]
        fn any_order_is_read_or_the_callers_fault(
            field in "order_id|lines|sku|quantity|split|on_shortage|x",
            value in "null|true|-1|0|1|1e99|1e999|\"\"|\"a\"|\\[\\]|\\{\\}|\\[\\{\\}\\]|\\[null\\]",
        ) {
            let line = format!("{{\"place_order\": {{\"order_id\": \"o\", \"{field}\": {value}}}}}");
            if let Err(problem) = read(&line) {
                prop_assert!(problem.status().is_client_error());
            }
        }
    }
}
