//! A stand-in for the OpenOmni API, for the demo and for tests: it answers as the real server does, faults included,
//! keeps what it receives in a folder, and shows it on a web page.

use std::io::Write;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context;
use clap::Parser;
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};

#[path = "demo-api/answer.rs"]
mod answer;
#[path = "demo-api/api.rs"]
mod api;
#[path = "demo-api/body.rs"]
mod body;
#[path = "demo-api/clusters.rs"]
mod clusters;
#[path = "demo-api/faults.rs"]
mod faults;
#[path = "demo-api/fields.rs"]
mod fields;
#[path = "demo-api/form.rs"]
mod form;
#[path = "demo-api/http.rs"]
mod http;
#[path = "demo-api/late.rs"]
mod late;
#[path = "demo-api/notify.rs"]
mod notify;
#[path = "demo-api/pages.rs"]
mod pages;
#[path = "demo-api/persist.rs"]
mod persist;
#[path = "demo-api/place.rs"]
mod place;
#[path = "demo-api/records.rs"]
mod records;
#[path = "demo-api/store.rs"]
mod store;
#[path = "demo-api/summary.rs"]
mod summary;
#[path = "demo-api/tasks.rs"]
mod tasks;
#[path = "demo-api/times.rs"]
mod times;
#[path = "demo-api/view.rs"]
mod view;
#[path = "demo-api/wire.rs"]
mod wire;

/// Stands in for the OpenOmni API: takes in what a listener sends and shows it on a web page.
#[derive(Parser)]
#[command(version)]
struct Args {
    /// Address to listen on; port 0 takes a free one
    #[arg(long, default_value = "127.0.0.1:8000")]
    listen: SocketAddr,
    /// Folder that keeps what is received
    #[arg(long = "data_dir", alias = "data-dir", default_value = "demo-data")]
    data_dir: PathBuf,
    /// Token that clients must send
    #[arg(long, default_value = "demo-token")]
    token: String,
    /// Home that exists; may be given more than once
    #[arg(long = "home_id", alias = "home-id", default_value = "1")]
    home_id: Vec<u64>,
    /// Storage solution that clients are told to use
    #[arg(long = "storage_solution", alias = "storage-solution", default_value = "api")]
    storage_solution: String,
    /// Wait between doing what was asked and answering, in milliseconds
    #[arg(long = "answer_delay_ms", alias = "answer-delay-ms", default_value_t = 0)]
    answer_delay_ms: u64,
    /// Wait before doing what was asked, in milliseconds; it is done even if the client has hung up meanwhile
    #[arg(long = "act_delay_ms", alias = "act-delay-ms", default_value_t = 0)]
    act_delay_ms: u64,
    /// Answer 500 to every nth row and keep it only later, by --late_ms; 0 is none
    #[arg(long = "late_every", alias = "late-every", default_value_t = 0)]
    late_every: u32,
    /// How much later, in milliseconds
    #[arg(long = "late_ms", alias = "late-ms", default_value_t = 3000)]
    late_ms: u64,
    /// Language of the server's messages
    #[arg(long, value_enum, default_value = "en")]
    language: http::Language,
    /// Unix socket of a program that is notified of each change: it gets the change's number as a line, and the client is
    /// answered only after it has sent a byte back
    #[arg(long)]
    notify: Option<PathBuf>,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> anyhow::Result<()> {
    let args = Args::parse();
    let notify = args.notify.as_deref().map(notify::Notify::to).transpose()?.unwrap_or_default();
    let keeper = persist::Keeper::open(&args.data_dir, notify)?;
    let settings = http::Settings {
        token: args.token,
        homes: args.home_id,
        storage_solution: args.storage_solution,
        answer_delay: Duration::from_millis(args.answer_delay_ms),
        act_delay: Duration::from_millis(args.act_delay_ms),
        language: args.language,
    };
    let late = late::Late::new(args.late_every, Duration::from_millis(args.late_ms));
    let app = Arc::new(http::App::new(settings, args.data_dir.join("incoming"), late, keeper));
    let router = http::router(app, args.data_dir.join("files"));

    let listener = TcpListener::bind(args.listen).await.with_context(|| format!("listen on {}", args.listen))?;
    let mut terminated = signal(SignalKind::terminate()).context("wait for SIGTERM")?;
    let mut stdout = std::io::stdout();
    writeln!(stdout, "demo-api: listening on http://{}", listener.local_addr()?)?;
    stdout.flush()?;
    // Whatever was answered is on the disk, so there is nothing to finish.
    tokio::select! {
        served = async { axum::serve(listener, router).await } => served.context("serve"),
        _ = tokio::signal::ctrl_c() => Ok(()),
        _ = terminated.recv() => Ok(()),
    }
}
