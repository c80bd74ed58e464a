//! What mails say: one plain text and one HTML for each, compiled from `templates/`. The words are English for everybody;
//! money and dates follow the shopper's locale.

pub mod data;
mod kind;
mod pages;
mod view;

use std::fmt;

use common::locale::LanguageTag;
use platform::config::Env;

pub use self::{data::Message, kind::Template};
use self::{
    data::{OrderData, StockData},
    view::OrderView,
};
use crate::{locale::Locale, sender::ShopName};

/// A message that could not be written: a template that cannot be filled in.
pub type Unwritable = askama::Error;

/// What messages say of the shop itself.
#[derive(Debug, Clone)]
pub struct Shop {
    /// What it is called.
    pub name: ShopName,
}

impl Shop {
    /// Reads `SHOP_NAME`.
    pub fn configure(env: &mut Env) -> Option<Self> {
        env.parsed("SHOP_NAME").map(|name| Self { name })
    }
}

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

/// Writes the mail of a message.
pub fn mail(message: &Message, shop: &Shop, locale: &LanguageTag) -> Result<Mail, Unwritable> {
    let shop = shop.name.as_str();
    let page = &Page { shop, subject: subject(message, shop) };
    let locale = Locale::closest(locale);
    let (text, html) = match message {
        Message::OrderConfirmation(OrderData { order }) => {
            let order = &OrderView::new(order, locale);
            both(&pages::OrderConfirmationText { page, order }, &pages::OrderConfirmationHtml { page, order })
        }
        Message::PaymentFailed(OrderData { order }) => {
            let order = &OrderView::new(order, locale);
            both(&pages::PaymentFailedText { page, order }, &pages::PaymentFailedHtml { page, order })
        }
        Message::OrderCancelled(OrderData { order }) => {
            let order = &OrderView::new(order, locale);
            both(&pages::OrderCancelledText { page, order }, &pages::OrderCancelledHtml { page, order })
        }
        Message::AccountCreated => both(&pages::AccountCreatedText { page }, &pages::AccountCreatedHtml { page }),
        Message::AccountExists => both(&pages::AccountExistsText { page }, &pages::AccountExistsHtml { page }),
        Message::LowStock(StockData { stock }) => {
            both(&pages::LowStockText { page, stock }, &pages::LowStockHtml { page, stock })
        }
    }?;
    Ok(Mail { subject: page.subject.clone(), text: folded(&text), html })
}

/// Writes the message as an SMS; `None` for one that has no such form.
pub fn text(message: &Message, _shop: &Shop, _locale: &LanguageTag) -> Result<Option<String>, Unwritable> {
    match message.template() {
        Template::OrderConfirmation
        | Template::PaymentFailed
        | Template::OrderCancelled
        | Template::AccountCreated
        | Template::AccountExists
        | Template::LowStock => Ok(None),
    }
}

fn both(text: &impl askama::Template, html: &impl askama::Template) -> Result<(String, String), askama::Error> {
    Ok((text.render()?, html.render()?))
}

fn subject(message: &Message, shop: &str) -> String {
    match message {
        Message::OrderConfirmation(_) => format!("Your {shop} order is confirmed"),
        Message::PaymentFailed(_) => format!("Your payment to {shop} did not go through"),
        Message::OrderCancelled(_) => format!("Your {shop} order is cancelled, and your money is on its way back"),
        Message::AccountCreated => format!("Welcome to {shop}"),
        Message::AccountExists => format!("You already have an account at {shop}"),
        Message::LowStock(StockData { stock }) => format!("{shop}: {} left of {}", stock.available, stock.sku),
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
