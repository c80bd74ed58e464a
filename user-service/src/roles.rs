//! What an account is in the shop, and what its tokens allow. Pure; imports no room.

use serde::Serialize;
use utoipa::ToSchema;

/// What somebody is in the shop; decides the scopes of their tokens.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
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
    /// All roles.
    pub const ALL: [Self; 4] = [Self::Customer, Self::CatalogManager, Self::OrderManager, Self::Admin];

    /// As it is stored; a constraint of the table has the same list.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Customer => "customer",
            Self::CatalogManager => "catalog_manager",
            Self::OrderManager => "order_manager",
            Self::Admin => "admin",
        }
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
        Self::ALL.into_iter().find(|role| role.as_str() == text).ok_or_else(|| format!("no role is called {text}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_role_may_shop_and_only_an_admin_may_manage_users() {
        for role in Role::ALL {
            assert!(["profile", "cart", "orders"].iter().all(|scope| role.scopes().contains(scope)), "{role:?}");
            assert_eq!(role.scopes().contains(&"users:manage"), role == Role::Admin);
        }
    }

    #[test]
    fn a_role_is_read_as_it_is_stored_and_as_it_is_told() {
        for role in Role::ALL {
            assert_eq!(Role::try_from(role.as_str().to_owned()), Ok(role));
            assert_eq!(serde_json::to_value(role).unwrap(), role.as_str());
        }
        assert!(Role::try_from("owner".to_owned()).is_err());
    }
}
