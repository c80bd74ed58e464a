//! What mails and text messages say. A mail is composed of blocks once ([`compose`](self), [`block`](self)) and written in two
//! forms, by `templates/mail.html` and `templates/mail.txt`, which are compiled. The words are the reader's language where
//! `words/` has it, else English; money and dates follow the reader's locale, and days the shop's time zone.

mod block;
mod compose;
pub mod data;
pub(crate) mod samples;
pub(crate) mod schema;
mod shop;
mod words;

use std::fmt;

use askama::Template as _;
use common::{locale::LanguageTag, problem::FieldErrors};

use self::{
    block::{Block, Letter},
    compose::Composer,
};
pub use self::{
    data::{Message, Template},
    samples::{message as sample_message, sample},
    shop::{BaseUrls, Shop},
};
use crate::locale::Locale;

/// How many characters a line of plain text has at most, where its words allow it.
const COLUMNS: usize = 72;

/// A mail, written.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// One line.
    pub subject: String,
    /// For those who read plain text.
    pub text: String,
    /// For everybody else.
    pub html: String,
}

/// Shows nothing of what it says: it names people and what they bought.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(..)")
    }
}

/// Why a message is not written.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template could not be filled in.
    #[error("the template cannot be filled in: {0}")]
    Template(askama::Error),
    /// The shop does not send what is in it, such as a link to another's page; pointers are as in a request.
    #[error("the shop does not send this: {}", fields(.0))]
    Refused(FieldErrors),
}

fn fields(errors: &FieldErrors) -> String {
    let fields: Vec<_> = errors.iter().map(|error| format!("{} {}", error.pointer, error.code)).collect();
    fields.join(", ")
}

#[derive(askama::Template)]
#[template(path = "mail.html")]
struct Html<'a> {
    letter: &'a Letter<'a>,
}

#[derive(askama::Template)]
#[template(path = "mail.txt")]
struct Text<'a> {
    letter: &'a Letter<'a>,
}

/// The codes of the languages that have words of their own; others read the first.
pub fn languages() -> impl Iterator<Item = &'static str> {
    words::LANGUAGES.iter().map(|words| words.tag())
}

/// Writes the mail of a message.
pub fn mail(message: &Message, shop: &Shop, locale: &LanguageTag) -> Result<Mail, RenderError> {
    message.check(shop, false).map_err(RenderError::Refused)?;
    let letter = &Composer::new(shop, Locale::from(locale), words::of(locale)).letter(message);
    let html = Html { letter }.render().map_err(RenderError::Template)?;
    let text = Text { letter }.render().map_err(RenderError::Template)?;
    Ok(Mail { subject: letter.subject.clone(), text: folded(&text), html })
}

/// Writes the text message of a message; none where its template has none.
pub fn text(message: &Message, shop: &Shop, locale: &LanguageTag) -> Result<Option<String>, RenderError> {
    message.check(shop, true).map_err(RenderError::Refused)?;
    Ok(text_of_any_length(message, shop, locale))
}

/// The same of a message that was checked for mail, and may be too long for a text.
pub(crate) fn text_of_any_length(message: &Message, shop: &Shop, locale: &LanguageTag) -> Option<String> {
    Composer::new(shop, Locale::from(locale), words::of(locale)).text(message)
}

/// Breaks lines that are too long between words, and keeps their indentation. A word that is too long stays whole.
fn folded(text: &str) -> String {
    let mut lines: Vec<String> = Vec::new();
    for line in text.lines().map(str::trim_end) {
        let indent = &line[..line.len() - line.trim_start_matches(' ').len()];
        let mut current = indent.to_owned();
        for word in line.split(' ').filter(|word| !word.is_empty()) {
            let is_first = current.len() == indent.len();
            if !is_first && current.chars().count() + 1 + word.chars().count() > COLUMNS {
                lines.push(std::mem::replace(&mut current, indent.to_owned()));
            } else if !is_first {
                current.push(' ');
            }
            current.push_str(word);
        }
        // Where a template has nothing to say it leaves an empty line; one in a row is enough.
        if !(current.is_empty() && lines.last().is_none_or(String::is_empty)) {
            lines.push(current);
        }
    }
    while lines.last().is_some_and(String::is_empty) {
        lines.pop();
    }
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
