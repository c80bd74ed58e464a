//! SendGrid, Twilio and Amazon SES to run at home and to break on purpose.

pub mod signing;
