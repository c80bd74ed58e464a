//! The currencies that the shop sells in: a setting, which the catalogue's indexes and its lists follow. This file may use
//! `common` only.

use std::str::FromStr;

use common::{input::Refusal, money::Currency};

/// The currencies that lists can be ordered by price in: those that the shop sells in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Currencies(pub Vec<Currency>);

impl FromStr for Currencies {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let read = |code: &str| {
            code.trim().parse().map_err(|refusal: Refusal| format!("has {code:?}: a currency {}", refusal.message))
        };
        text.split(',').map(read).collect::<Result<Vec<_>, _>>().map(Self)
    }
}
