//! Which versions are written down, and which are deleted.

use super::*;

#[tokio::test]
async fn no_version_that_is_written_down_is_deleted_however_old_it_is() {
    let written = r#"{"http":{"before":"2","now":"7"},"sweep":{"before":"3","now":"7"}}"#;
    let all = r#"["$LATEST","1","2","3","4","5","6","7","8","9"]"#;
    let double = Double::new(&format!("user-service/versions|{written}\nlist-versions|{all}"));
    double.runner(Some("user-service")).deploy().await.unwrap();
    let changes = double.changes();
    assert!(changes.iter().any(|line| line.ends_with(&format!("--value {written}"))), "{changes:#?}");
    let deleted: Vec<&str> = changes.iter().filter_map(|line| line.split("--function-name ").nth(1)).collect();
    let [http, sweep] = ["http", "sweep"].map(|trigger| format!("bodega-dev-user-service-{trigger} --qualifier"));
    let deleted: Vec<&&str> = deleted.iter().filter(|line| line.contains("--qualifier")).collect();
    let of = |name: &str, version: u32| format!("{name} {version}");
    assert_eq!(deleted, [&of(&http, 4), &of(&http, 3), &of(&http, 1), &of(&sweep, 4), &of(&sweep, 2), &of(&sweep, 1)]);
}

#[tokio::test]
async fn where_it_cannot_be_read_which_versions_are_written_down_none_is_deleted() {
    for written in ["!AccessDeniedException", "edited by hand"] {
        let all = r#"["1","2","3","4","5","6"]"#;
        let double = Double::new(&format!("user-service/versions|{written}\nlist-versions|{all}"));
        double.runner(Some("user-service")).prune("user-service").await.unwrap();
        assert_eq!(double.changes(), Vec::<String>::new(), "{written}");
    }
}

#[tokio::test]
async fn a_release_is_written_down_also_where_the_record_before_it_is_no_json() {
    let double = Double::new("user-service/versions|edited by hand");
    double.runner(Some("user-service")).step(&Step::Record("user-service")).await.unwrap();
    assert!(double.changes()[0].contains("/versions"), "{:#?}", double.changes());
}

#[tokio::test]
async fn a_release_is_written_down_with_the_versions_that_served_before_it_and_serve_now() {
    let double = Double::new("");
    let mut runner = double.runner(Some("user-service"));
    for (trigger, version) in [("http", Some("5")), ("sweep", None)] {
        runner.before.push(Before { service: "user-service", trigger, version: version.map(str::to_owned) });
    }
    runner.step(&Step::Record("user-service")).await.unwrap();
    let expected = r#"--value {"http":{"before":"5","now":"7"},"sweep":{"before":null,"now":"7"}}"#;
    let changes = double.changes();
    assert!(changes[0].ends_with(expected) && changes[1].contains("/release"), "{changes:#?}");
}
