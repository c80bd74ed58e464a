//! The commands of operators.

use std::str::FromStr;

use common::{
    contact::Email,
    input::{Fields, FromFields, Refusal},
    problem::FieldError,
};
use serde_json::Value;
use strum::VariantArray;

use crate::{
    auth::domain::{NewLogin, password::Password},
    clients::domain::ServiceName,
    service_scopes::ServiceScope,
};

/// A command of the operators.
#[derive(Debug)]
pub enum Command {
    /// Creates an admin, unless the address has one.
    CreateAdmin(NewAdmin),
    /// Creates a client for a service, or replaces the secret of its client.
    CreateServiceClient {
        /// The service.
        name: ServiceName,
        /// The scopes that its tokens can have.
        scopes: Vec<ServiceScope>,
    },
    /// Deletes a service's client.
    DeleteServiceClient {
        /// The service.
        name: ServiceName,
    },
}

/// An admin to create.
#[derive(Debug)]
pub struct NewAdmin {
    /// The account's e-mail address.
    pub email: Email,
    /// The account's password.
    pub password: Password,
    /// Whether to set this password for an admin that exists.
    pub reset_password: bool,
}

impl Command {
    /// Reads a command; the error lists all invalid fields, without their values.
    pub fn read(payload: Value) -> Result<Self, String> {
        Fields::read(payload).map_err(|errors| {
            let lines: Vec<String> = errors.iter().map(describe).collect();
            format!("the command is refused: {}", lines.join("; "))
        })
    }
}

fn describe(error: &FieldError) -> String {
    format!("{} {}", error.pointer.trim_start_matches('/'), error.message)
}

/// The name of a command.
#[derive(Debug, Clone, Copy)]
enum Kind {
    CreateAdmin,
    CreateServiceClient,
    DeleteServiceClient,
}

impl FromStr for Kind {
    type Err = Refusal;

    fn from_str(text: &str) -> Result<Self, Refusal> {
        match text {
            "create_admin" => Ok(Self::CreateAdmin),
            "create_service_client" => Ok(Self::CreateServiceClient),
            "delete_service_client" => Ok(Self::DeleteServiceClient),
            _ => {
                let all = "must be create_admin, create_service_client or delete_service_client";
                Err(Refusal::new("unknown_command", all))
            }
        }
    }
}

impl FromFields for Command {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        match fields.text("command")? {
            Kind::CreateAdmin => {
                let login = NewLogin::from_fields(fields);
                let reset_password = fields.flag("reset_password");
                let NewLogin { email, password } = login?;
                Some(Self::CreateAdmin(NewAdmin { email, password, reset_password: reset_password? }))
            }
            Kind::CreateServiceClient => {
                let name = fields.text("name");
                let scopes: Option<Vec<ServiceScope>> = fields.texts("scopes", ServiceScope::VARIANTS.len());
                if scopes.as_ref().is_some_and(Vec::is_empty) {
                    return fields.refuse("scopes", "too_few", "must name at least one scope");
                }
                Some(Self::CreateServiceClient { name: name?, scopes: scopes? })
            }
            Kind::DeleteServiceClient => Some(Self::DeleteServiceClient { name: fields.text("name")? }),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn a_command_is_read_whole() {
        let command =
            json!({"command": "create_admin", "email": "ops@example.com", "password": "a small boat on a lake"});
        let Command::CreateAdmin(admin) = Command::read(command).unwrap() else { panic!("another command") };
        assert!(!admin.reset_password);
        let command =
            json!({"command": "create_service_client", "name": "transaction-service", "scopes": ["carts:clear"]});
        assert!(matches!(Command::read(command), Ok(Command::CreateServiceClient { .. })));
    }

    #[test]
    fn everything_wrong_with_a_command_is_said_at_once_without_its_values() {
        let command = json!({"command": "create_admin", "email": "nobody", "password": "hunter2", "role": "admin"});
        let refusal = Command::read(command).unwrap_err();
        for part in ["email must be", "password must have at least 15", "role is not a field"] {
            assert!(refusal.contains(part), "{refusal}");
        }
        assert!(!refusal.contains("hunter2"), "{refusal}");
        let command = json!({"command": "create_service_client", "name": "user-service", "scopes": []});
        let refusal = Command::read(command).unwrap_err();
        assert!(refusal.contains("name must be one of") && refusal.contains("scopes must name"), "{refusal}");
        assert!(Command::read(json!({"command": "drop_tables"})).unwrap_err().contains("command must be create_admin"));
    }
}
