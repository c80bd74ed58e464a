//! The command lines of each step.

use std::path::Path;

use super::super::plan::tests::wanted;
use super::*;

fn typed(step: &Step) -> Vec<String> {
    lines(step, &wanted(), &Known::default()).iter().map(ToString::to_string).collect()
}

#[test]
fn a_migration_is_asked_for_once_and_waited_for_longer_than_a_function_may_run() {
    let line = typed(&Step::Migrate("user-service")).remove(0);
    assert!(
        line.starts_with("AWS_MAX_ATTEMPTS=1 aws lambda invoke --function-name bodega-dev-user-service-migrate"),
        "{line}"
    );
    assert!(line.contains(r#"--payload '{"direction":"up"}'"#), "{line}");
    assert!(line.contains("--cli-read-timeout 960"), "{line}");
}

#[test]
fn what_was_compared_is_what_is_deployed() {
    let app = "--app /build/deploy/dev ";
    let compared = typed(&Step::Diff(vec![Stack::Data])).remove(0);
    let deployed = typed(&Step::Deploy(Stack::Data)).remove(0);
    assert!(compared.contains(app) && deployed.contains(app), "{compared}\n{deployed}");
    assert!(deployed.starts_with("cd infra && npx cdk deploy bodega-dev-data --exclusively"), "{deployed}");
}

#[test]
fn an_alias_goes_back_whole() {
    let back = Step::Back { service: "transaction-service", trigger: "http", version: "7".to_owned() };
    assert_eq!(
        typed(&back),
        [
            "aws lambda update-alias --function-name bodega-dev-transaction-service-http --name live --function-version 7 \
          --routing-config 'AdditionalVersionWeights={}' --region eu-central-1"
        ]
    );
}

#[test]
fn a_secret_is_asked_for_the_labels_of_its_versions_and_not_for_its_value() {
    let known = Known { secrets: vec!["bodega/dev/MONGODB_URI".to_owned()], ..Known::default() };
    let asked: Vec<String> = lines(&Step::Secrets, &wanted(), &known).iter().map(ToString::to_string).collect();
    assert_eq!(
        asked,
        [
            "aws secretsmanager describe-secret --secret-id bodega/dev/MONGODB_URI --query VersionIdsToStages --output json \
          --region eu-central-1"
        ]
    );
    let before_any_template = typed(&Step::Secrets).remove(0);
    assert!(before_any_template.contains("'bodega/dev/<each that the templates name>'"), "{before_any_template}");
}

#[test]
fn the_edge_is_asked_for_where_it_is() {
    let line = typed(&Step::Buy).remove(0);
    assert!(line.ends_with("--region us-east-1"), "{line}");
}

#[test]
fn a_service_that_was_taken_back_is_shifted_at_once_by_its_next_deployment_only() {
    let known = Known { undone: vec!["user-service"], ..Known::default() };
    let line = lines(&Step::Synthesize, &wanted(), &known).remove(0).to_string();
    assert!(line.contains("--context at-once=user-service"), "{line}");
    assert!(!typed(&Step::Synthesize).remove(0).contains("at-once"));
    let recorded = |known: &Known| lines(&Step::Record("user-service"), &wanted(), known);
    let forgets = |known: &Known| recorded(known).iter().any(|line| line.to_string().contains("delete-parameter"));
    assert_eq!((forgets(&known), forgets(&Known::default())), (true, false));
}

#[test]
fn what_shall_move_at_once_does_though_nothing_was_taken_back() {
    let one = Wanted { only: Some("user-service"), at_once: true, ..wanted() };
    let line = lines(&Step::Synthesize, &one, &Known::default()).remove(0).to_string();
    assert!(line.contains("--context at-once=user-service "), "{line}");
    let all = Wanted { at_once: true, ..wanted() };
    let line = lines(&Step::Synthesize, &all, &Known::default()).remove(0).to_string();
    let named = "--context at-once=notification-service,user-service,product-service,transaction-service ";
    assert!(line.contains(named), "{line}");
}

#[test]
fn a_purchase_names_a_frontend_that_is_let_in_where_there_is_one() {
    let known = |origin: Option<&str>| Known {
        api: Some("https://shop.example".to_owned()),
        origin: origin.map(str::to_owned),
        ..Known::default()
    };
    let line = smoke(&wanted(), &known(Some("https://front.example"))).to_string();
    assert!(line.ends_with("smoke --api https://shop.example --origin https://front.example"), "{line}");
    let line = smoke(&wanted(), &known(None)).to_string();
    assert!(!line.contains("--origin"), "{line}");
}

#[test]
fn a_person_reads_paths_from_where_the_line_is_typed() {
    let deployed = lines(&Step::Deploy(Stack::Data), &wanted(), &Known::default()).remove(0);
    assert!(deployed.shown(Path::new("/build")).contains("--app ../deploy/dev "), "{deployed}");
    let migrated = lines(&Step::Migrate("user-service"), &wanted(), &Known::default()).remove(0);
    assert!(migrated.shown(Path::new("/build")).ends_with(" deploy/dev-user-service-migrate.json"), "{migrated}");
}
