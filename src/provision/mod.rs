//! A provisioning file: what it asks for, what changes, and what is answered. PURE, but for the files that say otherwise.
//!
//! ```text
//!   bytes ──judge──> Wanted ──beside what is held──> Change ──> Outcome ──answer──> what a person reads
//! ```

mod answer;
pub mod apply;
pub mod folder;
pub mod systemctl;
pub mod usb;
pub mod wifi;

pub use answer::{answer, forecast};

use secrecy::{ExposeSecret, SecretString};

use crate::config::{self, Config, FactoryReset, Key, Problems, RawConfig};

/// What a good file asks for.
#[derive(Debug, Clone)]
pub enum Wanted {
    /// To work with these settings.
    Settings(Box<Settings>),
    /// To forget all settings.
    Reset(FactoryReset),
}

/// Settings that can stand by themselves.
#[derive(Debug, Clone)]
pub struct Settings {
    /// As the program works with them.
    pub config: Config,
    /// As they were written.
    raw: RawConfig,
}

impl Settings {
    /// Those that were taken and kept with [`Settings::whole`].
    ///
    /// # Errors
    /// When the text is no longer what was written.
    pub fn held(text: &str) -> Result<Self, Problems> {
        let (raw, config) = RawConfig::parse_alone(text, None)?;
        Ok(Self { config, raw })
    }

    /// As a `listener.toml` with all there is, the same text for the same settings.
    pub fn whole(&self) -> SecretString {
        self.raw.whole()
    }

    /// As a `listener.toml` without any secret, for those who deliver nothing. Nobody stands by a box to find a threshold
    /// for its room: where none is named, it follows the room.
    pub fn public(&self) -> String {
        let follows_the_room = RawConfig::default().with_option(Key::EnergyThreshold, "auto");
        self.raw.clone().or(follows_the_room).public()
    }
}

/// What the bytes of a `listener.toml` that has to stand by itself ask for. What is held lends it the token that was
/// blanked when it was taken.
///
/// # Errors
/// Everything that is wrong with it, at once.
pub fn judge(bytes: &[u8], held: Option<&Settings>) -> Result<Wanted, Problems> {
    let (raw, config) = RawConfig::parse_alone(&config::decode(bytes)?, held.map(|held| &held.raw))?;
    Ok(match config.factory_reset {
        Some(reset) => Wanted::Reset(reset),
        None => Wanted::Settings(Box::new(Settings { config, raw })),
    })
}

/// What has to be done about a good file.
#[derive(Debug)]
pub enum Change {
    /// Its settings hold already.
    Nothing(Box<Settings>),
    /// Its settings take the place of what is held.
    Take(Box<Settings>),
    /// What is held is to be forgotten.
    Reset(FactoryReset),
}

impl Change {
    /// From what is held to what is wanted.
    pub fn between(held: Option<&Settings>, wanted: Wanted) -> Self {
        match wanted {
            Wanted::Reset(reset) => Self::Reset(reset),
            Wanted::Settings(settings) => {
                let is_held = held.is_some_and(|held| held.whole().expose_secret() == settings.whole().expose_secret());
                if is_held { Self::Nothing(settings) } else { Self::Take(settings) }
            }
        }
    }
}

/// Whether a file on the boot partition is news. It stays there, so that at every start it would replace what a stick
/// has brought since; `dealt_with` is what was found there when it was last dealt with, before its token was blanked.
pub fn is_news(found: &[u8], dealt_with: Option<&[u8]>) -> bool {
    let Some(dealt_with) = dealt_with else { return true };
    found != dealt_with && config::without_token(dealt_with).is_none_or(|blanked| found != blanked)
}

/// What came of a file.
#[derive(Debug)]
pub enum Outcome {
    /// Its settings hold.
    Holds(Box<Settings>),
    /// What was held is forgotten.
    Forgotten(FactoryReset),
    /// It is not taken.
    NotValid(Problems),
    /// It is no file, or not called as it should be: why, and what to do.
    Unfit(String),
    /// It is good, and the box cannot do as it asks: why, and what to do.
    Failed(String),
}

#[cfg(test)]
mod tests;
