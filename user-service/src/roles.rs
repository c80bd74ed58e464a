//! The roles of accounts, and the scopes of each. Pure; imports no room.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// Role of an account; decides the scopes of its tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Shops; has no rights of staff.
    Customer,
    /// Edits the catalogue and the stock.
    CatalogManager,
    /// Manages orders and notifications.
    OrderManager,
    /// Has all rights of staff, and manages users.
    Admin,
}

impl Role {
    /// The stored name; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// The scopes of a token of this role. Staff can shop too.
    pub fn scopes(self) -> &'static [&'static str] {
        match self {
            Self::Customer => &["profile", "cart", "orders"],
            Self::CatalogManager => &["profile", "cart", "orders", "catalog:write", "inventory:write"],
            Self::OrderManager => &["profile", "cart", "orders", "orders:manage", "notifications:manage"],
            Self::Admin => &[
                "profile",
                "cart",
                "orders",
                "catalog:write",
                "inventory:write",
                "orders:manage",
                "notifications:manage",
                "users:manage",
            ],
        }
    }
}

impl TryFrom<String> for Role {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse().map_err(|_| format!("unknown role {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_shop_and_only_an_admin_may_manage_users() {
        for &role in Role::VARIANTS {
            assert!(["profile", "cart", "orders"].iter().all(|scope| role.scopes().contains(scope)), "{role:?}");
            assert_eq!(role.scopes().contains(&"users:manage"), role == Role::Admin);
        }
    }

    #[test]
    fn roles_are_named_as_the_constraint_of_the_table_has_them() {
        let names = Role::VARIANTS.iter().map(|role| role.as_str()).collect::<Vec<_>>();
        assert_eq!(names, ["customer", "catalog_manager", "order_manager", "admin"]);
    }

    #[test]
    fn a_role_has_one_name_in_the_store_and_in_answers() {
        for &role in Role::VARIANTS {
            assert_eq!(Role::try_from(role.as_str().to_owned()), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::try_from("owner".to_owned()).is_err());
    }
}
