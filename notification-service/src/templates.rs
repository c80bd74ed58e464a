//! The content of mails and text messages. A mail is composed of blocks ([`compose`](self), [`block`](self)) and rendered in two
//! forms, by the compiled templates `templates/mail.html` and `templates/mail.txt`. The words are in the reader's language where
//! `words/` has it, else in English; money and dates follow the reader's locale and the shop's time zone.

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

/// The most characters of a line of plain text, unless one word is longer.
const COLUMNS: usize = 72;

/// A rendered mail.
#[derive(Clone, PartialEq, Eq)]
pub struct Mail {
    /// The subject, one line.
    pub subject: String,
    /// The plain-text version.
    pub text: String,
    /// The HTML version.
    pub html: String,
}

/// Omits the content: it names people and what they bought.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Mail(..)")
    }
}

/// Why a message is not rendered.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// A template failed.
    #[error("the template cannot be rendered: {0}")]
    Template(askama::Error),
    /// The message contains what the shop does not send, such as a link to a foreign page. Pointers are those of a request.
    #[error("the shop does not send such a message: {}", fields(.0))]
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

/// The BCP 47 codes of the languages of `words/`; readers of other languages get the first one.
pub fn languages() -> impl Iterator<Item = &'static str> {
    words::LANGUAGES.iter().map(|words| words.tag())
}

/// Renders the mail of a message.
pub fn mail(message: &Message, shop: &Shop, locale: &LanguageTag) -> Result<Mail, RenderError> {
    message.check(shop, false).map_err(RenderError::Refused)?;
    let letter = &Composer::new(shop, Locale::from(locale), words::of(locale)).letter(message);
    let html = Html { letter }.render().map_err(RenderError::Template)?;
    let text = Text { letter }.render().map_err(RenderError::Template)?;
    Ok(Mail { subject: letter.subject.clone(), text: folded(&text), html })
}

/// Renders the text message of a message; `None` where its template has none.
pub fn text(message: &Message, shop: &Shop, locale: &LanguageTag) -> Result<Option<String>, RenderError> {
    message.check(shop, true).map_err(RenderError::Refused)?;
    Ok(text_of_any_length(message, shop, locale))
}

/// Renders the text message without checks: it may be too long to be sent.
pub(crate) fn text_of_any_length(message: &Message, shop: &Shop, locale: &LanguageTag) -> Option<String> {
    Composer::new(shop, Locale::from(locale), words::of(locale)).text(message)
}

/// Breaks long lines between words and keeps their indentation. A word that is too long is not broken.
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
        // Empty parts of a template leave empty lines; of several in a row one is kept.
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
