//! The bodies that carry fields, taken apart. Pure.

use std::collections::BTreeMap;

use serde_json::{Value, json};

/// The fields of one request. Form fields are strings, JSON fields are any value; the last of a name counts.
#[derive(Debug, Default)]
pub struct Form {
    pub values: BTreeMap<String, Value>,
    /// It came as JSON, where `null` and `""` are not the same.
    pub is_json: bool,
}

/// Reads `a=1&b=2`.
pub fn parse_urlencoded(body: &[u8]) -> Form {
    let mut form = Form::default();
    for pair in body.split(|&byte| byte == b'&').filter(|pair| !pair.is_empty()) {
        let at = pair.iter().position(|&byte| byte == b'=').unwrap_or(pair.len());
        let value = pair.get(at + 1..).unwrap_or_default();
        form.values.insert(decode(&pair[..at]), Value::String(decode(value)));
    }
    form
}

/// Reads a JSON object; an error is the body of the 400.
pub fn parse_json(body: &[u8]) -> Result<Form, Value> {
    match serde_json::from_slice(body) {
        Ok(Value::Object(object)) => Ok(Form { values: object.into_iter().collect(), is_json: true }),
        Ok(_) => Err(json!({"non_field_errors": ["Invalid data. Expected a dictionary."]})),
        Err(error) => Err(json!({"detail": format!("JSON parse error - {error}")})),
    }
}

fn decode(text: &[u8]) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.iter().copied();
    while let Some(byte) = rest.next() {
        let mut ahead = rest.clone();
        let mut digit = || ahead.next().and_then(|byte| char::from(byte).to_digit(16));
        match (byte, digit(), digit()) {
            (b'%', Some(high), Some(low)) => {
                bytes.extend(u8::try_from(high * 16 + low));
                rest = ahead;
            }
            (b'+', ..) => bytes.push(b' '),
            _ => bytes.push(byte),
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_form_is_decoded_and_its_last_value_of_a_name_counts() {
        let form = parse_urlencoded(b"a=1&b=x%2By+z%zz&a=2&c&=d%C3%A9");
        assert_eq!(form.values["a"], "2");
        assert_eq!(form.values["b"], "x+y z%zz");
        assert_eq!(form.values["c"], "");
        assert_eq!(form.values[""], "d\u{e9}");
    }
}
