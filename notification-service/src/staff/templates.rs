//! Routes by which staff check templates: the list, the schema of their data, samples and previews.

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
        Mail, RenderError,
        data::{Message, Template},
        languages, mail,
        samples::{self, sample},
        schema, text_of_any_length,
    },
};

/// The OpenAPI description of `POST /notifications`, made for the first request of a schema. It has the data of all templates.
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

/// The templates of this release.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"items": [{
    "template": "order_shipped", "about": "A parcel was shipped; with its tracking.", "channels": ["email", "sms"],
    "transactional": true, "kept": true
}], "languages": ["en", "de"]}))]
struct TemplateList {
    /// Every template.
    items: Vec<TemplateSummary>,
    /// Languages of the templates, as BCP 47 codes; readers of other languages get the first one.
    languages: Vec<&'static str>,
}

/// A template of mails and text messages.
#[derive(Debug, Clone, Serialize, ToSchema)]
struct TemplateSummary {
    /// The name, as in `POST /notifications`.
    template: &'static str,
    /// When it is sent, in a sentence.
    about: &'static str,
    /// Channels on which it can be sent: `email`, `sms`.
    channels: Vec<&'static str>,
    /// Whether it is transactional. Recipients can unsubscribe from other mail.
    transactional: bool,
    /// Whether its data are stored for resending. Data with a secret link are not.
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

/// Get the schema of a template's data
///
/// JSON Schema 2020-12, with all schemas that it refers to.
#[utoipa::path(get, path = "/admin/templates/{template}/schema", tag = "templates",
    security(("token" = ["notifications:manage"])), params(("template" = String, Path, example = "order_shipped")),
    responses((status = OK, body = Object, example = json!({"title": "password_changed",
        "type": "object"}))))]
async fn get_template_schema(_: Caller<NotificationsManage>, Path(name): Path<String>) -> Result<Json<Value>, Problem> {
    let template = named(&name)?;
    Ok(Json(schema::of_data(template, &API)))
}

/// Get a sample of a template
///
/// A complete request that this shop's `POST /notifications` accepts.
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

/// 404 for an unknown name.
fn named(name: &str) -> Result<Template, Problem> {
    name.parse().map_err(|_| Problem::not_found())
}

/// A template to preview.
#[derive(Debug, ToSchema)]
#[schema(example = json!({"template": "order_shipped", "locale": "de-DE"}))]
struct Preview {
    /// Name of the template.
    template: Template,
    /// BCP 47 language tag of the reader; `en-US` when absent.
    #[schema(value_type = Option<LanguageTag>)]
    locale: LanguageTag,
    /// Data of the message, by the template's schema; those of the sample when absent.
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
                // Data are absent, or cannot be checked without their template.
                fields.ignore("data");
                Some(None)
            }
        };
        Some(Self { template: template?, locale: locale?.unwrap_or_default(), message: message? })
    }
}

/// A rendered template.
#[derive(Debug, Serialize, ToSchema)]
#[schema(example = json!({"subject": "Your password for Bodega was changed", "html": "<!DOCTYPE html>...",
    "text": "Your password was changed\n...", "sms": null}))]
struct Previewed {
    /// The mail's subject.
    subject: String,
    /// The HTML version of the mail.
    html: String,
    /// The plain-text version of the mail.
    text: String,
    /// The text message; `null` when the template has none.
    sms: Option<PreviewedSms>,
}

/// A rendered text message, with its size.
#[derive(Debug, Serialize, ToSchema)]
struct PreviewedSms {
    /// The text.
    text: String,
    /// `gsm7`, or `ucs2` when a character is not in GSM's alphabet.
    encoding: &'static str,
    /// Number of segments, each of which is billed. Texts that staff write may have at most 6.
    segments: usize,
}

/// Preview a template
///
/// Renders it without sending, with the data of its sample or with given ones.
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
    let unwritable = |error: RenderError| Problem::internal(error);
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
