//! What a mail is made of, said once: `templates/mail.html` and `templates/mail.txt` write the same blocks in two forms.

use super::words::Words;

/// A mail before it is written.
pub(super) struct Letter<'a> {
    pub(super) words: &'static dyn Words,
    /// What the shop is called, and where it is.
    pub(super) shop: &'a str,
    pub(super) home: &'a str,
    pub(super) subject: String,
    pub(super) preheader: String,
    pub(super) heading: String,
    pub(super) blocks: Vec<Block<'a>>,
    pub(super) why: String,
    /// In which time zone its dates are, where it has any.
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

    /// On which side lines end.
    pub(super) fn end(&self) -> &'static str {
        if self.words.is_right_to_left() { "left" } else { "right" }
    }
}

/// A part of a mail. What people have written stands in text of its own, whose direction its first letter decides.
pub(super) enum Block<'a> {
    /// Words of ours.
    Paragraph(String),
    /// Words of somebody, line by line; nothing in them is a link.
    Quote(Vec<&'a str>),
    /// The one thing that the mail is for.
    Button { label: &'static str, url: String },
    /// Another page.
    Link { label: &'static str, url: String },
    /// Names of details, and what they are.
    Facts(Vec<(&'static str, String)>),
    /// What was ordered, and what it costs.
    Order { rows: Vec<Row<'a>>, sums: Vec<(&'static str, String)>, total: (&'static str, String) },
    /// What is in a parcel, under a heading.
    Items { heading: &'static str, rows: Vec<Row<'a>> },
    /// Where something goes, line by line.
    Address { heading: &'static str, lines: Vec<String> },
}

/// So many of one product.
pub(super) struct Row<'a> {
    pub(super) quantity: u32,
    pub(super) title: &'a str,
    pub(super) image: Option<&'a str>,
    /// `Colour: Navy, Size: M`; empty without options.
    pub(super) options: String,
    /// `SKU TEE-M, 9.00 each`; empty where neither is known.
    pub(super) unit: String,
    /// What they cost; empty where that is not said.
    pub(super) total: String,
}
