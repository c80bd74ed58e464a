//! Addresses of stores, taken apart: `scheme://[user:password@]host:port[/database][?query]`.

use anyhow::{Result, bail};

/// One server's address. Nothing of it is decoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Address<'a> {
    pub(crate) scheme: &'a str,
    pub(crate) user: &'a str,
    pub(crate) password: &'a str,
    pub(crate) host: &'a str,
    pub(crate) port: u16,
    pub(crate) database: &'a str,
    pub(crate) query: &'a str,
}

impl<'a> Address<'a> {
    /// Fails, without repeating the address, which may hold a password, where it is no address of one server with its port.
    pub(crate) fn parse(text: &'a str) -> Result<Self> {
        let Some((scheme, rest)) = text.split_once("://") else { bail!("the store's address has no scheme") };
        let (rest, query) = rest.split_once('?').unwrap_or((rest, ""));
        let (place, database) = rest.split_once('/').unwrap_or((rest, ""));
        let (credentials, place) = place.rsplit_once('@').unwrap_or(("", place));
        let (user, password) = credentials.split_once(':').unwrap_or((credentials, ""));
        let Some((host, port)) = place.rsplit_once(':').filter(|_| !place.contains(',')) else {
            bail!("the store's address must name one host with its port");
        };
        let Ok(port) = port.parse() else { bail!("the port in the store's address is no number") };
        Ok(Self { scheme, user, password, host, port, database, query })
    }

    /// `host:port`.
    pub(crate) fn place(&self) -> String {
        format!("{}:{}", self.host, self.port)
    }
}

/// As it is written, with its password.
impl std::fmt::Display for Address<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Self { scheme, user, password, host, port, database, query } = self;
        write!(f, "{scheme}://{user}")?;
        if !password.is_empty() {
            write!(f, ":{password}")?;
        }
        if !user.is_empty() {
            f.write_str("@")?;
        }
        write!(f, "{host}:{port}/{database}")?;
        if query.is_empty() { Ok(()) } else { write!(f, "?{query}") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_taken_apart_and_read_as_before_when_put_together() {
        for text in [
            "postgres://postgres:se:cr@et@127.0.0.1:5432/bodega",
            "mongodb://127.0.0.1:27017/?directConnection=true",
            "mongodb://user@store.example:1/shop?a=b&c=d",
        ] {
            assert_eq!(Address::parse(text).unwrap().to_string(), text);
        }
        let address = Address::parse("postgres://postgres:secret@127.0.0.1:5432/bodega?sslmode=prefer").unwrap();
        assert_eq!((address.user, address.password, address.database), ("postgres", "secret", "bodega"));
        assert_eq!((address.place().as_str(), address.query), ("127.0.0.1:5432", "sslmode=prefer"));
        assert_eq!(Address::parse("http://127.0.0.1:5000").unwrap().place(), "127.0.0.1:5000");
    }

    #[test]
    fn what_names_no_server_or_several_is_refused_without_being_repeated() {
        for text in ["secret", "mongodb+srv://u:secret@cluster.example/", "mongodb://a:1,b:2/secret", "http://secret:x"]
        {
            let refusal = Address::parse(text).unwrap_err().to_string();
            assert!(!refusal.contains("secret"), "{refusal}");
        }
    }
}
