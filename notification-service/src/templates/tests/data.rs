//! The data of templates, and their names.

use super::*;

#[test]
fn what_a_template_lacks_or_does_not_take_is_named() {
    for &template in Template::VARIANTS {
        let mut request = sample(template);
        request["data"]["surprise"] = json!(1);
        assert_eq!(read(request).unwrap_err(), ["/data/surprise unknown_field"], "{template:?}");
        let mut request = sample(template);
        request["data"] = json!({});
        let required = match template {
            Template::AccountCreated | Template::AccountExists => vec![],
            Template::LowStock => vec!["/data/stock missing"],
            Template::OrderShipped => vec!["/data/order missing", "/data/shipment missing"],
            Template::OrderRefunded => vec!["/data/order missing", "/data/refund missing"],
            Template::ReturnReceived => vec!["/data/order missing", "/data/returned missing"],
            Template::WithdrawalReceived => vec!["/data/order missing", "/data/withdrawal missing"],
            Template::GuestOrderLink => vec!["/data/order missing", "/data/link missing"],
            Template::Invoice => vec!["/data/order missing", "/data/invoice missing"],
            Template::VerifyEmail | Template::PasswordReset | Template::StaffInvited => vec!["/data/link missing"],
            Template::PasswordChanged | Template::NewSignIn => vec!["/data/at missing"],
            Template::EmailChanged => vec!["/data/at missing", "/data/recipient_is missing"],
            Template::Direct => vec!["/data/text missing"],
            _ => vec!["/data/order missing"],
        };
        assert_eq!(read(request).map(drop).err().unwrap_or_default(), required, "{template:?}");
    }
}

#[test]
fn a_template_has_the_name_that_requests_and_the_table_have() {
    let names = [
        "order_confirmation",
        "payment_failed",
        "order_cancelled",
        "account_created",
        "account_exists",
        "low_stock",
        "payment_action_required",
        "order_shipped",
        "order_delivered",
        "order_refunded",
        "return_received",
        "withdrawal_received",
        "verify_email",
        "password_reset",
        "password_changed",
        "new_sign_in",
        "email_changed",
        "staff_invited",
        "guest_order_link",
        "invoice",
        "direct",
    ];
    assert_eq!(<Template as strum::VariantNames>::VARIANTS, names);
    for &template in Template::VARIANTS {
        assert_eq!(template.as_str().parse(), Ok(template));
    }
}
