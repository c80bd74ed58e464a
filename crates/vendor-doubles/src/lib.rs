//! Doubles of SendGrid, Twilio and Amazon SES with fault injection, for development and tests: HTTP servers that accept what the
//! vendors' descriptions allow, refuse the rest in the vendors' own form, and record accepted messages.
//!
//! # Faithful
//!
//! - SendGrid's `POST /v3/mail/send`: bearer key, body as described (`descriptions/`) and as the prose says beyond it, 202
//!   without a body, errors as `{"errors": [{message, field, help}]}`. Addresses on its own list are taken and dropped.
//! - Twilio's Messages: basic authentication with account or key, form, 201 with the message, one message, the list with its
//!   filters and pages, errors as `{code, message, more_info, status}`, the numbers that Twilio keeps for tests, recipients
//!   who said STOP. A message that is queued has no `date_sent`, and is in no list that asks for one.
//! - SES's `SendEmail` of a simple message: headers, tags, configuration set, errors named in a header.
//! - How each signs its webhooks: [`signing`]. With [`Options::delivers`] messages are delivered after a moment, and the
//!   vendors post delivery reports, SES by way of SNS; without it the state of a message changes only by a
//!   call of the double's control.
//!
//! # Left out
//!
//! All other operations; rate limits that are not injected; whether SES's requests are signed rightly. Unknown fields are refused where Twilio would overlook them.
//! State is in memory.
//!
//! # Control
//!
//! [`VendorDoubles`], or over HTTP at an address of its own, JSON, without a key:
//!
//! | call | what it does |
//! | --- | --- |
//! | `GET records`, `DELETE records` | each [`Record`] of an accepted message, oldest first; deletes them |
//! | `GET inbox`, `GET inbox/{id}` | the same as pages for a browser |
//! | `POST records/{id}` | `{"status": "delivered"}`, `bounced`, ...: sets the state, and reports it to the shop |
//! | `GET sendgrid-key` | `{"key": ...}`, which verifies SendGrid's webhooks |
//! | `GET calls` | each [`Call`] |
//! | `POST faults/{vendor}` | a [`Fault`] |
//! | `DELETE faults` | removes all faults |
//! | `POST connections/{vendor}` | `{"refused": true}`: connections are refused until it is `false` |
//! | `POST suppressions/{vendor}/{recipient}` | adds the recipient to the vendor's own suppression list |
//! | `GET SimpleNotificationService-....pem` | the certificate of the SNS messages that [`VendorDoubles::sns`] signs |
//! | `GET /?Action=ConfirmSubscription&Token=...` | what SNS sends as `SubscribeURL`: confirms the subscription to SES's topic |

mod connection;
mod control;
mod controls;
mod delivery;
mod description;
mod faults;
mod inbox;
mod incoming;
mod options;
mod ports;
mod posting;
mod records;
mod sendgrid;
mod server;
mod ses;
pub mod signing;
mod state;
mod topic;
mod twilio;
mod vendor;

use std::{
    collections::BTreeMap,
    io,
    sync::{Arc, OnceLock},
};

use axum::{Router, extract::Request};
use strum::VariantArray;
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
};

use self::{
    connection::{ConnectionCutter, Connections},
    controls::{CERTIFICATE, Controls, Subscription},
    ports::{PortSwitch, bind, serve},
    server::Shared,
    signing::sns,
};
pub use self::{
    faults::{Answer, Chance, Fault, Kind},
    options::{Options, SesTopic, TwilioAccount},
    records::{Call, Record},
    vendor::Vendor,
};

/// The running doubles. They stop with this value.
#[derive(Debug)]
pub struct VendorDoubles {
    bases: BTreeMap<Vendor, String>,
    controls: Arc<Controls>,
    all: ConnectionCutter,
    tasks: Vec<JoinHandle<()>>,
}

impl VendorDoubles {
    /// Starts them; panics when a port is taken.
    pub async fn start(options: Options) -> Self {
        match Self::try_start(options).await {
            Ok(doubles) => doubles,
            Err(error) => panic!("the vendors' doubles cannot listen: {error}"),
        }
    }

    /// Starts them.
    pub async fn try_start(options: Options) -> io::Result<Self> {
        let [.., control_port] = options.ports;
        let ports = options.ports;
        let shared = Arc::new(Shared::new(options));
        let (all, mut bases, mut ports_by_vendor, mut tasks) =
            (ConnectionCutter::default(), BTreeMap::new(), BTreeMap::new(), Vec::new());
        for (&vendor, port) in Vendor::VARIANTS.iter().zip(ports) {
            let listener = bind(port).await?;
            bases.insert(vendor, format!("http://{}", listener.local_addr()?));
            let shared = Arc::clone(&shared);
            let router = Router::new().fallback(async move |request: Request| shared.answer(vendor, request).await);
            let is_closed = watch::Sender::new(false);
            let (closed, has_closed) = watch::channel(false);
            tasks.push(tokio::spawn(serve(listener, router, is_closed.subscribe(), closed)));
            ports_by_vendor.insert(vendor, PortSwitch { is_closed, has_closed });
        }
        let listener = bind(control_port).await?;
        let control = format!("http://{}", listener.local_addr()?);
        let controls = Arc::new(Controls {
            shared,
            ports_by_vendor,
            control,
            subscription: Subscription::default(),
            sns: OnceLock::new(),
            sendgrid: OnceLock::new(),
        });
        if controls.shared.options.delivers {
            let (deliveries, taken) = mpsc::unbounded_channel();
            controls.shared.deliver_through(deliveries);
            tasks.push(tokio::spawn(delivery::deliver(Arc::clone(&controls), taken)));
        }
        let routes = control::routes(Arc::clone(&controls)).into_make_service_with_connect_info::<ConnectionCutter>();
        let connections = Connections { listener, all: all.clone() };
        tasks.push(tokio::spawn(async move {
            let _ = axum::serve(connections, routes).await;
        }));
        Ok(Self { bases, controls, all, tasks })
    }

    /// `http://127.0.0.1:<port>`, in place of the vendor's address.
    pub fn base(&self, vendor: Vendor) -> &str {
        &self.bases[&vendor]
    }

    /// Where the control listens.
    pub fn control(&self) -> &str {
        &self.controls.control
    }

    /// The key that callers of SendGrid must present.
    pub fn sendgrid_key(&self) -> &str {
        &self.controls.shared.options.sendgrid_key
    }

    /// The account with which callers of Twilio authenticate.
    pub fn twilio(&self) -> &TwilioAccount {
        &self.controls.shared.options.twilio
    }

    /// The accepted messages so far, oldest first.
    pub fn records(&self) -> Vec<Record> {
        self.controls.shared.state().records.clone()
    }

    /// The calls so far, in the order of their effects.
    pub fn calls(&self) -> Vec<Call> {
        self.controls.shared.state().calls.clone()
    }

    /// Injects a fault into calls of a vendor.
    pub fn inject(&self, vendor: Vendor, fault: Fault) {
        self.controls.inject(vendor, fault);
    }

    /// Adds a recipient to the vendor's own suppression list: a bounced address, or a number that sent STOP.
    pub fn suppress(&self, vendor: Vendor, recipient: &str) {
        self.controls.suppress(vendor, recipient);
    }

    /// Refuses connections, and ends those that are open; or takes them again. Returns once it is so.
    pub async fn refuse_connections(&self, vendor: Vendor, is_refused: bool) {
        self.controls.refuse_connections(vendor, is_refused).await;
    }

    /// Removes all faults.
    pub async fn heal(&self) {
        self.controls.heal().await;
    }

    /// Sets the state of a message: `sent`, `delivered`, ... `false` for an unknown id.
    pub fn set_status(&self, id: &str, status: &str) -> bool {
        self.controls.shared.set_status(id, status)
    }

    /// SNS's key, made on first use; panics where none can be made.
    pub fn sns(&self) -> &sns::Signer {
        match self.controls.sns() {
            Some(signer) => signer,
            None => panic!("no RSA key can be made here"),
        }
    }

    /// What verifies SendGrid's webhooks, as its settings show it; panics where no key can be made.
    pub fn sendgrid_webhook_key(&self) -> &str {
        match self.controls.sendgrid() {
            Some(signer) => signer.public_key(),
            None => panic!("no ECDSA key can be made here"),
        }
    }

    /// Where SNS's certificate is.
    pub fn certificate_url(&self) -> String {
        format!("{}{}", self.control(), CERTIFICATE)
    }

    /// Stops them; their ports are free afterwards.
    pub async fn stop(mut self) {
        self.halt();
        for task in std::mem::take(&mut self.tasks) {
            let _ = task.await;
        }
    }

    fn halt(&self) {
        self.controls.shared.stop();
        self.all.cut();
        self.tasks.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for VendorDoubles {
    fn drop(&mut self) {
        self.halt();
    }
}
