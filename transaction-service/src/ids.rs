//! The owner of an order, and the id that is derived from it: words that every room uses. Pure; imports no room.

use common::{auth::Subject, id::Id, idempotency::IdempotencyKey};
use uuid::Uuid;

/// Marks the id of an order.
#[derive(Debug)]
pub enum OrderMarker {}
/// The id of an order.
pub type OrderId = Id<OrderMarker>;

/// The namespace of order ids (UUID version 5), drawn once at random.
const NAMESPACE: Uuid = Uuid::from_u128(0x6f1c_2a54_9b0e_4d4f_8f35_1d1a_0d0e_7c21);

/// The owner of an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Owner {
    /// A customer with an account.
    User(Uuid),
    /// A shopper without an account.
    Guest(Uuid),
}

/// The token is a service's, and services own no orders.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct NotAShopper;

impl Owner {
    /// The owner that the subject of a token is.
    pub fn of(subject: &Subject) -> Result<Self, NotAShopper> {
        match subject {
            Subject::User(id) => Ok(Self::User(*id)),
            Subject::Guest(id) => Ok(Self::Guest(*id)),
            Subject::Service(_) => Err(NotAShopper),
        }
    }

    /// The id without the kind.
    pub fn id(self) -> Uuid {
        match self {
            Self::User(id) | Self::Guest(id) => id,
        }
    }

    /// The kind, as it is stored.
    pub fn kind(self) -> &'static str {
        match self {
            Self::User(_) => "user",
            Self::Guest(_) => "guest",
        }
    }
}

/// The id of the order that `owner` makes under `key`. Derived, so that no write is needed to claim it: the same key of
/// the same caller is the same order, and no other caller has this id.
pub fn order_id(owner: Owner, key: &IdempotencyKey) -> OrderId {
    Uuid::new_v5(&NAMESPACE, format!("{}:{}\n{key}", owner.kind(), owner.id()).as_bytes()).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_an_order_follows_from_its_owner_and_key_alone() {
        let key = |text: &str| text.parse::<IdempotencyKey>().unwrap();
        let (ada, bob) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let id = order_id(Owner::User(ada), &key("a"));
        assert_eq!(id, order_id(Owner::User(ada), &key("a")));
        for other in [
            order_id(Owner::User(ada), &key("b")),
            order_id(Owner::User(bob), &key("a")),
            order_id(Owner::Guest(ada), &key("a")),
        ] {
            assert_ne!(id, other);
        }
    }
}
