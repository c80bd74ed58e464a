//! The words of mails and text messages, one file for each language. A language is a type that implements [`Words`], so that the
//! compiler reports missing words. A new one needs a file in `words/` and its name in the list below.

use common::locale::LanguageTag;

macro_rules! languages {
    ($first:ident $(, $other:ident)*) => {
        mod $first;
        $(mod $other;)*
        /// All languages. The first one is for readers of none of them.
        pub(super) const LANGUAGES: &[&dyn Words] = &[&$first::Language, $(&$other::Language),*];
    };
}

languages!(en, de);

/// The words for a reader of this tag.
pub(super) fn of(tag: &LanguageTag) -> &'static dyn Words {
    LANGUAGES.iter().copied().find(|words| words.tag() == tag.language()).unwrap_or(LANGUAGES[0])
}

/// The words of a mail, beside its details.
pub(super) struct Wording {
    /// One line.
    pub(super) subject: String,
    /// The text that lists of mails show after the subject.
    pub(super) preheader: String,
    /// The first line of the mail.
    pub(super) heading: String,
    /// What has happened, and what the reader can do.
    pub(super) paragraphs: Vec<String>,
    /// The label of the button, where the mail has one.
    pub(super) button: &'static str,
    /// The small print: what to do if something is wrong.
    pub(super) why: String,
}

/// Labels of details.
pub(super) struct Labels {
    pub(super) order: &'static str,
    pub(super) placed_on: &'static str,
    pub(super) subtotal: &'static str,
    pub(super) shipping: &'static str,
    pub(super) tax: &'static str,
    pub(super) total: &'static str,
    pub(super) sku: &'static str,
    pub(super) product: &'static str,
    pub(super) available: &'static str,
    pub(super) low_stock_at: &'static str,
    pub(super) it_goes_to: &'static str,
    pub(super) it_went_to: &'static str,
    pub(super) pay_by: &'static str,
    pub(super) carrier: &'static str,
    pub(super) tracking_number: &'static str,
    pub(super) see_order: &'static str,
    pub(super) expected_on: &'static str,
    pub(super) in_this_parcel: &'static str,
    pub(super) delivered_at: &'static str,
    pub(super) refund: &'static str,
    pub(super) received_at: &'static str,
    pub(super) items: &'static str,
    pub(super) whole_order: &'static str,
    pub(super) declared_by: &'static str,
    pub(super) link_works_until: &'static str,
    pub(super) when: &'static str,
    pub(super) device: &'static str,
    pub(super) place: &'static str,
    pub(super) invoice: &'static str,
    pub(super) issued_on: &'static str,
}

/// A language. Arguments are names and numbers, already written as the reader's locale has them.
pub(super) trait Words: Sync {
    /// The BCP 47 code.
    fn tag(&self) -> &'static str;
    /// Whether it is written from right to left.
    fn is_right_to_left(&self) -> bool {
        false
    }
    fn labels(&self) -> &'static Labels;
    /// The price of one unit.
    fn each(&self, price: &str) -> String;
    /// The sentence about the time zone of dates and times.
    fn times_are_of(&self, zone: &str) -> String;

    fn order_confirmation(&self, shop: &str) -> Wording;
    fn payment_failed(&self, shop: &str) -> Wording;
    /// `sold_out`: whether that is the reason.
    fn order_cancelled(&self, shop: &str, total: &str, sold_out: bool) -> Wording;
    fn account_created(&self, shop: &str) -> Wording;
    fn account_exists(&self, shop: &str) -> Wording;
    fn low_stock(&self, shop: &str, sku: &str, title: &str, available: i64) -> Wording;
    fn payment_action_required(&self, shop: &str, total: &str) -> Wording;
    /// `is_part`: whether more parcels follow or went before.
    fn order_shipped(&self, shop: &str, is_part: bool) -> Wording;
    fn order_delivered(&self, shop: &str) -> Wording;
    fn order_refunded(&self, shop: &str, amount: &str) -> Wording;
    fn return_received(&self, shop: &str) -> Wording;
    fn withdrawal_received(&self, shop: &str) -> Wording;
    fn verify_email(&self, shop: &str) -> Wording;
    fn password_reset(&self, shop: &str) -> Wording;
    fn password_changed(&self, shop: &str) -> Wording;
    fn new_sign_in(&self, shop: &str) -> Wording;
    /// For the address that the account had.
    fn email_changed_from(&self, shop: &str) -> Wording;
    /// For the address that it has now.
    fn email_changed_to(&self, shop: &str) -> Wording;
    fn staff_invited(&self, shop: &str) -> Wording;
    fn guest_order_link(&self, shop: &str) -> Wording;
    fn invoice(&self, shop: &str, number: &str) -> Wording;
    /// The words around the text of staff, without paragraphs.
    fn direct(&self, shop: &str) -> Wording;

    fn sms_order_confirmation(&self, shop: &str, total: &str, page: &str) -> String;
    fn sms_payment_failed(&self, shop: &str, page: &str) -> String;
    fn sms_order_cancelled(&self, shop: &str, total: &str, page: &str) -> String;
    /// `by`: when the order lapses, with its time zone.
    fn sms_payment_action_required(&self, shop: &str, total: &str, by: Option<&str>, page: &str) -> String;
    fn sms_order_shipped(&self, shop: &str, carrier: Option<&str>, page: &str) -> String;
    fn sms_order_delivered(&self, shop: &str, page: &str) -> String;
    fn sms_order_refunded(&self, shop: &str, amount: &str, page: &str) -> String;
}
