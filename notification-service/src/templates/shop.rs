//! The shop: its name, its web address, the addresses of pictures and tracking pages, and its time zone.

use std::str::FromStr;

use common::input::Refusal;
use platform::config::Env;

use super::data::{
    link::{Link, LinkTarget},
    order::OrderId,
};
use crate::{locale::Zone, mailbox::ShopName};

/// The shop in whose name messages are sent.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shop {
    name: ShopName,
    url: String,
    images: BaseUrls,
    carriers: BaseUrls,
    zone: Zone,
}

impl Shop {
    /// A shop whose pages are below `url`, which has no trailing slash.
    pub fn new(name: ShopName, url: impl Into<String>) -> Self {
        Self { name, url: url.into(), images: BaseUrls::default(), carriers: BaseUrls::default(), zone: Zone::utc() }
    }

    /// The same shop in this time zone.
    #[must_use]
    pub fn in_zone(self, zone: Zone) -> Self {
        Self { zone, ..self }
    }

    /// The same shop with these addresses of pictures and of carriers' tracking pages.
    #[must_use]
    pub fn with_bases(self, images: BaseUrls, carriers: BaseUrls) -> Self {
        Self { images, carriers, ..self }
    }

    /// Reads the settings `SHOP_NAME`, `SHOP_URL`, `SHOP_TIME_ZONE`, `MAIL_IMAGE_BASES` and `TRACKING_URL_BASES`.
    pub fn configure(env: &mut Env) -> Option<Self> {
        let name = env.parsed::<ShopName>("SHOP_NAME");
        let url = env.url("SHOP_URL");
        let zone = env.parsed_or("SHOP_TIME_ZONE", Zone::utc());
        let images = env.parsed_or("MAIL_IMAGE_BASES", BaseUrls::default());
        let carriers = env.parsed_or("TRACKING_URL_BASES", BaseUrls::default());
        Some(Self { name: name?, url: url?, images: images?, carriers: carriers?, zone: zone? })
    }

    /// The name.
    pub fn name(&self) -> &str {
        self.name.as_str()
    }

    /// The web address, without trailing slash.
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The time zone.
    pub fn zone(&self) -> &Zone {
        &self.zone
    }

    /// An address of pictures, for samples.
    pub(super) fn first_image_base(&self) -> Option<&str> {
        self.images.0.first().map(String::as_str)
    }

    /// Where its customers find an order.
    pub(super) fn order_page(&self, order: OrderId) -> String {
        format!("{}/orders/{order}", self.url)
    }

    /// The page of a customer's account.
    pub(super) fn account_page(&self) -> String {
        format!("{}/account", self.url)
    }

    /// Refuses links that the shop does not send. Callers pass on links from elsewhere; if any address were accepted, a mistake of one
    /// service would send a stranger's link in the shop's name.
    pub fn allows(&self, link: &Link, goes: LinkTarget) -> Result<(), Refusal> {
        let link = link.as_str();
        let needs_operator = is_below(link, &self.url);
        match goes {
            LinkTarget::Shop if needs_operator => Ok(()),
            LinkTarget::Shop => Err(Refusal::new("foreign_link", "must be a page of the shop: below SHOP_URL")),
            LinkTarget::Carrier if needs_operator || self.carriers.hold(link) => Ok(()),
            LinkTarget::Carrier => {
                Err(Refusal::new("foreign_link", "must be a page of the shop, or below one of TRACKING_URL_BASES"))
            }
            LinkTarget::Image if link.starts_with("https://") && self.images.hold(link) => Ok(()),
            LinkTarget::Image => {
                Err(Refusal::new("foreign_link", "must be at https and below one of MAIL_IMAGE_BASES"))
            }
        }
    }
}

/// Whether the link is the base itself or below it: `https://shop.example.evil.example` begins with `https://shop.example`.
fn is_below(link: &str, base: &str) -> bool {
    link.strip_prefix(base).is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?', '#']))
}

/// Addresses below which links may go: of the form `https://images.shop.example,https://cdn.example/shop`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct BaseUrls(Vec<String>);

impl BaseUrls {
    fn hold(&self, link: &str) -> bool {
        self.0.iter().any(|base| is_below(link, base))
    }
}

impl FromStr for BaseUrls {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let base = |part: &str| {
            let base = part.trim().trim_end_matches('/');
            let is_one = base.starts_with("https://") && !base.contains(['?', '#']) && base.parse::<Link>().is_ok();
            is_one.then(|| base.to_owned())
        };
        let bases: Option<Vec<String>> = text.split(',').map(base).collect();
        bases.map(Self).ok_or_else(|| {
            let message = "must be addresses such as https://images.shop.example, separated by commas";
            Refusal::new("invalid_bases", message)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shop() -> Shop {
        let bases = |text: &str| text.parse::<BaseUrls>().unwrap();
        let shop = Shop::new("Bodega".parse().unwrap(), "https://shop.example/de");
        shop.with_bases(bases("https://images.example/a/, https://cdn.example"), bases("https://parcels.example/track"))
    }

    fn is_allowed(link: &str, goes: LinkTarget) -> bool {
        shop().allows(&link.parse().unwrap(), goes).is_ok()
    }

    #[test]
    fn a_link_goes_below_the_addresses_of_the_settings_and_nowhere_else() {
        for link in ["https://shop.example/de", "https://shop.example/de/orders/7", "https://shop.example/de?x=1"] {
            assert!(is_allowed(link, LinkTarget::Shop) && is_allowed(link, LinkTarget::Carrier), "{link}");
            assert!(!is_allowed(link, LinkTarget::Image), "{link}");
        }
        for link in [
            "https://shop.example",
            "https://shop.example/dent",
            "https://shop.example/en",
            "https://shop.example.evil.example/de",
            "https://shop.example:8443/de",
            "http://shop.example/de",
            "https://SHOP.example/de",
            "https://evil.example/https://shop.example/de",
        ] {
            assert!(!is_allowed(link, LinkTarget::Shop), "{link}");
        }
        assert!(is_allowed("https://parcels.example/track?n=1", LinkTarget::Carrier));
        assert!(!is_allowed("https://parcels.example/tracker", LinkTarget::Carrier));
        assert!(!is_allowed("https://parcels.example/track", LinkTarget::Shop));
        assert!(is_allowed("https://images.example/a/tee.png", LinkTarget::Image));
        assert!(is_allowed("https://cdn.example/tee.png", LinkTarget::Image));
        assert!(!is_allowed("https://images.example/b/tee.png", LinkTarget::Image));
    }

    #[test]
    fn bases_are_addresses_at_https_without_a_query() {
        for text in ["", "images.example", "http://images.example", "https://images.example?x", "https://a.example,"] {
            assert!(text.parse::<BaseUrls>().is_err(), "{text} was taken");
        }
    }
}
