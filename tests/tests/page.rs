//! The dashboard and the explorer, in a real browser.

use std::env;
use std::path::PathBuf;
use std::process::{Command, Stdio};

use earmark_tests::databases::SqliteDatabase;
use earmark_tests::service::{Desk, at_the_desk, in_time};
use serde_json::json;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpListener;
use tokio::task::{JoinHandle, spawn_blocking};

/// The virtual time for the page's scripts: the browser advances its clock while nothing is in progress.
const SCRIPT_TIME: &str = "--virtual-time-budget=20000";

/// A page after its scripts have run.
struct Shown {
    /// The document, as HTML.
    dom: String,
    /// The messages of the scripts, and of the browser about them.
    console: Vec<String>,
}

/// The path of Chromium.
fn chromium() -> PathBuf {
    let path = env::var_os("PATH").unwrap_or_default();
    let folders: Vec<PathBuf> = env::split_paths(&path).collect();
    let names = ["chromium", "chromium-browser", "google-chrome"];
    let programs = names
        .iter()
        .flat_map(|name| folders.iter().map(move |folder| folder.join(name)));
    programs
        .into_iter()
        .find(|program| program.is_file())
        .expect("Chromium is here: `cargo xtask test` installs it")
}

/// Shows a page of the service.
async fn show(desk: &Desk, path: &str) -> Shown {
    show_url(format!("{}{path}", desk.base())).await
}

/// Shows a page.
async fn show_url(url: String) -> Shown {
    let browse = spawn_blocking(move || {
        let profile = tempfile::tempdir().expect("a temporary folder");
        let mut browser = Command::new(chromium());
        browser.args([
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-dev-shm-usage",
        ]);
        browser.args([
            "--disable-background-networking",
            "--lang=en-US",
            "--enable-logging=stderr",
            SCRIPT_TIME,
        ]);
        browser.arg(format!("--user-data-dir={}", profile.path().display()));
        browser
            .args(["--dump-dom", &url])
            .stdin(Stdio::null())
            .output()
            .expect("Chromium runs")
    });
    let shown = in_time("the browser shows the page", browse)
        .await
        .expect("it was waited for");
    let said = String::from_utf8_lossy(&shown.stderr);
    assert!(shown.status.success(), "{}: {said}", shown.status);
    Shown {
        dom: String::from_utf8(shown.stdout).expect("HTML in UTF-8"),
        console: said
            .lines()
            .filter(|line| line.contains(":CONSOLE"))
            .map(str::to_owned)
            .collect(),
    }
}

/// The row of the table that names a product.
fn row<'a>(dom: &'a str, name: &str) -> &'a str {
    let at = dom.find(name).unwrap_or_else(|| unreachable!("no {name} in {dom}"));
    let begin = dom[..at].rfind("<tr").expect("it is in a row");
    let end = dom[at..].find("</tr>").expect("the row has an end");
    &dom[begin..at + end]
}

/// The numbers of a row, as displayed.
fn numbers(row: &str) -> Vec<String> {
    let cells = row.split("<td").skip(1);
    cells
        .filter_map(|cell| Some(cell.split_once('>')?.1.split_once("</td>")?.0.to_owned()))
        .collect()
}

async fn the_dashboard_shows_the_stock_and_escapes_names(desk: Desk) {
    desk.buy("B1", "LAMP", 1_200).await;
    desk.buy_inbound("B2", "LAMP", 34, "2199-01-01").await;
    let _ = desk.allocate("o1", "LAMP", 56).await.answers(201);
    let _ = desk.allocate_or_wait("o2", "LAMP", 7_000).await.answers(202);
    let name = "<b>Sofa</b> & <script>document.title = 'taken'</script>";
    let _ = desk
        .put("/v1/products/SOFA%3Cimg%20src%3Dx%3E", &json!({"name": name}))
        .await
        .answers(200);

    let shown = show(&desk, "/").await;
    assert_eq!(
        numbers(row(&shown.dom, ">LAMP<")),
        ["1,200", "34", "56", "1,178", "7,000"]
    );
    let sofa = row(&shown.dom, "SOFA&lt;img src=x&gt;");
    assert!(sofa.contains("&lt;b&gt;Sofa&lt;/b&gt; &amp; &lt;script&gt;"), "{sofa}");
    assert_eq!(numbers(sofa), ["0", "0", "0", "0", "0"]);
    assert!(!shown.dom.contains("<title>taken"), "{}", shown.dom);
    assert!(shown.dom.contains("2 products"), "{}", shown.dom);
    assert_eq!(shown.console, [] as [String; 0]);
}

async fn an_empty_dashboard_shows_how_to_begin(desk: Desk) {
    let shown = show(&desk, "/").await;
    assert!(shown.dom.contains("curl -X POST"), "{}", shown.dom);
    assert_eq!(shown.console, [] as [String; 0]);
}

async fn the_explorer_shows_every_call_and_loads_nothing_from_elsewhere(desk: Desk) {
    let page = desk.get("/docs").await;
    assert_eq!((page.status, page.media_type()), (200, "text/html"));
    let mut assets = Vec::new();
    for attribute in ["src=\"", "href=\""] {
        assets.extend(
            page.text()
                .split(attribute)
                .skip(1)
                .filter_map(|rest| rest.split('"').next()),
        );
    }
    assert!(!assets.is_empty(), "{}", page.text());
    for asset in assets {
        assert!(!asset.contains("//"), "{asset} is elsewhere");
        let path = format!("/docs/{}", asset.trim_start_matches("./"));
        assert_eq!(desk.get(&path).await.status, 200, "{path}");
    }
    let shown = show(&desk, "/docs/").await;
    for call in ["/v1/batches", "/v1/orders", "/add_batch"] {
        // The explorer breaks long paths with invisible spaces.
        assert!(shown.dom.replace('\u{200b}', "").contains(call), "{call}");
    }
    assert_eq!(shown.console, [] as [String; 0]);
}

/// Serves one page on a port of its own, to whoever connects, until it is dropped. Returns its address.
async fn foreign_page(html: String) -> (String, JoinHandle<()>) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = format!("http://{}/", listener.local_addr().expect("an address"));
    let serving = tokio::spawn(async move {
        let length = html.len();
        let head =
            format!("HTTP/1.1 200 OK\r\ncontent-type: text/html\r\ncontent-length: {length}\r\nconnection: close\r\n");
        let response = format!("{head}\r\n{html}");
        while let Ok((mut client, _)) = listener.accept().await {
            let mut request = [0; 4_096];
            // A connection that the browser opened ahead and does not use ends without a request.
            if client.read(&mut request).await.is_ok_and(|read| read > 0) {
                drop(client.write_all(response.as_bytes()).await);
            }
        }
    });
    (address, serving)
}

async fn a_page_of_another_site_changes_nothing(desk: Desk) {
    desk.buy("B1", "LAMP", 10).await;
    desk.buy_inbound("B2", "LAMP", 10, "2199-01-01").await;
    let _ = desk.allocate("o1", "LAMP", 3).await.answers(201);
    let before = desk.get("/v1/events").await.json();
    let base = desk.base();
    let html = format!(
        "<!doctype html><title>trying</title><script>
        const calls = ['/v1/orders/o1/dispatch', '/v1/batches/B2/receipt', '/v1/orders/o1/confirmation', '/add_batch'];
        const bodies = [undefined, '{{}}', '{{\"ref\": \"B3\", \"sku\": \"LAMP\", \"qty\": 1, \"eta\": null}}'];
        const tries = [];
        for (const call of calls) for (const body of bodies)
            tries.push(fetch('{base}' + call, {{method: 'POST', mode: 'no-cors', body}}));
        Promise.allSettled(tries).then((ended) => {{
            document.title = 'sent ' + ended.length + ', seen ' + ended.filter((each) => each.status === 'fulfilled').length;
        }});
        </script>"
    );
    let (address, serving) = foreign_page(html).await;
    let shown = show_url(address).await;
    serving.abort();
    // They arrive, and the page is not even told that they were answered.
    assert!(shown.dom.contains("<title>sent 12, seen 0</title>"), "{}", shown.dom);
    let metrics = desk.get("/metrics").await;
    let refused = metrics.text().lines().filter(|line| {
        line.starts_with("earmark_http_requests_total{method=\"POST\"") && line.contains("status=\"4xx\"")
    });
    let refused: u64 = refused
        .filter_map(|line| line.rsplit(' ').next()?.parse::<u64>().ok())
        .sum();
    assert_eq!(refused, 12, "{}", metrics.text());
    assert_eq!(desk.get("/v1/events").await.json(), before);
}

/// Expands cases, on one database only.
macro_rules! in_a_browser {
    ($($case:ident,)+) => {
        mod in_a_browser {
            use super::{SqliteDatabase, at_the_desk};

            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $case() {
                at_the_desk::<SqliteDatabase, _>(super::$case).await;
            })+
        }
    };
}

in_a_browser! {
    the_dashboard_shows_the_stock_and_escapes_names,
    an_empty_dashboard_shows_how_to_begin,
    a_page_of_another_site_changes_nothing,
    the_explorer_shows_every_call_and_loads_nothing_from_elsewhere,
}
