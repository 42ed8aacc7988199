//! Settings as the text of a `listener.toml`, always the same for the same settings. PURE.

use std::fmt::Write;

use secrecy::{ExposeSecret, SecretString};

use super::RawConfig;
use super::keys::Key;
use super::values::Value;

impl RawConfig {
    /// All that is said of the box, secrets included.
    pub fn whole(&self) -> SecretString {
        self.written(|key| !key.is_of_the_file()).into()
    }

    /// What everybody on the box may read: no token, no password, no key, and none of the sections that have one.
    pub fn public(&self) -> String {
        self.written(|key| key.is_public() && !key.is_of_the_file())
    }

    fn written(&self, is_wanted: fn(Key) -> bool) -> String {
        let mut text = String::new();
        let mut section = None;
        // Those of a section stand together in the order of the keys, those without one first.
        for given in self.given.values().filter(|given| is_wanted(given.key)) {
            if given.key.section() != section {
                section = given.key.section();
                text.extend(section.map(|section| format!("\n[{section}]\n")));
            }
            let value = match &given.value {
                Value::Whole(number) => toml::Value::Integer(*number),
                Value::Fraction(number) => toml::Value::Float(*number),
                Value::Text(text) => toml::Value::String(text.clone()),
                Value::Secret(secret) => toml::Value::String(secret.expose_secret().into()),
                Value::Switch(yes) => toml::Value::Boolean(*yes),
                // No setting takes one, so that there is none among settings that were taken.
                Value::Other(_) => continue,
            };
            writeln!(text, "{} = {value}", given.key.name()).expect("a string takes all");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::super::Config;
    use super::*;

    const SAMPLE: &str = include_str!("../../examples/listener.toml");

    /// The sample with all its examples, and more.
    fn everything() -> RawConfig {
        let example =
            |line: &str| line.strip_prefix('#').filter(|rest| !rest.starts_with(' ')).unwrap_or(line).to_owned() + "\n";
        let sample = SAMPLE.replace("paste it here", "hunter2hunter2").replace("paste the token here", "s3cret");
        let key = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB";
        let sample = sample.replace("paste the line in your file id_ed25519.pub here", key);
        let text: String = sample.lines().map(example).collect();
        let text = text.replace("energy_threshold = \"auto\"", "energy_threshold = 839.5").replace("# data", "data");
        let text = text.replace("[storage.s3]", "[storage]\nmax_bytes = 16_000_000_000\n[storage.s3]");
        RawConfig::parse(&text).expect("good").with_token("s3cret\"s3cret".to_owned().into())
    }

    fn judged(raw: RawConfig) -> Config {
        raw.validate().expect("good")
    }

    #[test]
    fn settings_written_and_read_again_are_the_same() {
        let text = everything().whole();
        let again = RawConfig::parse(text.expose_secret()).expect("it can be read");
        assert_eq!(again.whole().expose_secret(), text.expose_secret());
        assert_eq!(format!("{:?}", judged(again)), format!("{:?}", judged(everything())));
        assert!(text.expose_secret().contains("hunter2hunter2") && text.expose_secret().contains("s3cret"));
    }

    #[test]
    fn what_everybody_may_read_has_what_recording_needs_and_no_secret() {
        let text = everything().public();
        assert!(!text.contains("hunter2") && !text.contains("s3cret"), "{text}");
        let [public, whole] = [RawConfig::parse(&text).expect("it can be read"), everything()].map(judged);
        assert_eq!(format!("{:?}", (public.audio, public.video)), format!("{:?}", (whole.audio, whole.video)));
        assert_eq!((public.leds, public.mute), (whole.leds, whole.mute));
        assert_eq!((public.api.home_id, public.storage.max_bytes), (whole.api.home_id, whole.storage.max_bytes));
    }

    #[test]
    fn a_setting_is_public_only_where_it_is_listed_as_such() {
        let public = everything().public();
        let lines = |section: Option<&str>| {
            let from = section.map_or(Some(0), |section| public.find(&format!("[{section}]\n")));
            let text = from.map_or("", |from| &public[from..]).trim_start_matches('[');
            text.split("\n[").next().unwrap_or_default().to_owned()
        };
        for key in everything().given.keys() {
            let is_there = lines(key.section()).lines().any(|line| line.starts_with(&format!("{key} = ")));
            assert_eq!(is_there, key.is_public() && !key.is_of_the_file(), "{key} {:?}: {public}", key.section());
        }
        let hidden: Vec<_> = Key::all().filter(|key| !key.is_public()).map(|key| (key.section(), key.name())).collect();
        let is_hidden = |section: &str| hidden.iter().filter(|(of, _)| *of == Some(section)).count();
        assert_eq!(hidden.iter().filter(|(section, _)| section.is_none()).collect::<Vec<_>>(), [&(None, "token")]);
        assert_eq!(["wifi", "ssh", "storage.s3", "storage.local", "storage.volume"].map(is_hidden), [3, 1, 6, 5, 1]);
        assert_eq!(hidden.len(), 17);
    }

    #[test]
    fn each_section_is_written_once() {
        let text = everything().whole();
        for section in super::super::keys::SECTIONS {
            let headers = text.expose_secret().lines().filter(|line| *line == format!("[{section}]")).count();
            assert_eq!(headers, usize::from(section != "video"), "[{section}], of which nothing is set in [video]");
        }
    }
}
