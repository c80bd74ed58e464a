//! What an account is in the shop, and what its tokens allow. Pure; imports no room.

use serde::Serialize;
use strum::{EnumString, IntoStaticStr, VariantArray};
use utoipa::ToSchema;

/// What somebody is in the shop; decides the scopes of their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema, EnumString, IntoStaticStr, VariantArray)]
#[serde(rename_all = "snake_case")]
#[strum(serialize_all = "snake_case")]
pub enum Role {
    /// Shops.
    Customer,
    /// Keeps the catalogue and the stock.
    CatalogManager,
    /// Looks after orders, and what shoppers are told of them.
    OrderManager,
    /// Does all that staff may do.
    Admin,
}

impl Role {
    /// As it is stored; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        self.into()
    }

    /// What a token of this role allows. Staff shop too.
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
        text.parse().map_err(|_| format!("no role is called {text}"))
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
    fn a_role_is_read_as_it_is_stored_and_as_it_is_told() {
        for &role in Role::VARIANTS {
            assert_eq!(Role::try_from(role.as_str().to_owned()), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::try_from("owner".to_owned()).is_err());
    }
}
