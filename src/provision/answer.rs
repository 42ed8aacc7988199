//! What a person is told of a provisioning file, in plain language. PURE.

use crate::config::{Config, Problems};

/// The answer, line by line: whether the file is good, and what to put right. Holds no secret.
pub fn answer(judged: &Result<Config, Problems>) -> String {
    match judged {
        Ok(config) => {
            let mut lines = vec!["This listener.toml is good.".to_owned(), String::new()];
            lines.extend(config.api.home_id.map(|home| format!("  home        {home}")));
            lines.push(format!("  delivers to {}", config.api.domain));
            lines.push(format!("  microphone  {}", config.audio.microphone));
            lines.push(format!("  camera      {}", config.video.camera));
            lines.extend(config.warnings().into_iter().map(|warning| format!("\nBut {warning}.")));
            lines.join("\n")
        }
        Err(problems) => {
            let mut lines = vec!["This listener.toml cannot be taken:".to_owned(), String::new()];
            lines.extend(problems.iter().map(|problem| format!("  {problem}")));
            lines.extend([String::new(), "Put this right, save the file, and try again.".to_owned()]);
            lines.join("\n")
        }
    }
}
