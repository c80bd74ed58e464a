//! The controls of the doubles: faults, connections, keys, and SNS's subscription.

use std::{
    collections::BTreeMap,
    sync::{
        Arc, OnceLock,
        atomic::{AtomicBool, Ordering},
    },
};

use strum::VariantArray;

use crate::{
    faults::Fault,
    ports::PortSwitch,
    server::Shared,
    signing::{sendgrid, sns},
    vendor::Vendor,
};

/// The path of the certificate with which SNS messages are signed.
pub(crate) const CERTIFICATE: &str = "/SimpleNotificationService-0123456789abcdef0123456789abcdef.pem";

/// Whether the shop has confirmed its subscription.
#[derive(Debug, Default)]
pub(crate) struct Subscription(AtomicBool);

impl Subscription {
    /// Records that the shop fetched the confirmation address.
    pub(crate) fn confirm(&self) {
        self.0.store(true, Ordering::Release);
    }

    pub(crate) fn is_confirmed(&self) -> bool {
        self.0.load(Ordering::Acquire)
    }
}

/// The controls that the interfaces in this process and over HTTP share.
#[derive(Debug)]
pub(crate) struct Controls {
    pub(crate) shared: Arc<Shared>,
    pub(crate) ports_by_vendor: BTreeMap<Vendor, PortSwitch>,
    /// The address of the control, which also serves SNS's certificate.
    pub(crate) control: String,
    pub(crate) subscription: Subscription,
    pub(crate) sns: OnceLock<Option<sns::Signer>>,
    pub(crate) sendgrid: OnceLock<Option<sendgrid::Signer>>,
}

impl Controls {
    pub(crate) fn inject(&self, vendor: Vendor, fault: Fault) {
        self.shared.state().faults.entry(vendor).or_default().plan(fault);
    }

    pub(crate) fn suppress(&self, vendor: Vendor, recipient: &str) {
        self.shared.state().suppressed.insert((vendor, recipient.to_ascii_lowercase()));
    }

    /// Refuses or accepts connections; returns once that is reached.
    pub(crate) async fn refuse_connections(&self, vendor: Vendor, is_refused: bool) {
        let Some(port) = self.ports_by_vendor.get(&vendor) else { return };
        port.is_closed.send_replace(is_refused);
        // An error means that the doubles have stopped.
        let _ = port.has_closed.clone().wait_for(|has_closed| *has_closed == is_refused).await;
    }

    pub(crate) async fn heal(&self) {
        self.shared.state().faults.clear();
        for &vendor in Vendor::VARIANTS {
            self.refuse_connections(vendor, false).await;
        }
    }

    /// `None` where no key could be made.
    pub(crate) fn sendgrid(&self) -> Option<&sendgrid::Signer> {
        self.sendgrid.get_or_init(|| sendgrid::Signer::generate().ok()).as_ref()
    }

    /// `None` where no key could be made.
    pub(crate) fn sns(&self) -> Option<&sns::Signer> {
        self.sns.get_or_init(|| sns::Signer::generate().ok()).as_ref()
    }
}
