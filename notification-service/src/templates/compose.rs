//! Composes the blocks of a mail, and the text of a text message, from a message's data.

use common::{money::Money, timestamp::Timestamp};

use super::{
    Shop,
    block::{Block, Letter, Row},
    data::{
        DeliveredData, EmailChangedData, GuestLinkData, InvoiceData, Item, Line, LinkData, Message, Order,
        PaymentActionData, RefundedData, ReturnData, ShippedData, Side, SignInData, Stock, WithdrawalData,
    },
    words::{Labels, Wording, Words},
};
use crate::{locale::Locale, segments::is_gsm7};

/// The only reason of a cancelled order that a mail explains. Other codes are not shown to shoppers.
const SOLD_OUT: &str = "sold_out";

/// Labels of details with their values.
type Facts = Vec<(&'static str, String)>;

/// Composes one mail or text message.
pub(super) struct Composer<'a> {
    shop: &'a Shop,
    locale: Locale,
    words: &'static dyn Words,
    blocks: Vec<Block<'a>>,
    /// Whether it shows a date.
    is_dated: bool,
}

impl<'a> Composer<'a> {
    pub(super) fn new(shop: &'a Shop, locale: Locale, words: &'static dyn Words) -> Self {
        Self { shop, locale, words, blocks: Vec::new(), is_dated: false }
    }

    /// The mail.
    pub(super) fn letter(mut self, message: &'a Message) -> Letter<'a> {
        let wording = self.write(message);
        let zone = self.is_dated.then(|| self.words.times_are_of(self.shop.zone().name()));
        let Wording { subject, preheader, heading, why, paragraphs: _, button: _ } = wording;
        let (shop, home) = (self.shop.name(), self.shop.url());
        Letter { words: self.words, shop, home, subject, preheader, heading, blocks: self.blocks, why, zone }
    }

    fn write(&mut self, message: &'a Message) -> Wording {
        let (words, shop) = (self.words, self.shop.name());
        match message {
            Message::OrderConfirmation(data) => self.order_confirmation(&data.order),
            Message::PaymentFailed(data) => self.payment_failed(&data.order),
            Message::OrderCancelled(data) => {
                let is_sold_out = data.order.reason.as_ref().is_some_and(|reason| reason.0 == SOLD_OUT);
                let wording = words.order_cancelled(shop, &self.money(data.order.total), is_sold_out);
                self.about(&data.order, wording, Vec::new())
            }
            Message::AccountCreated => self.account(words.account_created(shop), Vec::new()),
            Message::AccountExists => self.account(words.account_exists(shop), Vec::new()),
            Message::LowStock(data) => self.low_stock(&data.stock),
            Message::PaymentActionRequired(data) => self.payment_action_required(data),
            Message::OrderShipped(data) => self.order_shipped(data),
            Message::OrderDelivered(data) => self.order_delivered(data),
            Message::OrderRefunded(data) => self.order_refunded(data),
            Message::ReturnReceived(data) => self.return_received(data),
            Message::WithdrawalReceived(data) => self.withdrawal_received(data),
            Message::VerifyEmail(data) => self.link(words.verify_email(shop), data),
            Message::PasswordReset(data) => self.link(words.password_reset(shop), data),
            Message::PasswordChanged(data) => {
                let facts = vec![(words.labels().when, self.moment(data.at))];
                self.account(words.password_changed(shop), facts)
            }
            Message::NewSignIn(data) => self.new_sign_in(data),
            Message::EmailChanged(data) => self.email_changed(data),
            Message::StaffInvited(data) => self.link(words.staff_invited(shop), data),
            Message::GuestOrderLink(data) => self.guest_order_link(data),
            Message::Invoice(data) => self.invoice(data),
            Message::Direct(data) => {
                self.quote(data.text());
                let first = data.text().lines().next().unwrap_or_default();
                let wording = Wording { preheader: first.to_owned(), ..words.direct(shop) };
                match &data.subject {
                    Some(Line(subject)) => Wording { subject: subject.clone(), ..wording },
                    None => wording,
                }
            }
        }
    }

    fn order_confirmation(&mut self, order: &'a Order) -> Wording {
        let wording = self.about(order, self.words.order_confirmation(self.shop.name()), Vec::new());
        self.address(self.labels().it_goes_to, order);
        wording
    }

    /// Quotes the reason, which is the payment provider's sentence for the shopper.
    fn payment_failed(&mut self, order: &'a Order) -> Wording {
        let wording = self.words.payment_failed(self.shop.name());
        self.blocks.extend(order.reason.as_ref().map(|Line(reason)| Block::Quote(vec![reason])));
        self.say(&wording, Some(self.shop.url().to_owned()));
        self.summary(order, Vec::new());
        self.order(order);
        wording
    }

    fn low_stock(&mut self, stock: &'a Stock) -> Wording {
        let Labels { product, sku, available, low_stock_at, .. } = self.labels();
        let wording = self.words.low_stock(self.shop.name(), stock.sku.as_str(), &stock.title.0, stock.available);
        self.blocks.push(Block::Facts(vec![
            (product, stock.title.0.clone()),
            (sku, stock.sku.as_str().to_owned()),
            (available, stock.available.to_string()),
            (low_stock_at, stock.low_stock_at.to_string()),
        ]));
        wording
    }

    fn payment_action_required(&mut self, data: &'a PaymentActionData) -> Wording {
        let wording = self.words.payment_action_required(self.shop.name(), &self.money(data.order.total));
        let until = data.pay_by.map(|by| (self.labels().pay_by, self.moment(by)));
        self.about(&data.order, wording, until.into_iter().collect())
    }

    fn order_shipped(&mut self, data: &'a ShippedData) -> Wording {
        let (shipment, labels) = (&data.shipment, self.labels());
        let wording = self.words.order_shipped(self.shop.name(), !shipment.items.is_empty());
        let tracking = shipment.tracking_link.as_ref().map(|link| link.as_str().to_owned());
        let mut facts = vec![(labels.carrier, shipment.carrier.0.clone())];
        facts.extend(shipment.tracking_number.as_ref().map(|number| (labels.tracking_number, number.0.clone())));
        let expected = shipment.expected_at.map(|at| (labels.expected_on, self.date(at)));
        facts.extend(expected);
        let has_tracking = tracking.is_some();
        self.say(&wording, tracking);
        if !has_tracking {
            self.blocks.push(Block::Button { label: labels.see_order, url: self.page(&data.order) });
        }
        self.summary(&data.order, facts);
        if shipment.items.is_empty() {
            self.order(&data.order);
        } else {
            self.items(labels.in_this_parcel, &shipment.items);
        }
        if has_tracking {
            self.blocks.push(Block::Link { label: labels.see_order, url: self.page(&data.order) });
        }
        self.address(labels.it_goes_to, &data.order);
        wording
    }

    fn order_delivered(&mut self, data: &'a DeliveredData) -> Wording {
        let facts = data.delivered_at.map(|at| (self.labels().delivered_at, self.moment(at)));
        let wording = self.words.order_delivered(self.shop.name());
        let wording = self.about(&data.order, wording, facts.into_iter().collect());
        self.address(self.labels().it_went_to, &data.order);
        wording
    }

    fn order_refunded(&mut self, data: &'a RefundedData) -> Wording {
        let amount = self.money(data.refund.amount);
        let wording = self.words.order_refunded(self.shop.name(), &amount);
        self.about(&data.order, wording, vec![(self.labels().refund, amount)])
    }

    fn return_received(&mut self, data: &'a ReturnData) -> Wording {
        let facts = vec![(self.labels().received_at, self.moment(data.returned.received_at))];
        self.came_back(&data.order, self.words.return_received(self.shop.name()), facts, &data.returned.items)
    }

    fn withdrawal_received(&mut self, data: &'a WithdrawalData) -> Wording {
        let labels = self.labels();
        let mut facts = vec![(labels.received_at, self.moment(data.withdrawal.received_at))];
        facts.extend(data.withdrawal.name.as_ref().map(|name| (labels.declared_by, name.as_str().to_owned())));
        if data.withdrawal.items.is_empty() {
            facts.push((labels.items, labels.whole_order.to_owned()));
        }
        let wording = self.words.withdrawal_received(self.shop.name());
        self.came_back(&data.order, wording, facts, &data.withdrawal.items)
    }

    /// A mail about a return or withdrawal of an order, or of some of its items.
    fn came_back(&mut self, order: &'a Order, wording: Wording, facts: Facts, items: &'a [Item]) -> Wording {
        self.say(&wording, Some(self.page(order)));
        self.summary(order, facts);
        if items.is_empty() {
            self.order(order);
        } else {
            self.items(self.labels().items, items);
        }
        wording
    }

    fn link(&mut self, wording: Wording, data: &'a LinkData) -> Wording {
        let until = data.expires_at.map(|at| (self.labels().link_works_until, self.moment(at)));
        self.say(&wording, Some(data.link.as_str().to_owned()));
        self.facts(until.into_iter().collect());
        wording
    }

    fn new_sign_in(&mut self, data: &'a SignInData) -> Wording {
        let labels = self.labels();
        let mut facts = vec![(labels.when, self.moment(data.at))];
        facts.extend(data.device.as_ref().map(|device| (labels.device, device.as_str().to_owned())));
        facts.extend(data.place.as_ref().map(|place| (labels.place, place.as_str().to_owned())));
        self.account(self.words.new_sign_in(self.shop.name()), facts)
    }

    fn email_changed(&mut self, data: &EmailChangedData) -> Wording {
        let facts = vec![(self.labels().when, self.moment(data.at))];
        match data.recipient_is {
            Side::New => self.account(self.words.email_changed_to(self.shop.name()), facts),
            Side::Old => {
                let wording = self.words.email_changed_from(self.shop.name());
                self.say(&wording, None);
                self.facts(facts);
                wording
            }
        }
    }

    fn guest_order_link(&mut self, data: &'a GuestLinkData) -> Wording {
        let wording = self.words.guest_order_link(self.shop.name());
        let until = data.expires_at.map(|at| (self.labels().link_works_until, self.moment(at)));
        self.say(&wording, Some(data.link.as_str().to_owned()));
        self.summary(&data.order, until.into_iter().collect());
        self.order(&data.order);
        wording
    }

    fn invoice(&mut self, data: &'a InvoiceData) -> Wording {
        let labels = self.labels();
        let wording = self.words.invoice(self.shop.name(), &data.invoice.number.0);
        let facts = vec![
            (labels.invoice, data.invoice.number.0.clone()),
            (labels.issued_on, self.date(data.invoice.issued_at)),
        ];
        self.say(&wording, Some(data.invoice.link.as_str().to_owned()));
        self.summary(&data.order, facts);
        self.order(&data.order);
        wording
    }

    /// A mail about all of an order, with a button to its page.
    fn about(&mut self, order: &'a Order, wording: Wording, facts: Facts) -> Wording {
        self.say(&wording, Some(self.page(order)));
        self.summary(order, facts);
        self.order(order);
        wording
    }

    /// A mail about an account, with a button to its page.
    fn account(&mut self, wording: Wording, facts: Facts) -> Wording {
        self.say(&wording, Some(self.shop.account_page()));
        self.facts(facts);
        wording
    }

    /// The paragraphs, and the button where there is a link.
    fn say(&mut self, wording: &Wording, url: Option<String>) {
        self.blocks.extend(wording.paragraphs.iter().cloned().map(Block::Paragraph));
        self.blocks.extend(url.map(|url| Block::Button { label: wording.button, url }));
    }

    /// Text of staff, in which empty lines separate paragraphs.
    fn quote(&mut self, text: &'a str) {
        let lines: Vec<&str> = text.lines().map(str::trim_end).collect();
        let paragraphs = lines.split(|line| line.is_empty()).filter(|lines| !lines.is_empty());
        self.blocks.extend(paragraphs.map(|lines| Block::Quote(lines.to_vec())));
    }

    fn facts(&mut self, facts: Facts) {
        if !facts.is_empty() {
            self.blocks.push(Block::Facts(facts));
        }
    }

    /// The order's number and date, and further details.
    fn summary(&mut self, order: &Order, facts: Facts) {
        let labels = self.labels();
        let placed = self.date(order.placed_at);
        let number = order.number.as_ref().map_or_else(|| order.id.to_string(), |number| number.0.clone());
        let facts = [(labels.order, number), (labels.placed_on, placed)].into_iter().chain(facts);
        self.blocks.push(Block::Facts(facts.collect()));
    }

    fn order(&mut self, order: &'a Order) {
        let labels = self.labels();
        let rows = order.lines.iter().map(|line| {
            let sku = line.sku.as_ref().map(|sku| format!("{} {}", labels.sku, sku.as_str()));
            let each = line.unit_price.map(|price| self.words.each(&self.money(price)));
            Row {
                quantity: line.quantity,
                title: &line.title.0,
                image: line.image.as_ref().map(super::data::Link::as_str),
                options: options(&line.options),
                unit: sku.into_iter().chain(each).collect::<Vec<_>>().join(", "),
                total: self.money(line.total),
            }
        });
        let rows = rows.collect();
        let sums = [(labels.subtotal, order.subtotal), (labels.shipping, order.shipping), (labels.tax, order.tax)];
        let sums = sums.map(|(label, amount)| (label, self.money(amount))).to_vec();
        self.blocks.push(Block::Order { rows, sums, total: (labels.total, self.money(order.total)) });
    }

    fn items(&mut self, heading: &'static str, items: &'a [Item]) {
        let rows = items.iter().map(|item| Row {
            quantity: item.quantity,
            title: &item.title.0,
            image: None,
            options: options(&item.options),
            unit: String::new(),
            total: String::new(),
        });
        self.blocks.push(Block::Items { heading, rows: rows.collect() });
    }

    fn address(&mut self, heading: &'static str, order: &Order) {
        // The country's name is in the mail's language, not in that of its amounts.
        let language = self.words.tag().parse().unwrap_or_default();
        self.blocks.push(Block::Address { heading, lines: order.shipping_address.lines(&language) });
    }

    fn labels(&self) -> &'static Labels {
        self.words.labels()
    }

    fn page(&self, order: &Order) -> String {
        order.link.as_ref().map_or_else(|| self.shop.order_page(order.id), |link| link.as_str().to_owned())
    }

    fn money(&self, money: Money) -> String {
        self.locale.money(money)
    }

    fn date(&mut self, moment: Timestamp) -> String {
        self.is_dated = true;
        self.locale.date(moment, self.shop.zone())
    }

    fn moment(&mut self, moment: Timestamp) -> String {
        self.is_dated = true;
        self.locale.moment(moment, self.shop.zone())
    }

    /// The text message, where the template has one. It contains nothing that a shopper wrote.
    pub(super) fn text(&self, message: &Message) -> Option<String> {
        let (words, shop, locale) = (self.words, self.shop.name(), self.locale);
        let text = match message {
            Message::OrderConfirmation(data) => {
                words.sms_order_confirmation(shop, &locale.gsm_money(data.order.total), &self.page(&data.order))
            }
            Message::PaymentFailed(_) => words.sms_payment_failed(shop, self.shop.url()),
            Message::OrderCancelled(data) => {
                words.sms_order_cancelled(shop, &locale.gsm_money(data.order.total), &self.page(&data.order))
            }
            Message::PaymentActionRequired(data) => {
                let zone = self.shop.zone();
                let by = data.pay_by.map(|by| format!("{} ({})", locale.gsm_moment(by, zone), zone.name()));
                let (total, page) = (locale.gsm_money(data.order.total), self.page(&data.order));
                words.sms_payment_action_required(shop, &total, by.as_deref(), &page)
            }
            Message::OrderShipped(ShippedData { order, shipment }) => {
                let carrier = Some(&*shipment.carrier.0).filter(|carrier| is_gsm7(carrier));
                let page = shipment.tracking_link.as_ref().map(|link| link.as_str().to_owned());
                words.sms_order_shipped(shop, carrier, &page.unwrap_or_else(|| self.page(order)))
            }
            Message::OrderDelivered(data) => words.sms_order_delivered(shop, &self.page(&data.order)),
            Message::OrderRefunded(data) => {
                words.sms_order_refunded(shop, &locale.gsm_money(data.refund.amount), &self.page(&data.order))
            }
            Message::Direct(data) => data.text().to_owned(),
            Message::AccountCreated
            | Message::AccountExists
            | Message::LowStock(_)
            | Message::ReturnReceived(_)
            | Message::WithdrawalReceived(_)
            | Message::VerifyEmail(_)
            | Message::PasswordReset(_)
            | Message::PasswordChanged(_)
            | Message::NewSignIn(_)
            | Message::EmailChanged(_)
            | Message::StaffInvited(_)
            | Message::GuestOrderLink(_)
            | Message::Invoice(_) => return None,
        };
        Some(text)
    }
}

fn options(options: &[(Line<100>, Line<100>)]) -> String {
    let options: Vec<_> = options.iter().map(|(name, value)| format!("{}: {}", name.0, value.0)).collect();
    options.join(", ")
}
