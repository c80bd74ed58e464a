//! One type for each page and form: askama checks them against `templates/` when they are compiled. In HTML all that
//! stands in double braces is escaped.

use askama::Template;

use super::{Page, data::Stock, view::OrderView};

#[derive(Template)]
#[template(path = "order_confirmation.txt")]
pub(super) struct OrderConfirmationText<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "order_confirmation.html")]
pub(super) struct OrderConfirmationHtml<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "payment_failed.txt")]
pub(super) struct PaymentFailedText<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "payment_failed.html")]
pub(super) struct PaymentFailedHtml<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "order_cancelled.txt")]
pub(super) struct OrderCancelledText<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "order_cancelled.html")]
pub(super) struct OrderCancelledHtml<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) order: &'a OrderView<'a>,
}

#[derive(Template)]
#[template(path = "account_created.txt")]
pub(super) struct AccountCreatedText<'a> {
    pub(super) page: &'a Page<'a>,
}

#[derive(Template)]
#[template(path = "account_created.html")]
pub(super) struct AccountCreatedHtml<'a> {
    pub(super) page: &'a Page<'a>,
}

#[derive(Template)]
#[template(path = "account_exists.txt")]
pub(super) struct AccountExistsText<'a> {
    pub(super) page: &'a Page<'a>,
}

#[derive(Template)]
#[template(path = "account_exists.html")]
pub(super) struct AccountExistsHtml<'a> {
    pub(super) page: &'a Page<'a>,
}

#[derive(Template)]
#[template(path = "low_stock.txt")]
pub(super) struct LowStockText<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) stock: &'a Stock,
}

#[derive(Template)]
#[template(path = "low_stock.html")]
pub(super) struct LowStockHtml<'a> {
    pub(super) page: &'a Page<'a>,
    pub(super) stock: &'a Stock,
}
