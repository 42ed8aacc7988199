//! The routes, and what holds for all of them: the token, bodies without a length, the delay.

use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::{DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderValue, Method, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post};
use tower_http::services::ServeDir;

use crate::late::Late;
use crate::persist::Keeper;
use crate::{answer, api, body, pages, tasks};

/// How long a body without a length is read and thrown away before the connection is closed.
const DISCARD_FOR: Duration = Duration::from_secs(2);

/// What the arguments say about the answers.
pub struct Settings {
    pub token: String,
    pub homes: Vec<u64>,
    pub storage_solution: String,
    pub answer_delay: Duration,
    pub act_delay: Duration,
    pub language: Language,
}

/// In which language the server's own messages are; their keys are the same in all.
#[derive(Clone, Copy, Debug, clap::ValueEnum)]
pub enum Language {
    En,
    De,
    Fr,
}

impl Language {
    /// As Django 4.2 says it (`unique` of a model's field).
    pub fn known_device(self) -> &'static str {
        match self {
            Language::En => "Hardware Device with this mac address already exists.",
            Language::De => "Hardware Device mit diesem mac address existiert bereits.",
            Language::Fr => "Un objet Hardware Device avec ce champ mac address existe déjà.",
        }
    }
}

/// What every handler works with.
pub struct App {
    pub settings: Settings,
    /// The folder for unfinished uploads.
    pub incoming: PathBuf,
    pub late: Late,
    keeper: Mutex<Keeper>,
}

impl App {
    /// Puts the parts together.
    pub fn new(settings: Settings, incoming: PathBuf, late: Late, keeper: Keeper) -> Self {
        App { settings, incoming, late, keeper: Mutex::new(keeper) }
    }

    /// What is stored. Never held while waiting for anything.
    pub fn keeper(&self) -> MutexGuard<'_, Keeper> {
        self.keeper.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Looks for files that came past this program, where the storage solution lets them.
    pub fn look_again(&self, keeper: &mut Keeper) -> std::io::Result<()> {
        if self.settings.storage_solution == "api" { Ok(()) } else { keeper.rescan() }
    }
}

/// All routes.
pub fn router(app: Arc<App>, files: PathBuf) -> Router {
    let api = Router::new()
        .route("/hardware/register/", post(api::register).put(api::register_again))
        .route("/hardware/storage_solution/", get(api::storage_solution))
        .route("/hardware/upload_file/", post(api::upload_file))
        .route("/hardware/audio/", post(api::post_audio))
        .route("/hardware/audio/{id}/", delete(api::delete_audio))
        .route("/hardware/video/", post(api::post_video))
        .route("/hardware/video/{id}/", delete(api::delete_video))
        .route("/hardware/list_files/", get(api::list_files))
        .route("/queue_task/ai_task/", post(tasks::ai_task))
        .method_not_allowed_fallback(|method: Method| async move { answer::method_not_allowed(method.as_str()) })
        .route_layer(middleware::from_fn_with_state(Arc::clone(&app), guard));
    let files =
        Router::new().nest_service("/demo/files", ServeDir::new(files)).layer(middleware::map_response(harmless));
    Router::new()
        .route("/", get(pages::page))
        .route("/demo/page.css", get(pages::style))
        .route("/demo/minutes.js", get(pages::minutes_script))
        .route("/demo/timeline.js", get(pages::timeline_script))
        .route("/demo/icon.svg", get(pages::icon))
        .route("/demo/summary.json", get(pages::summary))
        .route("/demo/rows.json", get(pages::rows))
        .route("/demo/tasks.json", get(pages::tasks))
        .route("/demo/page.json", get(pages::page_data))
        .route("/login/", get(|| async { answer::login_page() }))
        .merge(api)
        .merge(files)
        .fallback(no_such_route)
        .layer(DefaultBodyLimit::disable())
        .layer(middleware::from_fn(forget_chunked_bodies))
        .with_state(app)
}

/// Lets only those with the token in, and holds deed and answer back as long as asked.
async fn guard(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    if let Some(detail) = refusal(request.headers(), &app.settings.token) {
        body::drain(request.into_body()).await;
        return answer::unauthorized(detail);
    }
    let settings = &app.settings;
    if settings.act_delay.is_zero() {
        let response = next.run(request).await;
        tokio::time::sleep(settings.answer_delay).await;
        return response;
    }
    // A worker that waits for its database does what was asked, whether the client is there still or not.
    let (act_delay, answer_delay) = (settings.act_delay, settings.answer_delay);
    let acting = tokio::spawn(async move {
        let (parts, body) = request.into_parts();
        let body = axum::body::to_bytes(body, usize::MAX).await.unwrap_or_default();
        tokio::time::sleep(act_delay).await;
        let response = next.run(Request::from_parts(parts, Body::from(body))).await;
        tokio::time::sleep(answer_delay).await;
        response
    });
    acting.await.unwrap_or_else(|_| answer::server_error().into_response())
}

/// Why this request is not let in, in the server's words.
fn refusal(headers: &HeaderMap, token: &str) -> Option<&'static str> {
    let value = headers.get(header::AUTHORIZATION).map(HeaderValue::to_str);
    let mut words = match value {
        Some(Ok(value)) => value.split_ascii_whitespace(),
        Some(Err(_)) => {
            return Some("Invalid token header. Token string should not contain invalid characters.");
        }
        None => "".split_ascii_whitespace(),
    };
    if !words.next().is_some_and(|keyword| keyword.eq_ignore_ascii_case("token")) {
        return Some("Authentication credentials were not provided.");
    }
    match (words.next(), words.next()) {
        (None, _) => Some("Invalid token header. No credentials provided."),
        (Some(_), Some(_)) => Some("Invalid token header. Token string should not contain spaces."),
        (Some(given), None) => (given != token).then_some("Invalid token."),
    }
}

/// The real server sees no body where there is no length, and loses its place on the connection.
async fn forget_chunked_bodies(request: Request, next: Next) -> Response {
    if !request.headers().contains_key(header::TRANSFER_ENCODING) {
        return next.run(request).await;
    }
    let (mut parts, unread) = request.into_parts();
    parts.headers.remove(header::CONTENT_LENGTH);
    // Closing with unread bytes would reset the connection and could take the answer along.
    let drained = tokio::time::timeout(DISCARD_FOR, body::drain(unread)).await;
    drop(drained);
    let mut response = next.run(Request::from_parts(parts, Body::empty())).await;
    response.headers_mut().insert(header::CONNECTION, HeaderValue::from_static("close"));
    response
}

/// There is no 404: who reads is led to the login page, who writes is refused.
async fn no_such_route(request: Request) -> Response {
    let (parts, unread) = request.into_parts();
    body::drain(unread).await;
    match parts.method {
        Method::GET | Method::HEAD | Method::OPTIONS => answer::to_login(parts.uri.path()),
        _ => answer::forbidden(),
    }
}

/// What was received must not run as a page of this address.
async fn harmless(mut response: Response) -> Response {
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static("sandbox"));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    response
}
