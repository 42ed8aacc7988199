//! What only a box without keyboard and screen has: `[wifi]`, `[ssh]`, `[leds]`, `[mute]`. PURE.

use openssh_keys::PublicKey;
use secrecy::{ExposeSecret, SecretString};

use super::keys::Key;
use super::problem::Problem;
use super::values::{self, Given, Value};
use super::{Judged, limits};

/// BCM numbers of health, attention, data unless others are named: pins 11, 13 and 15 of the header, beside each other.
const DEFAULT_PINS: [u8; 3] = [17, 27, 22];

/// A wireless network.
#[derive(Debug, Clone)]
pub struct WifiConfig {
    /// Its name: 1 to 32 bytes (IEEE 802.11, "SSID element").
    pub ssid: String,
    /// 8 to 63 characters of printable ASCII, or the key itself as 64 hex digits; an open network has none.
    pub password: Option<SecretString>,
    /// ISO 3166: two capital letters.
    pub country: Option<String>,
}

/// The status LEDs.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LedsConfig {
    /// BCM numbers of health, attention, data.
    pub pins: [u8; 3],
    /// Whether they are lit by a low pin, as when they hang between it and 3.3 V.
    pub active_low: bool,
}

impl Default for LedsConfig {
    fn default() -> Self {
        Self { pins: DEFAULT_PINS, active_low: false }
    }
}

/// The switch that stops all recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MuteConfig {
    /// Its BCM number.
    pub pin: u8,
    /// Whether it closes to ground, and the pin is pulled up.
    pub active_low: bool,
}

pub(super) fn wifi(judged: &mut Judged<'_>) -> Option<WifiConfig> {
    let ssid = judged.optional(Key::WifiSsid, ssid);
    let password = judged.optional(Key::WifiPassword, wifi_password);
    let country = judged.optional(Key::WifiCountry, country);
    if !judged.given.contains_key(&Key::WifiSsid) {
        let text = r#"stands in [wifi] without the name of the network: add ssid = "…""#;
        judged.blame(&[Key::WifiPassword, Key::WifiCountry], text.into());
    }
    Some(WifiConfig { ssid: ssid?, password, country })
}

pub(super) fn leds(judged: &mut Judged<'_>) -> LedsConfig {
    let keys = [Key::LedsHealth, Key::LedsAttention, Key::LedsData];
    let mut pins = DEFAULT_PINS;
    for (key, number) in keys.into_iter().zip(&mut pins) {
        *number = judged.or(key, pin, *number);
    }
    for (at, key) in keys.into_iter().enumerate() {
        if let Some(other) = (0..3).filter(|other| *other != at).find(|other| pins[*other] == pins[at]) {
            // Of two that were both given, one complaint is enough.
            if at > other || !judged.given.contains_key(&keys[other]) {
                judged
                    .blame(&[key], format!("is {}, which is the pin of {}: each needs its own", pins[at], keys[other]));
            }
        }
    }
    LedsConfig { pins, active_low: judged.or(Key::LedsActiveLow, values::switch, false) }
}

pub(super) fn mute(judged: &mut Judged<'_>, leds: &LedsConfig) -> Option<MuteConfig> {
    let pin = judged.optional(Key::MutePin, pin);
    let active_low = judged.or(Key::MuteActiveLow, values::switch, true);
    if !judged.given.contains_key(&Key::MutePin) {
        judged.blame(&[Key::MuteActiveLow], "stands in [mute] without pin, the BCM number of the switch".into());
    }
    if let Some(taken) = pin.filter(|pin| leds.pins.contains(pin)) {
        judged.blame(&[Key::MutePin], format!("is {taken}, which is the pin of an LED: each needs its own"));
    }
    Some(MuteConfig { pin: pin?, active_low })
}

/// No trimming: a network's name may begin or end with a blank.
pub(super) fn ssid(given: &Given) -> Result<String, Problem> {
    const EXAMPLE: &str = "the network's name";
    let Value::Text(text) = &given.value else { return given.text(EXAMPLE).map(str::to_owned) };
    if text.is_empty() || text.contains(char::is_control) {
        return Err(given.problem("must be the name of the network, as a telephone shows it"));
    }
    if text.len() > limits::MAX_SSID_BYTES {
        let most = limits::MAX_SSID_BYTES;
        return Err(
            given.problem(format!("must be at most {most} bytes, as every network's name is, not {}", text.len()))
        );
    }
    Ok(text.clone())
}

pub(super) fn wifi_password(given: &Given) -> Result<SecretString, Problem> {
    let Value::Secret(secret) = &given.value else { return Err(given.problem("must be text in quotes")) };
    let text = secret.expose_secret();
    if text.is_empty() {
        return Err(given.problem("must not be empty; for a network without a password leave the line out"));
    }
    let is_passphrase =
        limits::WIFI_PASSWORD_CHARS.contains(&text.len()) && text.bytes().all(|b| (32..127).contains(&b));
    let is_key = text.len() == 64 && text.bytes().all(|byte| byte.is_ascii_hexdigit());
    if is_passphrase || is_key {
        return Ok(secret.clone());
    }
    let (least, most) = limits::WIFI_PASSWORD_CHARS.into_inner();
    Err(given
        .problem(format!("must be {least} to {most} letters, digits and signs of plain ASCII, as every network's is")))
}

pub(super) fn country(given: &Given) -> Result<String, Problem> {
    let text = given.text("GB")?;
    let is_code = text.len() == 2 && text.bytes().all(|byte| byte.is_ascii_alphabetic());
    match is_code.then(|| text.to_ascii_uppercase()) {
        Some(code) if code == text => Ok(code),
        Some(code) => Err(given.problem(format!("must be in capital letters, write {code:?}"))),
        None => {
            Err(given.problem(format!("must be the two letters of a country, such as \"GB\", not {}", given.shown())))
        }
    }
}

/// A line of a file `….pub`. Options in front of it, which sshd would take, are none of a provisioning file's business.
pub(super) fn authorized_key(given: &Given) -> Result<String, Problem> {
    const EXAMPLE: &str = "ssh-ed25519 AAAAC3… name";
    if matches!(&given.value, Value::Text(text) if text.contains("PRIVATE KEY")) {
        return Err(given.problem(
            "is a private key, which no other machine may know; write the line in the file beside it that ends in .pub",
        ));
    }
    let text = given.text(EXAMPLE)?;
    match PublicKey::parse(text) {
        Ok(key) if key.options.is_none() => Ok(key.to_key_format().trim_end().to_owned()),
        _ => Err(given
            .problem(format!("must be a public key as it stands in a file that ends in .pub, such as {EXAMPLE:?}"))),
    }
}

pub(super) fn pin(given: &Given) -> Result<u8, Problem> {
    // All of the range are a byte.
    let fits = |number: u32| u8::try_from(number).expect("at most 27");
    given.whole(limits::GPIO_PINS, " (a BCM number, not one of the header)").map(fits)
}

#[cfg(test)]
mod tests {
    use super::super::tests::{config, told};
    use super::super::{FactoryReset, RawConfig};
    use super::*;

    #[test]
    fn what_a_box_has_is_read() {
        let config = config(
            "keep_token = true\n[wifi]\nssid = \" Café \"\npassword = \"pass word\"\ncountry = \"DE\"\n\
             [leds]\nhealth = 5\nactive_low = true\n[mute]\npin = 23\n",
        );
        let wifi = config.wifi.as_ref().expect("named");
        assert_eq!((wifi.ssid.as_str(), wifi.country.as_deref()), (" Café ", Some("DE")));
        assert_eq!(wifi.password.as_ref().expect("given").expose_secret(), "pass word");
        assert_eq!(config.leds, LedsConfig { pins: [5, 27, 22], active_low: true });
        assert_eq!(config.mute, Some(MuteConfig { pin: 23, active_low: true }));
        assert!(config.keep_token && config.warnings().is_empty());
    }

    #[test]
    fn a_network_without_a_country_is_taken_with_a_warning_and_one_without_a_password_as_it_is() {
        let config = config("[wifi]\nssid = \"guests\"\n");
        assert!(config.wifi.as_ref().is_some_and(|wifi| wifi.password.is_none()));
        assert!(matches!(config.warnings().as_slice(), [warning] if warning.contains("country")));
    }

    #[test]
    fn no_two_things_share_a_pin() {
        let told_of = "which is the pin of";
        assert_eq!(
            told("[leds]\nhealth = 5\ndata = 5"),
            format!("line 3: data is 5, {told_of} health: each needs its own")
        );
        assert_eq!(told("[leds]\nhealth = 22"), format!("line 2: health is 22, {told_of} data: each needs its own"));
        assert_eq!(told("[mute]\npin = 17"), format!("line 2: pin is 17, {told_of} an LED: each needs its own"));
        assert_eq!(told("[leds]\nhealth = 22\nattention = 17\ndata = 27"), "nothing");
    }

    #[test]
    fn a_public_key_is_taken_whole_and_nothing_else_is() {
        const KEY: &str = "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIB5tIdKPqUUxnV4n0cvjYmUUJXsbeWmUtSEqSXXaWaHB";
        let line = |key: &str| format!("[ssh]\nauthorized_key = {key:?}\n");
        let named = format!("{KEY} me@desk");
        assert_eq!(config(&line(&named)).authorized_key, Some(named));
        assert_eq!(config(&line(&format!(" {KEY} "))).authorized_key.as_deref(), Some(KEY));
        let cut_short = &KEY[..60];
        for bad in [cut_short, "AAAAC3NzaC1lZDI1NTE5", &format!("command=\"sh\" {KEY}"), "x"] {
            assert!(
                told(&line(bad)).contains("must be a public key as it stands in a file that ends in .pub"),
                "{bad}"
            );
        }
        let private = "-----BEGIN OPENSSH PRIVATE KEY-----\nb3BlbnNzaC1rZXk";
        let said = told(&line(private));
        assert!(said.contains("is a private key") && !said.contains("b3BlbnN"), "{said}");
        assert!(told(&line(&format!("{KEY} a\n{KEY} b"))).contains("one line of text"));
    }

    #[test]
    fn a_reset_needs_nothing_else_and_bears_nothing_else() {
        let reset = |text| RawConfig::parse_alone(text, None).map(|(_, config)| config.factory_reset);
        assert_eq!(reset("factory_reset = true"), Ok(Some(FactoryReset { erase_recordings: false })));
        let both = "factory_reset = true\nerase_recordings = true";
        assert_eq!(reset(both), Ok(Some(FactoryReset { erase_recordings: true })));
        assert!(reset("factory_reset = true\nhome_id = 3").is_err());
        assert!(reset("factory_reset = false").is_err(), "then it is a file without a home");
    }
}
