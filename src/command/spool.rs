//! `listener spool`: what waits for delivery, what was dropped and what was refused; and putting that back.

#![expect(clippy::disallowed_methods, reason = "EDGE: files")]

use std::io::Write;
use std::path::Path;

use jiff::{SignedDuration, Timestamp};

use crate::clock::{Clock, SystemClock};
use crate::item::Kind;
use crate::spool::amount::Amount;
use crate::spool::survey::{self, Survey, Waiting};

/// Shows what is in the spool.
///
/// # Errors
/// When there is none, or it cannot be read.
pub fn show(dir: &Path, json: bool, out: &mut dyn Write) -> anyhow::Result<()> {
    let now = SystemClock.now();
    let survey = Survey::of(existing(dir)?, now)?;
    if json {
        writeln!(out, "{}", serde_json::to_string_pretty(&survey)?)?;
        return Ok(());
    }
    writeln!(
        out,
        "{:12} {:>8} {:>10}  oldest, and how many of the last minute, hour, day, and older",
        "waiting", "items", "MB"
    )?;
    for (kind, waiting) in &survey.waiting {
        writeln!(out, "{} {}", amount(*kind, waiting.amount), ages(waiting, now))?;
    }
    for (what, amounts) in [("refused", &survey.refused), ("dropped", &survey.dropped)] {
        writeln!(out, "{what}")?;
        Kind::ALL.iter().try_for_each(|kind| writeln!(out, "{}", amount(*kind, amounts.of(*kind))))?;
    }
    writeln!(out, "damaged      {:>8} files", survey.damaged_files)?;
    let of_others = survey.of_others.items();
    if of_others > 0 {
        writeln!(
            out,
            "{of_others} more were recorded for another home or API; they are delivered when that is set again"
        )?;
    }
    for refusal in &survey.answers {
        writeln!(out, "{}\n    {}", refusal.item, refusal.answer.trim())?;
    }
    if survey.refused.items() > 0 {
        writeln!(out, "\"listener spool retry\" sends again what was refused")?;
    }
    Ok(())
}

fn amount(kind: Kind, Amount { items, bytes }: Amount) -> String {
    format!("  {:10} {items:>8} {:>10.1}", format!("{kind}s"), bytes as f64 / 1e6)
}

fn ages(waiting: &Waiting, now: Timestamp) -> String {
    let mut text = waiting.oldest.map_or(String::new(), |oldest| {
        let [minute, hour, day, older] = waiting.by_age;
        format!(" {} ago; {minute}, {hour}, {day}, {older}", rough(now.duration_since(oldest)))
    });
    if waiting.without_time > 0 {
        text += &format!(" {} wait for the clock to be set", waiting.without_time);
    }
    text
}

/// In the largest unit that fits.
fn rough(age: SignedDuration) -> String {
    match age.as_secs().max(0) {
        s @ 0..120 => format!("{s} s"),
        s @ 120..7_200 => format!("{} min", s / 60),
        s @ 7_200..172_800 => format!("{} h", s / 3_600),
        s => format!("{} days", s / 86_400),
    }
}

/// Has everything delivered again that the API has refused, by the listener that uses the spool or the next one.
///
/// # Errors
/// When there is no spool, or it cannot be written.
pub fn retry(dir: &Path, out: &mut dyn Write) -> anyhow::Result<()> {
    let put_back = survey::retry(existing(dir)?)?;
    writeln!(out, "{put_back} items put back, to be delivered again")?;
    Ok(())
}

/// To look must not make one.
fn existing(dir: &Path) -> anyhow::Result<&Path> {
    if !dir.exists() {
        anyhow::bail!("nothing was recorded here: there is no {}; is --data_dir right?", dir.display());
    }
    Ok(dir)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ages_are_told_in_the_unit_a_person_would_use() {
        let told = [-5, 59, 119, 120, 7_199, 7_200, 172_800].map(|s| rough(SignedDuration::from_secs(s)));
        assert_eq!(told, ["0 s", "59 s", "119 s", "2 min", "119 min", "2 h", "2 days"]);
    }
}
