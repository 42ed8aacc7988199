use std::time::Duration;

use super::*;

/// What a row of the table says.
#[derive(Debug, PartialEq, Eq)]
enum Then {
    Done,
    NotTheApi,
    ThisItem,
    Token,
    Home,
    NobodyKnows,
    LeaveAloneFor(u64),
    Unclear,
}

fn then(call: Call, answer: &Answer) -> Then {
    match meaning(call, answer) {
        Ok(_) => Then::Done,
        Err(ApiError::NotTheApi(_)) => Then::NotTheApi,
        Err(ApiError::Refused { .. }) => Then::ThisItem,
        Err(ApiError::Unauthorized(_)) => Then::Token,
        Err(ApiError::UnknownHome(_)) => Then::Home,
        Err(ApiError::Doubtful(_)) => Then::NobodyKnows,
        Err(ApiError::Busy(_, wait)) => Then::LeaveAloneFor(wait.as_secs()),
        Err(ApiError::Unclear(_)) => Then::Unclear,
        Err(other) => panic!("no answer is {other:?}"),
    }
}

fn answer(status: u16, body: &str) -> Answer {
    Answer { status, body: body.into(), retry_after: None, location: None }
}

const ALL: [Call; 7] = [
    Call::Register,
    Call::StorageSolution,
    Call::UploadFile,
    Call::PostRow,
    Call::ListFiles,
    Call::DeleteRow,
    Call::PostTask,
];
const PAGE: &str = "<!doctype html><title>Forbidden</title>";
const UPLOADED: &str = r#"{"message":"File uploaded successfully."}"#;
const QUEUED: &str = r#"{"message":"LLM task queued successfully","task_id":1}"#;
const LISTED: &str = r#"{"audio_files":[],"video_files":[]}"#;

#[test]
fn a_success_of_any_number_with_what_the_call_gives_is_done() {
    for (call, body) in [
        (Call::Register, r#"{"id":1,"home":1,"mac_address":"02:00:00:00:00:01"}"#),
        (Call::StorageSolution, r#"{"storage_solution":"api"}"#),
        (Call::UploadFile, UPLOADED),
        (Call::PostRow, r#"{"id":7,"uid":"a"}"#),
        (Call::ListFiles, LISTED),
        (Call::PostTask, QUEUED),
        (Call::DeleteRow, "{}"),
    ] {
        for status in [200, 201, 202, 207, 299] {
            assert_eq!(then(call, &answer(status, body)), Then::Done, "{call:?} {status} {body}");
        }
    }
    assert_eq!(then(Call::DeleteRow, &answer(204, "")), Then::Done);
    let gone = answer(404, r#"{"detail":"Not found."}"#);
    assert_eq!(then(Call::DeleteRow, &gone), Then::Done, "that it is gone is what was wanted");
    let by_a_gateway = answer(404, r#"{"message":"no Route matched with those values"}"#);
    assert_eq!(then(Call::DeleteRow, &by_a_gateway), Then::NobodyKnows, "it may be there still");
    let portal = answer(200, r#"{"error":"login required"}"#);
    assert_eq!(then(Call::DeleteRow, &portal), Then::NotTheApi);
}

#[test]
fn a_success_with_something_else_in_it_is_not_the_api() {
    for call in ALL {
        for body in [PAGE, "", "OK", "[]", "null", r#""welcome""#] {
            assert_eq!(then(call, &answer(200, body)), Then::NotTheApi, "{call:?} {body}");
        }
    }
    for call in ALL.into_iter().filter(|call| *call != Call::DeleteRow) {
        for body in [r#"{"error":"login required"}"#, r#"{"message":"log in"}"#, "{}"] {
            assert_eq!(then(call, &answer(200, body)), Then::NotTheApi, "{call:?} {body}");
        }
    }
    assert_eq!(then(Call::PostRow, &answer(201, UPLOADED)), Then::NotTheApi);
    assert_eq!(then(Call::UploadFile, &answer(200, LISTED)), Then::NotTheApi);
}

#[test]
fn field_errors_and_too_large_are_about_this_item() {
    for body in [r#"{"uid":["This field is required."]}"#, r#"{"uid":["Dieses Feld ist erforderlich."],"home":null}"#] {
        for status in [400, 422] {
            assert_eq!(then(Call::PostRow, &answer(status, body)), Then::ThisItem, "{status} {body}");
        }
    }
    for body in ["", PAGE, r#"{"detail":"Request Entity Too Large"}"#] {
        assert_eq!(then(Call::UploadFile, &answer(413, body)), Then::ThisItem, "{body}");
    }
}

#[test]
fn a_refused_token_or_account_is_told_in_the_servers_words() {
    for call in ALL {
        for status in [401, 403] {
            let refused = answer(status, r#"{"detail":"Ungültiger Token."}"#);
            assert_eq!(meaning(call, &refused), Err(ApiError::Unauthorized("Ungültiger Token.".into())));
        }
        assert_eq!(then(call, &answer(401, r#"{"message":"no"}"#)), Then::Token);
    }
}

#[test]
fn nobody_knows_what_gateways_and_unknown_routes_are_about() {
    let by_number = [400, 402, 403, 404, 405, 406, 407, 408, 409, 410, 415, 418, 421, 422, 425, 431, 451];
    for call in ALL {
        for status in by_number.into_iter().chain([401, 300, 301, 302, 303, 304, 307, 308, 100, 101]) {
            for body in [PAGE, "", "no such thing"] {
                assert_eq!(then(call, &answer(status, body)), Then::NobodyKnows, "{call:?} {status} {body}");
            }
        }
    }
    for call in ALL.into_iter().filter(|call| ![Call::DeleteRow, Call::Register].contains(call)) {
        for status in by_number.into_iter().filter(|status| *status != 403) {
            let detail = answer(status, r#"{"detail":"Method \"POST\" not allowed."}"#);
            assert_eq!(then(call, &detail), Then::NobodyKnows, "{call:?} {status}");
        }
        let by_a_gateway = answer(403, r#"{"message":"Forbidden"}"#);
        assert_eq!(then(call, &by_a_gateway), Then::NobodyKnows, "{call:?}");
    }
    assert_eq!(then(Call::UploadFile, &answer(400, r#"{"message":"dest_path is required."}"#)), Then::NobodyKnows);
}

#[test]
fn a_redirect_is_named_with_where_to() {
    let moved = Answer { location: Some("https://api.example.org/hardware/".into()), ..answer(301, "") };
    let error = meaning(Call::Register, &moved).expect_err("no").to_string();
    assert!(
        error.contains("it is moved to https://api.example.org/hardware/") && error.contains("api_domain"),
        "{error}"
    );
}

#[test]
fn a_server_that_asks_to_be_left_alone_is_busy() {
    let after = |status, wait_s| Answer { retry_after: Some(Duration::from_secs(wait_s)), ..answer(status, PAGE) };
    for call in ALL {
        assert_eq!(then(call, &after(429, 9)), Then::LeaveAloneFor(9));
        assert_eq!(then(call, &after(503, 9)), Then::LeaveAloneFor(9));
        assert_eq!(then(call, &answer(429, PAGE)), Then::LeaveAloneFor(BUSY_WAIT.as_secs()));
        assert_eq!(then(call, &after(500, 9)), Then::Unclear, "only where the standard has it");
    }
}

#[test]
fn a_server_error_leaves_open_whether_it_acted() {
    for call in ALL {
        for (status, body) in [(500, PAGE), (500, r#"{"uid":["no"]}"#), (502, ""), (503, PAGE), (504, PAGE), (599, "")]
        {
            assert_eq!(then(call, &answer(status, body)), Then::Unclear, "{call:?} {status}");
        }
    }
}

#[test]
fn a_device_that_is_already_there_is_registered_in_whatever_language_that_is_said() {
    for words in [
        "Hardware Device with this mac address already exists.",
        "Un objet Hardware Device avec ce champ mac address existe déjà.",
        "Hardware Device mit diesem mac address existiert bereits.",
    ] {
        let known = answer(400, &format!(r#"{{"mac_address":["{words}"]}}"#));
        assert_eq!(then(Call::Register, &known), Then::Done, "{words}");
        assert_eq!(then(Call::PostRow, &known), Then::ThisItem, "only a device is registered");
    }
    let known = r#"{"detail":"it is there"}"#;
    assert_eq!(then(Call::Register, &answer(409, known)), Then::Done);
    assert_eq!(then(Call::PostRow, &answer(409, known)), Then::NobodyKnows);
    let more = answer(400, r#"{"mac_address":["existe déjà"],"device_name":["trop long"]}"#);
    assert_eq!(then(Call::Register, &more), Then::ThisItem);
}

#[test]
fn an_unknown_home_is_told_even_beside_a_known_device() {
    let both = r#"{"mac_address":["Hardware Device with this mac address already exists."],
                   "home":["Invalid pk \"999\" - object does not exist."]}"#;
    let error = meaning(Call::Register, &answer(400, both)).expect_err("no such home");
    assert_eq!(error, ApiError::UnknownHome("Invalid pk \"999\" - object does not exist.".into()));
}
