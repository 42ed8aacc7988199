//! The call that queues a task.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::answer::{Answer, bad_request, json_answer, own_error, server_error};
use crate::body::read_form;
use crate::clusters;
use crate::fields::Checker;
use crate::form::Form;
use crate::http::App;
use crate::records::{Event, Task, TaskArrival};

/// `POST /queue_task/ai_task/`
pub async fn ai_task(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = read_form(request).await?;
    let mut checker = Checker::new(&form);
    let (name, task_name) = (checker.text("name"), checker.text("task_name"));
    let track_id = checker.optional_text("track_id");
    let parameters = task_parameters(&form, &mut checker);
    checker
        .finish()
        .map_err(|errors| bad_request(json!({"error": format!("Error validating task request: {errors}")})))?;
    let unique = uuid::Uuid::new_v4().simple().to_string();
    let track_id = track_id.unwrap_or_else(|| clusters::invent(&unique));
    let parameters = parameters.filter(|_| clusters::can_start(&track_id)).ok_or_else(server_error)?;

    let now = Timestamp::now();
    let mut keeper = app.keeper();
    let id = keeper.store.tasks.len() as u64 + 1;
    let task = Task { id, name, task_name, track_id, parameters, created_at: now };
    let arrival = TaskArrival { row_was_there: keeper.store.has_row_for(&task) };
    keeper.record(now, Event::Task { task, arrival }).map_err(|error| own_error(&error))?;
    Ok(json_answer(StatusCode::OK, json!({"message": "LLM task queued successfully", "task_id": id})))
}

/// The parameters, if the server can unpack them. A form's string is parsed, a JSON body's string is not: the server
/// stores it as it is and then fails.
fn task_parameters(form: &Form, checker: &mut Checker<'_>) -> Option<Map<String, Value>> {
    let value = match form.values.get("parameters")? {
        Value::String(text) if !form.is_json => match serde_json::from_str(text) {
            Ok(value) => value,
            Err(_) => {
                checker.refuse("parameters", "Value must be valid JSON.");
                return None;
            }
        },
        value => value.clone(),
    };
    if let Value::Object(object) = value { Some(object) } else { None }
}
