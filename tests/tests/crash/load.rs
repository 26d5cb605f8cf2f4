//! Load: clients that send requests and record them with their answers.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use earmark_tests::history::{Entry, Request};
use earmark_tests::service::Client;

/// Products that all clients order.
pub(crate) const PRODUCTS: usize = 6;

/// The SKU of one of these products.
pub(crate) fn sku(at: usize) -> String {
    format!("SKU{}", at % PRODUCTS)
}

/// A client that sends one request after the other until one is not answered or not taken. Its name is part of all names
/// it uses, so that no two clients use the same.
pub(crate) async fn work(name: String, client: Client, answered: Arc<AtomicUsize>) -> Vec<Entry> {
    let mut record: Vec<Entry> = Vec::new();
    let own = format!("B-{name}");
    let mut placed: Vec<String> = Vec::new();
    for at in 0.. {
        let on_shortage = if at % 2 == 0 { "backorder" } else { "reject" };
        let order = format!("o-{name}-{at}");
        let quantity = 1 + at as u64 % 3;
        let request = match at % 8 {
            0 => Request::Create {
                batch: format!("{own}-{at}"),
                sku: sku(at / 8),
                quantity: 12,
            },
            1 | 2 | 5 => Request::Allocate {
                order,
                line: (sku(at), quantity),
                on_shortage,
            },
            3 | 6 => {
                let lines = (0..3).map(|line| (sku(at + line), quantity)).collect();
                Request::Place {
                    order,
                    lines,
                    on_shortage,
                }
            }
            4 => Request::Count {
                batch: format!("{own}-{}", at - 4),
                quantity: at as u64 % 11,
            },
            _ => match placed.pop() {
                Some(order) => Request::Cancel { order },
                None => continue,
            },
        };
        let entry = Entry::of(request, &client).await;
        if let (true, Request::Allocate { order, .. } | Request::Place { order, .. }) =
            (entry.is_done(), &entry.request)
        {
            placed.push(order.clone());
        }
        let ended = entry.answer.is_none() || entry.is_turned_away();
        record.push(entry);
        if ended {
            break;
        }
        answered.fetch_add(1, Ordering::Relaxed);
    }
    record
}
