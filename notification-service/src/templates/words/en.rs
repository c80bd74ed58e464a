//! English.

use super::{Labels, Wording, Words};

pub(in crate::templates) struct Language;

const QUESTIONS: &str = "Questions? Answer this mail, and name the order's number.";

static LABELS: Labels = Labels {
    order: "Order",
    placed_on: "Placed on",
    subtotal: "Subtotal",
    shipping: "Shipping",
    tax: "Tax",
    total: "Total",
    sku: "SKU",
    product: "Product",
    available: "Can still be sold",
    low_stock_at: "You wanted to hear at",
    it_goes_to: "It goes to",
    it_went_to: "It went to",
    pay_by: "Please confirm by",
    carrier: "Carrier",
    tracking_number: "Tracking number",
    see_order: "See your order",
    expected_on: "Expected on",
    in_this_parcel: "In this parcel",
    delivered_at: "Delivered",
    refund: "Refund",
    received_at: "Received",
    items: "What it is about",
    whole_order: "The whole order",
    declared_by: "Declared by",
    link_works_until: "This link works until",
    when: "When",
    device: "Device",
    place: "Place",
    invoice: "Invoice",
    issued_on: "Issued on",
};

impl Words for Language {
    fn tag(&self) -> &'static str {
        "en"
    }

    fn labels(&self) -> &'static Labels {
        &LABELS
    }

    fn each(&self, price: &str) -> String {
        format!("{price} each")
    }

    fn times_are_of(&self, zone: &str) -> String {
        format!("Dates and times are of the time zone {zone}.")
    }

    fn order_confirmation(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your {shop} order is confirmed"),
            preheader: "We are getting everything ready, and write again when it leaves.".into(),
            heading: "Thank you for your order".into(),
            paragraphs: vec!["Your payment has arrived, and we are getting everything ready.".into()],
            button: "See your order",
            why: "Something is not right? Answer this mail, and name the order's number.".into(),
        }
    }

    fn payment_failed(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your payment to {shop} did not go through"),
            preheader: "No money was taken. You are welcome to order again.".into(),
            heading: "Your payment did not go through".into(),
            paragraphs: vec![
                "No money was taken, and what you chose is no longer reserved for you. You are welcome to order again, \
                 with another card if you like."
                    .into(),
            ],
            button: "Back to the shop",
            why: QUESTIONS.into(),
        }
    }

    fn order_cancelled(&self, shop: &str, total: &str, sold_out: bool) -> Wording {
        let why = "We are sorry: something you ordered was sold out before we could set it aside for you.";
        let back = format!(
            "We are sending back all that you paid, {total}, the way it came. Your bank may take some days to show it. \
             There is nothing you need to do."
        );
        Wording {
            subject: format!("Your {shop} order is cancelled, and your money is on its way back"),
            preheader: format!("We are sending back {total}. There is nothing you need to do."),
            heading: "We had to cancel your order".into(),
            paragraphs: sold_out.then(|| why.to_owned()).into_iter().chain([back]).collect(),
            button: "See your order",
            why: QUESTIONS.into(),
        }
    }

    fn account_created(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Welcome to {shop}"),
            preheader: "Your account is open.".into(),
            heading: format!("Welcome to {shop}"),
            paragraphs: vec![
                "An account was opened with this e-mail address. You can log in with it, and with the password that was \
                 chosen then."
                    .into(),
            ],
            button: "Go to your account",
            why: "It was not you? Then somebody has used your address, perhaps by mistake. Answer this mail, and we will \
                  close the account."
                .into(),
        }
    }

    fn account_exists(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("You already have an account at {shop}"),
            preheader: "Log in with the password you chose before.".into(),
            heading: "You already have an account".into(),
            paragraphs: vec![format!(
                "Somebody, perhaps you, tried to open an account at {shop} with this e-mail address, which has one already. \
                 Nothing was changed: log in with your address and the password you chose before."
            )],
            button: "Go to your account",
            why: "It was not you? Then you need not do anything. Nobody was told that you have an account.".into(),
        }
    }

    fn low_stock(&self, shop: &str, sku: &str, title: &str, available: i64) -> Wording {
        Wording {
            subject: format!("{shop}: {available} left of {sku}"),
            preheader: title.into(),
            heading: format!("Few are left of {title}"),
            paragraphs: Vec::new(),
            button: "",
            why: "You hear of it once, and again when it has been filled up and runs low another time.".into(),
        }
    }

    fn payment_action_required(&self, shop: &str, total: &str) -> Wording {
        Wording {
            subject: format!("Please confirm your payment to {shop}"),
            preheader: format!("Your bank asks you to confirm {total}. Until then your order waits."),
            heading: "Your payment needs you".into(),
            paragraphs: vec![format!(
                "Your bank asks you to confirm the payment of {total}. Until then nothing is charged, and your order waits. \
                 If it is not confirmed in time, the order lapses."
            )],
            button: "Confirm the payment",
            why: "You have not ordered anything? Then do not confirm anything, and answer this mail.".into(),
        }
    }

    fn order_shipped(&self, shop: &str, is_part: bool) -> Wording {
        let paragraph = if is_part {
            "A part of your order has left us. What is in this parcel is listed below; the rest comes by itself."
        } else {
            "Everything you ordered has left us."
        };
        Wording {
            subject: if is_part {
                format!("A part of your {shop} order is on its way")
            } else {
                format!("Your {shop} order is on its way")
            },
            preheader: "Here is how to follow your parcel.".into(),
            heading: "Your parcel is on its way".into(),
            paragraphs: vec![paragraph.into()],
            button: "Follow your parcel",
            why: QUESTIONS.into(),
        }
    }

    fn order_delivered(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your {shop} order has arrived"),
            preheader: "We hope that you like it.".into(),
            heading: "Your order has arrived".into(),
            paragraphs: vec![
                "The carrier says that your parcel was delivered. We hope that you like what is in it.".into(),
            ],
            button: "See your order",
            why: "It is not there, or something is not right? Answer this mail, and name the order's number.".into(),
        }
    }

    fn order_refunded(&self, shop: &str, amount: &str) -> Wording {
        Wording {
            subject: format!("{shop} is sending back {amount}"),
            preheader: "It goes back the way it came. There is nothing you need to do.".into(),
            heading: "Your money is on its way back".into(),
            paragraphs: vec![format!(
                "We are sending back {amount}, the way it came. Your bank may take some days to show it. There is nothing \
                 you need to do."
            )],
            button: "See your order",
            why: QUESTIONS.into(),
        }
    }

    fn return_received(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your return to {shop} has arrived"),
            preheader: "We are looking at it, and write again when your money is on its way.".into(),
            heading: "Your return has arrived".into(),
            paragraphs: vec![
                "What you sent back is with us. We are looking at it, and write again when your money is on its way.".into(),
            ],
            button: "See your order",
            why: QUESTIONS.into(),
        }
    }

    fn withdrawal_received(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("{shop} has received your withdrawal"),
            preheader: "This mail is your receipt. Please keep it.".into(),
            heading: "We have received your withdrawal".into(),
            paragraphs: vec![
                "You have declared that you withdraw from the contract. This mail confirms that we have received it, with \
                 what it says and when it came. Please keep it."
                    .into(),
            ],
            button: "See your order",
            why: "You have not declared this? Answer this mail, and name the order's number.".into(),
        }
    }

    fn verify_email(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Please confirm your e-mail address for {shop}"),
            preheader: "One click, and we know that it is yours.".into(),
            heading: "Is this your e-mail address?".into(),
            paragraphs: vec![format!(
                "This address was given for an account at {shop}. Please confirm that it is yours."
            )],
            button: "Confirm the address",
            why: "It was not you? Then you need not do anything; the address is not confirmed.".into(),
        }
    }

    fn password_reset(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Choose a new password for {shop}"),
            preheader: "Until you do, your old password works.".into(),
            heading: "Choose a new password".into(),
            paragraphs: vec![format!(
                "Somebody, perhaps you, asked for a new password of your account at {shop}. Until you choose one, the old \
                 one works."
            )],
            button: "Choose a new password",
            why: "It was not you? Then you need not do anything. Give this link to nobody: it lets in whoever has it."
                .into(),
        }
    }

    fn password_changed(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your password for {shop} was changed"),
            preheader: "If it was not you, choose a new password at once.".into(),
            heading: "Your password was changed".into(),
            paragraphs: vec![format!(
                "The password of your account at {shop} was changed. If it was you, there is nothing you need to do."
            )],
            button: "Go to your account",
            why: "It was not you? Then choose a new password at once, and answer this mail.".into(),
        }
    }

    fn new_sign_in(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("A new login to your {shop} account"),
            preheader: "If it was you, there is nothing you need to do.".into(),
            heading: "A new login to your account".into(),
            paragraphs: vec![
                "Your account was logged in to from a device that it has not been used on before. If it was you, there is \
                 nothing you need to do."
                    .into(),
            ],
            button: "Go to your account",
            why: "It was not you? Then choose a new password at once, and answer this mail.".into(),
        }
    }

    fn email_changed_from(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your {shop} account has another e-mail address"),
            preheader: "From now on we write to the other address.".into(),
            heading: "Your e-mail address was changed".into(),
            paragraphs: vec![format!(
                "Your account at {shop} has another e-mail address now. This is the last mail about it that comes here."
            )],
            button: "",
            why: "It was not you? Then answer this mail at once, and we will give you the account back.".into(),
        }
    }

    fn email_changed_to(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("This is now the e-mail address of your {shop} account"),
            preheader: "From now on you log in with this address.".into(),
            heading: "Your e-mail address was changed".into(),
            paragraphs: vec![format!(
                "Your account at {shop} has this e-mail address now. From now on you log in with it."
            )],
            button: "Go to your account",
            why: "It was not you? Then somebody has used your address, perhaps by mistake. Answer this mail.".into(),
        }
    }

    fn staff_invited(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("You are invited to work on {shop}"),
            preheader: "Choose a password, and your account is open.".into(),
            heading: format!("Welcome to the team of {shop}"),
            paragraphs: vec!["An account for staff was made for you. Choose a password, and it is open.".into()],
            button: "Open the account",
            why: "You do not know why you got this? Then you need not do anything. Give this link to nobody: it lets in \
                  whoever has it."
                .into(),
        }
    }

    fn guest_order_link(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("Your way to your {shop} order"),
            preheader: "See how far your order has come, without an account.".into(),
            heading: "See your order".into(),
            paragraphs: vec!["With this link you see your order and how far it has come, without an account.".into()],
            button: "See your order",
            why: "You did not ask for it? Then you need not do anything. Give this link to nobody: it shows your order to \
                  whoever has it."
                .into(),
        }
    }

    fn invoice(&self, shop: &str, number: &str) -> Wording {
        Wording {
            subject: format!("Your invoice {number} from {shop}"),
            preheader: "It is ready to be downloaded.".into(),
            heading: "Your invoice is ready".into(),
            paragraphs: vec!["You can download the invoice for your order.".into()],
            button: "Download the invoice",
            why: QUESTIONS.into(),
        }
    }

    fn direct(&self, shop: &str) -> Wording {
        Wording {
            subject: format!("A message from {shop}"),
            preheader: String::new(),
            heading: format!("A message from {shop}"),
            paragraphs: Vec::new(),
            button: "",
            why: "You can answer this mail.".into(),
        }
    }

    fn sms_order_confirmation(&self, shop: &str, total: &str, page: &str) -> String {
        format!("{shop}: Thank you, your order of {total} is confirmed. {page}")
    }

    fn sms_payment_failed(&self, shop: &str, page: &str) -> String {
        format!("{shop}: Your payment did not go through, and no money was taken. You can order again: {page}")
    }

    fn sms_order_cancelled(&self, shop: &str, total: &str, page: &str) -> String {
        format!("{shop}: We had to cancel your order. {total} is on its way back to you. {page}")
    }

    fn sms_payment_action_required(&self, shop: &str, total: &str, by: Option<&str>, page: &str) -> String {
        let by = by.map(|by| format!(" by {by}")).unwrap_or_default();
        format!("{shop}: Please confirm your payment of {total}{by}: {page}")
    }

    fn sms_order_shipped(&self, shop: &str, carrier: Option<&str>, page: &str) -> String {
        let carrier = carrier.map(|carrier| format!(" with {carrier}")).unwrap_or_default();
        format!("{shop}: Your parcel is on its way{carrier}. {page}")
    }

    fn sms_order_delivered(&self, shop: &str, page: &str) -> String {
        format!("{shop}: Your parcel was delivered. {page}")
    }

    fn sms_order_refunded(&self, shop: &str, amount: &str, page: &str) -> String {
        format!("{shop}: {amount} is on its way back to you. {page}")
    }
}
