//! The shapes of the server's answers, good and bad.

use axum::Json;
use axum::http::{StatusCode, header};
use axum::response::{Html, IntoResponse, Response};
use serde::Serialize;
use serde_json::json;

/// A handler's answer.
pub type Answer = Result<Response, Refusal>;

/// An answer that ends the handling early.
pub struct Refusal(Box<Response>);

impl From<Response> for Refusal {
    fn from(response: Response) -> Self {
        Refusal(Box::new(response))
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        *self.0
    }
}

/// A JSON body.
pub fn json_answer(status: StatusCode, body: impl Serialize) -> Response {
    (status, Json(body)).into_response()
}

/// 400 with what is wrong, field by field.
pub fn bad_request(body: impl Serialize) -> Refusal {
    json_answer(StatusCode::BAD_REQUEST, body).into()
}

/// 500 with an HTML page, whatever went wrong.
pub fn server_error() -> Refusal {
    html(StatusCode::INTERNAL_SERVER_ERROR, "Server Error (500)").into()
}

/// 500 for a fault of this program's own, which is said on standard error.
pub fn own_error(error: &std::io::Error) -> Refusal {
    eprintln!("demo-api: cannot keep what was sent: {error}");
    server_error()
}

/// 401, with the words that say which of the two it is.
pub fn unauthorized(detail: &str) -> Response {
    let challenge = [(header::WWW_AUTHENTICATE, "Bearer realm=\"api\"")];
    (challenge, json_answer(StatusCode::UNAUTHORIZED, json!({ "detail": detail }))).into_response()
}

/// 405 for a known route that has no such method.
pub fn method_not_allowed(method: &str) -> Response {
    let detail = format!("Method \"{method}\" not allowed.");
    json_answer(StatusCode::METHOD_NOT_ALLOWED, json!({ "detail": detail }))
}

/// 404 for a row that is not there.
pub fn no_such_row() -> Refusal {
    json_answer(StatusCode::NOT_FOUND, json!({"detail": "Not found."})).into()
}

/// 403, what a changing method on an unknown route gets.
pub fn forbidden() -> Response {
    html(StatusCode::FORBIDDEN, "Forbidden (403): CSRF verification failed. Request aborted.")
}

/// The page that an unknown route leads to.
pub fn login_page() -> Response {
    html(StatusCode::OK, "Log in. No such address: look at the address and its trailing slash.")
}

/// 302 to the login page, what a reading method on an unknown route gets.
pub fn to_login(path: &str) -> Response {
    // The path is percent-encoded as it came, so it fits a header.
    let location = format!("/login/?next={path}");
    (StatusCode::FOUND, [(header::LOCATION, location)]).into_response()
}

fn html(status: StatusCode, text: &'static str) -> Response {
    let page = format!("<!doctype html>\n<html lang=\"en\"><title>{text}</title><h1>{text}</h1></html>\n");
    (status, Html(page)).into_response()
}
