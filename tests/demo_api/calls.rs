//! The contract's table of requests, line by line: who may call, devices, files, unknown routes.

use reqwest::Method;
use reqwest::blocking::multipart::{Form, Part};
use serde_json::json;

use crate::server::*;

#[test]
fn a_call_without_token_and_one_with_a_bad_token_are_told_apart() {
    let server = Server::start();
    let ask = |header: Option<&str>| {
        let mut request = server.bare(Method::GET, "/hardware/storage_solution/");
        if let Some(value) = header {
            request = request.header("Authorization", value);
        }
        json_of(request.send().expect("an answer"), 401)
    };
    assert_eq!(ask(None), json!({"detail": "Authentication credentials were not provided."}));
    assert_eq!(ask(Some("Token other")), json!({"detail": "Invalid token."}));
    let upload = server.bare(Method::POST, "/hardware/upload_file/").body(vec![0; 3_000_000]);
    json_of(upload.send().expect("an answer, though the body was not wanted"), 401);
}

#[test]
fn the_token_and_the_homes_are_those_given_with_hyphens_or_underscores() {
    let server =
        Server::start_with(&["--token", "other", "--home-id", "3", "--home_id", "7", "--storage-solution", "s3"]);
    let request = server.bare(Method::GET, "/hardware/storage_solution/").header("Authorization", "Token other");
    assert_eq!(json_of(request.send().expect("an answer"), 200), json!({"storage_solution": "s3"}));
    let request = server.bare(Method::POST, "/hardware/register/").header("Authorization", "Token other");
    let fields = [("home", "7"), ("mac_address", "a")];
    assert_eq!(json_of(request.form(&fields).send().expect("an answer"), 201)["home"], 7);
}

#[test]
fn a_device_is_registered_once() {
    let server = Server::start();
    let row = json_of(server.post("/hardware/register/", &device_fields()), 201);
    assert_eq!((&row["id"], &row["home"], &row["device_name"]), (&json!(1), &json!(1), &json!("pi")));
    let taken = json!({"mac_address": ["Hardware Device with this mac address already exists."]});
    assert_eq!(json_of(server.post("/hardware/register/", &device_fields()), 400), taken);
    let both = json_of(server.post("/hardware/register/", &device_fields().with("home", "999")), 400);
    assert_eq!(both["mac_address"], taken["mac_address"]);
    assert_eq!(both["home"], json!(["Invalid pk \"999\" - object does not exist."]));
}

#[test]
fn that_a_device_is_known_is_said_in_the_servers_language() {
    for (language, words) in [("de", "existiert bereits"), ("fr", "existe déjà")] {
        let server = Server::start_with(&["--language", language]);
        server.post("/hardware/register/", &device_fields());
        let known = json_of(server.post("/hardware/register/", &device_fields()), 400);
        assert!(known["mac_address"][0].as_str().is_some_and(|said| said.contains(words)), "{known}");
    }
}

#[test]
fn a_home_must_be_known_or_left_out() {
    let server = Server::start();
    for text in ["None", "kitchen"] {
        let answer = json_of(server.post("/hardware/register/", &device_fields().with("home", text)), 400);
        assert_eq!(answer, json!({"home": ["Incorrect type. Expected pk value, received str."]}));
    }
    let row = json_of(server.post("/hardware/register/", &device_fields().without("home")), 201);
    assert!(row["home"].is_null());
    let body = json!({"home": null, "mac_address": "b"});
    let request = server.call(Method::POST, "/hardware/register/").json(&body);
    assert!(json_of(request.send().expect("an answer"), 201)["home"].is_null());
}

#[test]
fn registering_with_put_breaks_the_server() {
    let server = Server::start();
    is_html(server.call(Method::PUT, "/hardware/register/").send().expect("an answer"), 500);
}

#[test]
fn an_upload_needs_a_file_and_a_path() {
    let server = Server::start();
    let send =
        |form: Form| server.call(Method::POST, "/hardware/upload_file/").multipart(form).send().expect("an answer");
    let file = || Part::bytes(&b"x"[..]).file_name("x");
    let message = |text: &str| json!({"message": text});
    assert_eq!(json_of(send(Form::new().text("dest_path", "a")), 400), message("No file found."));
    assert_eq!(
        json_of(send(Form::new().text("dest_path", "a").text("file", "no filename")), 400),
        message("No file found.")
    );
    assert_eq!(json_of(send(Form::new().part("file", file())), 400), message("dest_path is required."));
    is_html(send(Form::new().text("dest_path", "").part("file", file())), 500);
    let late = send(Form::new().part("file", file()).text("dest_path", "after/the/file"));
    assert_eq!(json_of(late, 200), message("File uploaded successfully."));
}

#[test]
fn an_unknown_route_refuses_who_writes_and_leads_who_reads_to_a_login_page() {
    let server = Server::start();
    for path in ["/hardware/audio", "/hardware/upload_file", "/queue_task/ai_task", "/nowhere/"] {
        is_html(server.call(Method::POST, path).body("x=1").send().expect("an answer"), 403);
        let answer = server.call(Method::GET, path).send().expect("an answer");
        assert_eq!(answer.status(), 302);
        assert_eq!(answer.headers()["location"], format!("/login/?next={path}"));
    }
    is_html(server.call(Method::DELETE, "/hardware/audio/1").send().expect("an answer"), 403);
    json_of(server.call(Method::PATCH, "/hardware/audio/").send().expect("an answer"), 405);
}
