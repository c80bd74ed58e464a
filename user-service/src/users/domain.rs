//! What an account is, and what its role allows.

use common::{
    contact::{Email, PersonName, Phone},
    id::Id,
    input::{Fields, FromFields, Patch},
    timestamp::Timestamp,
};
use serde::Serialize;
use sqlx::FromRow;
use time::OffsetDateTime;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::{
    addresses::domain::{Address, AddressId},
    carts::domain::CartItem,
};

/// Labels ids of accounts.
#[derive(Debug)]
pub enum User {}

/// The id of an account.
pub type UserId = Id<User>;

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

/// An account, as its owner sees it.
#[derive(Debug, Serialize, ToSchema, FromRow)]
#[schema(example = json!({
    "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace", "phone": null,
    "role": "customer", "version": 1, "created_at": "2026-11-22T09:30:00.125Z", "updated_at": "2026-11-22T09:30:00.125Z"
}))]
pub struct Profile {
    /// The account's id; `sub` of its tokens is `user:` and this.
    #[sqlx(try_from = "Uuid")]
    pub id: UserId,
    /// Where its mail goes.
    #[sqlx(try_from = "String")]
    pub email: Email,
    /// What its owner is called.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// How its owner is called up.
    #[schema(value_type = Option<Phone>, required)]
    pub phone: Option<String>,
    /// What it may do.
    #[sqlx(try_from = "String")]
    pub role: Role,
    /// Grows by one with every change.
    pub version: i64,
    /// When it was registered.
    #[sqlx(try_from = "OffsetDateTime")]
    pub created_at: Timestamp,
    /// When it was last changed.
    #[sqlx(try_from = "OffsetDateTime")]
    pub updated_at: Timestamp,
}

/// What a checkout needs to know of a user.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({
    "user_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3d", "email": "ada@example.com", "name": "Ada Lovelace",
    "disabled": false, "addresses": [{
        "id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "name": "Ada Lovelace", "line1": "12 St James's Square",
        "line2": null, "city": "London", "region": null, "postal_code": "SW1Y 4JH", "country": "GB",
        "phone": "+442079460123", "is_default": true, "created_at": "2026-11-22T09:30:00.125Z"
    }],
    "default_address_id": "01938f6e-2b7c-7d3a-9c41-5f0e8a1b2c3e", "stripe_customer_id": "cus_QXg1o8vlGuL9zQ",
    "cart": {"version": 3, "items": [{"sku": "TEE-ORG-NAVY-M", "quantity": 2}]}
}))]
pub struct CheckoutContext {
    /// Whom this is about.
    pub user_id: UserId,
    /// Where the confirmation goes.
    #[schema(value_type = Email)]
    pub email: String,
    /// What the customer is called.
    #[schema(value_type = PersonName)]
    pub name: String,
    /// Whether the account was closed: no new orders then.
    pub disabled: bool,
    /// All addresses, oldest first; at most 50.
    pub addresses: Vec<Address>,
    /// Which of them to use unless the customer says otherwise.
    #[schema(required)]
    pub default_address_id: Option<AddressId>,
    /// Whose payment methods may be charged at Stripe; `null` until the customer first adds one.
    #[schema(required, pattern = "^cus_[A-Za-z0-9_]+$")]
    pub stripe_customer_id: Option<String>,
    /// What the customer means to buy.
    pub cart: ContextCart,
}

/// A cart at checkout.
#[derive(Debug, Serialize, ToSchema)]
pub struct ContextCart {
    /// Grows by one with every change; 0 for somebody who has put in nothing yet.
    #[schema(minimum = 0, example = 3)]
    pub version: i64,
    /// One for each SKU, sorted by SKU; at most 100.
    pub items: Vec<CartItem>,
}

/// A change of one's own profile: a JSON Merge Patch (RFC 7396).
#[derive(Debug, ToSchema)]
#[schema(example = json!({"name": "Ada King", "phone": null}))]
pub struct ProfilePatch {
    /// What you are called; stays as it is when absent.
    #[schema(value_type = Option<PersonName>, nullable = false)]
    pub name: Option<PersonName>,
    /// Your number; `null` removes it.
    #[schema(value_type = Option<Phone>)]
    pub phone: Patch<Phone>,
}

impl ProfilePatch {
    /// Whether nothing is to change.
    pub fn is_empty(&self) -> bool {
        self.name.is_none() && self.phone == Patch::Keep
    }
}

impl FromFields for ProfilePatch {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.replaced_text("name");
        let phone = fields.patch_text("phone");
        Some(Self { name: name?, phone: phone? })
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

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

    #[test]
    fn a_patch_tells_absent_from_null() {
        let read = |body| Fields::read::<ProfilePatch>(body);
        assert!(read(json!({})).unwrap().is_empty());
        assert_eq!(read(json!({"phone": null})).unwrap().phone, Patch::Remove);
        let errors = read(json!({"name": null, "phone": 5, "role": "admin"})).unwrap_err();
        let found: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
        assert_eq!(found, [("/name", "required"), ("/phone", "wrong_type"), ("/role", "unknown_field")]);
    }
}
