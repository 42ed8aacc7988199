//! What a person is told of a provisioning file, in plain language. PURE.

use super::{Outcome, Settings, Wanted};
use crate::config::{FactoryReset, Problems};
use crate::limits::{TOLD_LINE_CHARS, TOLD_PROBLEMS};

/// At a desk: whether the file is good, and what to put right. Holds no secret.
pub fn forecast(judged: &Result<Wanted, Problems>) -> String {
    match judged {
        Ok(Wanted::Settings(settings)) => summary("This listener.toml is good.", settings),
        Ok(Wanted::Reset(reset)) => format!("This listener.toml is good: it makes a Listener forget {}.", all(*reset)),
        Err(problems) => refusal(problems),
    }
}

/// On the stick: what came of the file. The same file gets the same answer when it is plugged in again. Holds no secret.
pub fn answer(outcome: &Outcome) -> String {
    match outcome {
        Outcome::Holds(settings) => {
            let token = if settings.config.keep_token {
                "\n\nThe token stays in listener.toml, as keep_token says."
            } else {
                "\n\nThe token is taken out of listener.toml: leave it blank, unless there is a new one."
            };
            summary("The Listener has taken this listener.toml.", settings) + token
        }
        Outcome::Forgotten(reset) => {
            let all = all(*reset);
            format!("The Listener has forgotten {all}.\n\nTo use it again, plug in a stick with its settings.")
        }
        Outcome::NotValid(problems) => refusal(problems),
        Outcome::Unfit(why) => format!("There is no listener.toml that can be taken: {why}."),
        Outcome::Failed(why) => format!("This listener.toml is good, and could not be taken: {why}."),
    }
}

fn all(reset: FactoryReset) -> &'static str {
    if reset.erase_recordings { "all settings, and erase all that it has recorded" } else { "all settings" }
}

fn summary(said: &str, settings: &Settings) -> String {
    let config = &settings.config;
    let mut lines = vec![said.to_owned(), String::new()];
    lines.extend(config.api.home_id.map(|home| format!("  home        {home}")));
    lines.push(format!("  delivers to {}", config.api.domain));
    lines.extend(config.wifi.as_ref().map(|wifi| format!("  Wi-Fi       {}", wifi.ssid)));
    // What a key is called says whose it is.
    let name = |key: &String| key.splitn(3, ' ').nth(2).unwrap_or("one key").to_owned();
    lines.extend(config.authorized_key.as_ref().map(|key| format!("  lets in     {}, by SSH", name(key))));
    lines.push(format!("  microphone  {}", config.audio.microphone));
    lines.push(format!("  camera      {}", config.video.camera));
    for warning in config.warnings() {
        lines.extend([String::new(), format!("But {warning}.")]);
    }
    joined(lines)
}

fn refusal(problems: &Problems) -> String {
    let mut lines = vec!["This listener.toml cannot be taken:".to_owned(), String::new()];
    lines.extend(problems.iter().take(TOLD_PROBLEMS).map(|problem| format!("  {problem}")));
    let more = problems.iter().count().saturating_sub(TOLD_PROBLEMS);
    lines.extend((more > 0).then(|| format!("  and {more} more")));
    lines.extend([String::new(), "Put this right, save the file, and try again.".to_owned()]);
    joined(lines)
}

fn joined(mut lines: Vec<String>) -> String {
    for line in &mut lines {
        if let Some((end, _)) = line.char_indices().nth(TOLD_LINE_CHARS) {
            line.truncate(end);
            line.push('…');
        }
    }
    lines.join("\n")
}
