//! An error with its causes, in one line for the log.

use std::error::Error;

/// The error and its causes, outermost first.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    chain_under(error.to_string(), error)
}

/// The causes after `words`, which replace the error's own text where that may hold what a log must not.
pub fn chain_under(words: impl Into<String>, error: &(dyn Error + 'static)) -> String {
    let mut line = words.into();
    let mut next = error.source();
    while let Some(cause) = next {
        line.push_str(": ");
        line.push_str(&cause.to_string());
        next = cause.source();
    }
    line
}

#[cfg(test)]
mod tests {
    use std::{fmt, io};

    use super::*;

    /// Has a cause, and that has one.
    #[derive(Debug)]
    struct Outer(io::Error);

    impl fmt::Display for Outer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("not saved at /secret")
        }
    }

    impl Error for Outer {
        fn source(&self) -> Option<&(dyn Error + 'static)> {
            Some(&self.0)
        }
    }

    #[test]
    fn causes_follow_their_error_or_the_words_in_its_place() {
        let error = Outer(io::Error::other("disk full"));
        assert_eq!(chain(&error), "not saved at /secret: disk full");
        assert_eq!(chain_under("not saved", &error), "not saved: disk full");
    }
}
