//! The first run: vendors fail and are late, the queue delivers twice, and functions are killed.

use std::{
    pin::pin,
    process::Command,
    sync::Mutex,
    time::{Duration, Instant},
};

use common::timestamp::Timestamp;
use futures_util::future::join_all;
use lambda_double::{Function, InvokeError};
use notification_service::templates::{Template, sample};
use serde_json::{Value, json};
use tokio::time::sleep;
use uuid::Uuid;
use vendor_doubles::{Answer, Chance, Fault, Kind, Vendor, VendorDoubles};

use crate::{
    asked::{Asked, Kill},
    fixture::QueueFixture,
    queue::{Message, Next, Queue, event, event_ids},
    verdict,
};

/// How many functions work at a time, and how many messages each is handed at once: as many as moto bears.
const FUNCTIONS: usize = 2;
const BATCH: usize = 5;
/// Of a hundred messages: by SMS as well; delivered twice.
const BY_SMS: usize = 20;
const TWICE: u8 = 5;
/// One message of so many cannot be understood.
const POISONED: usize = 200;
/// Of a hundred batches, those whose function is killed; within this time of its start.
const KILLED: u8 = 10;
const WITHIN_MS: u64 = 250;
/// Longer than any limit of the service.
const LATE_MS: u64 = 2_500;
/// Far more than a function may take.
const PATIENCE: Duration = Duration::from_mins(1);
/// Area codes. In each the numbers 555-0100 to 555-0199 are reserved for fiction and assigned to no subscriber.
const AREAS: [u16; 10] = [202, 206, 212, 213, 303, 305, 312, 404, 415, 617];

pub(crate) async fn run(python: &str, messages: usize, seed: u64) {
    let started = Instant::now();
    let fixture = QueueFixture::open(python, "ses,sendgrid", Duration::ZERO).await;
    break_vendors(&fixture.vendors, seed);
    let mut dice = fastrand::Rng::with_seed(seed);
    let (bodies, events, poisoned) = bodies(messages);
    let (queue, twice) = Queue::of(bodies, TWICE, &mut dice);
    let kills = Mutex::new(Vec::new());
    let workers = (0..FUNCTIONS).map(|nth| {
        let dice = fastrand::Rng::with_seed(seed ^ u64::try_from(nth + 1).unwrap());
        work(&fixture, &queue, &kills, dice)
    });
    let watched = async {
        tokio::select! {
            _ = join_all(workers) => {}
            () = report(&queue) => {}
        }
    };
    watched.await;
    let kills = kills.into_inner().unwrap();
    let asked = Asked { events, poisoned, twice, kills };
    verdict::judge(&fixture, &asked, started.elapsed()).await;
}

/// A vendor fails 20 calls of a hundred, in all the ways there are, and answers 5 late.
fn break_vendors(vendors: &VendorDoubles, seed: u64) {
    let reset = |after_effect| Kind::Reset { after_effect };
    let answer = |status| Kind::Answer(Answer::status(status));
    let lost_in_a_500 = Kind::Answer(Answer { after_effect: true, ..Answer::status(500) });
    let common =
        [(5, Kind::Late { ms: LATE_MS }), (7, answer(503)), (4, answer(429)), (4, reset(false)), (5, reset(true))];
    let mut nth = seed;
    let mut plan = |vendor, method: &str, percent, fault| {
        nth += 1;
        let chance = Some(Chance { percent, seed: nth });
        vendors.inject(vendor, Fault { method: method.to_owned(), times: None, chance, fault });
    };
    for vendor in [Vendor::Ses, Vendor::Sendgrid, Vendor::Twilio] {
        for (percent, fault) in common.clone() {
            plan(vendor, "POST", percent, fault);
        }
    }
    // A mail is rather sent twice than never. An SMS that is answered 500 counts as not taken; Twilio documents it so.
    for vendor in [Vendor::Ses, Vendor::Sendgrid] {
        plan(vendor, "POST", 2, lost_in_a_500.clone());
    }
    let bad_address = Answer { message: Some("Domain contains illegal character".into()), ..Answer::status(400) };
    plan(Vendor::Ses, "POST", 1, Kind::Answer(bad_address));
    let bad_number = Answer::coded(400, "21211");
    plan(Vendor::Twilio, "POST", 1, Kind::Answer(bad_number));
    plan(Vendor::Twilio, "GET", 20, answer(503));
}

/// An event, and what its message names, on its channels.
type Wanted = (Uuid, Vec<String>);

/// Messages, each about an order of its own; the events in them; and how many are poisoned.
fn bodies(messages: usize) -> (Vec<String>, Vec<Wanted>, usize) {
    let (mut bodies, mut events, mut poisoned) = (Vec::new(), Vec::new(), 0);
    for nth in 0..messages {
        let mut body = order(nth);
        if nth % POISONED == POISONED / 2 {
            poisoned += 1;
            body["template"] = json!("no_such_template");
        } else {
            let channels = if nth % 100 < BY_SMS { vec!["email", "sms"] } else { vec!["email"] };
            body["channels"] = json!(channels);
            let id = body["event_id"].as_str().unwrap().parse().unwrap();
            events.push((id, channels.into_iter().map(str::to_owned).collect()));
        }
        bodies.push(body.to_string());
    }
    fastrand::Rng::with_seed(1).shuffle(&mut bodies);
    (bodies, events, poisoned)
}

/// A confirmation by mail, to an address of its own.
pub(crate) fn order(nth: usize) -> Value {
    let mut body = sample(Template::OrderConfirmation);
    body["event_id"] = json!(Uuid::new_v4());
    body["recipient"]["email"] = json!(format!("shopper-{nth}@example.com"));
    body["recipient"]["phone"] = json!(format!("+1{}55501{:02}", AREAS[nth / 100 % AREAS.len()], nth % 100));
    // Each order has a number and a page of its own, so that no two say the same to one telephone: a vendor's list would not
    // tell them apart.
    let order = Uuid::new_v4();
    body["data"]["order"]["id"] = json!(order);
    body["data"]["order"]["number"] = json!(format!("BO-2026-{nth}"));
    body["data"]["order"]["link"] = json!(format!("https://shop.example/orders/{order}"));
    body["channels"] = json!(["email"]);
    body
}

async fn work(fixture: &QueueFixture, queue: &Queue, kills: &Mutex<Vec<Kill>>, mut dice: fastrand::Rng) {
    let mut function = fixture.start().await;
    loop {
        let batch = match queue.receive(BATCH) {
            Next::Batch(batch) => batch,
            Next::Wait => {
                sleep(Duration::from_millis(50)).await;
                continue;
            }
            Next::Empty => return,
        };
        let after = Duration::from_millis(dice.u64(0..WITHIN_MS));
        let is_killed = dice.u8(0..100) < KILLED;
        let from = Timestamp::now();
        let (answer, was_killed) = invoke(&function, &batch, is_killed.then_some(after)).await;
        match answer {
            // Also of a function that was killed just as it had answered.
            Ok(answer) => settle(queue, batch, &answer),
            Err(InvokeError::ProcessGone(_)) if was_killed => {
                let kill = Kill { events: event_ids(&batch).collect(), from, until: Timestamp::now() };
                kills.lock().unwrap().push(kill);
                queue.lost(batch);
            }
            Err(error) => panic!("a function failed by itself: {error}; its log is in {}", fixture.logs.display()),
        }
        if was_killed {
            function = fixture.start().await;
        }
    }
}

/// Hands a batch over; perhaps the function is killed meanwhile, and whether it was.
async fn invoke(
    function: &Function,
    batch: &[Message],
    kill_after: Option<Duration>,
) -> (Result<Value, InvokeError>, bool) {
    let mut answer = pin!(function.invoke(event(batch), PATIENCE));
    let Some(after) = kill_after else { return (answer.await, false) };
    tokio::select! {
        answer = &mut answer => return (answer, false),
        () = sleep(after) => {}
    }
    let killed = Command::new("kill").args(["-9", &function.process_id().to_string()]).status().unwrap();
    assert!(killed.success(), "the function was not there to be killed");
    (answer.await, true)
}

/// Takes off the queue what is done.
pub(crate) fn settle(queue: &Queue, batch: Vec<Message>, answer: &Value) {
    let failures = answer["batchItemFailures"].as_array().unwrap_or_else(|| panic!("no answer to a batch: {answer}"));
    let again: Vec<&str> = failures.iter().filter_map(|failure| failure["itemIdentifier"].as_str()).collect();
    queue.done(batch, &again);
}

async fn report(queue: &Queue) {
    loop {
        sleep(Duration::from_secs(20)).await;
        println!("{} messages to go", queue.left());
    }
}
