//! Who this device is to the API. EDGE: reads the system's own files.

#![expect(clippy::disallowed_methods, reason = "EDGE: files, random numbers")]

use std::fs;
use std::io;
use std::path::Path;

use crate::durable;

const NETWORK_DEVICES: &str = "/sys/class/net";
/// The board's name, on machines with a device tree (Linux, Documentation/devicetree/usage-model.rst).
const BOARD_MODEL: &str = "/proc/device-tree/model";
const OWN_ADDRESS_FILE: &str = "mac_address";

/// What the API knows a device by.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeviceId {
    /// Six pairs of hexadecimal digits with colons. The API's key for the device.
    pub mac_address: String,
    /// The host name.
    pub name: String,
    /// The board, or the architecture.
    pub model: String,
}

impl DeviceId {
    /// Reads it from this machine. A machine without a network card gets an address of its own, kept in `data_dir`.
    pub fn of_this_machine(data_dir: &Path) -> io::Result<Self> {
        let cut = |text: &str| text.chars().take(crate::limits::MAX_API_STRING_CHARS).collect::<String>();
        let model = fs::read_to_string(BOARD_MODEL).map(|model| model.trim_end_matches('\0').to_owned());
        Ok(Self {
            mac_address: mac_address(Path::new(NETWORK_DEVICES)).map_or_else(|| own_address(data_dir), Ok)?,
            name: cut(&rustix::system::uname().nodename().to_string_lossy()),
            model: cut(&model.unwrap_or_else(|_| std::env::consts::ARCH.into())),
        })
    }
}

/// The address of the first network card by name; a real card before a virtual one, which may differ at each boot.
fn mac_address(devices: &Path) -> Option<String> {
    let mut cards: Vec<_> = fs::read_dir(devices).ok()?.flatten().map(|entry| entry.path()).collect();
    cards.sort_by_key(|card| (!card.join("device").exists(), card.clone()));
    cards.iter().find_map(|card| {
        let address = fs::read_to_string(card.join("address")).ok()?.trim().to_owned();
        let usable = address.len() == 17 && address != "00:00:00:00:00:00";
        usable.then_some(address)
    })
}

fn own_address(data_dir: &Path) -> io::Result<String> {
    let file = data_dir.join(OWN_ADDRESS_FILE);
    match fs::read_to_string(&file) {
        Ok(address) => Ok(address.trim().to_owned()),
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let [b, c, d, e, f] = std::array::from_fn(|_| fastrand::u8(..));
            // 02: locally administered, one device (IEEE 802, "Overview and Architecture", 8.4).
            let address = format!("02:{b:02x}:{c:02x}:{d:02x}:{e:02x}:{f:02x}");
            durable::write(data_dir, &file, address.as_bytes())?;
            Ok(address)
        }
        Err(error) => Err(error),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn card(devices: &Path, name: &str, address: &str, real: bool) {
        let dir = devices.join(name);
        fs::create_dir_all(if real { dir.join("device") } else { dir.clone() }).expect("writable");
        fs::write(dir.join("address"), format!("{address}\n")).expect("writable");
    }

    #[test]
    fn a_real_card_gives_the_address_and_the_loopback_never_does() {
        let devices = tempfile::tempdir().expect("a folder");
        card(devices.path(), "lo", "00:00:00:00:00:00", false);
        assert_eq!(mac_address(devices.path()), None);
        card(devices.path(), "docker0", "02:42:00:00:00:01", false);
        card(devices.path(), "eth0", "dc:a6:32:00:00:02", true);
        assert_eq!(mac_address(devices.path()).as_deref(), Some("dc:a6:32:00:00:02"));
    }

    #[test]
    fn a_machine_without_a_card_keeps_its_own_address() -> io::Result<()> {
        let data_dir = tempfile::tempdir()?;
        let first = own_address(data_dir.path())?;
        assert!(first.starts_with("02:") && first.len() == 17);
        assert_eq!(own_address(data_dir.path())?, first);
        Ok(())
    }
}
