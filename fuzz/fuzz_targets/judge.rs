//! Whatever bytes a stick brings: an answer, in bounds, without a panic; and the token goes from what was taken.
#![no_main]

use libfuzzer_sys::fuzz_target;
use listener::config::without_token;
use listener::provision::{Settings, forecast, judge};

fuzz_target!(|bytes: &[u8]| {
    let held = Settings::held("home_id = 3\ntoken = \"h3ld-s3cr3t\"\napi_domain = \"https://api.example.org\"\n");
    let judged = judge(bytes, held.as_ref().ok());
    let said = forecast(&judged);
    assert!(said.len() < 128 << 10);
    assert!(!format!("{judged:?} {said}").contains("h3ld-s3cr3t"));
    if judged.is_ok() && let Some(blanked) = without_token(bytes) {
        assert_eq!(without_token(&blanked), None);
    }
});
