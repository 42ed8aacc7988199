//! What the LEDs say, in words. PURE.

use std::fmt::Write;

use super::file::{Led, Status};
use super::leds::NOTHING;

/// The LEDs as they are, why, and what to do. Texts come from other processes: no line of theirs gets at the terminal as
/// anything but text.
pub fn told(status: &Status) -> String {
    let mut text = String::new();
    let width = |of: fn(&Led) -> &str| status.leds.iter().map(|led| of(led).chars().count()).max().unwrap_or_default();
    let (names, looks) = (width(|led| &led.led), width(|led| &led.looks));
    for led in &status.leds {
        line(&mut text, &format!("{:names$}  {:looks$}  {}", led.led, led.looks, led.says));
    }
    text.push('\n');
    let faults = status.faults.iter().map(|(part, fault)| format!("{part}: {fault}"));
    section(&mut text, "why", status.reasons.iter().cloned().chain(faults));
    let warnings = status.warnings.iter().map(|(part, warning)| format!("{part}: {warning}"));
    section(&mut text, "mind", warnings);
    section(&mut text, "to do", remedies(&status.leds).into_iter().map(str::to_owned));
    section(&mut text, "hears", Some(status.hears.clone()).into_iter().filter(|how| !how.is_empty()));
    let counts = [("utterances", &status.utterances), ("clips", &status.clips), ("pictures", &status.pictures)];
    let counts = counts.map(|(kind, items)| format!("{} {kind}", items.waiting));
    section(&mut text, "waiting", [counts.join(", ")].into_iter());
    text
}

/// Why an LED is off is said by one that is not, if any asks for something.
fn remedies(leds: &[Led]) -> Vec<&str> {
    let asking = leds.iter().filter(|led| !led.remedy.starts_with(NOTHING));
    let (off, lit): (Vec<_>, Vec<_>) = asking.partition(|led| led.looks == "off");
    let telling = if lit.is_empty() { off } else { lit };
    telling.into_iter().map(|led| led.remedy.as_str()).collect()
}

fn section(text: &mut String, title: &str, lines: impl Iterator<Item = String>) {
    for (at, content) in lines.enumerate() {
        let title = if at == 0 { title } else { "" };
        line(text, &format!("{title:8} {content}"));
    }
}

fn line(text: &mut String, content: &str) {
    let content: String = content.chars().map(|letter| if letter.is_control() { ' ' } else { letter }).collect();
    // Writing to a string does not fail.
    let _ = writeln!(text, "{}", content.trim_end());
}

#[cfg(test)]
mod tests {
    use jiff::Timestamp;

    use super::*;
    use crate::clock::ManualClock;
    use crate::event::{Event, Fault, Part};
    use crate::item::Kind;
    use crate::status::health::{Health, Observed, Voice};
    use crate::status::report::{Account, Items, Provisioned, Update};

    fn told_of(observed: &Observed<'_>, account: &Account) -> String {
        let clock = ManualClock::at(Timestamp::UNIX_EPOCH);
        told(&Status::of(&Health::of(observed), account, account, &clock))
    }

    fn account() -> Account {
        let mut account = Account::default();
        account.progress.add(&Event::Recording(Part::Microphone));
        account.progress.add(&Event::Recording(Part::Camera));
        account.items.insert(Kind::Clip, Items { waiting: 12, ..Items::default() });
        account
    }

    #[test]
    fn it_says_what_the_leds_do_why_and_what_to_do() {
        let mut account = account();
        account
            .progress
            .add(&Event::Fault(Fault::new(Part::Api, "https://api.example.org refuses\x1b[2J connections")));
        let expected = "\
health     steady           camera and microphone are recording
attention  4 blinks, pause  the API or its storage cannot be reached
data       flicker          delivering

why      API: https://api.example.org refuses [2J connections
to do    check the network and `api_domain`; nothing is lost meanwhile
waiting  0 utterances, 12 clips, 0 pictures
";
        assert_eq!(told_of(&Observed::alone(&account), &account), expected);
    }

    #[test]
    fn where_all_is_well_there_is_nothing_to_do() {
        let account = Account { items: Default::default(), ..account() };
        let expected = "\
health     steady  camera and microphone are recording
attention  off     nothing to do
data       off     nothing waiting

waiting  0 utterances, 0 clips, 0 pictures
";
        assert_eq!(told_of(&Observed::alone(&account), &account), expected);
    }

    #[test]
    fn nobody_is_sent_to_the_power_supply_of_a_box_that_waits_for_a_file() {
        let voice = Voice::Absent;
        let observed =
            Observed { is_configured: false, capture: voice, upload: voice, provisioned: None, update: None };
        let text = told_of(&observed, &Account::default());
        assert!(text.contains("\nto do    plug in a stick with `listener.toml` on it\nwaiting"), "{text}");
    }

    #[test]
    fn the_flashes_of_all_three_are_one_line() {
        let account = account();
        let provisioned = Some((&Provisioned::Taken, std::time::Duration::ZERO));
        let text = told_of(&Observed { provisioned, ..Observed::alone(&account) }, &account);
        assert!(text.starts_with("all three  three short flashes  the provisioning file was taken\n"), "{text}");
    }

    #[test]
    fn an_update_is_told_while_it_is_written_and_why_it_was_not_taken() {
        let account = account();
        let told = |update: &Update| {
            let update = Some((update, std::time::Duration::ZERO));
            told_of(&Observed { update, ..Observed::alone(&account) }, &account)
        };
        let text = told(&Update::Installing);
        assert!(
            text.starts_with("all three  one after the other  an update is being written\n\nto do    do not"),
            "{text}"
        );
        let text = told(&Update::Failed("update 0.2.0 was given up".into()));
        assert!(text.contains("why      the update was not taken: update 0.2.0 was given up\n"), "{text}");
        assert!(text.contains("to do    read `listener-result.txt`"), "{text}");
    }

    #[test]
    fn a_silent_stage_is_named_with_where_to_look() {
        let account = account();
        let text = told_of(&Observed { upload: Voice::Silent, ..Observed::alone(&account) }, &account);
        assert!(text.contains("journalctl -u listener-upload"), "{text}");
        assert!(text.contains("attention  steady"), "{text}");
    }
}
