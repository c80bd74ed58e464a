//! Routes by which staff list, add and lift suppressions: addresses to which no messages are sent.

pub mod domain;
pub mod store;

use axum::{
    extract::State,
    response::{IntoResponse, Response},
};
use common::{
    auth::{Caller, scopes::NotificationsManage},
    contact::{Email, Phone},
    extract::{Created, Path, Query},
    input::{Fields, FromFields, Json},
    page::{List, Page, PageQuery},
    problem::ProblemBody,
    routes,
    routes::Routes,
    timestamp::Timestamp,
};
use http::StatusCode;
use platform::fingerprint::Fingerprint;
use serde::Serialize;
use utoipa::ToSchema;

use self::{
    domain::{Address, Note, Reason, Scope, Suppression, SuppressionId},
    store::SuppressionRequest,
};
use crate::{app::App, error::Error, listing::ListedAt};

const LIST: List<ListedAt> = List::new("/admin/suppressions");

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_suppressions, create_suppression))
        .routes(routes!(find_suppressions))
        .routes(routes!(lift_suppression))
}

impl App {
    /// The keyed hash by which an address is stored.
    pub(crate) async fn fingerprint(&self, address: &Address) -> Result<Fingerprint, Error> {
        let made = match address {
            Address::Email(email) => self.fingerprints.recipient(email).await,
            Address::Phone(phone) => self.fingerprints.phone(phone).await,
        };
        made.map_err(Error::Secret)
    }
}

/// An address: either `email` or `phone`.
#[derive(Debug, Clone, PartialEq, Eq, ToSchema)]
#[schema(as = SuppressedAddress, example = json!({"email": "ada@example.com"}))]
struct AddressBody {
    /// E-mail address; not together with `phone`.
    #[schema(value_type = Option<Email>)]
    email: Option<Email>,
    /// Telephone number; not together with `email`.
    #[schema(value_type = Option<Phone>)]
    phone: Option<Phone>,
}

fn address(fields: &mut Fields<'_>) -> Option<Address> {
    let (email, phone) = (fields.optional_text("email"), fields.optional_text("phone"));
    match (email?, phone?) {
        (Some(email), None) => Some(Address::Email(email)),
        (None, Some(phone)) => Some(Address::Phone(phone)),
        (Some(_), Some(_)) => fields.refuse("phone", "not_allowed", "is one address too many: send it by itself"),
        (None, None) => fields.refuse("email", "missing", "is required where there is no phone"),
    }
}

/// The address to look up.
#[derive(Debug)]
struct FindRequest(Address);

impl FromFields for FindRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        address(fields).map(Self)
    }
}

/// The address to suppress, with a note.
#[derive(Debug)]
struct CreateRequest {
    address: Address,
    note: Option<Note>,
}

impl FromFields for CreateRequest {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let (address, note) = (address(fields), fields.optional_text("note"));
        Some(Self { address: address?, note: note? })
    }
}

/// An address to suppress, with a note.
#[derive(Debug, ToSchema)]
#[schema(as = NewSuppression, example = json!({"email": "ada@example.com", "note": "asked for by telephone"}))]
#[expect(dead_code, reason = "describes what CreateRequest reads")]
struct NewSuppression {
    /// E-mail address; not together with `phone`.
    #[schema(value_type = Option<Email>)]
    email: Option<Email>,
    /// Telephone number; not together with `email`.
    #[schema(value_type = Option<Phone>)]
    phone: Option<Phone>,
    /// Note of staff. Must not contain addresses.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 200, pattern = r"^\s*[^\s\x00-\x1f\x7f-\x9f][^\x00-\x1f\x7f-\x9f]*\s*$")]
    note: Option<Note>,
}

/// The suppressions of an address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Found, example = json!({"items": []}))]
struct FoundSuppressions {
    /// At most one for each scope; empty when the address is not suppressed.
    #[schema(max_items = 2)]
    items: Vec<Suppression>,
}

/// List suppressed addresses
///
/// Newest first. Addresses are stored as keyed hashes and cannot be listed: use `POST /admin/suppressions/find` to look one up.
#[utoipa::path(get, path = "/admin/suppressions", tag = "suppressions", params(PageQuery),
    security(("token" = ["notifications:manage"])), responses((status = OK, body = Page<Suppression>,
        example = json!({"items": [], "next_cursor": null}))))]
async fn list_suppressions(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Query(page): Query<PageQuery>,
) -> Result<Json<Page<Suppression>>, Error> {
    let (limit, after) = LIST.read(&page)?;
    let items = store::list(&app.db, limit + 1, after.as_ref()).await.map_err(Error::Store)?;
    let page = LIST.page(items, limit, |(place, _)| place.clone());
    Ok(Json(page.map(|(_, suppression)| suppression)))
}

/// Find the suppressions of an address
///
/// The address is in the body, so that it does not appear in URLs and their logs.
#[utoipa::path(post, path = "/admin/suppressions/find", tag = "suppressions",
    security(("token" = ["notifications:manage"])), request_body = AddressBody, responses((status = OK, body = FoundSuppressions)))]
async fn find_suppressions(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Json(FindRequest(address)): Json<FindRequest>,
) -> Result<Json<FoundSuppressions>, Error> {
    let recipient = app.fingerprint(&address).await?;
    let mut items = Vec::new();
    for id in SuppressionId::both(address.channel(), recipient) {
        items.extend(store::find(&app.db, id).await.map_err(Error::Store)?);
    }
    Ok(Json(FoundSuppressions { items }))
}

/// Suppress an address
///
/// No messages are sent to it any more, transactional or not. An address that is already suppressed gets `staff` as one more
/// reason.
#[utoipa::path(post, path = "/admin/suppressions", tag = "suppressions",
    security(("token" = ["notifications:manage"])), request_body = NewSuppression,
    responses((status = CREATED, body = Suppression)))]
async fn create_suppression(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Json(CreateRequest { address, note }): Json<CreateRequest>,
) -> Result<Created<Suppression>, Error> {
    let now = Timestamp::now();
    let (channel, recipient) = (address.channel(), app.fingerprint(&address).await?);
    let (reason, note) = (Reason::Staff, note.as_ref());
    let request = SuppressionRequest { channel, recipient, reason, provider: None, since: now, note };
    store::suppress(&app.db, &request, None, now).await.map_err(Error::Store)?;
    let id = SuppressionId { channel, recipient, scope: Scope::Everything };
    tracing::info!(actor = %caller.subject, suppression = %id, "address suppressed by staff");
    let body = store::find(&app.db, id).await.map_err(Error::Store)?.ok_or(Error::NotFound)?;
    Ok(Created { location: format!("/admin/suppressions/{id}"), body })
}

/// Lift a suppression
///
/// Removes all its reasons, so that the address gets messages again. Vendors have suppression lists of their own: a mail to an
/// address on one of them bounces or is dropped, which suppresses it again.
#[utoipa::path(delete, path = "/admin/suppressions/{suppression_id}", tag = "suppressions",
    security(("token" = ["notifications:manage"])),
    params(("suppression_id" = String, Path, description = "Id of the suppression, as in the list.",
        example = "email-5b0f2c9e6c1f4a529d0a1f0d3d0f6d11")),
    responses((status = NO_CONTENT, description = "The suppression is lifted."),
        (status = NOT_FOUND, description = "`not_found`", body = ProblemBody, content_type = "application/problem+json")))]
async fn lift_suppression(
    State(app): State<App>,
    caller: Caller<NotificationsManage>,
    Path(id): Path<String>,
) -> Result<Response, Error> {
    let id: SuppressionId = id.parse().map_err(|_| Error::NotFound)?;
    let lifted = store::lift(&app.db, id).await.map_err(Error::Store)?.ok_or(Error::NotFound)?;
    let reasons = lifted.causes.iter().map(|cause| cause.reason.as_str()).collect::<Vec<_>>().join(",");
    tracing::info!(actor = %caller.subject, suppression = %id, reasons, "suppression lifted by staff");
    Ok(StatusCode::NO_CONTENT.into_response())
}
