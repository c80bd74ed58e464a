//! Idempotency keys, as Stripe documents them (<https://docs.stripe.com/api/idempotent_requests>): the first answer is
//! saved for 24 hours, failures included, once the endpoint has begun to execute; other parameters are an error, and so is a
//! second call while the first is running. A call that was refused before it began is not saved. No I/O.

use std::collections::HashMap;

use crate::refusal::Refusal;

/// How long an answer is saved, in seconds.
const REMEMBERED: i64 = 24 * 60 * 60;
/// The longest key, in characters.
const LONGEST: usize = 255;

/// A saved answer.
#[derive(Debug, Clone)]
pub(crate) struct Saved {
    pub(crate) status: u16,
    pub(crate) body: String,
    /// Id of the call that was answered first.
    pub(crate) request_id: String,
}

/// The first call of a key.
#[derive(Debug)]
struct Entry {
    path: String,
    params: String,
    /// Seconds since 1970.
    at: i64,
    /// `None` while the first call is running.
    saved: Option<Saved>,
}

/// The keys of an account.
#[derive(Debug, Default)]
pub(crate) struct Keys(HashMap<String, Entry>);

impl Keys {
    /// Reserves a key for a call of `path` with these (canonical) parameters, or finds the saved answer.
    pub(crate) fn claim(&mut self, key: &str, path: &str, params: &str, now: i64) -> Result<Option<Saved>, Refusal> {
        if key.is_empty() || key.chars().count() > LONGEST {
            return Err(Refusal::key_of_wrong_length());
        }
        if self.0.get(key).is_some_and(|entry| entry.saved.is_some() && entry.at + REMEMBERED <= now) {
            self.0.remove(key);
        }
        match self.0.get(key) {
            Some(entry) if entry.path != path => Err(Refusal::key_of_another_endpoint(key, &entry.path, path)),
            Some(entry) if entry.params != params => Err(Refusal::key_of_other_parameters(key)),
            Some(Entry { saved: None, .. }) => Err(Refusal::key_in_use(key)),
            Some(Entry { saved: Some(saved), .. }) => Ok(Some(saved.clone())),
            None => {
                let entry = Entry { path: path.to_owned(), params: params.to_owned(), at: now, saved: None };
                self.0.insert(key.to_owned(), entry);
                Ok(None)
            }
        }
    }

    /// Saves the answer of a reserved key.
    pub(crate) fn save(&mut self, key: &str, saved: Saved) {
        if let Some(entry) = self.0.get_mut(key) {
            entry.saved = Some(saved);
        }
    }

    /// Frees a key whose call was refused before it began.
    pub(crate) fn forget(&mut self, key: &str) {
        self.0.remove(key);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn saved() -> Saved {
        Saved { status: 200, body: "{}".to_owned(), request_id: "req_1".to_owned() }
    }

    #[test]
    fn a_key_is_forgotten_after_a_day_and_not_before() {
        let mut keys = Keys::default();
        assert!(keys.claim("k", "/v1/customers", "", 1_000).unwrap().is_none());
        keys.save("k", saved());
        assert!(keys.claim("k", "/v1/customers", "", 1_000 + REMEMBERED - 1).unwrap().is_some());
        assert!(keys.claim("k", "/v1/customers", "a=1", 1_000 + REMEMBERED).unwrap().is_none());
    }

    #[test]
    fn a_key_that_is_in_use_stays_so_for_ever() {
        let mut keys = Keys::default();
        assert!(keys.claim("k", "/v1/customers", "", 0).unwrap().is_none());
        assert_eq!(keys.claim("k", "/v1/customers", "", REMEMBERED * 2).unwrap_err().status, 409);
    }

    #[test]
    fn a_key_has_one_to_255_characters() {
        let mut keys = Keys::default();
        assert!(keys.claim(&"é".repeat(LONGEST), "/", "", 0).is_ok());
        for key in ["k".repeat(LONGEST + 1), String::new()] {
            assert_eq!(keys.claim(&key, "/", "", 0).unwrap_err().status, 400);
        }
    }
}
