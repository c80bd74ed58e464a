//! Templates, for the staff who write, translate and check them: the list, the data that each needs, a sample, and a preview.

use std::sync::LazyLock;

use axum::extract::State;
use common::{
    auth::{Caller, scopes::NotificationsManage},
    extract::Path,
    input::{Fields, FromFields, Json},
    locale::LanguageTag,
    problem::Problem,
    routes,
    routes::Routes,
};
use serde::Serialize;
use serde_json::Value;
use strum::VariantArray;
use utoipa::ToSchema;

use crate::{
    app::App,
    notifications::{self, domain::Notification},
    segments,
    templates::{
        Mail, Unwritable,
        data::{Message, Template},
        languages, mail,
        samples::{self, sample},
        schema, text_of_any_length,
    },
};

/// The description of `POST /notifications`, made when the first schema is asked for: it refers to the data of all templates.
static API: LazyLock<Value> = LazyLock::new(|| {
    serde_json::to_value(common::openapi::complete(notifications::routes().into_openapi(), "", "")).unwrap_or_default()
});

/// The routes of this room.
pub(crate) fn routes() -> Routes<App> {
    Routes::new()
        .routes(routes!(list_templates))
        .routes(routes!(get_template_schema))
        .routes(routes!(get_template_sample))
        .routes(routes!(preview_template))
}

/// What there is to send.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{
    "template": "order_shipped", "about": "A parcel has left; with its tracking.", "channels": ["email", "sms"],
    "transactional": true, "kept": true
}], "languages": ["en", "de"]}))]
struct TemplateList {
    /// Every template.
    items: Vec<TemplateSummary>,
    /// In which languages their words are; others read the first.
    languages: Vec<&'static str>,
}

/// A template.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct TemplateSummary {
    /// Its name, as in `POST /notifications`.
    template: &'static str,
    /// What it tells.
    about: &'static str,
    /// How it can be told: `email`, `sms`.
    channels: Vec<&'static str>,
    /// Whether it follows from what its reader did. Other mail can be unsubscribed from.
    transactional: bool,
    /// Whether its data are kept for sending it once more. Those with a secret link are not.
    kept: bool,
}

/// List the templates
#[utoipa::path(get, path = "/admin/templates", tag = "templates", security(("token" = ["notifications:manage"])),
    responses((status = OK, body = TemplateList)))]
async fn list_templates(_: Caller<NotificationsManage>) -> Json<TemplateList> {
    let items = Template::VARIANTS.iter().map(|&template| TemplateSummary {
        template: template.as_str(),
        about: template.about(),
        channels: if template.has_sms() { vec!["email", "sms"] } else { vec!["email"] },
        transactional: template.is_transactional(),
        kept: template.may_be_kept(),
    });
    Json(TemplateList { items: items.collect(), languages: languages().collect() })
}

/// The schema of a template's data
///
/// JSON Schema 2020-12, with all that it refers to.
#[utoipa::path(get, path = "/admin/templates/{template}/schema", tag = "templates",
    security(("token" = ["notifications:manage"])), params(("template" = String, Path, example = "order_shipped")),
    responses((status = OK, body = Object, example = json!({"title": "password_changed",
        "type": "object"}))))]
async fn get_template_schema(_: Caller<NotificationsManage>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let template = named(&name)?;
    Ok(Json(schema::of_data(template, &API)))
}

/// A sample of a template
///
/// A whole request, as `POST /notifications` takes it at this shop.
#[utoipa::path(get, path = "/admin/templates/{template}/sample", tag = "templates",
    security(("token" = ["notifications:manage"])), params(("template" = String, Path, example = "order_shipped")),
    responses((status = OK, body = Notification, example = json!(sample(Template::OrderShipped)))))]
async fn get_template_sample(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Path(name): Path<String>,
) -> Result<Json<Value>, Problem> {
    Ok(Json(samples::by(named(&name)?, &app.shop)))
}

/// There is no other page of this name.
fn named(name: &str) -> Result<Template, Problem> {
    name.parse().map_err(|_| Problem::not_found())
}

/// What is to be seen.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"template": "order_shipped", "locale": "de-DE"}))]
struct Preview {
    /// Which template.
    template: Template,
    /// For a reader of this language tag; `en-US` where it is left out.
    #[schema(value_type = Option<LanguageTag>)]
    locale: LanguageTag,
    /// With these data, which are as the template's schema says; those of the sample where they are left out.
    #[schema(rename = "data", value_type = Option<Object>)]
    message: Option<Message>,
}

impl FromFields for Preview {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let template = fields.text("template");
        let locale = fields.optional_text("locale");
        let message = match template {
            Some(template) if fields.raw("data").is_some_and(|data| !data.is_null()) => {
                fields.object_by("data", |data| Message::read(template, data)).map(Some)
            }
            _ => {
                // There are none, or nothing can be said of them before their template is known.
                fields.ignore("data");
                Some(None)
            }
        };
        Some(Self { template: template?, locale: locale?.unwrap_or_default(), message: message? })
    }
}

/// How a template looks.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"subject": "Your password for Bodega was changed", "html": "<!DOCTYPE html>...",
    "text": "Your password was changed\n...", "sms": null}))]
struct Previewed {
    /// The mail's subject.
    subject: String,
    /// The mail for programs that show HTML.
    html: String,
    /// The mail for those that do not.
    text: String,
    /// The text message, where the template has one.
    sms: Option<PreviewedSms>,
}

/// A text message, and what it takes up.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewedSms {
    /// What it says.
    text: String,
    /// `gsm7`, or `ucs2` where a letter is not in GSM's alphabet.
    encoding: &'static str,
    /// How many segments are paid for. What staff write is sent as a text with 6 at most, and as a mail at any length.
    segments: usize,
}

/// Preview a template
///
/// Written and not sent: with the data of its sample, or with others.
#[utoipa::path(post, path = "/admin/templates/preview", tag = "templates",
    security(("token" = ["notifications:manage"])), request_body = Preview, responses((status = OK, body = Previewed)))]
async fn preview_template(
    State(app): State<App>,
    _: Caller<NotificationsManage>,
    Json(preview): Json<Preview>,
) -> Result<Json<Previewed>, Problem> {
    let Preview { template, locale, message } = preview;
    let message = match message {
        Some(message) => message,
        None => samples::message(template, &app.shop).map_err(|errors| Problem::internal(format!("{errors:?}")))?,
    };
    message.check(&app.shop, false).map_err(Problem::invalid_input)?;
    let unwritable = |error: Unwritable| Problem::internal(error);
    let Mail { subject, text: plain, html } = mail(&message, &app.shop, &locale).map_err(unwritable)?;
    let sms = text_of_any_length(&message, &app.shop, &locale).map(|text| {
        let count = segments::count(&text);
        PreviewedSms { text, encoding: count.encoding.as_str(), segments: count.segments }
    });
    Ok(Json(Previewed { subject, html, text: plain, sms }))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_schemas_of_data_are_those_of_the_description_of_the_whole_api() {
        let whole = serde_json::to_value(crate::openapi()).unwrap();
        for &template in Template::VARIANTS {
            assert_eq!(schema::of_data(template, &API), schema::of_data(template, &whole), "{template:?}");
        }
    }
}
