//! The order of a first day, and what it types.

use super::super::plan::tests::wanted;
use super::broken::newly;
use super::*;

fn position(acts: &[Act], act: &Act) -> usize {
    acts.iter().position(|known| known == act).unwrap_or_else(|| panic!("{act} is missing"))
}

#[test]
fn a_stage_is_bought_from_broken_found_whole_mended_and_torn_down_in_that_order() {
    let acts = acts(&wanted(), Day::Rehearsal);
    let day: Vec<usize> = [Act::Stock, Act::Everything, Act::Break, Act::FindWhole, Act::Mend, Act::TearDown]
        .iter()
        .map(|act| position(&acts, act))
        .collect();
    assert!(day.is_sorted(), "{day:?}");
    let purchases = acts.iter().filter(|act| **act == Act::Planned(Step::Buy)).count();
    assert_eq!(purchases, 3);
    assert_eq!(acts.last(), Some(&Act::TearDown));
}

#[test]
fn a_stage_that_stays_is_set_up_and_bought_from_and_its_commit_written_down_and_nothing_else() {
    let prod = Wanted { stage: Stage::Prod, sku: Some("CANARY".to_owned()), ..wanted() };
    for wanted in [wanted(), prod] {
        let acts = acts(&wanted, Day::First);
        for never in [Act::Break, Act::TearDown, Act::Everything] {
            assert!(!acts.contains(&never), "{never}");
        }
        let day: Vec<usize> = [
            Act::Planned(Step::Publish),
            Act::Secrets,
            Act::Identities,
            Act::Planned(Step::Deploy(Stack::Service("user-service"))),
            Act::Stock,
            Act::Planned(Step::Buy),
        ]
        .iter()
        .map(|act| position(&acts, act))
        .collect();
        assert!(day.is_sorted(), "{day:?}");
        for service in plan::ORDER {
            assert!(position(&acts, &Act::Planned(Step::Buy)) < position(&acts, &Act::Planned(Step::Record(service))));
        }
    }
}

#[test]
fn the_account_is_prepared_when_cdk_is_installed_and_its_app_is_written_and_before_any_stack() {
    for day in [Day::First, Day::Rehearsal] {
        let acts = acts(&wanted(), day);
        let prepared = position(&acts, &Act::Bootstrap);
        for before in [Step::Build, Step::Install, Step::Synthesize] {
            let before = Act::Planned(before);
            assert!(position(&acts, &before) < prepared, "{before}");
        }
        let first = acts.iter().position(|act| matches!(act, Act::Planned(Step::Deploy(_)))).unwrap();
        assert!(prepared < first);
    }
    let line = typed(&Act::Bootstrap, &wanted()).remove(0).to_string();
    assert_eq!(
        line,
        "cd infra && npx cdk bootstrap --no-notices --app /build/deploy/dev aws://123456789012/eu-central-1 \
         aws://123456789012/us-east-1"
    );
}

#[test]
fn a_living_stage_and_a_small_account_are_noticed_before_anything_is_made() {
    for day in [Day::First, Day::Rehearsal] {
        let acts = acts(&wanted(), day);
        let made = position(&acts, &Act::Bootstrap);
        let noticed = [Step::Account, Step::Fresh, Step::Synthesize, Step::Room];
        let noticed: Vec<usize> = noticed.map(|step| position(&acts, &Act::Planned(step))).to_vec();
        assert!(noticed.is_sorted() && noticed[3] < made, "{noticed:?} {made}");
        assert_eq!(left(&acts[..made]), "nothing was made");
        assert!(left(&acts[..=made]).contains("cdk destroy"));
    }
}

#[test]
fn what_the_canary_buys_is_on_sale_before_the_canary_is_deployed() {
    let acts = acts(&wanted(), Day::First);
    let sold = position(&acts, &Act::Stock);
    assert!(position(&acts, &Act::Planned(Step::Deploy(Stack::Service("transaction-service")))) < sold);
    assert!(sold < position(&acts, &Act::Planned(Step::Deploy(Stack::Watch))));
}

#[test]
fn a_stage_that_was_torn_down_is_a_new_one() {
    let lines: Vec<String> = typed(&Act::TearDown, &wanted()).iter().map(ToString::to_string).collect();
    for service in plan::ORDER {
        let names = ["release", "versions", "undone"].map(|name| format!("/bodega/dev/{service}/{name}")).join(" ");
        let forgotten = format!("aws ssm delete-parameters --names {names} --region eu-central-1");
        assert!(lines.contains(&forgotten), "{forgotten}\n{lines:#?}");
    }
}

#[test]
fn the_issuer_is_known_before_a_gateway_reads_its_documents_and_after_it_has_an_address() {
    let acts = acts(&wanted(), Day::First);
    let issuer = position(&acts, &Act::Planned(Step::Publish));
    assert!(position(&acts, &Act::Planned(Step::Deploy(Stack::Edge))) < issuer);
    for service in plan::ORDER {
        assert!(issuer < position(&acts, &Act::Planned(Step::Deploy(Stack::Service(service)))), "{service}");
    }
}

#[test]
fn every_secret_is_kept_before_the_step_that_asks_for_them_and_before_a_service_reads_them() {
    let acts = acts(&wanted(), Day::Rehearsal);
    let asked = position(&acts, &Act::Planned(Step::Secrets));
    for kept in [Act::Planned(Step::Publish), Act::Secrets, Act::Identities, Act::Webhook] {
        assert!(position(&acts, &kept) < asked, "{kept}");
    }
    for service in plan::ORDER {
        assert!(asked < position(&acts, &Act::Planned(Step::Deploy(Stack::Service(service)))), "{service}");
    }
}

#[test]
fn no_secret_is_on_a_line_that_is_printed() {
    for act in acts(&wanted(), Day::Rehearsal) {
        for line in typed(&act, &wanted()) {
            let line = line.to_string();
            assert!(!line.contains("--secret-string") || line.contains("--secret-string file://"), "{line}");
            assert!(!line.contains("password"), "{line}");
        }
    }
}

#[test]
fn a_failure_without_a_deployment_of_codedeploys_is_not_the_one_that_was_looked_for() {
    let of = |ids: &[&str]| ids.iter().map(|&id| id.to_owned()).collect::<Vec<_>>();
    assert!(newly(&of(&["d-1"]), &of(&["d-1"])).is_empty());
    assert_eq!(newly(&of(&["d-1"]), &of(&["d-2", "d-1"])), ["d-2"]);
    let lines: Vec<String> = typed(&Act::Break, &wanted()).iter().map(ToString::to_string).collect();
    let at = |what: &str| lines.iter().position(|line| line.contains(what)).unwrap();
    let asked: Vec<usize> = (0..lines.len()).filter(|&line| lines[line].contains("list-deployments")).collect();
    let deployed = at("--service transaction-service");
    assert!(asked.len() == 2 && asked[0] < deployed && deployed < asked[1], "{lines:#?}");
    assert!(asked[1] < at("deploy get-deployment"), "{lines:#?}");
}

#[test]
fn every_stack_is_torn_down_the_last_one_first_and_its_buckets_emptied_of_all_versions_before() {
    let lines: Vec<String> = typed(&Act::TearDown, &wanted()).iter().map(ToString::to_string).collect();
    let destroyed: Vec<&str> = lines.iter().filter_map(|line| line.split("cdk destroy").nth(1)).collect();
    let order: Vec<String> = plan::stacks(&wanted()).iter().rev().map(|stack| stack.name(Stage::Dev)).collect();
    assert_eq!(destroyed.len(), order.len(), "{lines:#?}");
    for (line, name) in destroyed.iter().zip(&order) {
        assert!(line.ends_with(name), "{line}: {name}");
    }
    for stack in [Stack::Edge, Stack::Data] {
        let end = format!(" {}", stack.name(Stage::Dev));
        let at = lines.iter().position(|line| line.contains("destroy") && line.ends_with(&end)).unwrap();
        assert!(lines[at - 3].contains(&format!("list-stack-resources --stack-name{end}")), "{}", lines[at - 3]);
        assert!(lines[at - 2].contains("list-object-versions"), "{}", lines[at - 2]);
        assert!(lines[at - 1].contains("delete-objects"), "{}", lines[at - 1]);
    }
}
