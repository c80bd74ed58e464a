//! The limits as the environment sets them, where they differ from [`Limits::default`].

use platform::config::Env;

use super::domain::Limits;

/// Reads the settings; each has a default.
pub fn configure(env: &mut Env) -> Option<Limits> {
    let default = Limits::default();
    let mut most = |name: &str, default: i32| env.number_or(name, default, 1..=1_000_000);
    let logins = most("LOGIN_LIMIT", default.logins);
    let logins_from_source = most("LOGIN_LIMIT_PER_SOURCE", default.logins_from_source);
    let registrations = most("REGISTRATION_LIMIT", default.registrations);
    let registrations_from_source = most("REGISTRATION_LIMIT_PER_SOURCE", default.registrations_from_source);
    let guests_from_source = most("GUEST_LIMIT_PER_SOURCE", default.guests_from_source);
    let setups = most("SETUP_LIMIT", default.setups);
    let setups_from_source = most("SETUP_LIMIT_PER_SOURCE", default.setups_from_source);
    Some(Limits {
        logins: logins?,
        logins_from_source: logins_from_source?,
        registrations: registrations?,
        registrations_from_source: registrations_from_source?,
        guests_from_source: guests_from_source?,
        setups: setups?,
        setups_from_source: setups_from_source?,
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::domain::Kind;

    #[test]
    fn a_limit_is_a_positive_number() {
        let limits = |value: &str| {
            let mut env = Env::from_pairs([("SETUP_LIMIT", value)]);
            (configure(&mut env).map(|limits| limits.most(Kind::SetupOfAccount)), env.report())
        };
        assert_eq!(limits("3").0, Some(3));
        for wrong in ["0", "-1", "1000001", "many", "1.5"] {
            let (read, report) = limits(wrong);
            assert!(read.is_none() && report.contains("SETUP_LIMIT must be"), "{report}");
        }
        let mut none = Env::from_pairs([("ISSUER", "http://127.0.0.1")]);
        assert_eq!(configure(&mut none), Some(Limits::default()));
    }
}
