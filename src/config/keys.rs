//! The settings there are, by the names they have in `listener.toml` and on the command line. PURE.

use std::fmt;

/// One setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Key {
    /// The home that recordings belong to.
    HomeId,
    /// The API's token.
    Token,
    /// Where the API is.
    ApiDomain,
    /// Which authority vouches for servers.
    CaFile,
    /// Which chain of models answers.
    TrackCluster,
    /// Whether the token stays in the file on the stick.
    KeepToken,
    /// Whether the box is to forget what it was told.
    FactoryReset,
    /// Whether what was recorded goes with it.
    EraseRecordings,
    /// The name of the wireless network.
    WifiSsid,
    /// Its password.
    WifiPassword,
    /// The country the box is in, whose rules its radio keeps.
    WifiCountry,
    /// The public key of who may log in.
    SshAuthorizedKey,
    /// How loud speech is.
    EnergyThreshold,
    /// The longest an utterance may be, in milliseconds.
    Timeout,
    /// The quiet that ends an utterance, in milliseconds.
    Pause,
    /// What is kept from before the first loud sound, in milliseconds.
    LeadIn,
    /// The least loud sound of an utterance, in milliseconds.
    Shortest,
    /// The microphone.
    DefaultMicrophone,
    /// The camera.
    Camera,
    /// Of the picture, in pixels.
    Width,
    /// Of the picture, in pixels.
    Height,
    /// Frames a second.
    FrameRate,
    /// The length of a clip, in seconds.
    VideoLength,
    /// From one picture to the next, in seconds.
    FrameInterval,
    /// What recordings may take of the disk, in bytes.
    MaxBytes,
    /// The bucket.
    S3Bucket,
    /// The bucket's region.
    S3Region,
    /// Where S3 is, if not at Amazon.
    S3Endpoint,
    /// Whether the bucket stands in the path, not in the host name.
    S3PathStyle,
    /// Who writes into the bucket.
    S3AccessKeyId,
    /// The secret that goes with it.
    S3SecretAccessKey,
    /// The server, and the folder on it.
    LocalDestDir,
    /// Where the server's SSH listens.
    LocalSshPort,
    /// The key to log in with.
    LocalSshKeyFile,
    /// The password to log in with.
    LocalSshPassword,
    /// The server's own key.
    LocalSshHostKey,
    /// The shared folder.
    VolumeDir,
    /// The pin of the green LED.
    LedsHealth,
    /// The pin of the red LED.
    LedsAttention,
    /// The pin of the blue LED.
    LedsData,
    /// Whether the LEDs are lit by a low pin.
    LedsActiveLow,
    /// The pin of the switch that stops all recording.
    MutePin,
    /// Whether the switch closes to ground.
    MuteActiveLow,
}

/// The sections of the file. Settings outside them stand at its top.
/// A dot stands between a section and one inside it.
pub(super) const SECTIONS: [&str; 10] =
    ["wifi", "ssh", "audio", "video", "storage", "storage.s3", "storage.local", "storage.volume", "leds", "mute"];

/// The section `name` inside of another, or at the top.
pub(super) fn section_in(outer: Option<&'static str>, name: &str) -> Option<&'static str> {
    SECTIONS.into_iter().find(|section| match outer {
        None => *section == name,
        Some(outer) => section.strip_prefix(outer).and_then(|rest| rest.strip_prefix('.')) == Some(name),
    })
}

/// In the order of [`Key`], which a test holds it to.
const TABLE: [(Key, Option<&str>, &str); 43] = [
    (Key::HomeId, None, "home_id"),
    (Key::Token, None, "token"),
    (Key::ApiDomain, None, "api_domain"),
    (Key::CaFile, None, "ca_file"),
    (Key::TrackCluster, None, "track_cluster"),
    (Key::KeepToken, None, "keep_token"),
    (Key::FactoryReset, None, "factory_reset"),
    (Key::EraseRecordings, None, "erase_recordings"),
    (Key::WifiSsid, Some("wifi"), "ssid"),
    (Key::WifiPassword, Some("wifi"), "password"),
    (Key::WifiCountry, Some("wifi"), "country"),
    (Key::SshAuthorizedKey, Some("ssh"), "authorized_key"),
    (Key::EnergyThreshold, Some("audio"), "energy_threshold"),
    (Key::Timeout, Some("audio"), "timeout"),
    (Key::Pause, Some("audio"), "pause"),
    (Key::LeadIn, Some("audio"), "lead_in"),
    (Key::Shortest, Some("audio"), "shortest"),
    (Key::DefaultMicrophone, Some("audio"), "default_microphone"),
    (Key::Camera, Some("video"), "camera"),
    (Key::Width, Some("video"), "width"),
    (Key::Height, Some("video"), "height"),
    (Key::FrameRate, Some("video"), "frame_rate"),
    (Key::VideoLength, Some("video"), "video_length"),
    (Key::FrameInterval, Some("video"), "frame_interval"),
    (Key::MaxBytes, Some("storage"), "max_bytes"),
    (Key::S3Bucket, Some("storage.s3"), "bucket"),
    (Key::S3Region, Some("storage.s3"), "region"),
    (Key::S3Endpoint, Some("storage.s3"), "endpoint"),
    (Key::S3PathStyle, Some("storage.s3"), "path_style"),
    (Key::S3AccessKeyId, Some("storage.s3"), "access_key_id"),
    (Key::S3SecretAccessKey, Some("storage.s3"), "secret_access_key"),
    (Key::LocalDestDir, Some("storage.local"), "dest_dir"),
    (Key::LocalSshPort, Some("storage.local"), "ssh_port"),
    (Key::LocalSshKeyFile, Some("storage.local"), "ssh_key_file"),
    (Key::LocalSshPassword, Some("storage.local"), "ssh_password"),
    (Key::LocalSshHostKey, Some("storage.local"), "ssh_host_key"),
    (Key::VolumeDir, Some("storage.volume"), "dir"),
    (Key::LedsHealth, Some("leds"), "health"),
    (Key::LedsAttention, Some("leds"), "attention"),
    (Key::LedsData, Some("leds"), "data"),
    (Key::LedsActiveLow, Some("leds"), "active_low"),
    (Key::MutePin, Some("mute"), "pin"),
    (Key::MuteActiveLow, Some("mute"), "active_low"),
];

impl Key {
    /// All of them, in the order of the file.
    pub fn all() -> impl Iterator<Item = Key> {
        TABLE.iter().map(|(key, ..)| *key)
    }

    /// Its name, in the file and (after `--`) on the command line.
    pub fn name(self) -> &'static str {
        TABLE[self as usize].2
    }

    /// The section of the file it stands in; none for the top.
    pub fn section(self) -> Option<&'static str> {
        TABLE[self as usize].1
    }

    /// Whether its value is never shown.
    pub fn is_secret(self) -> bool {
        matches!(self, Key::Token | Key::WifiPassword | Key::S3SecretAccessKey | Key::LocalSshPassword)
    }

    /// Whether it is about the file, not about the box.
    pub(super) fn is_of_the_file(self) -> bool {
        matches!(self, Key::KeepToken | Key::FactoryReset | Key::EraseRecordings)
    }

    /// Whether everybody on the box may know it. A setting that is not listed here is for root and the upload alone.
    pub(super) fn is_public(self) -> bool {
        use Key::*;
        matches!(self, HomeId | ApiDomain | CaFile | TrackCluster | KeepToken | FactoryReset | EraseRecordings)
            || matches!(self, EnergyThreshold | Timeout | Pause | LeadIn | Shortest | DefaultMicrophone)
            || matches!(self, Camera | Width | Height | FrameRate | VideoLength | FrameInterval | MaxBytes)
            || matches!(self, LedsHealth | LedsAttention | LedsData | LedsActiveLow | MutePin | MuteActiveLow)
    }

    /// Whether it says who gets what is recorded, or who may log in: a file with a blank token must not change it. A setting that
    /// is not listed here is one of these.
    pub(super) fn is_guarded(self) -> bool {
        use Key::*;
        let is_free = matches!(self, HomeId | Token | TrackCluster | WifiSsid | WifiPassword | WifiCountry | MaxBytes)
            || self.is_of_the_file()
            || self.section().is_some_and(|section| ["audio", "video", "leds", "mute"].contains(&section));
        !is_free
    }

    pub(super) fn in_section(section: Option<&str>) -> impl Iterator<Item = Key> {
        Key::all().filter(move |key| key.section() == section)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The known name that someone may have meant.
pub(super) fn nearest(word: &str, known: impl Iterator<Item = &'static str>) -> Option<&'static str> {
    let word = word.to_lowercase().replace('-', "_");
    let distance = |name: &str| {
        let part_of = word.len() >= 4 && name.contains(&word);
        if part_of { 1 } else { strsim::damerau_levenshtein(&word, name) }
    };
    known.map(|name| (distance(name), name)).min().filter(|(far, name)| *far <= name.len() / 3).map(|(_, name)| name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_setting_finds_its_own_row() {
        for (at, (key, ..)) in TABLE.iter().enumerate() {
            assert_eq!(*key as usize, at);
        }
    }

    #[test]
    fn every_section_of_a_setting_is_a_section() {
        assert!(Key::all().filter_map(Key::section).all(|section| SECTIONS.contains(&section)));
    }

    #[test]
    fn a_slip_finds_what_was_meant_and_nonsense_finds_nothing() {
        let near = |word| nearest(word, Key::all().map(Key::name));
        assert_eq!(near("pasue"), Some("pause"));
        assert_eq!(near("Frame-Rate"), Some("frame_rate"));
        assert_eq!(near("microphone"), Some("default_microphone"));
        assert_eq!(near("xyzzy"), None);
    }
}
