//! Wi-Fi settings as wpa_supplicant's own configuration. PURE.

use std::fmt::Write;

use secrecy::{ExposeSecret, SecretString};

use crate::config::WifiConfig;

/// How a configuration of ours begins: one that begins otherwise is somebody else's.
pub const MARK: &str = "# Made by listener provision from listener.toml; what is changed here is lost.\n";

/// A `wpa_supplicant.conf(5)` for one network.
pub fn wpa_supplicant(wifi: &WifiConfig) -> SecretString {
    let mut text = MARK.to_owned() + "ctrl_interface=/run/wpa_supplicant\n";
    if let Some(country) = &wifi.country {
        text += &format!("country={country}\n");
    }
    // In hex no letter of the name means anything else. `scan_ssid`: networks that hide their names are found, too.
    let ssid = wifi.ssid.bytes().fold(String::new(), |mut hex, byte| {
        write!(hex, "{byte:02x}").expect("a string takes all");
        hex
    });
    text += &format!("network={{\n\tssid={ssid}\n\tscan_ssid=1\n");
    text += &match wifi.password.as_ref().map(ExposeSecret::expose_secret) {
        None => "\tkey_mgmt=NONE\n".to_owned(),
        // 64 hex digits are the key itself, which WPA3 has no use for.
        Some(key) if key.len() == 64 => format!("\tkey_mgmt=WPA-PSK\n\tpsk={key}\n"),
        // A passphrase ends at the last quote of its line. WPA3 where the radio can; then frames are protected, too.
        Some(phrase) => format!("\tkey_mgmt=WPA-PSK SAE\n\tpsk=\"{phrase}\"\n\tieee80211w=1\n"),
    };
    text += "}\n";
    text.into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn conf(ssid: &str, password: Option<&str>) -> String {
        let password = password.map(|password| password.to_owned().into());
        let wifi = WifiConfig { ssid: ssid.into(), password, country: Some("DE".into()) };
        wpa_supplicant(&wifi).expose_secret().to_owned()
    }

    #[test]
    fn a_network_is_written_as_wpa_supplicant_reads_it() {
        let text = conf("Café", Some("pass \"word"));
        assert!(text.starts_with(MARK) && text.contains("\ncountry=DE\n"));
        assert!(text.contains("\tssid=436166c3a9\n") && text.contains("\tpsk=\"pass \"word\"\n"), "{text}");
        assert!(conf("x", None).contains("key_mgmt=NONE"));
        assert!(conf("x", Some(&"a".repeat(64))).contains(&format!("\tpsk={}\n", "a".repeat(64))));
    }
}
