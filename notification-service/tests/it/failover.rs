//! Failover between providers: each row of the table in docs/operations.md is a test here. What was sent, and by which provider,
//! is read from the vendors' doubles.

use std::{
    sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    },
    time::Duration,
};

use axum::{
    Json, Router,
    response::{IntoResponse, Redirect, Response},
};
use common::timestamp::Timestamp;
use http::StatusCode;
use notification_service::{
    aws::{Aws, Limits},
    event::EventId,
    providers::{
        Accepted, Deadline, Name, OutgoingMail, OutgoingText, Providers, SendError, Unclear, circuit::FAILURES,
    },
    templates::Mail,
};
use platform::config::Env;
use serde_json::json;
use tokio::net::TcpListener;
use uuid::Uuid;
use vendor_doubles::{Answer, Fault, Kind, Options, Record, Vendor, VendorDoubles};

use crate::privacy::listen;

/// Enough for a busy machine, where nothing hangs.
const PATIENT: Duration = Duration::from_secs(40);
/// Where a provider hangs: half of it is waited for the first.
const HASTE: Duration = Duration::from_secs(6);
const ADA: &str = "ada.lovelace@example.com";
const PHONE: &str = "+442079460000";
const TEXT: &str = "Bodega: your order is on its way.";
/// A number with which Twilio lets its customers test a number that does not exist.
const NO_NUMBER: &str = "+15005550001";

/// A shop whose providers are doubles.
pub(crate) struct ProviderFixture {
    pub(crate) doubles: VendorDoubles,
    pub(crate) providers: Providers,
}

impl ProviderFixture {
    /// With these lists, and these settings beside those that every shop has.
    pub(crate) async fn open(mail: &str, texts: &str, more: &[(&str, &str)]) -> Self {
        let sets = vec!["shop".to_owned()];
        let doubles = VendorDoubles::start(Options { configuration_sets: sets, ..Options::default() }).await;
        let account = doubles.twilio();
        let mut settings = vec![
            ("MAIL_PROVIDERS", mail),
            ("SMS_PROVIDERS", texts),
            ("MAIL_FROM", crate::FROM),
            ("AWS_REGION", "us-east-1"),
            ("AWS_ACCESS_KEY_ID", "test"),
            ("AWS_SECRET_ACCESS_KEY", "test"),
            ("AWS_ENDPOINT_URL_SESV2", doubles.base(Vendor::Ses)),
            ("SENDGRID_API_BASE", doubles.base(Vendor::Sendgrid)),
            ("SENDGRID_API_KEY", doubles.sendgrid_key()),
            ("TWILIO_API_BASE", doubles.base(Vendor::Twilio)),
            ("TWILIO_ACCOUNT_SID", &account.account_sid),
            ("TWILIO_AUTH_TOKEN", &account.auth_token),
            ("TWILIO_FROM", "Bodega"),
        ];
        settings.extend(more);
        let mut env = Env::from_pairs(settings);
        let limits = Limits { send: PATIENT, ..Limits::PRODUCTION };
        let aws = Aws::configure(&mut env, limits);
        let providers = Providers::configure(&mut env, &aws).unwrap_or_else(|| panic!("{}", env.report()));
        Self { doubles, providers }
    }

    async fn mail_within(&self, patience: Duration) -> Result<Name, SendError> {
        self.mail_until(in_time(patience)).await
    }

    async fn mail_until(&self, deadline: Deadline) -> Result<Name, SendError> {
        let mail = Mail { subject: "Hello".into(), text: "Hi".into(), html: "<p>Hi</p>".into() };
        let (to, event_id) = (ADA.parse().unwrap(), event());
        let outgoing = OutgoingMail { event_id, template: "order_shipped", to: &to, mail: &mail, unsubscribe: None };
        let handed = self.providers.send_mail(&outgoing, deadline).await?;
        let taken = self.taken();
        // SendGrid's events have a longer id, which begins with the one it answers.
        assert!(taken.iter().any(|record| record.id.starts_with(&handed.id)), "{handed:?} {taken:?}");
        Ok(handed.provider)
    }

    async fn mail(&self) -> Result<Name, SendError> {
        self.mail_within(PATIENT).await
    }

    async fn text_to(
        &self,
        to: &str,
        asked_before: Option<Unclear>,
        patience: Duration,
    ) -> Result<Accepted, SendError> {
        self.text_until(to, asked_before, in_time(patience)).await
    }

    async fn text_until(
        &self,
        to: &str,
        asked_before: Option<Unclear>,
        deadline: Deadline,
    ) -> Result<Accepted, SendError> {
        let to = to.parse().unwrap();
        let outgoing = OutgoingText { event_id: event(), template: "order_shipped", to: &to, text: TEXT, asked_before };
        self.providers.send_text(&outgoing, deadline).await
    }

    async fn text(&self) -> Result<Name, SendError> {
        self.text_to(PHONE, None, PATIENT).await.map(|handed| handed.provider)
    }

    /// Tries a text again that was not clear when it was tried so long ago.
    async fn again(&self, ago: Duration) -> Result<Accepted, SendError> {
        let unclear = Unclear { provider: Name::Twilio, since: Timestamp::now().minus(ago) };
        self.text_to(PHONE, Some(unclear), PATIENT).await
    }

    fn taken(&self) -> Vec<Record> {
        self.doubles.records()
    }

    /// Who sent something, in order.
    fn sent_by(&self) -> Vec<Vendor> {
        self.taken().iter().map(|record| record.vendor).collect()
    }

    /// How often a vendor was asked to send.
    fn asked(&self, vendor: Vendor) -> usize {
        self.doubles.calls().iter().filter(|call| call.vendor == vendor && call.method == "POST").count()
    }
}

/// So long from now on, with a lease that does not end before.
pub(crate) fn in_time(patience: Duration) -> Deadline {
    Deadline::within(patience, Timestamp::now().plus(Duration::from_hours(1)))
}

fn event() -> EventId {
    Uuid::now_v7().to_string().parse().unwrap()
}

fn answer(status: u16) -> Kind {
    Kind::Answer(Answer::status(status))
}

fn name(vendor: Vendor) -> Name {
    vendor.as_str().parse().unwrap()
}

/// Both orders of the providers of mail.
const ORDERS: [(Vendor, Vendor); 2] = [(Vendor::Ses, Vendor::Sendgrid), (Vendor::Sendgrid, Vendor::Ses)];

async fn mail_fixture(first: Vendor, second: Vendor) -> ProviderFixture {
    ProviderFixture::open(&format!("{first},{second}"), "", &[]).await
}

/// The first provider of mail has this fault once; the second one sends. What was sent, besides: by whom.
async fn goes_on(fault: &Kind, besides: impl Fn(Vendor) -> Vec<Vendor>) {
    for (first, second) in ORDERS {
        let fixture = mail_fixture(first, second).await;
        fixture.doubles.inject(first, Fault::next(fault.clone()));
        let patience = if matches!(fault, Kind::Hang { .. }) { HASTE } else { PATIENT };
        assert_eq!(fixture.mail_within(patience).await, Ok(name(second)), "{first}, {fault:?}");
        let mut sent_by = besides(first);
        sent_by.push(second);
        assert_eq!(fixture.sent_by(), sent_by, "{first}, {fault:?}");
        assert_eq!(fixture.asked(first), 1, "{first} is asked once");
    }
}

fn no_other(_: Vendor) -> Vec<Vendor> {
    Vec::new()
}

#[tokio::test]
async fn mail_that_is_taken_goes_to_the_first_provider_alone() {
    for (first, second) in ORDERS {
        let fixture = mail_fixture(first, second).await;
        assert_eq!(fixture.mail().await, Ok(name(first)));
        assert_eq!((fixture.sent_by(), fixture.asked(second)), (vec![first], 0));
    }
}

#[tokio::test]
async fn mail_whose_address_is_refused_is_not_sent() {
    let of_ses =
        Answer { message: Some("Missing final '@domain'".into()), ..Answer::coded(400, "BadRequestException") };
    let of_sendgrid = Answer::coded(400, "personalizations.0.to.0.email");
    for ((first, second), refusal) in ORDERS.into_iter().zip([of_ses, of_sendgrid]) {
        let fixture = mail_fixture(first, second).await;
        fixture.doubles.inject(first, Fault::next(Kind::Answer(refusal)));
        let refused = fixture.mail().await.unwrap_err();
        assert!(matches!(refused, SendError::Refused { provider, .. } if provider == name(first)), "{refused:?}");
        assert_eq!((fixture.sent_by(), fixture.asked(second)), (vec![], 0));
    }
}

#[tokio::test]
async fn mail_to_an_address_that_the_provider_suppresses_is_taken_there_and_handed_to_no_other() {
    // Neither SES nor SendGrid says so in its answer: both take the mail, drop it, and tell of it by webhook.
    for (first, second) in ORDERS {
        let fixture = mail_fixture(first, second).await;
        fixture.doubles.suppress(first, ADA);
        assert_eq!(fixture.mail().await, Ok(name(first)));
        assert_eq!((fixture.taken()[0].status.as_str(), fixture.asked(second)), ("dropped", 0));
    }
}

#[tokio::test]
async fn mail_for_which_the_first_has_too_much_to_do_is_sent_by_the_second() {
    goes_on(&answer(429), no_other).await;
}

#[tokio::test]
async fn mail_on_which_the_first_breaks_down_is_sent_by_the_second() {
    goes_on(&answer(500), no_other).await;
    goes_on(&answer(503), no_other).await;
}

#[tokio::test]
async fn mail_on_which_the_first_does_not_answer_is_sent_by_the_second() {
    goes_on(&Kind::Hang { after_effect: false }, no_other).await;
}

#[tokio::test]
async fn mail_whose_connection_breaks_is_sent_by_the_second() {
    goes_on(&Kind::Reset { after_effect: false }, no_other).await;
}

#[tokio::test]
async fn mail_whose_answer_is_lost_after_it_was_sent_is_sent_twice() {
    goes_on(&Kind::Reset { after_effect: true }, |first| vec![first]).await;
    goes_on(&Kind::Hang { after_effect: true }, |first| vec![first]).await;
    goes_on(&Kind::Answer(Answer { after_effect: true, ..Answer::status(500) }), |first| vec![first]).await;
}

#[tokio::test]
async fn mail_for_which_the_first_takes_no_connection_is_sent_by_the_second() {
    for (first, second) in ORDERS {
        let fixture = mail_fixture(first, second).await;
        fixture.doubles.refuse_connections(first, true).await;
        assert_eq!(fixture.mail().await, Ok(name(second)));
        assert_eq!((fixture.sent_by(), fixture.asked(first)), (vec![second], 0));
    }
}

#[tokio::test]
async fn mail_for_which_our_key_is_wrong_is_sent_by_the_second() {
    goes_on(&answer(401), no_other).await;
    goes_on(&answer(403), no_other).await;
    let fixture = ProviderFixture::open("sendgrid,ses", "", &[("SENDGRID_API_KEY", "SG.wrong")]).await;
    assert_eq!(fixture.mail().await, Ok(Name::Ses));
}

#[tokio::test]
async fn mail_is_sent_by_the_second_at_once_while_the_circuit_of_the_first_is_open() {
    for (first, second) in ORDERS {
        let fixture = mail_fixture(first, second).await;
        fixture.doubles.inject(first, Fault::always(answer(500)));
        let mails = FAILURES as usize + 2;
        for _ in 0..mails {
            assert_eq!(fixture.mail().await, Ok(name(second)));
        }
        assert_eq!((fixture.sent_by(), fixture.asked(first)), (vec![second; mails], FAILURES as usize));
    }
}

#[tokio::test]
async fn mail_that_no_provider_takes_is_to_be_tried_again() {
    let fixture = mail_fixture(Vendor::Ses, Vendor::Sendgrid).await;
    fixture.doubles.inject(Vendor::Ses, Fault::next(answer(500)));
    fixture.doubles.refuse_connections(Vendor::Sendgrid, true).await;
    let Err(SendError::Retryable { reason }) = fixture.mail().await else { panic!("not to be tried again") };
    assert!(reason.starts_with("ses failed: ") && reason.contains("; sendgrid was not asked: "), "{reason}");
    assert_eq!(fixture.sent_by(), []);
    fixture.doubles.heal().await;
    assert_eq!(fixture.mail().await, Ok(Name::Ses));
}

/// A server in a vendor's place that is not the vendor's.
async fn stranger(answer: impl Fn() -> Response + Clone + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let router = Router::new().fallback(async move || answer());
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

#[tokio::test]
async fn mail_whose_answer_has_no_end_or_leads_elsewhere_is_sent_by_the_second() {
    let elsewhere = ProviderFixture::open("log", "", &[]).await;
    let target = format!("{}/v3/mail/send", elsewhere.doubles.base(Vendor::Sendgrid));
    let redirect = stranger(move || Redirect::temporary(&target).into_response()).await;
    let endless = stranger(|| "x".repeat(1 << 20).into_response()).await;
    for address in [redirect, endless] {
        let fixture = ProviderFixture::open("sendgrid,ses", "", &[("SENDGRID_API_BASE", &address)]).await;
        assert_eq!(fixture.mail().await, Ok(Name::Ses));
        assert_eq!(fixture.sent_by(), [Vendor::Ses]);
    }
    assert_eq!(elsewhere.doubles.calls(), [], "no redirect is followed");
}

#[tokio::test]
async fn mail_whose_success_does_not_name_it_is_sent_by_the_second() {
    // A proxy's page; the answer of another API; SendGrid's 202 and SES's 200 without what names the mail.
    let page = stranger(|| (StatusCode::OK, "<html>").into_response()).await;
    let accepted = stranger(|| StatusCode::ACCEPTED.into_response()).await;
    let empty = stranger(|| ([("x-message-id", "")], Json(json!({"MessageId": ""}))).into_response()).await;
    let other = stranger(|| Json(json!({"message": "Sending paused"})).into_response()).await;
    for address in [&page, &accepted, &empty, &other] {
        for ((first, second), setting) in ORDERS.into_iter().zip(["AWS_ENDPOINT_URL_SESV2", "SENDGRID_API_BASE"]) {
            let fixture = ProviderFixture::open(&format!("{first},{second}"), "", &[(setting, address)]).await;
            assert_eq!(fixture.mail().await, Ok(name(second)), "{first}, {address}");
            assert_eq!(fixture.sent_by(), [second]);
        }
    }
}

#[tokio::test]
async fn text_whose_success_does_not_name_it_is_looked_for_in_the_list() {
    for body in [json!("<html>"), json!({}), json!({"sid": ""}), json!({"sid": null})] {
        let answer = body.clone();
        let address = stranger(move || Json(answer.clone()).into_response()).await;
        let fixture = ProviderFixture::open("ses", "twilio,log", &[("TWILIO_API_BASE", &address)]).await;
        let outcome = fixture.text().await;
        assert!(matches!(outcome, Err(SendError::Unclear(_))), "{body}: {outcome:?}");
    }
}

#[tokio::test]
async fn what_providers_fail_with_is_logged_without_anything_personal() {
    let (captured, _listening) = listen("debug");
    let fixture = ProviderFixture::open("sendgrid,ses", "twilio", &[]).await;
    let words = format!("no such address: {ADA}, no such number: {PHONE}");
    for status in [400, 401, 429, 500] {
        for vendor in [Vendor::Sendgrid, Vendor::Ses, Vendor::Twilio] {
            // SendGrid's `field` is the one word of an answer that may be logged.
            let code = (vendor == Vendor::Sendgrid).then(|| ADA.to_owned());
            let answer = Answer { message: Some(words.clone()), code, ..Answer::status(status) };
            fixture.doubles.inject(vendor, Fault::next(Kind::Answer(answer)));
        }
        assert!(matches!(fixture.mail().await, Err(SendError::Retryable { .. })));
        assert!(matches!(fixture.text().await, Err(SendError::Retryable { .. })));
    }
    fixture.doubles.refuse_connections(Vendor::Twilio, true).await;
    fixture.again(Duration::from_mins(2)).await.unwrap_err();
    let logged = captured.text();
    assert!(logged.contains("provider needs our attention") && logged.contains("provider did not take it"), "{logged}");
    assert!(logged.contains("could not be asked"), "{logged}");
    let local = ADA.split('@').next().unwrap();
    for personal in [ADA, PHONE, PHONE.trim_start_matches('+'), local, TEXT] {
        assert!(!logged.contains(personal), "{personal}: {logged}");
    }
}

async fn text_fixture() -> ProviderFixture {
    ProviderFixture::open("ses", "twilio,log", &[]).await
}

/// Twilio has this fault once; the text goes on, and Twilio sends none.
async fn text_goes_on(fault: Kind) {
    let fixture = text_fixture().await;
    fixture.doubles.inject(Vendor::Twilio, Fault::next(fault));
    assert_eq!(fixture.text().await, Ok(Name::Log));
    assert_eq!(fixture.sent_by(), []);
    assert_eq!(fixture.asked(Vendor::Twilio), 1);
}

/// Twilio accepted nothing and did not answer: the text is not passed on until that is certain, and then sent once.
async fn text_waits_until_it_is_clear(fault: Kind) {
    let fixture = text_fixture().await;
    fixture.doubles.inject(Vendor::Twilio, Fault::next(fault));
    let unclear = fixture.text_to(PHONE, None, HASTE).await.unwrap_err();
    assert!(matches!(unclear, SendError::Unclear(Unclear { provider: Name::Twilio, .. })), "{unclear:?}");
    assert_eq!(fixture.sent_by(), []);
    let still = fixture.again(Duration::from_secs(20)).await.unwrap_err();
    assert!(matches!(still, SendError::Unclear(_)), "{still:?}");
    assert_eq!((fixture.sent_by(), fixture.asked(Vendor::Twilio)), (vec![], 1));
    assert_eq!(fixture.again(Duration::from_mins(2)).await.unwrap().provider, Name::Twilio);
    assert_eq!(fixture.sent_by(), [Vendor::Twilio]);
}

#[tokio::test]
async fn text_that_is_taken_goes_to_the_first_provider_alone() {
    let fixture = text_fixture().await;
    let handed = fixture.text_to(PHONE, None, PATIENT).await.unwrap();
    let [record] = &fixture.taken()[..] else { panic!("not one text") };
    assert_eq!((handed.provider, handed.id.as_str(), record.text.as_str()), (Name::Twilio, record.id.as_str(), TEXT));
}

#[tokio::test]
async fn text_whose_number_is_refused_is_not_sent() {
    let fixture = text_fixture().await;
    let refused = fixture.text_to(NO_NUMBER, None, PATIENT).await.unwrap_err();
    assert!(matches!(refused, SendError::Refused { provider: Name::Twilio, .. }), "{refused:?}");
    for code in ["21211", "21217", "21265", "21266", "21268", "21408", "21612", "21614", "21635"] {
        fixture.doubles.inject(Vendor::Twilio, Fault::next(Kind::Answer(Answer::coded(400, code))));
        let refused = fixture.text_to(PHONE, None, PATIENT).await.unwrap_err();
        let why = format!("refuses the recipient: 400 Bad Request (code {code})");
        assert_eq!(refused, SendError::Refused { provider: Name::Twilio, reason: why });
    }
    assert_eq!(fixture.sent_by(), []);
}

#[tokio::test]
async fn text_that_is_refused_for_what_is_ours_is_to_be_tried_again() {
    let fixture = text_fixture().await;
    for code in ["21401", "21606", "21608", "21659"] {
        fixture.doubles.inject(Vendor::Twilio, Fault::next(Kind::Answer(Answer::coded(400, code))));
        let outcome = fixture.text().await;
        assert!(matches!(outcome, Err(SendError::Retryable { .. })), "{code}: {outcome:?}");
    }
    assert_eq!(fixture.sent_by(), []);
}

#[tokio::test]
async fn no_provider_is_asked_once_the_lease_is_over_however_much_time_the_request_has() {
    let fixture = ProviderFixture::open("ses,sendgrid", "twilio", &[]).await;
    let over = Deadline::within(PATIENT, Timestamp::now().minus(Duration::from_millis(1)));
    let Err(SendError::Retryable { reason }) = fixture.mail_until(over).await else { panic!("not to be tried again") };
    assert_eq!(reason, "ses was not asked: no time is left; sendgrid was not asked: no time is left");
    let outcome = fixture.text_until(PHONE, None, over).await;
    assert!(matches!(outcome, Err(SendError::Retryable { .. })), "{outcome:?}");
    let unclear = Unclear { provider: Name::Twilio, since: Timestamp::now().minus(Duration::from_mins(2)) };
    assert_eq!(fixture.text_until(PHONE, Some(unclear), over).await, Err(SendError::Unclear(unclear)));
    assert_eq!(fixture.doubles.calls(), []);
}

#[tokio::test]
async fn all_pages_of_a_vendors_list_together_have_to_come_in_time() {
    // Each page alone would come in time, and names another one.
    let asked = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&asked);
    let page = async move || {
        counted.fetch_add(1, Ordering::Relaxed);
        tokio::time::sleep(Duration::from_millis(700)).await;
        Json(json!({"messages": [], "next_page_uri": "/2010-04-01/next"}))
    };
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(page)).await });
    let fixture = ProviderFixture::open("ses", "twilio", &[("TWILIO_API_BASE", &address)]).await;
    let unclear = Unclear { provider: Name::Twilio, since: Timestamp::now().minus(Duration::from_mins(2)) };
    let outcome = fixture.text_to(PHONE, Some(unclear), Duration::from_secs(1)).await;
    assert_eq!(outcome, Err(SendError::Unclear(unclear)));
    assert!(asked.load(Ordering::Relaxed) <= 2, "{asked:?} pages were asked for");
}

#[tokio::test]
async fn text_to_a_number_that_said_stop_is_not_sent() {
    let fixture = text_fixture().await;
    fixture.doubles.suppress(Vendor::Twilio, PHONE);
    assert_eq!(fixture.text().await, Err(SendError::Suppressed { provider: Name::Twilio }));
    assert_eq!(fixture.sent_by(), []);
}

#[tokio::test]
async fn text_for_which_the_first_has_too_much_to_do_is_sent_by_the_second() {
    text_goes_on(answer(429)).await;
}

#[tokio::test]
async fn text_on_which_the_first_breaks_down_is_sent_by_the_second() {
    text_goes_on(answer(500)).await;
    text_goes_on(answer(503)).await;
}

#[tokio::test]
async fn text_on_which_the_first_does_not_answer_waits_until_it_is_clear_that_it_was_not_taken() {
    text_waits_until_it_is_clear(Kind::Hang { after_effect: false }).await;
}

#[tokio::test]
async fn text_whose_connection_breaks_waits_until_it_is_clear_that_it_was_not_taken() {
    text_waits_until_it_is_clear(Kind::Reset { after_effect: false }).await;
}

#[tokio::test]
async fn text_whose_answer_is_lost_after_it_was_sent_is_found_in_the_list_and_sent_once() {
    for fault in [Kind::Reset { after_effect: true }, Kind::Hang { after_effect: true }] {
        let fixture = text_fixture().await;
        fixture.doubles.inject(Vendor::Twilio, Fault::next(fault.clone()));
        let handed = fixture.text_to(PHONE, None, HASTE).await.unwrap();
        let [record] = &fixture.taken()[..] else { panic!("{fault:?}: not one text") };
        assert_eq!((handed.provider, handed.id), (Name::Twilio, record.id.clone()), "{fault:?}");
    }
}

#[tokio::test]
async fn text_whose_answer_is_lost_is_not_passed_on_while_the_list_cannot_be_read() {
    let fixture = text_fixture().await;
    fixture.doubles.inject(Vendor::Twilio, Fault::next(Kind::Reset { after_effect: true }));
    fixture.doubles.inject(Vendor::Twilio, Fault { method: "GET".into(), ..Fault::always(answer(500)) });
    for outcome in [fixture.text_to(PHONE, None, PATIENT).await, fixture.again(Duration::from_mins(2)).await] {
        assert!(matches!(outcome, Err(SendError::Unclear(_))), "{outcome:?}");
    }
    assert_eq!(fixture.asked(Vendor::Twilio), 1);
    fixture.doubles.heal().await;
    let found = fixture.again(Duration::from_mins(2)).await.unwrap();
    assert_eq!((fixture.sent_by(), found.id), (vec![Vendor::Twilio], fixture.taken()[0].id.clone()));
}

#[tokio::test]
async fn text_that_said_the_same_before_is_not_taken_for_the_one_whose_answer_was_lost() {
    let fixture = text_fixture().await;
    fixture.text().await.unwrap();
    let later = Unclear { provider: Name::Twilio, since: Timestamp::now().plus(Duration::from_mins(5)) };
    let outcome = fixture.text_to(PHONE, Some(later), PATIENT).await;
    assert_eq!(outcome, Err(SendError::Unclear(later)));
    let other = Unclear { provider: Name::Twilio, since: Timestamp::now().minus(Duration::from_mins(2)) };
    assert_eq!(fixture.text_to("+442079460001", Some(other), PATIENT).await.unwrap().provider, Name::Twilio);
    assert_eq!(fixture.taken().len(), 2, "one to each number");
}

#[tokio::test]
async fn text_for_which_the_first_takes_no_connection_is_sent_by_the_second() {
    let fixture = text_fixture().await;
    fixture.doubles.refuse_connections(Vendor::Twilio, true).await;
    assert_eq!(fixture.text().await, Ok(Name::Log));
    assert_eq!(fixture.sent_by(), []);
}

#[tokio::test]
async fn text_for_which_our_key_is_wrong_is_not_passed_on_and_waits() {
    for status in [401, 403] {
        let fixture = text_fixture().await;
        fixture.doubles.inject(Vendor::Twilio, Fault::next(answer(status)));
        let outcome = fixture.text().await;
        assert!(matches!(outcome, Err(SendError::Retryable { .. })), "{outcome:?}");
        assert_eq!(fixture.sent_by(), []);
    }
}

#[tokio::test]
async fn text_is_sent_by_the_second_at_once_while_the_circuit_of_the_first_is_open() {
    let fixture = text_fixture().await;
    fixture.doubles.inject(Vendor::Twilio, Fault::always(answer(500)));
    for _ in 0..FAILURES + 2 {
        assert_eq!(fixture.text().await, Ok(Name::Log));
    }
    assert_eq!((fixture.sent_by(), fixture.asked(Vendor::Twilio)), (vec![], FAILURES as usize));
}

#[tokio::test]
async fn text_that_was_unclear_is_not_asked_about_where_nothing_is_named_that_sends() {
    let fixture = ProviderFixture::open("ses", "log", &[]).await;
    assert_eq!(fixture.again(Duration::ZERO).await.unwrap().provider, Name::Log);
    assert_eq!(fixture.doubles.calls(), []);
}

#[tokio::test]
async fn text_is_refused_where_no_provider_is_named() {
    let fixture = ProviderFixture::open("ses", "", &[]).await;
    let outcome = fixture.text().await;
    assert!(matches!(outcome, Err(SendError::Refused { provider: Name::Log, .. })), "{outcome:?}");
}
