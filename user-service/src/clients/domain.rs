//! Services as OAuth 2.0 clients: their names, their scopes, and their token requests (RFC 6749, 4.4).

use std::str::FromStr;

use base64::{Engine, engine::general_purpose::STANDARD};
use common::input::Refusal;
use strum::{IntoStaticStr, VariantArray};

use crate::opaque::{OpaqueToken, TokenHash};

/// A service that calls others. user-service has no client: it mints its own tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, IntoStaticStr, VariantArray, strum::VariantNames)]
pub enum ServiceName {
    /// product-service: catalogue and stock.
    #[strum(serialize = "product-service")]
    Product,
    /// transaction-service: orders and payments.
    #[strum(serialize = "transaction-service")]
    Transaction,
    /// notification-service: e-mail and text messages.
    #[strum(serialize = "notification-service")]
    Notification,
}

impl ServiceName {
    /// The name of its package, in tokens; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl FromStr for ServiceName {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        let known = Self::VARIANTS.iter().copied().find(|name| name.as_str() == text);
        let names = || <Self as strum::VariantNames>::VARIANTS.join(", ");
        known.ok_or_else(|| Refusal::new("unknown_service", format!("must be one of {}", names())))
    }
}

/// Why a token request is refused (RFC 6749, 5.2).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Refused {
    /// The request is malformed; holds the description.
    InvalidRequest(&'static str),
    /// The client is unknown or unnamed, or its secret is wrong.
    InvalidClient,
    /// Only `client_credentials` is granted here.
    UnsupportedGrantType,
    /// The client may not have one of the scopes, or there is no such scope.
    InvalidScope,
}

/// The request of a service for a token.
#[derive(Debug)]
pub struct TokenRequest {
    /// The client's name. Names that are no service's are refused before the database is queried.
    pub client: ServiceName,
    /// The client's secret.
    pub secret: OpaqueToken,
    /// The scopes asked for; `None` asks for all scopes of the client.
    pub scope: Option<Vec<String>>,
}

impl TokenRequest {
    /// Reads a form and the `Authorization` header that came with it.
    pub fn read(authorization: Option<&str>, form: &[u8]) -> Result<Self, Refused> {
        let form = Form::read(form)?;
        let (client_id, secret) = credentials(authorization, &form)?;
        match form.grant_type.as_deref() {
            Some("client_credentials") => {}
            Some(_) => return Err(Refused::UnsupportedGrantType),
            None => return Err(Refused::InvalidRequest("grant_type is missing")),
        }
        let client = client_id.parse().map_err(|_| Refused::InvalidClient)?;
        let secret = secret.parse().map_err(|_| Refused::InvalidClient)?;
        let scope = form.scope.map(|scope| scope.split(' ').map(str::to_owned).collect());
        Ok(Self { client, secret, scope })
    }
}

/// The known parameters; others are ignored, and empty ones count as absent (RFC 6749, 3.2).
#[derive(Debug, Default)]
struct Form {
    grant_type: Option<String>,
    scope: Option<String>,
    client_id: Option<String>,
    client_secret: Option<String>,
}

impl Form {
    fn read(body: &[u8]) -> Result<Self, Refused> {
        let mut form = Self::default();
        for (name, value) in form_urlencoded::parse(body) {
            let parameter = match &*name {
                "grant_type" => &mut form.grant_type,
                "scope" => &mut form.scope,
                "client_id" => &mut form.client_id,
                "client_secret" => &mut form.client_secret,
                _ => continue,
            };
            if value.is_empty() {
                continue;
            }
            if parameter.replace(value.into_owned()).is_some() {
                return Err(Refused::InvalidRequest("a parameter is repeated"));
            }
        }
        Ok(form)
    }
}

/// The credentials from HTTP Basic or from the body, not from both (RFC 6749, 2.3).
fn credentials(authorization: Option<&str>, form: &Form) -> Result<(String, String), Refused> {
    let in_body = form.client_id.clone().zip(form.client_secret.clone());
    let Some(header) = authorization else { return in_body.ok_or(Refused::InvalidClient) };
    if form.client_secret.is_some() {
        return Err(Refused::InvalidRequest(
            "the client authenticates in the Authorization header and in the body; use one",
        ));
    }
    let (id, secret) = basic(header).ok_or(Refused::InvalidClient)?;
    if form.client_id.as_ref().is_some_and(|other| *other != id) {
        return Err(Refused::InvalidRequest("client_id is not the client that authenticates"));
    }
    Ok((id, secret))
}

/// Reads HTTP Basic: name and secret are form-urlencoded before they are joined (RFC 6749, 2.3.1).
fn basic(header: &str) -> Option<(String, String)> {
    let (scheme, value) = header.split_once(' ')?;
    let decoded = STANDARD.decode(value.trim()).ok().filter(|_| scheme.eq_ignore_ascii_case("basic"))?;
    let (id, secret) = std::str::from_utf8(&decoded).ok()?.split_once(':')?;
    Some((percent_decoded(id), percent_decoded(secret)))
}

fn percent_decoded(text: &str) -> String {
    // A name without a value reads as the name.
    form_urlencoded::parse(text.as_bytes()).next().map(|(name, _)| name.into_owned()).unwrap_or_default()
}

/// A client as it is stored.
#[derive(Debug)]
pub struct Client {
    /// The hash of the client's secret.
    pub secret: TokenHash,
    /// The scopes that its tokens can have.
    pub scopes: Vec<String>,
}

impl Client {
    /// Verifies the secret, and returns the scopes of the token, separated by spaces.
    pub fn grant(&self, request: &TokenRequest) -> Result<String, Refused> {
        if !self.secret.is_of(&request.secret) {
            return Err(Refused::InvalidClient);
        }
        let Some(wanted) = &request.scope else { return Ok(self.scopes.join(" ")) };
        let mut granted: Vec<&str> = Vec::new();
        for scope in wanted {
            if !self.scopes.contains(scope) {
                return Err(Refused::InvalidScope);
            }
            if !granted.contains(&scope.as_str()) {
                granted.push(scope);
            }
        }
        Ok(granted.join(" "))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::service_scopes::ServiceScope;

    const FORM: &[u8] = b"grant_type=client_credentials";

    fn header(credentials: &str) -> String {
        format!("Basic {}", STANDARD.encode(credentials))
    }

    fn refused(authorization: Option<&str>, form: &[u8]) -> Refused {
        TokenRequest::read(authorization, form).unwrap_err()
    }

    #[test]
    fn a_client_names_itself_in_the_header_or_in_the_body() {
        let request = TokenRequest::read(Some(&header("transaction-service:s%2Fe+c")), FORM).unwrap();
        assert_eq!((request.client, request.secret.reveal()), (ServiceName::Transaction, "s/e c"));
        let form = b"grant_type=client_credentials&client_id=product-service&client_secret=b%26&scope=x+y&unknown=1";
        let request = TokenRequest::read(None, form).unwrap();
        assert_eq!((request.client, request.secret.reveal()), (ServiceName::Product, "b&"));
        assert_eq!(request.scope.unwrap(), ["x", "y"]);
    }

    #[test]
    fn a_request_that_is_not_as_rfc_6749_has_it_is_refused_by_name() {
        let basic = header("a:b");
        let basic = Some(basic.as_str());
        assert_eq!(refused(None, FORM), Refused::InvalidClient);
        assert_eq!(refused(Some("Bearer x"), FORM), Refused::InvalidClient);
        assert_eq!(refused(Some("Basic %%%"), FORM), Refused::InvalidClient);
        assert_eq!(refused(Some(&header("no colon")), FORM), Refused::InvalidClient);
        assert_eq!(refused(Some(&header("a:")), FORM), Refused::InvalidClient);
        assert_eq!(refused(None, b"grant_type=client_credentials&client_id=a"), Refused::InvalidClient);
        assert_eq!(refused(basic, b"grant_type=password"), Refused::UnsupportedGrantType);
        for form in ["", "grant_type=", "grant_type=client_credentials&grant_type=client_credentials"] {
            assert!(matches!(refused(basic, form.as_bytes()), Refused::InvalidRequest(_)), "{form}");
        }
        for also in ["client_id=a&client_secret=b", "client_id=other"] {
            let form = format!("grant_type=client_credentials&{also}");
            assert!(matches!(refused(basic, form.as_bytes()), Refused::InvalidRequest(_)), "{form}");
        }
    }

    #[test]
    fn a_client_that_no_service_is_called_is_refused_before_it_is_looked_for() {
        let long = "a".repeat(10_000);
        for id in ["a", "user-service", "Product-Service", "product-service%00", "%00", "%FF", "%ED%A0%80", &long] {
            let form = format!("grant_type=client_credentials&client_id={id}&client_secret=b");
            assert_eq!(refused(None, form.as_bytes()), Refused::InvalidClient, "{id}");
            assert_eq!(refused(Some(&header(&format!("{id}:b"))), FORM), Refused::InvalidClient, "{id}");
        }
        assert_eq!(refused(Some(&header("product-service\0:b")), FORM), Refused::InvalidClient);
    }

    #[test]
    fn a_client_gets_what_it_asks_for_if_it_may_have_it() {
        let secret = OpaqueToken::random().unwrap();
        let client = Client { secret: secret.hashed(), scopes: vec!["checkout:read".into(), "carts:clear".into()] };
        let grant = |secret: &OpaqueToken, scope: Option<&str>| {
            let scope = scope.map(|scope| scope.split(' ').map(str::to_owned).collect());
            client.grant(&TokenRequest { client: ServiceName::Transaction, secret: secret.clone(), scope })
        };
        assert_eq!(grant(&secret, None), Ok("checkout:read carts:clear".into()));
        assert_eq!(grant(&secret, Some("carts:clear carts:clear")), Ok("carts:clear".into()));
        for scope in ["inventory:reserve", "checkout:read users:manage", "carts:clear  checkout:read"] {
            assert_eq!(grant(&secret, Some(scope)), Err(Refused::InvalidScope), "{scope}");
        }
        assert_eq!(grant(&OpaqueToken::random().unwrap(), None), Err(Refused::InvalidClient));
    }

    #[test]
    fn services_and_scopes_that_do_not_exist_are_refused() {
        assert!("user-service".parse::<ServiceName>().is_err());
        assert!("catalog:write".parse::<ServiceScope>().is_err());
        for &scope in ServiceScope::VARIANTS {
            assert_eq!(scope.as_str().parse(), Ok(scope));
        }
    }

    #[test]
    fn services_and_scopes_are_named_as_the_constraints_of_the_tables_have_them() {
        let services = ["product-service", "transaction-service", "notification-service"];
        assert_eq!(<ServiceName as strum::VariantNames>::VARIANTS, services);
        let scopes = ["inventory:reserve", "checkout:read", "carts:clear", "notifications:send"];
        assert_eq!(<ServiceScope as strum::VariantNames>::VARIANTS, scopes);
    }
}
