//! Whether the gain of a microphone suits, and how to set it. PURE.

use super::loudness::Loudness;

/// Speech that stays below has a gain too low: -30 dB of full scale. Its level is usually set to -26 dB (ITU-T P.56, G.191), with
/// peaks of some -14; 3 m away in place of half a metre takes 16 dB from that.
const LOW_PEAK: u16 = 1024;

/// Where nobody is known to speak, sound that stays below hardly is any: -60 dB. A quiet room mostly reaches it if the gain suits.
const FAINT_PEAK: u16 = 32;

/// Some cards begin with zeros or a crack: nothing is said before half a second.
const LEAST_PIECES: u32 = 25;

/// Words in the names of controls that are not for a microphone, as drivers write them (Linux, `control-names.rst`).
const OTHER_INPUTS: [&str; 8] = ["Aux", "CD", "IEC958", "Line", "Master", "Phone", "Synth", "Video"];

/// What there is to say about the gain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Nothing to do.
    Fine(String),
    /// What is wrong and what to do; sound is recorded all the same.
    Warning(String),
}

/// The mixer that a microphone belongs to, as `alsamixer` takes it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MixerDevice {
    /// Of a card, by its number.
    Card(i32),
    /// Of a sound server: the mixer with the microphone's own name.
    Named(String),
}

/// A control for recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Control {
    /// As `alsamixer` shows it.
    pub name: String,
    /// If it has a volume.
    pub volume: Option<Volume>,
    /// If it has a switch.
    pub is_on: Option<bool>,
}

/// Where a control stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Volume {
    /// Now.
    pub value: i64,
    /// The lowest.
    pub min: i64,
    /// The highest.
    pub max: i64,
}

/// What the gain is set with.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct CaptureMixer {
    /// `None` if it is not known.
    pub device: Option<MixerDevice>,
    /// In the order of the driver.
    pub controls: Vec<Control>,
}

/// Judges what was heard, and says where to set the gain.
pub fn judge(heard: &Loudness, mixer: &CaptureMixer) -> Verdict {
    let warning = |what: String, remedy: String| Verdict::Warning(format!("{what}. {remedy}"));
    if heard.pieces() < LEAST_PIECES {
        return Verdict::Fine("too little was heard to judge the gain".to_owned());
    }
    if heard.is_clipped() {
        let what = "the gain is too high: loud sound is cut off at full scale".to_owned();
        return warning(what, mixer.lower());
    }
    match (heard.peak(), heard.speech_peak()) {
        (0, _) => {
            let what = "nothing but zeros comes: the microphone is muted or switched off".to_owned();
            warning(what, mixer.switch_on().or_else(|| mixer.raise_from_least()).unwrap_or_else(|| mixer.look()))
        }
        (peak, Some(speech)) if speech < LOW_PEAK => {
            // Speech is known for it a moment after its first sound, which may be the loudest.
            let (of, peak) = if peak < LOW_PEAK { ("the loudest sound", peak) } else { ("speech", speech) };
            let what = format!("the gain is low: {of} has a peak of {peak} of {}", i16::MAX);
            warning(what, mixer.switch_on().unwrap_or_else(|| mixer.raise()))
        }
        (_, Some(peak)) => Verdict::Fine(format!("speech has a peak of {peak} of {}", i16::MAX)),
        // Speech that is very soft may not be known for it.
        (peak, None) if peak < FAINT_PEAK || peak < LOW_PEAK && heard.stands_out() => {
            let sound = format!("the loudest sound has a peak of {peak} of {}", i16::MAX);
            let what = format!("{sound}: if somebody spoke, the gain is low");
            warning(what, mixer.switch_on().unwrap_or_else(|| mixer.raise()))
        }
        (_, None) => {
            let what = "nobody was heard to speak, so that the gain is not known";
            match mixer.switch_on().or_else(|| mixer.raise_low()) {
                Some(remedy) => warning(what.to_owned(), remedy),
                None => Verdict::Fine(what.to_owned()),
            }
        }
    }
}

impl Control {
    fn is_boost(&self) -> bool {
        self.name.contains("Boost")
    }

    fn is_for_microphone(&self) -> bool {
        !self.name.split_whitespace().any(|word| OTHER_INPUTS.contains(&word))
    }

    fn is_below_middle(&self) -> bool {
        self.volume.is_some_and(|Volume { value, min, max }| value - min < max - value)
    }

    /// How far it stands above its lowest, in thousandths of its range.
    fn height(&self) -> i64 {
        self.volume.map_or(0, |Volume { value, min, max }| (value - min).saturating_mul(1000) / (max - min).max(1))
    }

    fn can_rise(&self) -> bool {
        self.volume.is_some_and(|volume| volume.value < volume.max)
    }

    fn can_sink(&self) -> bool {
        self.volume.is_some_and(|volume| volume.value > volume.min)
    }

    /// Its name, and where it stands.
    fn place(&self) -> String {
        let now = self.volume.map(|Volume { value, min, max }| format!(" (now {value} of {min} to {max})"));
        format!("control {:?}{}", self.name, now.unwrap_or_default())
    }
}

impl CaptureMixer {
    fn command(&self) -> String {
        match &self.device {
            Some(MixerDevice::Card(number)) => format!(r#""alsamixer -c {number} -V capture""#),
            Some(MixerDevice::Named(name)) => format!(r#""alsamixer -D {name} -V capture""#),
            None => r#""alsamixer -V capture""#.to_owned(),
        }
    }

    /// The controls of microphones; those of other inputs where there are no others, since a name may be wrong.
    fn relevant(&self) -> Vec<&Control> {
        let relevant: Vec<_> = self.controls.iter().filter(|control| control.is_for_microphone()).collect();
        if relevant.is_empty() { self.controls.iter().collect() } else { relevant }
    }

    fn raise(&self) -> String {
        let relevant = self.relevant();
        let can_rise = relevant.iter().filter(|control| control.can_rise());
        match can_rise.min_by_key(|control| (!control.is_below_middle(), control.is_boost(), control.height())) {
            Some(control) => format!("Raise it: {}, {}", self.command(), control.place()),
            None if relevant.iter().any(|control| control.volume.is_some()) => {
                "Move the microphone nearer: the card's controls are at their highest".to_owned()
            }
            None => format!("Raise it: {}; or move the microphone nearer", self.command()),
        }
    }

    /// A boost first: it comes before all that the other controls do.
    fn lower(&self) -> String {
        let relevant = self.relevant();
        let can_sink = relevant.iter().filter(|control| control.can_sink());
        match can_sink.min_by_key(|control| (control.is_below_middle(), !control.is_boost(), -control.height())) {
            Some(control) => format!("Lower it: {}, {}", self.command(), control.place()),
            None => format!("Lower it: {}; or move the microphone away", self.command()),
        }
    }

    /// The switch that is off. Where several inputs have one, all but one are off as a rule.
    fn switch_on(&self) -> Option<String> {
        let mut switches = self.relevant();
        switches.retain(|control| control.is_on.is_some());
        let first = switches.first().filter(|_| switches.iter().all(|control| control.is_on == Some(false)))?;
        Some(format!("Switch it on: {}, control {:?}, with the space bar", self.command(), first.name))
    }

    fn raise_from_least(&self) -> Option<String> {
        let is_least = |control: &&Control| !control.is_boost() && !control.can_sink() && control.can_rise();
        self.relevant().iter().any(is_least).then(|| self.raise())
    }

    fn raise_low(&self) -> Option<String> {
        let is_low = |control: &&Control| !control.is_boost() && control.is_below_middle();
        let is_low = self.relevant().iter().any(is_low);
        is_low.then(|| format!(r#"Speak while "listener meter" runs; a control is low. {}"#, self.raise()))
    }

    fn look(&self) -> String {
        format!("See its own switch and {}", self.command())
    }
}

#[cfg(test)]
mod tests;
