//! The blocks of a mail, which `templates/mail.html` and `templates/mail.txt` render in two forms.

use super::words::Words;

/// A mail before it is rendered.
pub(super) struct Letter<'a> {
    pub(super) words: &'static dyn Words,
    /// The shop's name.
    pub(super) shop: &'a str,
    /// The shop's address.
    pub(super) home: &'a str,
    pub(super) subject: String,
    pub(super) preheader: String,
    pub(super) heading: String,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) why: String,
    /// The sentence about the time zone of its dates, where it has any.
    pub(super) zone: Option<String>,
}

impl Letter<'_> {
    /// For HTML's `lang`.
    pub(super) fn lang(&self) -> &'static str {
        self.words.tag()
    }

    /// For HTML's `dir`.
    pub(super) fn dir(&self) -> &'static str {
        if self.words.is_right_to_left() { "rtl" } else { "ltr" }
    }

    /// The side on which lines end.
    pub(super) fn end(&self) -> &'static str {
        if self.words.is_right_to_left() { "left" } else { "right" }
    }
}

/// A part of a mail. Text that people wrote is rendered apart, so that its first letter decides its direction.
pub(super) enum Block<'a> {
    /// Text from `words/`.
    Paragraph(String),
    /// Text that a person wrote, line by line, without links.
    Quote(Vec<&'a str>),
    /// The main link of the mail.
    Button { label: &'static str, url: String },
    /// A further link.
    Link { label: &'static str, url: String },
    /// Labels with their values.
    Facts(Vec<(&'static str, String)>),
    /// The lines of an order, with its sums.
    Order { rows: Vec<Row<'a>>, sums: Vec<(&'static str, String)>, total: (&'static str, String) },
    /// Items without prices, under a heading.
    Items { heading: &'static str, rows: Vec<Row<'a>> },
    /// A postal address, line by line.
    Address { heading: &'static str, lines: Vec<String> },
}

/// A line of an order, or an item.
pub(super) struct Row<'a> {
    pub(super) quantity: u32,
    pub(super) title: &'a str,
    pub(super) image: Option<&'a str>,
    /// `Colour: Navy, Size: M`; empty without options.
    pub(super) options: String,
    /// `SKU TEE-M, 9.00 each`; empty where neither is known.
    pub(super) unit: String,
    /// The price of the line; empty where none is shown.
    pub(super) total: String,
}
