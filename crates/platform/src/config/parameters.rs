//! Parameter Store: the names of parameters in settings, and the calls that fetch them.

use std::collections::{BTreeSet, HashMap};

use aws_sdk_ssm::{
    error::{ProvideErrorMetadata, SdkError},
    operation::get_parameters::GetParametersError,
    types::Parameter,
};
use common::cause::chain;
use tokio::sync::OnceCell;

/// `GetParameters` accepts at most ten names a call.
const MAX_NAMES_PER_CALL: usize = 10;
/// The path under which Parameter Store answers for Secrets Manager.
const SECRETS_MANAGER: &str = "/aws/reference/secretsmanager/";

/// The Parameter Store name that a setting refers to. Parameter Store also answers for Secrets Manager under a reserved
/// path, so that one call fetches both kinds.
pub(super) fn parameter_of(value: &str) -> Option<String> {
    if let Some(name) = value.strip_prefix("ssm:") {
        return Some(name.to_owned());
    }
    value.strip_prefix("secretsmanager:").map(|id| format!("{SECRETS_MANAGER}{id}"))
}

pub(super) async fn ask(
    client: &OnceCell<aws_sdk_ssm::Client>,
    names: BTreeSet<String>,
) -> Result<HashMap<String, String>, String> {
    let client = client.get_or_init(|| async { aws_sdk_ssm::Client::new(&aws_config::load_from_env().await) }).await;
    let mut values = HashMap::new();
    for names in calls(names) {
        let call = client.get_parameters().set_names(Some(names.clone())).with_decryption(true);
        let answer = call.send().await.map_err(|error| refusal(&error))?;
        let parameters = answer.parameters.unwrap_or_default();
        values.extend(parameters.iter().filter_map(|parameter| answered(&names, parameter)));
    }
    Ok(values)
}

/// AWS's error code and message, where there are any. The SDK's own text is never used: it shows the whole answer,
/// values included.
fn refusal(error: &SdkError<GetParametersError>) -> String {
    match (error.code(), error.message()) {
        (Some(code), message) => format!("{code}: {}", message.unwrap_or("without a message")),
        (None, _) => chain(error),
    }
}

/// Splits the names into calls: at most ten names a call, and no parameter twice, because an answer names the parameter
/// without its selector.
fn calls(names: BTreeSet<String>) -> Vec<Vec<String>> {
    let mut calls: Vec<Vec<String>> = Vec::new();
    for name in names {
        let has_room = |call: &&mut Vec<String>| {
            call.len() < MAX_NAMES_PER_CALL
                && call.iter().all(|other| without_selector(other) != without_selector(&name))
        };
        match calls.iter_mut().find(has_room) {
            Some(call) => call.push(name),
            None => calls.push(vec![name]),
        }
    }
    calls
}

/// `/shop/url` of `/shop/url:3` and `/shop/url:label`. Only a selector follows a colon; an ARN has five colons of its
/// own.
fn without_selector(name: &str) -> &str {
    let own = if name.starts_with("arn:") { 5 } else { 0 };
    name.match_indices(':').nth(own).map_or(name, |(at, _)| &name[..at])
}

/// The requested name with its value. Parameter Store answers `Name` without the selector, which is in `Selector` (moto
/// leaves it out). A secret of Secrets Manager has its source in the answer; moto leaves out the reserved path before
/// its id.
fn answered(names: &[String], parameter: &Parameter) -> Option<(String, String)> {
    let name = parameter.name()?;
    let is_short = parameter.source_result().is_some() && !name.starts_with(SECRETS_MANAGER);
    let name = if is_short { format!("{SECRETS_MANAGER}{name}") } else { name.to_owned() };
    let is_it = |asked: &&String| {
        let bare = without_selector(asked);
        **asked == name || bare == without_selector(&name) || parameter.arn() == Some(bare)
    };
    Some((names.iter().find(is_it)?.clone(), parameter.value()?.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_call_asks_for_a_parameter_once_and_for_ten_at_most() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<BTreeSet<_>>();
        let one_each = names(&["/a:1", "/b:label", "/c", "arn:aws:ssm:eu-west-1:1:parameter/a:2"]);
        assert_eq!(calls(one_each).len(), 1);
        let calls_of_two = calls(names(&["/a", "/a:1", "/a:label", "/b"]));
        assert_eq!(calls_of_two, [vec!["/a", "/b"], vec!["/a:1"], vec!["/a:label"]]);
        let eleven: BTreeSet<String> = (0..11).map(|n| format!("/{n}")).collect();
        assert_eq!(calls(eleven).iter().map(Vec::len).collect::<Vec<_>>(), [10, 1]);
    }

    #[test]
    fn an_answer_belongs_to_the_name_that_asked_for_it() {
        let arn = "arn:aws:ssm:eu-west-1:123456789012:parameter/shop/url";
        let asked =
            ["/other:1".to_owned(), format!("{arn}:3"), "/aws/reference/secretsmanager/db:AWSPREVIOUS".to_owned()];
        let parameter = |name: &str| Parameter::builder().name(name).value("v");
        let belongs = |parameter: Parameter| answered(&asked, &parameter).map(|(name, _)| name);
        assert_eq!(belongs(parameter("/other").selector(":1").build()).as_ref(), Some(&asked[0]));
        assert_eq!(belongs(parameter("/other:1").build()).as_ref(), Some(&asked[0]));
        assert_eq!(belongs(parameter("/shop/url").arn(arn).selector(":3").build()).as_ref(), Some(&asked[1]));
        assert_eq!(belongs(parameter("db").source_result("{}").build()).as_ref(), Some(&asked[2]));
        assert_eq!(belongs(parameter("/shop/url").build()), None);
    }

    #[test]
    fn secrets_manager_is_reached_through_parameter_store() {
        assert_eq!(parameter_of("ssm:/bodega/url").as_deref(), Some("/bodega/url"));
        assert_eq!(parameter_of("secretsmanager:db").as_deref(), Some("/aws/reference/secretsmanager/db"));
        assert_eq!(parameter_of("postgres://host/db"), None);
    }
}
