//! What mails say: one plain text and one HTML for each, compiled from `templates/`. The words are English for everybody;
//! money and dates follow the shopper's locale.

mod pages;
mod view;

use std::fmt;

use askama::Template;

use self::view::OrderView;
use crate::{
    notifications::domain::{Message, Notification},
    sender::ShopName,
};

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

/// Says what the mail is about and nothing of what it says: it names people and what they bought.
impl fmt::Debug for Mail {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Mail({})", self.subject)
    }
}

/// What every page needs.
struct Page<'a> {
    shop: &'a str,
    subject: String,
}

/// Writes the mail of a notification.
pub fn write(notification: &Notification, shop: &ShopName) -> Result<Mail, askama::Error> {
    let (message, shop) = (&notification.message, shop.as_str());
    let page = &Page { shop, subject: subject(message, shop) };
    let view = |order| OrderView::new(order, notification.locale);
    let (text, html) = match message {
        Message::OrderConfirmation { order } => {
            let order = &view(order);
            both(&pages::OrderConfirmationText { page, order }, &pages::OrderConfirmationHtml { page, order })
        }
        Message::PaymentFailed { order } => {
            let order = &view(order);
            both(&pages::PaymentFailedText { page, order }, &pages::PaymentFailedHtml { page, order })
        }
        Message::OrderCancelled { order } => {
            let order = &view(order);
            both(&pages::OrderCancelledText { page, order }, &pages::OrderCancelledHtml { page, order })
        }
        Message::AccountCreated => both(&pages::AccountCreatedText { page }, &pages::AccountCreatedHtml { page }),
        Message::AccountExists => both(&pages::AccountExistsText { page }, &pages::AccountExistsHtml { page }),
        Message::LowStock { stock } => both(&pages::LowStockText { page, stock }, &pages::LowStockHtml { page, stock }),
    }?;
    Ok(Mail { subject: page.subject.clone(), text: folded(&text), html })
}

fn both(text: &impl Template, html: &impl Template) -> Result<(String, String), askama::Error> {
    Ok((text.render()?, html.render()?))
}

fn subject(message: &Message, shop: &str) -> String {
    match message {
        Message::OrderConfirmation { .. } => format!("Your {shop} order is confirmed"),
        Message::PaymentFailed { .. } => format!("Your payment to {shop} did not go through"),
        Message::OrderCancelled { .. } => format!("Your {shop} order is cancelled, and your money is on its way back"),
        Message::AccountCreated => format!("Welcome to {shop}"),
        Message::AccountExists => format!("You already have an account at {shop}"),
        Message::LowStock { stock } => format!("{shop}: {} left of {}", stock.available, stock.sku),
    }
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
    lines.join("\n") + "\n"
}

#[cfg(test)]
mod tests;
