//! What a deployment does, in which order, and what takes it back: lists of steps, made of nothing but what is wanted.

use std::path::{Path, PathBuf};

pub(crate) use self::stack::Stack;
use super::Stage;

mod description;
mod stack;

/// The services in the order in which they are deployed: who is called comes before who calls.
pub(crate) const ORDER: [&str; 4] = ["notification-service", "user-service", "product-service", "transaction-service"];

/// The options of a deployment.
#[allow(clippy::struct_excessive_bools, reason = "each is a switch that a person types")]
#[derive(Debug, Clone)]
pub(crate) struct Wanted {
    pub(crate) stage: Stage,
    /// Unknown in a dry run only.
    pub(crate) account: Option<String>,
    pub(crate) region: String,
    pub(crate) x86_64: bool,
    /// One service; none means everything.
    pub(crate) only: Option<&'static str>,
    /// Built before, where another run tested it.
    pub(crate) artifacts: Option<PathBuf>,
    /// Where `cargo lambda` builds.
    pub(crate) lambda: PathBuf,
    /// Where the synthesized templates are kept.
    pub(crate) assembly: PathBuf,
    pub(crate) api: Option<String>,
    pub(crate) sku: Option<String>,
    /// The purchase is called off, not paid, whatever key of Stripe there is.
    pub(crate) calls_off: bool,
    pub(crate) accept_loss: bool,
    /// Also a commit that was taken back, and a first day of a stage that is there already.
    pub(crate) again: bool,
    /// Aliases are moved without `CodeDeploy`, and so whatever alarms say.
    pub(crate) at_once: bool,
}

impl Wanted {
    pub(crate) fn services(&self) -> Vec<&'static str> {
        self.only.map_or(ORDER.to_vec(), |only| vec![only])
    }

    /// Where the programs are that were built.
    pub(crate) fn artifacts(&self) -> &Path {
        self.artifacts.as_deref().unwrap_or(&self.lambda)
    }

    /// Where they are put together for CDK.
    pub(crate) fn gathered(&self) -> PathBuf {
        self.assembly.with_file_name(format!("{}-artifacts", self.stage.name()))
    }
}

/// The functions of a service that stand behind the alias `live`.
pub(crate) fn shifted(service: &str) -> &'static [&'static str] {
    match service {
        "product-service" => &["http", "sweep", "queue"],
        "notification-service" => &["http", "queue"],
        _ => &["http", "sweep"],
    }
}

pub(crate) fn function(stage: Stage, service: &str, trigger: &str) -> String {
    format!("bodega-{}-{service}-{trigger}", stage.name())
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum Step {
    CleanTree,
    Tools,
    Account,
    /// A stage that is made from nothing was not made before.
    Fresh,
    /// What stands in the way of this deployment since the last one.
    Past,
    Build,
    Install,
    Synthesize,
    /// In the account, for all functions that the templates reserve instances for.
    Room,
    /// Of all stacks that are deployed.
    Diff(Vec<Stack>),
    Quiet,
    Remember(&'static str),
    /// Before the first service: its functions refuse to work without them.
    Secrets,
    Deploy(Stack),
    /// The issuer's documents, which gateways read when services come.
    Publish,
    Migrate(&'static str),
    /// On what was deployed.
    Buy,
    Record(&'static str),
    Prune(&'static str),
    // Undoing.
    /// CloudFormation goes on with a service's stack when this command is interrupted: this step cancels the update, and waits until
    /// the stack is back.
    Settle(&'static str),
    /// A function's alias, to the version before.
    Back {
        service: &'static str,
        trigger: &'static str,
        version: String,
    },
    BuyAgain,
    RecordUndo(&'static str),
}

/// The whole plan.
pub(crate) fn steps(wanted: &Wanted) -> Vec<Step> {
    let mut steps = vec![Step::CleanTree, Step::Tools, Step::Account, Step::Past];
    if wanted.artifacts.is_none() {
        steps.push(Step::Build);
    }
    steps.extend([Step::Install, Step::Synthesize, Step::Diff(stacks(wanted)), Step::Quiet]);
    let services = wanted.services();
    steps.extend(services.iter().copied().map(Step::Remember));
    for stack in stacks(wanted) {
        if matches!(stack, Stack::Migrate(_)) && !steps.contains(&Step::Secrets) {
            steps.push(Step::Secrets);
        }
        steps.push(Step::Deploy(stack));
        // The schema is widened before the code that needs it serves. The function that does it is the new one.
        if let Stack::Migrate(service) = stack {
            steps.push(Step::Migrate(service));
        }
        if stack == Stack::Edge {
            steps.push(Step::Publish);
        }
    }
    steps.push(Step::Buy);
    steps.extend(services.iter().copied().map(Step::Record));
    steps.extend(services.iter().copied().map(Step::Prune));
    steps
}

/// The stacks that are deployed, in their order.
pub(crate) fn stacks(wanted: &Wanted) -> Vec<Stack> {
    let services = wanted.services().into_iter().flat_map(|name| [Stack::Migrate(name), Stack::Service(name)]);
    match wanted.only {
        Some(_) => services.collect(),
        // The edge has the address that is in every service's settings, and that tokens are issued under.
        None => [Stack::Data, Stack::Events, Stack::Edge].into_iter().chain(services).chain([Stack::Watch]).collect(),
    }
}

/// Where a function's alias was before anything changed; no version where there was no function.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Before {
    pub(crate) service: &'static str,
    pub(crate) trigger: &'static str,
    pub(crate) version: Option<String>,
}

/// What takes a deployment back that failed, or was interrupted, at the last of `begun`: whole stacks of services, the last one
/// first. The stack that failed itself comes to its end first; its aliases are put where they were all the same, in case
/// CloudFormation could not. Schemas stay widened: the version before works with them. Stacks of data, events, edge and watch
/// stay as they are.
pub(crate) fn undo(begun: &[Step], before: &[Before]) -> Vec<Step> {
    let mut steps = Vec::new();
    for step in begun.iter().rev() {
        let Step::Deploy(Stack::Service(service)) = *step else { continue };
        if begun.last() == Some(step) {
            steps.push(Step::Settle(service));
        }
        let back: Vec<Step> = before.iter().filter(|alias| alias.service == service).filter_map(Before::back).collect();
        let is_to_be_known = !back.is_empty();
        steps.extend(back);
        steps.extend(is_to_be_known.then_some(Step::RecordUndo(service)));
    }
    let bought = begun.contains(&Step::Buy);
    if bought && !steps.is_empty() {
        steps.push(Step::BuyAgain);
    }
    steps
}

impl Before {
    fn back(&self) -> Option<Step> {
        let version = self.version.clone()?;
        Some(Step::Back { service: self.service, trigger: self.trigger, version })
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use super::*;

    pub(crate) fn wanted() -> Wanted {
        Wanted {
            stage: Stage::Dev,
            account: Some("123456789012".to_owned()),
            region: "eu-central-1".to_owned(),
            x86_64: false,
            only: None,
            artifacts: None,
            lambda: "/build/lambda".into(),
            assembly: "/build/deploy/dev".into(),
            api: None,
            sku: None,
            calls_off: false,
            accept_loss: false,
            again: false,
            at_once: false,
        }
    }

    fn sentences(steps: &[Step]) -> Vec<String> {
        steps.iter().map(ToString::to_string).collect()
    }

    fn before(service: &'static str, version: &str) -> Vec<Before> {
        let version = Some(version.to_owned());
        shifted(service).iter().map(|&trigger| Before { service, trigger, version: version.clone() }).collect()
    }

    fn position(steps: &[Step], step: &Step) -> usize {
        steps.iter().position(|known| known == step).unwrap_or_else(|| panic!("{step} is not planned"))
    }

    #[test]
    fn one_service_is_checked_built_compared_migrated_shifted_and_bought_from() {
        let plan = steps(&Wanted { only: Some("transaction-service"), ..wanted() });
        assert_eq!(
            sentences(&plan),
            [
                "what is deployed is a commit: nothing in the tree is changed",
                "the tools are there",
                "the credentials are for the stage's account",
                "no migration takes away what the deployed code still needs",
                "build what is uploaded",
                "install CDK and its library",
                "write the templates of all stacks",
                "compare with what is deployed; nothing that holds data is lost",
                "alarms of the shop wait while it is deployed",
                "remember which versions of transaction-service serve",
                "every secret that these services read was set by its owner",
                "deploy transaction-service-migrate",
                "migrate transaction-service, by its new function",
                "deploy transaction-service: a new version, traffic shifted to it step by step, back by itself on an alarm",
                "buy something",
                "write down which commit transaction-service runs, and by which versions",
                "delete old versions of transaction-service, all but the newest five and those written down",
            ]
        );
    }

    #[test]
    fn a_whole_stage_is_deployed_from_the_data_to_the_watch_and_who_is_called_before_who_calls() {
        let names: Vec<String> = stacks(&wanted()).into_iter().map(|stack| stack.name(Stage::Dev)).collect();
        assert_eq!(
            names,
            [
                "bodega-dev-data",
                "bodega-dev-events",
                "bodega-dev-edge",
                "bodega-dev-notification-service-migrate",
                "bodega-dev-notification-service",
                "bodega-dev-user-service-migrate",
                "bodega-dev-user-service",
                "bodega-dev-product-service-migrate",
                "bodega-dev-product-service",
                "bodega-dev-transaction-service-migrate",
                "bodega-dev-transaction-service",
                "bodega-dev-watch",
            ]
        );
        let planned: Vec<Stack> = steps(&wanted())
            .into_iter()
            .filter_map(|step| if let Step::Deploy(stack) = step { Some(stack) } else { None })
            .collect();
        assert_eq!(planned, stacks(&wanted()), "compared and deployed are other stacks");
    }

    #[test]
    fn every_service_is_migrated_after_its_migrating_function_and_before_its_traffic() {
        let plan = steps(&wanted());
        for service in ORDER {
            let migrated = position(&plan, &Step::Migrate(service));
            assert_eq!(position(&plan, &Step::Deploy(Stack::Migrate(service))), migrated - 1, "{service}");
            assert_eq!(position(&plan, &Step::Deploy(Stack::Service(service))), migrated + 1, "{service}");
        }
    }

    #[test]
    fn nothing_changes_before_all_that_is_checked_and_remembered() {
        let plan = steps(&wanted());
        let first = plan.iter().position(|step| matches!(step, Step::Deploy(_))).unwrap();
        let checks =
            plan[..first].iter().filter(|step| matches!(step, Step::Remember(_) | Step::Diff(_) | Step::Account));
        assert_eq!(checks.count(), ORDER.len() + 2);
        let after = &plan[first..];
        assert!(!after.iter().any(|step| matches!(step, Step::Remember(_) | Step::Diff(_))));
    }

    #[test]
    fn secrets_are_asked_for_once_when_they_exist_and_before_any_service_changes() {
        let plan = steps(&wanted());
        let asked = position(&plan, &Step::Secrets);
        assert_eq!(plan.iter().filter(|step| **step == Step::Secrets).count(), 1);
        assert!(position(&plan, &Step::Deploy(Stack::Data)) < asked);
        let first = plan.iter().position(|step| matches!(step, Step::Deploy(Stack::Migrate(_) | Stack::Service(_))));
        assert_eq!(first, Some(asked + 1));
    }

    #[test]
    fn the_issuer_is_published_when_it_has_an_address_and_before_a_gateway_reads_its_documents() {
        let plan = steps(&wanted());
        let published = position(&plan, &Step::Publish);
        assert!(position(&plan, &Step::Deploy(Stack::Edge)) < published);
        for service in ORDER {
            assert!(published < position(&plan, &Step::Deploy(Stack::Service(service))), "{service}");
        }
        assert!(!steps(&Wanted { only: Some("user-service"), ..wanted() }).contains(&Step::Publish));
    }

    #[test]
    fn something_is_bought_when_all_is_deployed_and_before_it_is_written_down() {
        let plan = steps(&wanted());
        let bought = position(&plan, &Step::Buy);
        assert_eq!(position(&plan, &Step::Deploy(Stack::Watch)), bought - 1);
        assert_eq!(position(&plan, &Step::Record(ORDER[0])), bought + 1);
    }

    #[test]
    fn what_was_built_before_is_not_built_again() {
        let plan = steps(&Wanted { artifacts: Some("/tested".into()), ..wanted() });
        assert!(!plan.contains(&Step::Build));
    }

    #[test]
    fn a_failure_before_anything_changed_has_nothing_to_undo() {
        let plan = steps(&wanted());
        let checked = position(&plan, &Step::Diff(stacks(&wanted())));
        assert_eq!(undo(&plan[..=checked], &[]), []);
        let remembered = position(&plan, &Step::Remember("transaction-service"));
        assert_eq!(undo(&plan[..=remembered], &before("transaction-service", "7")), []);
    }

    #[test]
    fn a_purchase_that_fails_takes_every_service_back_the_last_one_first_and_buys_again() {
        let plan = steps(&wanted());
        let bought = position(&plan, &Step::Buy);
        let before: Vec<Before> = ORDER.into_iter().flat_map(|service| before(service, "7")).collect();
        assert_eq!(
            sentences(&undo(&plan[..=bought], &before)),
            [
                "transaction-service http: back to version 7",
                "transaction-service sweep: back to version 7",
                "write down that transaction-service was taken back: its next deployment moves the alias at once",
                "product-service http: back to version 7",
                "product-service sweep: back to version 7",
                "product-service queue: back to version 7",
                "write down that product-service was taken back: its next deployment moves the alias at once",
                "user-service http: back to version 7",
                "user-service sweep: back to version 7",
                "write down that user-service was taken back: its next deployment moves the alias at once",
                "notification-service http: back to version 7",
                "notification-service queue: back to version 7",
                "write down that notification-service was taken back: its next deployment moves the alias at once",
                "buy something on the versions before",
            ]
        );
    }

    #[test]
    fn services_that_were_not_reached_are_left_alone_and_schemas_stay_widened() {
        let plan = steps(&wanted());
        let failed = position(&plan, &Step::Migrate("product-service"));
        let before: Vec<Before> = ORDER.into_iter().flat_map(|service| before(service, "3")).collect();
        let undo = undo(&plan[..=failed], &before);
        assert!(!undo.iter().any(|step| matches!(step, Step::Migrate(_) | Step::Deploy(_))), "{undo:?}");
        let touched: Vec<_> = undo
            .iter()
            .filter_map(|step| if let Step::RecordUndo(service) = step { Some(*service) } else { None })
            .collect();
        assert_eq!(touched, ["user-service", "notification-service"]);
    }

    #[test]
    fn a_stack_that_fails_itself_comes_to_its_end_before_its_aliases_are_put_back() {
        let plan = steps(&wanted());
        let failed = position(&plan, &Step::Deploy(Stack::Service("user-service")));
        let before: Vec<Before> = ORDER.into_iter().flat_map(|service| before(service, "3")).collect();
        assert_eq!(
            sentences(&undo(&plan[..=failed], &before)),
            [
                "what CloudFormation does to user-service comes to its end, and goes back",
                "user-service http: back to version 3",
                "user-service sweep: back to version 3",
                "write down that user-service was taken back: its next deployment moves the alias at once",
                "notification-service http: back to version 3",
                "notification-service queue: back to version 3",
                "write down that notification-service was taken back: its next deployment moves the alias at once",
            ]
        );
    }

    #[test]
    fn a_first_deployment_has_no_version_to_go_back_to() {
        let plan = steps(&Wanted { only: Some("user-service"), ..wanted() });
        let bought = position(&plan, &Step::Buy);
        let none: Vec<Before> =
            before("user-service", "1").into_iter().map(|alias| Before { version: None, ..alias }).collect();
        assert_eq!(undo(&plan[..=bought], &none), []);
    }
}
