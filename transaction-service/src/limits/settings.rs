//! Reads limits from the environment, with the defaults of [`Limits::default`].

use std::{ops::RangeInclusive, time::Duration};

use platform::config::Env;

use super::domain::{Ceiling, Limits};

/// Range of a limit.
const MOST: RangeInclusive<u32> = 1..=1_000_000;

/// Reads the settings; each has a default.
pub fn configure(env: &mut Env) -> Option<Limits> {
    let Limits { caller, source, declines_per_order, window } = Limits::default();
    let caller = ceiling(env, ["OPEN_ORDERS_PER_OWNER", "HELD_UNITS_PER_OWNER", "DECLINES_PER_OWNER"], caller);
    let source = ceiling(env, ["OPEN_ORDERS_PER_SOURCE", "HELD_UNITS_PER_SOURCE", "DECLINES_PER_SOURCE"], source);
    let declines_per_order = env.number_or("DECLINES_PER_ORDER", declines_per_order, MOST);
    // A day at most: counters are kept for longer.
    let window = env.number_or("DECLINE_WINDOW_MINUTES", window.as_secs() / 60, 1..=1_440).map(Duration::from_mins);
    Some(Limits { caller: caller?, source: source?, declines_per_order: declines_per_order?, window: window? })
}

fn ceiling(env: &mut Env, names: [&str; 3], default: Ceiling) -> Option<Ceiling> {
    let mut most = |name, default| env.number_or(name, default, MOST);
    let [open_orders, held_units, declines] =
        [most(names[0], default.open_orders), most(names[1], default.held_units), most(names[2], default.declines)];
    Some(Ceiling { open_orders: open_orders?, held_units: held_units?, declines: declines? })
}
