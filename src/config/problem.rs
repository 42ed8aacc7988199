//! What is wrong with a configuration, told so that a person can put it right. PURE.

use std::fmt;

use super::keys::Key;

/// One thing to put right.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Problem {
    /// The line of the file, counted from 1; none for what came from the command line.
    pub line: Option<usize>,
    /// The setting whose value it is about, if it is about one. `text` then goes on from its name.
    pub key: Option<Key>,
    /// What is wrong and what to write instead. Never holds a token.
    pub text: String,
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(line) = self.line {
            write!(f, "line {line}: ")?;
        }
        match (self.key, self.line) {
            // It can have come from three places, of which two are not an option's value.
            (Some(Key::Token), None) => f.write_str("the token (--token, --token_file or LISTENER_TOKEN) ")?,
            (Some(key), None) => write!(f, "--{key} ")?,
            (Some(key), Some(_)) => write!(f, "{key} ")?,
            (None, _) => {}
        }
        f.write_str(&self.text)
    }
}

/// All that is wrong, in the order of the lines. Never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct Problems(pub(super) Vec<Problem>);

impl Problems {
    /// What there is to put right.
    pub fn iter(&self) -> impl Iterator<Item = &Problem> {
        self.0.iter()
    }

    /// `value`, unless there are problems.
    pub(super) fn unless_any<T>(problems: Vec<Problem>, value: T) -> Result<T, Problems> {
        if problems.is_empty() { Ok(value) } else { Err(Self::sorted(problems)) }
    }

    /// In the order of the lines; what is about none of them comes first.
    pub(super) fn sorted(mut problems: Vec<Problem>) -> Self {
        problems.sort_by_key(|problem| problem.line);
        Self(problems)
    }
}

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, problem) in self.0.iter().enumerate() {
            if at > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{problem}")?;
        }
        Ok(())
    }
}
