//! What an error of the API means to a person, and what to do. PURE.

use super::ApiError;
use crate::event::{Fault, Part};

/// Of the API at `domain`, for who goes on trying.
pub fn fault_of(domain: &str, error: &ApiError) -> Fault {
    let mut fault = fault_once(domain, error);
    fault.text += match error {
        ApiError::Unclear(_) | ApiError::BrokenOff(_) => "; it is tried again",
        ApiError::Busy(..) => "; it is tried again then",
        ApiError::Refused { .. } => "; what is refused is kept",
        _ => "",
    };
    fault
}

/// Of the API at `domain`, for who asks once.
pub fn fault_once(domain: &str, error: &ApiError) -> Fault {
    let (part, text) = match error {
        ApiError::Unreachable(cause) => {
            (Part::Api, format!("the API at {domain} cannot be reached: {cause}; check the network and api_domain"))
        }
        ApiError::Untrusted(cause) => (Part::Api, format!("the API at {domain} is not trusted: {cause}")),
        ApiError::Unclear(cause) | ApiError::BrokenOff(cause) => {
            (Part::Api, format!("the API at {domain} does not answer as it should: {cause}"))
        }
        // Without the time that it names: that is another one each time, and a fault is told once.
        ApiError::Busy(cause, _) => {
            (Part::Api, format!("the API at {domain} asks to be left alone for a while: {cause}"))
        }
        ApiError::NotTheApi(cause) => (
            Part::Api,
            format!("what answers at {domain} is not the API: {cause}; check api_domain, scheme and port included"),
        ),
        ApiError::Doubtful(cause) => (
            Part::Api,
            format!(
                "what answers at {domain} is not the API, or does not let this through: {cause}; check api_domain, scheme and \
                 port included, and what is on the way"
            ),
        ),
        ApiError::Unauthorized(cause) => (
            Part::Token,
            format!("the API refuses the token: {} Get one from the server's administrator", sentence(cause)),
        ),
        ApiError::UnknownHome(cause) => (
            Part::Home,
            format!("the API does not know this home: {} Check home_id, or make the home there", sentence(cause)),
        ),
        ApiError::Refused { status, answer } => {
            (Part::Api, format!("the API at {domain} refuses what it is sent ({status}): {answer}"))
        }
        ApiError::File(cause) => (Part::Disk, cause.clone()),
    };
    Fault::new(part, text)
}

/// The server's words, with a full stop: not every translation of Django's has one.
fn sentence(words: &str) -> String {
    if words.ends_with(['.', '!', '?']) { words.into() } else { format!("{words}.") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_servers_words_are_a_sentence_in_any_language() {
        for words in ["Ungültiges Token", "Ungültiges Token."] {
            let fault = fault_of("http://a", &ApiError::Unauthorized(words.into()));
            assert_eq!(
                fault.text,
                "the API refuses the token: Ungültiges Token. Get one from the server's administrator"
            );
        }
    }
}
