//! Deployments against programs of the same names as the real ones, which write down what they were asked.

use std::os::unix::fs::PermissionsExt as _;

use serde_json::json;
use tempfile::TempDir;

use super::super::plan::tests::wanted;
use super::*;

mod first;
mod versions;

/// A repository, and a PATH with nothing on it but doubles.
struct Double {
    folder: TempDir,
    home: Home,
}

/// Answers by the first line of `answers` that is in what was asked; an answer that begins with `!` goes to the standard
/// error, with exit code 1.
const PROGRAM: &str = r#"#!/bin/sh
asked="${0##*/} $*"
echo "$asked" >> "$DOUBLE/asked"
while IFS='|' read -r question answer; do
    [ -n "$question" ] || continue
    case "$asked" in *"$question"*)
        case "$answer" in
            !*) echo "${answer#!}" >&2; exit 1 ;;
            *) echo "$answer"; exit 0 ;;
        esac ;;
    esac
done < "$DOUBLE/answers"
exit 0
"#;

/// The one that each service of the double reads.
fn secret_of(service: &str) -> &'static str {
    match service {
        "product-service" => "bodega/dev/MONGODB_URI",
        "transaction-service" => "bodega/dev/STRIPE_WEBHOOK_SECRET",
        _ => "bodega/dev/FINGERPRINT_KEY",
    }
}

fn secrets() -> Value {
    let secret = |name: &str, value: &str| json!({ "Type": "AWS::SecretsManager::Secret", "Properties": { "Name": name, value: "to-be-set" } });
    json!({
        "Mongo": secret("bodega/dev/MONGODB_URI", "SecretString"),
        "Webhook": secret("bodega/dev/STRIPE_WEBHOOK_SECRET", "SecretString"),
        "Made": secret("bodega/dev/FINGERPRINT_KEY", "GenerateSecretString"),
    })
}

fn reads_secret(id: &str) -> Value {
    let settings = json!({ "SECRET": format!("secretsmanager:{id}") });
    let properties = json!({ "Environment": { "Variables": settings }, "ReservedConcurrentExecutions": 20 });
    json!({ "Http": { "Type": "AWS::Lambda::Function", "Properties": properties } })
}

impl Double {
    fn new(answers: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = folder.path();
        let programs = root.join("bin");
        fs::create_dir_all(&programs).unwrap();
        fs::create_dir_all(root.join("infra")).unwrap();
        for name in ["git", "cargo", "npm", "npx", "node", "aws", "xtask"] {
            let program = programs.join(name);
            let text = PROGRAM.replace("$DOUBLE", &root.display().to_string());
            fs::write(&program, text).unwrap();
            fs::set_permissions(&program, fs::Permissions::from_mode(0o755)).unwrap();
        }
        for service in plan::ORDER {
            let folder = root.join("lambda").join(service);
            fs::create_dir_all(&folder).unwrap();
            fs::write(folder.join("bootstrap"), "").unwrap();
            fs::set_permissions(folder.join("bootstrap"), fs::Permissions::from_mode(0o755)).unwrap();
        }
        let usual = "git rev-parse|0123abc\naws --version|aws-cli/2.31.0\nget-caller-identity|123456789012\n\
                     ssm get-parameter|!ParameterNotFound\nget-template|!Stack does not exist\nget-alias|7\n\
                     describe-secret|{\"v1\":[\"AWSPREVIOUS\"],\"v2\":[\"AWSCURRENT\"]}\n\
                     lambda invoke|{\"StatusCode\":200}\nlist-versions|[\"$LATEST\",\"7\",\"8\"]\n\
                     StackStatus|UPDATE_ROLLBACK_COMPLETE\ndescribe-stacks|https://shop.example\njwks.json -|{\"keys\":[{\"kid\":\"a\"}]}\n\
                     openid-configuration -|{\"issuer\":\"https://shop.example\"}\n";
        fs::write(root.join("answers"), format!("{answers}\n{usual}")).unwrap();
        let home = Home::at(root);
        Self { folder, home }
    }

    fn runner(&self, only: Option<&'static str>) -> Runner<'_> {
        let root = self.folder.path();
        let wanted =
            Wanted { only, artifacts: Some(root.join("lambda")), assembly: root.join("deploy/dev"), ..wanted() };
        fs::create_dir_all(&wanted.assembly).unwrap();
        let all = Wanted { only: None, ..wanted.clone() };
        for stack in plan::stacks(&all) {
            let resources = match stack {
                plan::Stack::Data => secrets(),
                plan::Stack::Service(service) => reads_secret(secret_of(service)),
                _ => json!({ "Other": { "Type": "AWS::IAM::Role" } }),
            };
            let file = wanted.assembly.join(format!("{}.template.json", stack.name(wanted.stage)));
            fs::write(file, json!({ "Resources": resources }).to_string()).unwrap();
        }
        let mut runner = Runner::new(&self.home, wanted);
        let real = std::env::var("PATH").unwrap_or_default();
        runner.path = format!("{}:{real}", root.join("bin").display()).into();
        runner.myself = root.join("bin/xtask");
        runner.between_looks = Duration::ZERO;
        runner
    }

    /// The recorded lines that change anything, or buy.
    fn changes(&self) -> Vec<String> {
        let asked = fs::read_to_string(self.folder.path().join("asked")).unwrap_or_default();
        let changes = |line: &&str| {
            ["cdk deploy", "cancel-update", "lambda invoke", "update-alias", "put-parameter", "delete-", "xtask smoke"]
                .iter()
                .any(|change| line.contains(change))
        };
        let words = |line: &str| {
            let kept: Vec<&str> = line.split(" --region").next().unwrap_or_default().split_whitespace().collect();
            kept.join(" ")
        };
        asked.lines().filter(changes).map(words).collect()
    }
}

fn begins_with(lines: &[String], expected: &[&str]) {
    let fits =
        lines.len() == expected.len() && lines.iter().zip(expected).all(|(line, wanted)| line.starts_with(wanted));
    assert!(fits, "{lines:#?}\n{expected:#?}");
}

#[tokio::test]
async fn a_service_is_deployed_migrated_shifted_bought_from_and_written_down() {
    let double = Double::new("");
    double.runner(Some("transaction-service")).deploy().await.unwrap();
    begins_with(
        &double.changes(),
        &[
            "npx cdk deploy bodega-dev-transaction-service-migrate --exclusively",
            r#"aws lambda invoke --function-name bodega-dev-transaction-service-migrate --payload {"direction":"up"}"#,
            "npx cdk deploy bodega-dev-transaction-service --exclusively",
            "xtask smoke --api https://shop.example",
            r#"aws ssm put-parameter --name /bodega/dev/transaction-service/versions --type String --overwrite --value {"http":{"before":"7","now":"7"},"sweep":{"before":"7","now":"7"}}"#,
            "aws ssm put-parameter --name /bodega/dev/transaction-service/release --type String --overwrite --value 0123abc",
        ],
    );
}

#[tokio::test]
async fn a_failed_purchase_puts_every_alias_back_remembers_it_and_buys_again() {
    let double = Double::new("xtask smoke|!POST /orders: 500");
    let error = double.runner(Some("transaction-service")).deploy().await.unwrap_err();
    begins_with(
        &double.changes()[3..],
        &[
            "xtask smoke",
            "aws lambda update-alias --function-name bodega-dev-transaction-service-http --name live --function-version 7",
            "aws lambda update-alias --function-name bodega-dev-transaction-service-sweep --name live --function-version 7",
            "aws ssm put-parameter --name /bodega/dev/transaction-service/undone",
            "xtask smoke",
        ],
    );
    // The purchase after undoing fails here as well: that is what a person has to know first.
    assert!(
        format!("{error:#}").contains("COULD NOT BE UNDONE, DO IT BY HAND: buy something on the versions before"),
        "{error:#}"
    );
}

#[tokio::test]
async fn a_stack_that_fails_takes_back_the_services_before_it() {
    let double = Double::new("cdk deploy bodega-dev-product-service --|!UPDATE_ROLLBACK_COMPLETE");
    let error = double.runner(None).deploy().await.unwrap_err();
    let changes = double.changes();
    let back: Vec<&String> = changes.iter().filter(|line| line.contains("update-alias")).collect();
    assert_eq!(back.len(), 7, "{back:#?}");
    assert!(back[0].contains("product-service") && back[6].contains("notification-service"), "{back:#?}");
    assert!(!changes.iter().any(|line| line.contains("transaction-service")), "{changes:#?}");
    assert!(format!("{error:#}").contains("the versions before serve again"), "{error:#}");
}

#[tokio::test]
async fn a_function_that_fails_to_migrate_stops_the_deployment_before_traffic() {
    let double =
        Double::new(r#"lambda invoke|{"StatusCode":200,"FunctionError":"Unhandled","LogResult":"c3ludGF4IGVycm9y"}"#);
    let error = double.runner(Some("user-service")).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("syntax error"), "{error:#}");
    assert_eq!(double.changes().len(), 2, "{:#?}", double.changes());
}

#[tokio::test]
async fn credentials_of_another_account_change_nothing() {
    let double = Double::new("get-caller-identity|999999999999");
    let error = double.runner(None).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("account 999999999999, and dev is in 123456789012"), "{error:#}");
    assert_eq!(double.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_changed_tree_is_not_deployed() {
    let double = Double::new("git status| M Cargo.toml");
    let error = double.runner(None).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("commit first"), "{error:#}");
}

#[tokio::test]
async fn an_answer_that_is_no_absence_is_no_first_deployment() {
    let double = Double::new("get-alias|!AccessDeniedException");
    let error = double.runner(Some("user-service")).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("AccessDenied"), "{error:#}");
    assert_eq!(double.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_table_that_would_go_stops_the_deployment() {
    let before = json!({ "Resources": { "Table": { "Type": "AWS::DynamoDB::GlobalTable" } } });
    let double = Double::new(&format!("get-template --stack-name bodega-dev-data|{before}"));
    let error = double.runner(None).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("Table (AWS::DynamoDB::GlobalTable) would be deleted"), "{error:#}");
    assert_eq!(double.changes(), Vec::<String>::new());
}

#[tokio::test]
async fn a_program_that_is_not_executable_is_not_uploaded() {
    let double = Double::new("");
    let program = double.folder.path().join("lambda/user-service/bootstrap");
    fs::set_permissions(program, fs::Permissions::from_mode(0o644)).unwrap();
    let error = double.runner(None).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("user-service/bootstrap is not executable"), "{error:#}");
}

#[tokio::test]
async fn an_issuer_that_is_not_published_stops_a_workflow_before_any_service() {
    let double = Double::new("openid-configuration -|!Key does not exist\nget-secret-value|!AccessDeniedException");
    let error = double.runner(None).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("deploy by hand once"), "{error:#}");
    let changes = double.changes();
    assert!(changes.last().unwrap().contains("bodega-dev-edge"), "{changes:#?}");
}

#[test]
fn what_stands_in_for_a_service_that_is_not_deployed_can_be_started() {
    let double = Double::new("");
    let to = double.folder.path().join("gathered");
    artifacts::gather(&["user-service"], &double.folder.path().join("lambda"), &to).unwrap();
    for service in plan::ORDER {
        let mode = fs::metadata(to.join(service).join("bootstrap")).unwrap().permissions().mode();
        assert_eq!(mode & 0o111, 0o111, "{service}");
    }
}

#[tokio::test]
async fn a_service_that_was_taken_back_moves_at_once_and_is_forgotten_when_it_is_well() {
    let double = Double::new("user-service/undone|fedcba9");
    double.runner(Some("user-service")).deploy().await.unwrap();
    let asked = fs::read_to_string(double.folder.path().join("asked")).unwrap();
    assert!(asked.contains("at-once=user-service"), "{asked}");
    assert!(asked.contains("ssm delete-parameter --name /bodega/dev/user-service/undone"), "{asked}");
}

#[tokio::test]
async fn a_commit_that_was_taken_back_is_not_deployed_again_unless_that_is_asked_for() {
    for taken_back in ["user-service/undone|0123abc", "user-service/undone|by-hand\nuser-service/release|0123abc"] {
        let double = Double::new(taken_back);
        let error = double.runner(Some("user-service")).deploy().await.unwrap_err();
        assert!(format!("{error:#}").contains("taken back at this very commit"), "{error:#}");
        assert_eq!(double.changes(), Vec::<String>::new());
        let mut runner = double.runner(Some("user-service"));
        runner.wanted.again = true;
        runner.deploy().await.unwrap();
    }
}

/// CloudFormation is under way when it is asked first, and has ended so when it is asked again.
fn under_way_and_then(end: &str) -> Double {
    let double = Double::new("cdk deploy bodega-dev-user-service --|!Terminated");
    let root = double.folder.path().display().to_string();
    let aws = double.folder.path().join("bin/aws");
    let first = format!(
        "#!/bin/sh\ncase \"$*\" in *StackStatus*)\n  echo \"aws $*\" >> {root}/asked\n  \
         [ -e {root}/looked ] && echo {end} || {{ touch {root}/looked; echo UPDATE_IN_PROGRESS; }}\n  exit 0 ;;\nesac\n"
    );
    let text = fs::read_to_string(&aws).unwrap().replacen("#!/bin/sh\n", &first, 1);
    fs::write(&aws, text).unwrap();
    double
}

#[tokio::test]
async fn a_command_that_died_has_its_stack_cancelled_and_waited_for_before_aliases_are_put_back() {
    let double = under_way_and_then("UPDATE_COMPLETE");
    double.runner(Some("user-service")).deploy().await.unwrap_err();
    begins_with(
        &double.changes()[3..],
        &[
            "aws cloudformation cancel-update-stack --stack-name bodega-dev-user-service",
            "aws lambda update-alias --function-name bodega-dev-user-service-http",
            "aws lambda update-alias --function-name bodega-dev-user-service-sweep",
            "aws ssm put-parameter --name /bodega/dev/user-service/undone",
        ],
    );
}

#[tokio::test]
async fn a_stack_that_went_back_itself_leaves_nothing_for_the_next_deployment_to_know() {
    let double = under_way_and_then("UPDATE_ROLLBACK_COMPLETE");
    double.runner(Some("user-service")).deploy().await.unwrap_err();
    let changes = double.changes();
    assert!(changes.iter().any(|line| line.contains("update-alias")), "{changes:#?}");
    assert!(!changes.iter().any(|line| line.contains("undone")), "{changes:#?}");
}

#[test]
fn the_alarm_that_holds_others_back_outlasts_two_signs_that_are_lost_and_no_more() {
    let watch = include_str!("../../../../../infra/lib/watch.ts");
    let deploying = watch.split("what: \"deploying\"").nth(1).unwrap();
    let minutes = deploying.split("periods: ").nth(1).unwrap().split(',').next().unwrap().parse::<u64>().unwrap();
    assert_eq!(Duration::from_mins(minutes), BETWEEN_SIGNS * 3);
}

#[tokio::test]
async fn a_purchase_asks_for_a_frontend_that_the_deployed_apis_let_in() {
    let api = json!({ "CorsConfiguration": { "AllowOrigins": ["https://front.example", "https://staff.example"] } });
    let data = json!({ "Resources": { "Api": { "Type": "AWS::ApiGatewayV2::Api", "Properties": api } } });
    let double = Double::new(&format!("get-template --stack-name bodega-dev-data|{data}"));
    double.runner(Some("user-service")).deploy().await.unwrap();
    let bought = "xtask smoke --api https://shop.example --origin https://front.example";
    assert!(double.changes().iter().any(|line| line == bought), "{:#?}", double.changes());
}

#[tokio::test]
async fn a_migration_that_takes_away_too_early_is_refused() {
    let double = Double::new(
        "user-service/release|fedcba9\ngit diff|migrations/user/0012_x.up.sql\ngit ls-tree|migrations/user/0010_y.up.sql",
    );
    let folder = double.folder.path().join("migrations/user");
    fs::create_dir_all(&folder).unwrap();
    fs::write(folder.join("0012_x.up.sql"), "-- contracts after 0011\nDROP TABLE x;\n").unwrap();
    let error = double.runner(Some("user-service")).deploy().await.unwrap_err();
    assert!(format!("{error:#}").contains("deploy the commit that brought 0011 first"), "{error:#}");
}

#[tokio::test]
async fn a_secret_that_was_never_set_stops_the_deployment_before_its_service_changes() {
    let double = Double::new("describe-secret --secret-id bodega/dev/STRIPE_WEBHOOK_SECRET|{\"v1\":[\"AWSCURRENT\"]}");
    let error = double.runner(Some("transaction-service")).deploy().await.unwrap_err();
    let error = format!("{error:#}");
    assert!(
        error.contains("bodega/dev/STRIPE_WEBHOOK_SECRET (transaction-service): aws secretsmanager put-secret-value"),
        "{error}"
    );
    assert!(error.contains("no version that serves was changed"), "{error}");
    assert_eq!(double.changes(), Vec::<String>::new());
    let asked = fs::read_to_string(double.folder.path().join("asked")).unwrap();
    // Neither another service's nor one that the stack makes, and no value at all.
    assert_eq!(asked.matches("secretsmanager").count(), 1, "{asked}");
}

#[tokio::test]
async fn every_secret_that_was_never_set_is_named_at_once_when_the_stack_that_makes_them_is_deployed() {
    let double = Double::new("describe-secret|{\"v1\":[\"AWSCURRENT\"]}");
    let error = format!("{:#}", double.runner(None).deploy().await.unwrap_err());
    assert!(error.contains("bodega/dev/MONGODB_URI (product-service)"), "{error}");
    assert!(error.contains("bodega/dev/STRIPE_WEBHOOK_SECRET (transaction-service)"), "{error}");
    assert!(!error.contains("FINGERPRINT_KEY"), "{error}");
    begins_with(
        &double.changes(),
        &[
            "npx cdk deploy bodega-dev-data --exclusively",
            "npx cdk deploy bodega-dev-events --exclusively",
            "npx cdk deploy bodega-dev-edge --exclusively",
        ],
    );
}

#[tokio::test]
async fn a_secret_that_no_stack_has_made_yet_is_no_secret_that_is_set() {
    let double = Double::new("describe-secret|!ResourceNotFoundException");
    let error = format!("{:#}", double.runner(Some("product-service")).deploy().await.unwrap_err());
    assert!(error.contains("bodega/dev/MONGODB_URI does not exist: deploy the whole stage first"), "{error}");
}
