//! The fields of a request, checked as Django REST checks them: all of them, with the server's own words. Pure.

use jiff::Timestamp;
use serde_json::{Map, Value, json};

use crate::form::Form;
use crate::times;

/// The longest string that the server's tables hold.
const MAX_CHARS: usize = 100;

/// Takes fields out of a form and gathers what is wrong with them, so that the 400 names every wrong field.
pub struct Checker<'a> {
    form: &'a Form,
    errors: Map<String, Value>,
}

/// The time fields of a row.
pub struct Times {
    pub start: Timestamp,
    pub end: Timestamp,
    /// The fields that named no zone.
    pub naive: Vec<String>,
}

impl<'a> Checker<'a> {
    /// Begins with no errors.
    pub fn new(form: &'a Form) -> Self {
        Checker { form, errors: Map::new() }
    }

    /// Adds an error to a field.
    pub fn refuse(&mut self, name: &str, message: impl Into<String>) {
        let list = self.errors.entry(name).or_insert_with(|| json!([]));
        if let Value::Array(messages) = list {
            messages.push(Value::String(message.into()));
        }
    }

    /// Ends the check; an error is the body of the 400.
    pub fn finish(self) -> Result<(), Value> {
        if self.errors.is_empty() { Ok(()) } else { Err(Value::Object(self.errors)) }
    }

    /// A string that must be there. What is returned after an error is a stand-in; `finish` refuses it.
    pub fn text(&mut self, name: &str) -> String {
        let value = self.string(name, Some(MAX_CHARS));
        match self.form.values.get(name) {
            None => self.refuse(name, "This field is required."),
            Some(Value::Null) => self.refuse(name, "This field may not be null."),
            Some(_) if value.as_deref() == Some("") => self.refuse(name, "This field may not be blank."),
            Some(_) => {}
        }
        value.unwrap_or_default()
    }

    /// A string that may be left out, null or blank.
    pub fn optional_text(&mut self, name: &str) -> Option<String> {
        self.string(name, Some(MAX_CHARS))
    }

    /// A string that may be left out and may be long.
    pub fn optional_long_text(&mut self, name: &str) -> Option<String> {
        self.string(name, None)
    }

    fn string(&mut self, name: &str, max_chars: Option<usize>) -> Option<String> {
        let text = match self.form.values.get(name)? {
            Value::Null => return None,
            Value::String(text) => text.trim().to_owned(),
            Value::Number(number) => number.to_string(),
            _ => {
                self.refuse(name, "Not a valid string.");
                return None;
            }
        };
        if max_chars.is_some_and(|max| text.chars().count() > max) {
            self.refuse(name, format!("Ensure this field has no more than {MAX_CHARS} characters."));
        }
        Some(text)
    }

    /// The home: one of those known, or none when it is left out.
    pub fn home(&mut self, known: &[u64]) -> Option<u64> {
        let kind = match self.form.values.get("home")? {
            Value::Null => return None,
            Value::String(text) if text.is_empty() && !self.form.is_json => return None,
            Value::String(text) => match text.trim().parse::<i64>() {
                Ok(_) => Ok(text.clone()),
                Err(_) => Err("str"),
            },
            Value::Number(number) if number.is_i64() || number.is_u64() => Ok(number.to_string()),
            Value::Number(_) => Err("float"),
            Value::Bool(_) => Err("bool"),
            Value::Array(_) => Err("list"),
            Value::Object(_) => Err("dict"),
        };
        match kind {
            Ok(text) => {
                let id = text.trim().parse().ok().filter(|id| known.contains(id));
                if id.is_none() {
                    self.refuse("home", format!("Invalid pk \"{text}\" - object does not exist."));
                }
                id
            }
            Err(kind) => {
                self.refuse("home", format!("Incorrect type. Expected pk value, received {kind}."));
                None
            }
        }
    }

    /// An integer that must be there, within what the server's column holds.
    pub fn integer(&mut self, name: &str) -> i64 {
        let text = match self.form.values.get(name) {
            None => {
                self.refuse(name, "This field is required.");
                return 0;
            }
            Some(Value::Null) => {
                self.refuse(name, "This field may not be null.");
                return 0;
            }
            Some(Value::String(text)) => text.trim().to_owned(),
            Some(other) => other.to_string(),
        };
        let (min, max) = (i64::from(i32::MIN), i64::from(i32::MAX));
        match text.parse::<i128>() {
            Err(_) => self.refuse(name, "A valid integer is required."),
            Ok(value) if value > i128::from(max) => {
                self.refuse(name, format!("Ensure this value is less than or equal to {max}."));
            }
            Ok(value) if value < i128::from(min) => {
                self.refuse(name, format!("Ensure this value is greater than or equal to {min}."));
            }
            Ok(value) => return i64::try_from(value).unwrap_or_default(),
        }
        0
    }

    /// `start_time` and `end_time`, which must be there.
    pub fn times(&mut self) -> Times {
        let mut naive = Vec::new();
        let [start, end] = ["start_time", "end_time"].map(|name| {
            let parsed = match self.form.values.get(name) {
                None => Err("This field is required."),
                Some(Value::Null) => Err("This field may not be null."),
                Some(value) => value.as_str().and_then(|text| times::parse_row_time(text.trim())).ok_or(
                    "Datetime has wrong format. Use one of these formats instead: \
                     YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z].",
                ),
            };
            match parsed {
                Ok(time) => {
                    naive.extend(time.naive.then(|| name.to_owned()));
                    time.at
                }
                Err(message) => {
                    self.refuse(name, message);
                    Timestamp::UNIX_EPOCH
                }
            }
        });
        Times { start, end, naive }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::form::parse_urlencoded;

    #[test]
    fn every_wrong_field_is_named() {
        let form = parse_urlencoded(b"home=None&sequence_index=2147483648&uid=&start_time=soon");
        let mut checker = Checker::new(&form);
        checker.home(&[1]);
        checker.integer("sequence_index");
        checker.text("uid");
        checker.times();
        let errors = checker.finish().expect_err("all of them are wrong");
        let names: Vec<&String> = errors.as_object().expect("an object").keys().collect();
        assert_eq!(names, ["end_time", "home", "sequence_index", "start_time", "uid"]);
    }
}
