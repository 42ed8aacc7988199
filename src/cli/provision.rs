//! The options of `listener provision`.

use std::path::PathBuf;

use clap::{ArgGroup, Args};

/// `listener provision`
#[derive(Debug, Args)]
#[command(rename_all = "snake_case", group = ArgGroup::new("what").required(true).args(["check", "device", "boot"]))]
pub struct ProvisionArgs {
    /// Only say whether this file would be taken, and what to put right if not
    #[arg(long, value_name = "FILE")]
    pub check: Option<PathBuf>,
    /// Take the listener.toml on this stick, a block device with FAT, exFAT or ext4
    #[arg(long, value_name = "DEVICE")]
    pub device: Option<PathBuf>,
    /// Take the listener.toml on the boot partition, a block device or a folder, if it is news; and make what the
    /// services read anew, should a power cut have left it half done
    #[arg(long, value_name = "DEVICE|DIR")]
    pub boot: Option<PathBuf>,
    /// Where settings are kept
    #[arg(long, value_name = "DIR", default_value = "/var/lib/listener")]
    pub state_dir: PathBuf,
    /// Where recordings wait, for a reset that erases them [default: data in the folder of the settings]
    #[arg(long, value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
    /// The network service's configuration, which Wi-Fi settings go into
    #[arg(long, value_name = "FILE", default_value = "/etc/wpa_supplicant/wpa_supplicant-wlan0.conf")]
    pub wifi_file: PathBuf,
    /// The network service, started anew when Wi-Fi settings change
    #[arg(long, value_name = "UNIT")]
    pub wifi_unit: Option<String>,
    /// The socket on which the indicator listens
    #[arg(long, value_name = "SOCKET")]
    pub report_to: Option<PathBuf>,
    /// The services to start anew when settings change
    #[arg(long, value_name = "UNIT", num_args = 1..)]
    pub restart: Vec<String>,
}
