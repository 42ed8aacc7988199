//! The calls of the API itself, one handler each.

use std::sync::Arc;

use axum::extract::{Path, Request, State};
use axum::http::StatusCode;
use axum::response::{IntoResponse, Response};
use jiff::Timestamp;
use serde_json::{Value, json};

use crate::answer::{Answer, bad_request, json_answer, no_such_row, own_error, server_error};
use crate::body::{read_form, read_upload};
use crate::fields::Checker;
use crate::http::App;
use crate::late::keep_row;
use crate::place;
use crate::records::{AudioRow, Device, Event, RowArrival, Table, VideoRow};

/// `POST /hardware/register/`
pub async fn register(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = read_form(request).await?;
    let now = Timestamp::now();
    let mut keeper = app.keeper();
    let mut checker = Checker::new(&form);
    let device = Device {
        id: keeper.store.devices.len() as u64 + 1,
        home: checker.home(&app.settings.homes),
        mac_address: checker.text("mac_address"),
        device_name: checker.optional_text("device_name"),
        device_type: checker.optional_text("device_type"),
        description: checker.optional_long_text("description"),
        created_at: now,
        updated_at: now,
    };
    if keeper.store.knows_mac(&device.mac_address) {
        checker.refuse("mac_address", app.settings.language.known_device());
    }
    checker.finish().map_err(bad_request)?;
    let answer = json_answer(StatusCode::CREATED, &device);
    keeper.record(now, Event::Device { device }).map_err(|error| own_error(&error))?;
    Ok(answer)
}

/// `PUT /hardware/register/`, which the real server cannot do.
pub async fn register_again() -> Answer {
    Err(server_error())
}

/// `GET /hardware/storage_solution/`
pub async fn storage_solution(State(app): State<Arc<App>>) -> Response {
    json_answer(StatusCode::OK, json!({"storage_solution": app.settings.storage_solution}))
}

/// `POST /hardware/upload_file/`
pub async fn upload_file(State(app): State<Arc<App>>, request: Request) -> Answer {
    let upload = read_upload(request, &app.incoming).await?;
    let Some((file, bytes)) = upload.file else {
        return Err(bad_request(json!({"message": "No file found."})));
    };
    let dest_path = match upload.form.values.get("dest_path") {
        None => return Err(bad_request(json!({"message": "dest_path is required."}))),
        Some(Value::String(path)) if path.is_empty() => return Err(server_error()),
        Some(Value::String(path)) if place::is_safe(path) => path,
        // The real server would make an odd key of it in its bucket; here it would leave the data folder.
        Some(_) => {
            return Err(bad_request(json!({"message": "dest_path is not a path inside the data folder."})));
        }
    };
    let kept = app.keeper().keep_upload(Timestamp::now(), file, bytes, dest_path);
    kept.map_err(|error| own_error(&error))?;
    Ok(json_answer(StatusCode::OK, json!({"message": "File uploaded successfully."})))
}

/// `POST /hardware/audio/`
pub async fn post_audio(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = read_form(request).await?;
    let now = Timestamp::now();
    let mut keeper = app.keeper();
    let mut checker = Checker::new(&form);
    let times = checker.times();
    let row = AudioRow {
        id: keeper.store.next_id(Table::Audio),
        home: checker.home(&app.settings.homes),
        hardware_device_mac_address: checker.optional_text("hardware_device_mac_address"),
        uid: checker.text("uid"),
        sequence_index: checker.integer("sequence_index"),
        audio_file: checker.text("audio_file"),
        start_time: times.start,
        end_time: times.end,
        created_at: now,
        updated_at: now,
        track_id: checker.optional_text("track_id"),
    };
    checker.finish().map_err(bad_request)?;
    app.look_again(&mut keeper).map_err(|error| own_error(&error))?;
    let arrival = RowArrival { file_was_there: keeper.store.has_audio_file(&row), naive: times.naive };
    let answer = json_answer(StatusCode::CREATED, &row);
    keep_row(&app, &mut keeper, Event::Audio { row, arrival }, answer)
}

/// `POST /hardware/video/`
pub async fn post_video(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = read_form(request).await?;
    let now = Timestamp::now();
    let mut keeper = app.keeper();
    let mut checker = Checker::new(&form);
    let times = checker.times();
    let row = VideoRow {
        id: keeper.store.next_id(Table::Video),
        home: checker.home(&app.settings.homes),
        uid: checker.text("uid"),
        hardware_device_mac_address: checker.optional_text("hardware_device_mac_address"),
        video_file: checker.text("video_file"),
        start_time: times.start,
        end_time: times.end,
        created_at: now,
        updated_at: now,
    };
    checker.finish().map_err(bad_request)?;
    if form.values.contains_key("video_record_minute") {
        return Err(server_error()); // the table lacks that column
    }
    app.look_again(&mut keeper).map_err(|error| own_error(&error))?;
    let arrival = RowArrival { file_was_there: keeper.store.has_clip_file(&row), naive: times.naive };
    let answer = json_answer(StatusCode::CREATED, &row);
    keep_row(&app, &mut keeper, Event::Video { row, arrival }, answer)
}

/// `DELETE /hardware/audio/{id}/`
pub async fn delete_audio(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    delete(&app, Table::Audio, &id)
}

/// `DELETE /hardware/video/{id}/`
pub async fn delete_video(State(app): State<Arc<App>>, Path(id): Path<String>) -> Answer {
    delete(&app, Table::Video, &id)
}

fn delete(app: &App, table: Table, id: &str) -> Answer {
    let mut keeper = app.keeper();
    let id = id.parse().ok().filter(|&id| keeper.store.has_row(table, id)).ok_or_else(no_such_row)?;
    let deleted = keeper.record(Timestamp::now(), Event::Deleted { table, id });
    deleted.map_err(|error| own_error(&error))?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// `GET /hardware/list_files/`, whose `from_time` comes in the body.
pub async fn list_files(State(app): State<Arc<App>>, request: Request) -> Answer {
    let form = read_form(request).await?;
    let from = match form.values.get("from_time") {
        None | Some(Value::Null) => None,
        Some(value) => Some(epoch(value).ok_or_else(server_error)?),
    };
    // Without one the real server goes back a hundred days.
    let from = from.unwrap_or_else(|| Timestamp::now() - jiff::SignedDuration::from_hours(24 * 100));
    let keeper = app.keeper();
    let audio = keeper.store.audio.values().map(|(row, _)| row).filter(|row| row.created_at >= from);
    let video = keeper.store.video.values().map(|(row, _)| row).filter(|row| row.created_at >= from);
    let (audio, video): (Vec<_>, Vec<_>) = (audio.collect(), video.collect());
    Ok(json_answer(StatusCode::OK, json!({"audio_files": audio, "video_files": video})))
}

fn epoch(value: &Value) -> Option<Timestamp> {
    let seconds = match value {
        Value::String(text) => text.trim().parse().ok()?,
        value => value.as_f64()?,
    };
    // Python keeps microseconds; a float holds no more anyway.
    let duration = jiff::SignedDuration::try_from_secs_f64(seconds).ok()?;
    Timestamp::from_duration(duration).ok()
}
