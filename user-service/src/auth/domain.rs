//! Request bodies of registering, logging in, refreshing and logging out.

pub mod password;

use common::{
    contact::{Email, PersonName},
    input::{Fields, FromFields, Refusal, violation},
};
use serde::Serialize;
use utoipa::ToSchema;
use validator::{Validate, ValidationError};

use self::password::{Password, PasswordCandidate};
use crate::opaque::OpaqueToken;

/// An account to register.
#[derive(Debug, ToSchema)]
#[schema(example = json!({
    "email": "ada@example.com", "password": "a small boat on a green lake", "name": "Ada Lovelace"
}))]
pub struct Registration {
    /// E-mail address of the account: its login name, and the recipient of its mail.
    pub email: Email,
    /// Password of 15 to 128 characters of any kind. Common, repetitive or sequential ones, and ones made of the e-mail
    /// address, are refused with `too_easy`.
    pub password: Password,
    /// Full name of the account's owner.
    pub name: PersonName,
}

impl FromFields for Registration {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let login = NewLogin::from_fields(fields);
        let name = fields.text("name");
        let NewLogin { email, password } = login?;
        Some(Self { email, password, name: name? })
    }
}

/// The `email` and `password` of a new account; the password must not be made of the address.
#[derive(Debug, Validate)]
#[validate(schema(function = "password_differs_from_email"))]
pub struct NewLogin {
    /// The e-mail address.
    pub email: Email,
    /// The password.
    pub password: Password,
}

impl FromFields for NewLogin {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.text("email");
        let password = fields.text("password");
        let login = Self { email: email?, password: password? };
        fields.valid(login)
    }
}

fn password_differs_from_email(login: &NewLogin) -> Result<(), ValidationError> {
    if login.password.is_derived_from(&login.email) {
        let Refusal { code, message } = password::too_easy();
        return Err(violation("password", code, message));
    }
    Ok(())
}

/// The answer to every registration, whether or not the address had an account before.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
#[schema(example = json!({"status": "accepted"}))]
pub struct Accepted {
    /// Always `accepted`; the outcome is sent by mail.
    #[schema(value_type = String)]
    pub status: &'static str,
}

/// Credentials of an account.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"email": "ada@example.com", "password": "a small boat on a green lake"}))]
pub struct Login {
    /// E-mail address of the account.
    pub email: Email,
    /// Password of the account.
    pub password: PasswordCandidate,
}

impl FromFields for Login {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let email = fields.text("email");
        let password = fields.text("password");
        Some(Self { email: email?, password: password? })
    }
}

/// A refresh token to exchange, or to log out with.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"refresh_token": "q6YFJcX1x0Fq4jv8Qw0Z5Jm2cE3rT7uK9aBdLhNsPgM"}))]
pub struct Refresh {
    /// The newest refresh token of the session.
    pub refresh_token: OpaqueToken,
}

impl FromFields for Refresh {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        Some(Self { refresh_token: fields.text("refresh_token")? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_password_made_of_the_address_or_the_shop_is_too_easy() {
        let refused = |email: &str, password: &str| {
            let body = json!({"email": email, "password": password, "name": "Ada"});
            Fields::read::<Registration>(body).err().map(|errors| errors[0].code.clone())
        };
        for password in ["ada.lovelace@example.com", "Ada.Lovelace1815", "bodegabodega123", "bodega-ada.lovelace"] {
            assert_eq!(refused("Ada.Lovelace@example.com", password).as_deref(), Some("too_easy"), "{password}");
        }
        assert_eq!(refused("a@example.com", "a banana and an apple"), None);
    }

    #[test]
    fn a_secret_is_not_shown_in_debug_output() {
        let body = json!({"email": "ada@example.com", "password": "a small boat on a lake", "name": "Ada"});
        let shown = format!("{:?}", Fields::read::<Registration>(body).unwrap());
        assert!(!shown.contains("boat") && !shown.contains("example.com"), "{shown}");
        let shown = format!("{:?}", "hunter2".parse::<PasswordCandidate>().unwrap());
        assert!(!shown.contains("hunter2"), "{shown}");
    }
}
