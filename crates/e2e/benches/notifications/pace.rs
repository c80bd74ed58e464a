//! The second run: nothing fails, and a provider answers after 50 ms. How many messages a second, beside calls of the
//! provider with nothing around them, with as many at a time.

use std::{
    sync::atomic::{AtomicUsize, Ordering},
    time::{Duration, Instant},
};

use e2e::usage::processor_time;
use futures_util::future::join_all;
use serde_json::{Value, json};
use tokio::time::sleep;
use vendor_doubles::{Record, Vendor};

use crate::{
    fixture::QueueFixture,
    queue::{Next, Queue, event},
    storm::{order, settle},
};

/// As a vendor far away.
const LATENCY: Duration = Duration::from_millis(50);
/// How many functions work at a time, with one message each. As few as these, because moto works off one call after the
/// other, on the same processors; DynamoDB does not.
const FUNCTIONS: usize = 2;
const PATIENCE: Duration = Duration::from_mins(1);
/// What the issue asks for.
const LEAST: f64 = 0.5;

pub(crate) async fn run(python: &str, messages: usize) {
    let fixture = QueueFixture::open(python, "sendgrid", LATENCY).await;
    let functions = join_all((0..FUNCTIONS).map(|_| fixture.start())).await;
    // Connections, credentials and templates are there from the first message on.
    let (warm_up, _) =
        Queue::of((0..FUNCTIONS * 4).map(|nth| order(nth).to_string()).collect(), 0, &mut fastrand::Rng::new());
    work_off(&functions, &warm_up).await;
    let taken = fixture.vendors.records();
    let model = taken.last().unwrap_or_else(|| panic!("nothing was sent; logs are in {}", fixture.logs.display()));
    let mail = mail_like(model);
    let bare = a_second(messages, bare(&fixture, &mail, messages).await);
    let before = fixture.vendors.records().len();
    let bodies = (0..messages).map(|nth| order(nth).to_string()).collect();
    let (queue, _) = Queue::of(bodies, 0, &mut fastrand::Rng::new());
    let processor = || functions.iter().map(|function| processor_time(function.process_id())).sum::<Duration>();
    let (before_ours, before_stores) = (processor(), fixture.processor_time_of_the_store());
    let ours = a_second(messages, work_off(&functions, &queue).await);
    let thousands = f64::from(u32::try_from(messages).unwrap()) / 1_000.0;
    let milliseconds = |time: Duration| time.as_secs_f64() / thousands;
    let service = milliseconds(processor().checked_sub(before_ours).unwrap());
    let store = milliseconds(fixture.processor_time_of_the_store().checked_sub(before_stores).unwrap());
    let sent = fixture.vendors.records().len() - before;
    println!("\nNothing fails, the provider answers after {} ms, {FUNCTIONS} at a time:", LATENCY.as_millis());
    println!("{bare:>8.1}  bare calls of the provider a second");
    println!("{ours:>8.1}  messages a second through the queue door: {sent} of {messages} sent, each once");
    println!("{:>8.2}  of the bare calls (at least {LEAST} is asked for)", ours / bare);
    println!(
        "{service:>8.1}  ms of processor time a message by the functions; {store:.1} ms by moto in place of DynamoDB"
    );
    assert_eq!(sent, messages, "logs are in {}", fixture.logs.display());
    assert!(ours / bare >= LEAST, "too slow");
    let _ = std::fs::remove_dir_all(&fixture.logs);
}

async fn work_off(functions: &[lambda_double::Function], queue: &Queue) -> Duration {
    let started = Instant::now();
    join_all(functions.iter().map(async |function| {
        loop {
            match queue.receive(1) {
                Next::Batch(batch) => {
                    let answer = function.invoke(event(&batch), PATIENCE).await.unwrap();
                    settle(queue, batch, &answer);
                }
                Next::Wait => sleep(Duration::from_millis(5)).await,
                Next::Empty => return,
            }
        }
    }))
    .await;
    started.elapsed()
}

async fn bare(fixture: &QueueFixture, mail: &Value, messages: usize) -> Duration {
    let http = reqwest::Client::new();
    let url = format!("{}/v3/mail/send", fixture.vendors.base(Vendor::Sendgrid));
    let begun = AtomicUsize::new(0);
    let started = Instant::now();
    join_all((0..FUNCTIONS).map(async |_| {
        while begun.fetch_add(1, Ordering::Relaxed) < messages {
            let call = http.post(&url).bearer_auth(fixture.vendors.sendgrid_key()).json(mail);
            assert_eq!(call.send().await.unwrap().status(), 202);
        }
    }))
    .await;
    started.elapsed()
}

/// The same mail as one that the service sent.
fn mail_like(record: &Record) -> Value {
    json!({
        "personalizations": [{"to": [{"email": record.to}], "custom_args": record.tags}],
        "from": {"email": "shop@bodega.example", "name": "Bodega"}, "subject": record.subject,
        "content": [{"type": "text/plain", "value": record.text}, {"type": "text/html", "value": record.html}],
        "headers": record.headers
    })
}

fn a_second(messages: usize, took: Duration) -> f64 {
    f64::from(u32::try_from(messages).unwrap()) / took.as_secs_f64()
}
