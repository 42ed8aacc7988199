//! The text of a `listener.toml`, walked with the lines of what it says. PURE.

use std::borrow::Cow;
use std::collections::BTreeSet;

use toml::de::{DeTable, DeValue, Error};

use super::RawConfig;
use super::keys::{self, Key, SECTIONS};
use super::problem::Problem;
use super::values::{self, Given, Value};

/// Everything that is wrong with the file by itself is told at once.
pub(super) fn parse(text: &str) -> (RawConfig, Vec<Problem>) {
    let text = normal(text);
    let (table, errors) = DeTable::parse_recoverable(&text);
    let ends = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n').map(|(at, _)| at).collect();
    let mut file = File { text: &text, ends, raw: RawConfig::default(), problems: Vec::new() };
    file.syntax(&errors);
    let broken: BTreeSet<_> = file.problems.iter().filter_map(|problem| problem.line).collect();
    // Below a broken section line nobody knows which section it is.
    let header = broken.iter().copied().filter(|line| file.line(*line).starts_with('[')).min();
    let told = file.problems.len();
    file.table(None, table.get_ref());
    // What the parser makes of a broken line is a guess: one complaint about it is enough.
    let judged = file.problems.split_off(told);
    let is_sure = |line| !broken.contains(&line) && header.is_none_or(|header| line < header);
    file.problems.extend(judged.into_iter().filter(|problem| problem.line.is_some_and(is_sure)));
    (file.raw, file.problems)
}

/// Without what Notepad puts first, and with line ends of one kind, whichever system's they were.
pub(super) fn normal(text: &str) -> String {
    text.strip_prefix('\u{feff}').unwrap_or(text).replace("\r\n", "\n").replace('\r', "\n")
}

struct File<'a> {
    text: &'a str,
    /// Where its lines end.
    ends: Vec<usize>,
    raw: RawConfig,
    problems: Vec<Problem>,
}

impl File<'_> {
    fn line_at(&self, byte: usize) -> usize {
        1 + self.ends.partition_point(|end| *end < byte)
    }

    fn line(&self, number: usize) -> &str {
        let start = number.checked_sub(2).and_then(|before| self.ends.get(before)).map_or(0, |end| end + 1);
        let end = self.ends.get(number - 1).copied().unwrap_or(self.text.len());
        self.text.get(start..end).unwrap_or_default().trim_start()
    }

    fn problem(&mut self, line: usize, text: impl Into<String>) {
        self.problems.push(Problem { line: Some(line), key: None, text: text.into() });
    }

    /// One problem a line.
    fn syntax(&mut self, errors: &[Error]) {
        let mut told = BTreeSet::new();
        for error in errors {
            let span = error.span().unwrap_or_default();
            let line = self.line_at(span.start);
            if told.insert(line) {
                let words = in_plain_words(error.message(), self.text.get(span).unwrap_or_default());
                self.problem(line, words);
            }
        }
    }

    /// One table: the top of the file, or a section.
    fn table(&mut self, section: Option<&'static str>, table: &DeTable<'_>) {
        for (name, value) in table {
            let line = self.line_at(name.span().start);
            let (name, value) = (name.get_ref().as_ref(), value.get_ref());
            if let Some(key) = Key::in_section(section).find(|key| key.name() == name) {
                self.setting(Given { key, value: written(key, value), line: Some(line) });
            } else if let Some(known) = keys::section_in(section, name) {
                match value {
                    DeValue::Table(inner) => self.table(Some(known), inner),
                    _ => self.problem(line, format!("write [{known}] on a line of its own, and its settings below it")),
                }
            } else if section.is_none() && (value.is_table() || value.is_array()) {
                self.problem(line, not_a_section(name));
            } else {
                self.problem(line, not_a_setting(section, name));
            }
        }
    }

    fn setting(&mut self, given: Given) {
        if let Err(problem) = values::check(&given) {
            self.problems.push(problem);
        }
        self.raw.given.insert(given.key, given);
    }
}

fn written(key: Key, value: &DeValue<'_>) -> Value {
    match value {
        DeValue::String(text) if key.is_secret() => Value::Secret(text.as_ref().into()),
        DeValue::String(text) => Value::Text(text.to_string()),
        DeValue::Integer(number) => match i64::from_str_radix(number.as_str(), number.radix()) {
            Ok(number) => Value::Whole(number),
            Err(_) => Value::Other(number.to_string()),
        },
        DeValue::Float(number) => match number.as_str().parse() {
            Ok(number) => Value::Fraction(number),
            Err(_) => Value::Other(number.as_str().to_owned()),
        },
        DeValue::Boolean(yes) => Value::Switch(*yes),
        DeValue::Datetime(_) => Value::Other("a date".into()),
        DeValue::Array(_) => Value::Other("a list".into()),
        DeValue::Table(_) => Value::Other("a section".into()),
    }
}

fn not_a_setting(section: Option<&'static str>, name: &str) -> String {
    let place = section.map_or("the top of the file".into(), |section| format!("[{section}]"));
    let shown = shorten(name);
    if let Some(key) = Key::all().find(|key| key.name() == name) {
        let home = match key.section() {
            Some(section) => format!("below the line [{section}]"),
            None => "at the top of the file, above the first [section]".into(),
        };
        return format!("{shown:?} is not a setting of {place}; write it {home}");
    }
    if let Some(near) = keys::nearest(name, Key::in_section(section).map(Key::name)) {
        return format!("{shown:?} is not a setting of {place}; did you mean {near:?}?");
    }
    let known: Vec<_> = Key::in_section(section).map(Key::name).collect();
    format!("{shown:?} is not a setting of {place}; there are {}", known.join(", "))
}

fn not_a_section(name: &str) -> String {
    let shown = shorten(name);
    match keys::nearest(name, SECTIONS.into_iter()) {
        Some(near) => format!("[{shown}] is not a section; did you mean [{near}]?"),
        None => format!("[{shown}] is not a section; there are [{}]", SECTIONS.join("], [")),
    }
}

fn shorten(name: &str) -> Cow<'_, str> {
    const MOST_CHARS: usize = 40;
    match name.char_indices().nth(MOST_CHARS) {
        Some((end, _)) => format!("{}…", &name[..end]).into(),
        None => name.into(),
    }
}

/// The commonest slips in words of their own. `place` is shown only where it is a name, so that no token is.
fn in_plain_words(message: &str, place: &str) -> String {
    let what = message.split(", expected").next().unwrap_or(message);
    match what {
        "duplicate key" if SECTIONS.contains(&place) => format!("[{place}] stands here a second time, join the two"),
        "duplicate key" => format!("{} stands here a second time, remove one", shorten(place)),
        _ if place.contains(['“', '”', '„', '‘', '’']) => {
            r#"the quotes are curly ones; write straight ones: ""#.into()
        }
        "string values must be quoted" if place.trim().is_empty() => "the value is missing behind the =".into(),
        "invalid boolean" => "write true or false, in small letters".into(),
        "unexpected leading zero" => {
            r#"a number does not begin with 0, and text must stand in quotes, as in name = "value""#.into()
        }
        "string values must be quoted"
            if ["yes", "no", "on", "off"].iter().any(|word| place.eq_ignore_ascii_case(word)) =>
        {
            "write true or false".into()
        }
        "string values must be quoted" => r#"text must stand in quotes, as in name = "value""#.into(),
        "key with no value" | "invalid key-value pair" => "a setting is written as name = value".into(),
        "invalid basic string" | "invalid literal string" => "the closing quote is missing".into(),
        "unclosed table" | "unclosed array table" => "the closing ] is missing".into(),
        _ => format!("not understood: {message}"),
    }
}
