//! What this program shows beyond the API: the web page and the answers it and the tests are made from.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderName, StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde_json::json;

use crate::answer::{Answer, json_answer, own_error};
use crate::http::App;
use crate::{summary, view};

/// `GET /`
pub async fn page() -> Response {
    // Nothing from elsewhere: the page must work without a network.
    let policy = "default-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'";
    let headers = [(header::CONTENT_SECURITY_POLICY, policy), NO_CACHE];
    (headers, Html(include_str!("page.html"))).into_response()
}

/// `GET /demo/page.css`
pub async fn style() -> Response {
    asset("text/css; charset=utf-8", include_str!("page.css"))
}

/// `GET /demo/minutes.js`
pub async fn minutes_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("minutes.js"))
}

/// `GET /demo/timeline.js`
pub async fn timeline_script() -> Response {
    asset("text/javascript; charset=utf-8", include_str!("timeline.js"))
}

/// `GET /demo/icon.svg`
pub async fn icon() -> Response {
    asset("image/svg+xml", include_str!("icon.svg"))
}

/// So that a newer program is not shown through an older page.
const NO_CACHE: (HeaderName, &str) = (header::CACHE_CONTROL, "no-cache");

fn asset(kind: &'static str, text: &'static str) -> Response {
    ([(header::CONTENT_TYPE, kind), NO_CACHE], text).into_response()
}

/// `GET /demo/summary.json`
pub async fn summary(State(app): State<Arc<App>>) -> Answer {
    let mut keeper = app.keeper();
    app.look_again(&mut keeper).map_err(|error| own_error(&error))?;
    Ok(json_answer(StatusCode::OK, summary::summary(&keeper.store)))
}

/// `GET /demo/page.json`
pub async fn page_data(State(app): State<Arc<App>>) -> Answer {
    let mut keeper = app.keeper();
    app.look_again(&mut keeper).map_err(|error| own_error(&error))?;
    Ok(json_answer(StatusCode::OK, view::view(&keeper.store)))
}

/// `GET /demo/rows.json`
pub async fn rows(State(app): State<Arc<App>>) -> Response {
    let store = &app.keeper().store;
    let audio: Vec<_> = store.audio.values().map(|(row, _)| row).collect();
    let video: Vec<_> = store.video.values().map(|(row, _)| row).collect();
    let body = json!({"audio": audio, "video": video, "devices": store.devices, "uploads": store.uploads});
    json_answer(StatusCode::OK, body)
}

/// `GET /demo/tasks.json`
pub async fn tasks(State(app): State<Arc<App>>) -> Response {
    let tasks: Vec<_> = app.keeper().store.tasks.iter().map(|(task, _)| task.clone()).collect();
    json_answer(StatusCode::OK, tasks)
}
