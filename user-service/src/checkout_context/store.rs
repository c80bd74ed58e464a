//! The query of the checkout context.

use std::collections::BTreeMap;

use common::{contact::Channels, sku::Sku};
use sqlx::{FromRow, PgExecutor, types::Json};
use uuid::Uuid;

use super::domain::{CheckoutContext, ContextCart};
use crate::{addresses::domain::Address, carts::domain::items, ids::UserId};

/// Reads the checkout context of a user in one round trip.
pub async fn checkout_context(db: impl PgExecutor<'_>, id: UserId) -> Result<Option<CheckoutContext>, sqlx::Error> {
    let select = "SELECT u.id AS user_id, email, name, disabled_at IS NOT NULL AS disabled, default_address_id,
                         stripe_customer_id, notify_by, CASE WHEN 'sms' = ANY (notify_by) THEN phone END AS phone,
                         cart.version AS cart_version, cart.items AS cart_items,
                         (SELECT COALESCE(jsonb_agg(to_jsonb(a) || jsonb_build_object(
                                     'is_default', COALESCE(a.id = u.default_address_id, false)) ORDER BY a.id), '[]')
                          FROM addresses a WHERE a.user_id = u.id) AS addresses
                  FROM users u LEFT JOIN carts cart ON cart.owner_id = u.id WHERE u.id = $1";
    let row: Option<ContextRow> = sqlx::query_as(select).bind(id.uuid()).fetch_optional(db).await?;
    Ok(row.map(CheckoutContext::from))
}

#[derive(FromRow)]
struct ContextRow {
    user_id: Uuid,
    email: String,
    name: String,
    disabled: bool,
    default_address_id: Option<Uuid>,
    stripe_customer_id: Option<String>,
    #[sqlx(try_from = "Vec<String>")]
    notify_by: Channels,
    phone: Option<String>,
    cart_version: Option<i64>,
    cart_items: Option<Json<BTreeMap<Sku, u32>>>,
    addresses: Json<Vec<Address>>,
}

impl From<ContextRow> for CheckoutContext {
    fn from(row: ContextRow) -> Self {
        let items = row.cart_items.map(|quantities| items(quantities.0)).unwrap_or_default();
        Self {
            user_id: row.user_id.into(),
            email: row.email,
            name: row.name,
            disabled: row.disabled,
            addresses: row.addresses.0,
            default_address_id: row.default_address_id.map(Into::into),
            stripe_customer_id: row.stripe_customer_id,
            notify_by: row.notify_by,
            phone: row.phone,
            cart: ContextCart { version: row.cart_version.unwrap_or_default(), items },
        }
    }
}
