//! Work after the response is sent: on Lambda an internal extension keeps the instance awake until it is done.
//!
//! Lambda freezes an instance once the runtime *and* every extension ask for the next event. Our extension asks only
//! after the work of the last request is done (or its budget is spent). Under `cargo lambda watch` the extension does
//! not get an event for every request, but nothing is frozen there either; so the work itself waits for requests, never
//! for the extension.

use std::{panic::AssertUnwindSafe, sync::Arc, time::Duration};

use common::timestamp::Timestamp;
use futures_util::FutureExt;
use lambda_extension::{Extension, LambdaEvent, NextEvent, service_fn};
use lambda_runtime::{Runtime, layers::TracingLayer, tower::util::MapFutureLayer};
use tokio::sync::Notify;

use crate::{entry::Entry, trigger::service::Service};

/// The longest that work after a response may keep an instance awake; this time is billed.
pub const BUDGET: Duration = Duration::from_secs(2);

#[derive(Debug, Default)]
struct Signals {
    answered: Notify,
    done: Notify,
}

/// Answers HTTP requests, and runs the service's [`Service::after_response`] after every response.
pub(crate) async fn serve<S: Service>(service: S, entry: Entry) -> Result<(), lambda_runtime::Error> {
    let signals = Arc::new(Signals::default());
    keep_awake(Arc::clone(&signals)).await;
    tokio::spawn(work(service.clone(), Arc::clone(&signals)));
    let routes = entry.lead_to(service.router());
    let signal = MapFutureLayer::new(move |answering| signalling(answering, Arc::clone(&signals)));
    // The same as `lambda_http::run`, with a layer that sees every invocation. `lambda_http::runtime` requires
    // responses that are `Sync`, which axum's are not.
    Runtime::new(lambda_http::Adapter::from(routes)).layer(TracingLayer::new()).layer(signal).run().await
}

/// Signals the end of every invocation once its response was sent, also of events that are not HTTP requests, which
/// never reach the routes.
async fn signalling<Answer>(answering: impl Future<Output = Answer>, signals: Arc<Signals>) -> Answer {
    let answer = answering.await;
    signals.answered.notify_one();
    answer
}

async fn work<S: Service>(service: S, signals: Arc<Signals>) {
    loop {
        signals.answered.notified().await;
        // A panic must not end this loop: the extension would wait for it at every later request.
        let work = AssertUnwindSafe(service.after_response()).catch_unwind();
        match tokio::time::timeout(BUDGET, work).await {
            Ok(Ok(())) => {}
            Ok(Err(_)) => tracing::error!("work after the response panicked; the sweep will finish it"),
            Err(_) => tracing::info!("work after the response timed out; the sweep will finish it"),
        }
        signals.done.notify_one();
    }
}

/// Registers the extension. Without a Lambda runtime there is none, and work after a response runs without protection
/// from freezing.
async fn keep_awake(signals: Arc<Signals>) {
    if std::env::var_os("AWS_LAMBDA_RUNTIME_API").is_none() {
        return;
    }
    let processor = service_fn(move |event: LambdaEvent| {
        let signals = Arc::clone(&signals);
        async move {
            if let NextEvent::Invoke(invocation) = event.next {
                wait_for_work(&signals, invocation.deadline_ms).await;
            }
            Ok::<(), std::convert::Infallible>(())
        }
    });
    let extension = Extension::new()
        .with_extension_name("after-response")
        .with_events(&["INVOKE"])
        .with_events_processor(processor)
        .register()
        .await;
    match extension {
        Ok(extension) => {
            tokio::spawn(async move {
                if let Err(error) = extension.run().await {
                    tracing::warn!(error, "after-response extension stopped; the sweep does its work");
                }
            });
        }
        Err(error) => {
            tracing::warn!(error, "after-response extension not registered; the sweep does its work");
        }
    }
}

/// Waits until the invocation's work is done, or its deadline has passed, in case the runtime loses an invocation.
async fn wait_for_work(signals: &Signals, deadline_ms: u64) {
    let now = u64::try_from(Timestamp::now().unix_millis()).unwrap_or_default();
    let longest = Duration::from_millis(deadline_ms.saturating_sub(now));
    let _ = tokio::time::timeout(longest, signals.done.notified()).await;
}
