//! Small trees of source, as the step would meet them.

use std::collections::BTreeSet;
use std::fs;
use std::path::Path;

use tempfile::TempDir;

use super::graph::{floors, order, up_arrows};
use super::modules::{Package, Target};
use super::plan::Plan;
use super::{breaches, figures, table};

/// A library of these files; those that have no `mod` line of their own get one in `src/lib.rs`.
fn package(files: &[(&str, &str)]) -> (TempDir, Package) {
    let folder = tempfile::tempdir().unwrap();
    for (path, text) in files {
        let file = folder.path().join("src").join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(file, text).unwrap();
    }
    let target = Target { library: Some("shop".to_owned()), file: folder.path().join("src/lib.rs") };
    let package = Package::read("shop", folder.path(), &[target]).unwrap();
    (folder, package)
}

/// The imports of a library of these files, as `from -> to: names`.
fn imports(files: &[(&str, &str)]) -> Vec<String> {
    let (_folder, package) = package(files);
    let plan = Plan::of(&package);
    let shown = |file: usize| package.files[file].path.strip_prefix("src").unwrap().display().to_string();
    let line = |((from, to), names): (&(usize, usize), &BTreeSet<String>)| {
        let names: Vec<&str> = names.iter().map(String::as_str).collect();
        format!("{} -> {}: {}", shown(*from), shown(*to), names.join(", "))
    };
    plan.imports.iter().map(line).collect()
}

/// The breaches that the step finds in a library of these files.
fn refused(files: &[(&str, &str)]) -> Vec<String> {
    let (_folder, package) = package(files);
    breaches(&package, &Plan::of(&package))
}

/// A service in small, in which a rule is what it shall be.
const CLEAN: [(&str, &str); 10] = [
    (
        "lib.rs",
        "pub mod app; mod error; mod ids; mod mongo; mod orders; mod schema; pub use crate::app::App;\npub fn router() { orders::routes(); }",
    ),
    ("app.rs", "use crate::schema::Database;\npub struct App { pub database: Database }"),
    (
        "error.rs",
        "use axum::response::Response;\nuse crate::orders::domain::Refused;\npub enum Error { Refused(Refused), Store(sqlx::Error) }",
    ),
    ("ids.rs", "pub struct OrderId(pub uuid::Uuid);"),
    ("mongo.rs", "pub struct Mongo(pub mongodb::Database);"),
    ("schema.rs", "pub struct Database(pub sqlx::PgPool);"),
    (
        "orders.rs",
        "pub mod domain; mod store;\nuse crate::{app::App, error::Error};\npub fn routes() { store::find(); }",
    ),
    (
        "orders/domain.rs",
        "use common::timestamp::Timestamp;\nuse crate::ids::OrderId;\npub enum Refused { Late }\npub struct Order(pub OrderId);\n\
         #[cfg(test)]\nmod tests;\n#[cfg(test)]\nmod more { use crate::error::Error; }",
    ),
    ("orders/domain/tests.rs", "use super::*;\nuse crate::{app::App, error::Error};\nuse sqlx::query;"),
    (
        "orders/store.rs",
        "use super::domain::Order;\nuse crate::schema::Database;\npub fn find() { sqlx::query(\"\"); }",
    ),
];

/// The clean service with this text in place of a file's, or with a file more.
fn with(path: &'static str, text: &'static str) -> Vec<(&'static str, &'static str)> {
    let mut files: Vec<_> = CLEAN.into_iter().filter(|(known, _)| *known != path).collect();
    files.push((path, text));
    files
}

#[test]
fn a_service_whose_rules_know_nothing_but_words_passes() {
    assert_eq!(refused(&CLEAN), Vec::<String>::new());
}

#[test]
fn a_rule_that_names_a_store_or_http_is_refused_whatever_way_it_names_it() {
    for (text, named) in [
        ("use mongodb::bson::doc;", "mongodb::bson::doc"),
        ("use sqlx::{FromRow, PgPool};", "sqlx::FromRow"),
        ("fn f() -> aws_sdk_s3::Client { todo() }", "aws_sdk_s3::Client"),
        ("#[derive(sqlx::FromRow)] pub struct Order;", "sqlx::FromRow"),
        ("fn f(status: u16) -> bool { matches!(status.try_into(), Ok(http::StatusCode::OK)) }", "http::StatusCode::OK"),
        ("use axum::extract::State as S;", "axum::extract::State"),
        ("impl From<u8> for Price { fn from(_: u8) -> Self { reqwest::get(\"\") } }", "reqwest::get"),
        ("use tower::ServiceExt;", "tower::ServiceExt"),
        ("use common::extract::Path;", "common::extract::Path"),
        ("use platform::client::ServiceClient;", "platform::client::ServiceClient"),
        ("use stripe::Stripe;", "stripe::Stripe"),
    ] {
        let text: &'static str = format!("pub enum Refused {{}} pub struct Order;\n{text}").leak();
        let said = refused(&with("orders/domain.rs", text));
        let expected = format!("src/orders/domain.rs: names {named}, and a domain file knows neither store nor HTTP");
        assert_eq!(said.first(), Some(&expected), "{text}");
    }
}

#[test]
fn a_rule_below_domain_is_a_rule_and_names_of_words_and_types_are_allowed() {
    let mut files = with("orders/domain.rs", "mod price; pub enum Refused {} pub struct Order;");
    files.push(("orders/domain/price.rs", "use sqlx::PgPool;"));
    assert_eq!(
        refused(&files),
        ["src/orders/domain/price.rs: names sqlx::PgPool, and a domain file knows neither store nor HTTP"]
    );
    let words = "use aws_lc_rs::digest; use common::money::Money; use stripe::PaymentIntentId; use platform::config::Env;\n\
                 pub enum Refused {} pub struct Order;";
    assert_eq!(refused(&with("orders/domain.rs", words)), Vec::<String>::new());
}

#[test]
fn a_rule_that_imports_what_stands_above_it_is_refused() {
    for (import, file, name) in [
        ("use crate::app::App;", "app", "App"),
        ("use crate::schema::Database;", "schema", "Database"),
        ("use crate::mongo::Mongo;", "mongo", "Mongo"),
        ("use super::store::find;", "orders/store", "find"),
        ("use crate::App;", "app", "App"),
    ] {
        let text: &'static str = format!("{import} pub enum Refused {{}} pub struct Order;").leak();
        let said = refused(&with("orders/domain.rs", text));
        let expected =
            format!("src/orders/domain.rs -> src/{file}.rs: {name}, and a domain file stands below src/{file}.rs");
        assert!(said.contains(&expected), "{import}: {said:?}");
    }
}

#[test]
fn a_rule_that_reaches_a_store_through_others_is_refused_with_the_way() {
    let mut files = with("orders/domain.rs", "use crate::ids::OrderId; pub enum Refused {} pub struct Order;");
    files.retain(|(path, _)| *path != "ids.rs");
    files.push(("ids.rs", "mod new; pub use self::new::OrderId;"));
    files.push(("ids/new.rs", "use sqlx::Type; pub struct OrderId;"));
    assert_eq!(
        refused(&files),
        ["src/orders/domain.rs -> src/ids/new.rs: names sqlx::Type, and a domain file reaches neither store nor HTTP"]
    );
}

#[test]
fn files_that_import_each_other_are_refused_with_the_names_that_tie_them() {
    let said = refused(&[
        ("lib.rs", "mod basket; mod prices; mod taxes;"),
        ("basket.rs", "use crate::prices::Price; pub struct Line;"),
        ("prices.rs", "use crate::taxes::Rate; pub struct Price;"),
        ("taxes.rs", "pub struct Rate; fn f() { let _ = crate::basket::Line; }"),
    ]);
    let circle = "shop: a circle of 3 files\n  src/basket.rs -> src/prices.rs: Price\n  \
                  src/prices.rs -> src/taxes.rs: Rate\n  src/taxes.rs -> src/basket.rs: Line";
    assert_eq!(said, [circle]);
}

#[test]
fn the_root_of_a_crate_is_a_file_like_any_other() {
    let said = refused(&[
        ("lib.rs", "mod orders; pub struct App; pub fn router() { orders::routes(); }"),
        ("orders.rs", "use crate::App; pub fn routes() {}"),
    ]);
    assert_eq!(
        said,
        ["shop: a circle of 2 files\n  src/lib.rs -> src/orders.rs: routes\n  src/orders.rs -> src/lib.rs: App"]
    );
}

#[test]
fn a_file_and_the_files_below_it_are_one_room() {
    let files = [
        ("lib.rs", "mod store; mod flow;"),
        ("store.rs", "mod marks; mod read; pub struct Store; pub fn all() { read::all(); marks::set(); }"),
        ("store/marks.rs", "use super::{Store, read::all}; pub fn set() {}"),
        ("store/read.rs", "use crate::store::Store; pub fn all() {}"),
        ("flow.rs", "use crate::store::Store;"),
    ];
    assert_eq!(
        imports(&files),
        [
            "store.rs -> store/marks.rs: set",
            "store.rs -> store/read.rs: all",
            "store/marks.rs -> store/read.rs: all",
            "flow.rs -> store.rs: Store",
        ]
    );
    assert_eq!(refused(&files), Vec::<String>::new());
}

#[test]
fn names_that_are_handed_on_lead_to_the_file_that_defines_them() {
    for door in [
        "pub use self::variant::Variant;",
        "pub(crate) use self::variant::Variant;",
        "pub use self::variant::*;",
        "use self::variant::Variant as V; pub use self::V as Variant;",
    ] {
        let products = format!("mod variant; {door}").leak();
        let found = imports(&[
            ("lib.rs", "mod products; mod search;"),
            ("products.rs", products),
            ("products/variant.rs", "pub struct Variant;"),
            ("search.rs", "use crate::products::Variant;"),
        ]);
        assert!(found.contains(&"search.rs -> products/variant.rs: Variant".to_owned()), "{door}: {found:?}");
        assert!(!found.iter().any(|line| line.starts_with("search.rs -> products.rs")), "{door}: {found:?}");
    }
}

#[test]
fn groups_renamed_names_and_stars_are_followed() {
    let found = imports(&[
        ("lib.rs", "mod ids; mod money; mod orders; mod quotes; mod words;"),
        ("ids.rs", "pub struct OrderId; pub struct Owner;"),
        ("money.rs", "pub mod rounding; pub struct Money;"),
        ("money/rounding.rs", "pub fn half_up() {}"),
        ("words.rs", "pub use crate::ids::Owner; pub enum State { Open, Closed }"),
        (
            "orders.rs",
            "use crate::{ids::{self, OrderId as Id}, money::{Money, rounding::{self as round, half_up}}};\n\
             use super::words::{State::{self, *}};\nfn f(_: ids::Owner) { round::half_up(); }",
        ),
        ("quotes.rs", "use super::words::*;\nfn f(_: Owner, state: State) { let money = 1; let _ = money; }"),
    ]);
    assert_eq!(
        found,
        [
            "orders.rs -> ids.rs: OrderId, Owner, ids",
            "orders.rs -> money.rs: Money",
            "orders.rs -> money/rounding.rs: half_up, rounding",
            "orders.rs -> words.rs: State",
            "quotes.rs -> ids.rs: Owner",
            "quotes.rs -> words.rs: State, words",
            "words.rs -> ids.rs: Owner",
        ]
    );
}

#[test]
fn everything_above_can_be_had_by_use_super_star() {
    let found = imports(&[
        ("lib.rs", "mod ids; mod orders;"),
        ("ids.rs", "pub struct OrderId;"),
        ("orders.rs", "mod view; use crate::ids::OrderId; pub struct Order(OrderId);"),
        ("orders/view.rs", "use super::*; pub struct View(Order, OrderId);"),
    ]);
    assert_eq!(found, ["orders.rs -> ids.rs: OrderId", "orders/view.rs -> ids.rs: OrderId"]);
}

#[test]
fn words_of_macros_and_attributes_count_and_visibility_does_not() {
    let found = imports(&[
        ("lib.rs", "mod codes; mod ids; mod logs; mod orders;"),
        ("codes.rs", "macro_rules! code { () => { $crate::logs::note() } }\npub(crate) use code;\npub fn written() {}"),
        ("ids.rs", "pub struct OrderId;"),
        ("logs.rs", "pub fn note() {}"),
        (
            "orders.rs",
            "pub mod view;\n#[derive(Debug)]\npub(in crate::orders) struct Order {\n#[serde(serialize_with = \"crate::codes::written\")]\nid: u8 }\n\
             #[schema(value_type = crate::ids::OrderId)]\nfn f() { assert_eq!(view::first(), vec![crate::logs::note()]); }",
        ),
        ("orders/view.rs", "use crate::codes::code; pub fn first() { code!() }"),
    ]);
    assert_eq!(
        found,
        [
            "codes.rs -> logs.rs: note",
            "orders.rs -> codes.rs: written",
            "orders.rs -> ids.rs: OrderId",
            "orders.rs -> logs.rs: note",
            "orders.rs -> orders/view.rs: first",
            "orders/view.rs -> codes.rs: code",
        ]
    );
}

#[test]
fn other_crates_and_names_of_types_are_no_files_of_ours() {
    let found = imports(&[
        ("lib.rs", "mod money; mod stripe;"),
        (
            "money.rs",
            "use ::stripe::Stripe; use std::fmt; pub struct Money;\nimpl fmt::Display for Money { fn f() { <u8 as Into<u16>>::into(1); Self::f(); } }",
        ),
        ("stripe.rs", "use crate::money::Money; fn f() -> Money { Money::ZERO }"),
    ]);
    assert_eq!(found, ["stripe.rs -> money.rs: Money"]);
}

#[test]
fn modules_in_braces_and_under_a_path_of_their_own_are_found() {
    let found = imports(&[
        ("lib.rs", "#[path = \"deep/rows.rs\"] mod rows; mod wire { pub mod form; pub fn head() {} } mod orders;"),
        ("deep/rows.rs", "pub struct Row;"),
        ("wire/form.rs", "use crate::rows::Row; pub fn read(_: Row) {}"),
        ("orders/mod.rs", "mod view; use crate::wire::{self, form};\nfn f() { form::read(); wire::head(); }"),
        ("orders/view.rs", "use crate::rows::Row;"),
    ]);
    assert_eq!(
        found,
        [
            "wire/form.rs -> deep/rows.rs: Row",
            "orders/mod.rs -> lib.rs: head, wire",
            "orders/mod.rs -> wire/form.rs: form, read",
            "orders/view.rs -> deep/rows.rs: Row",
        ]
    );
}

#[test]
fn a_program_names_its_library() {
    let folder = tempfile::tempdir().unwrap();
    let write = |path: &str, text: &str| {
        let file = folder.path().join(path);
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, text).unwrap();
        file
    };
    let library = write("src/lib.rs", "mod app; pub use app::App;");
    write("src/app.rs", "pub struct App;");
    let program = write("src/main.rs", "fn main() { run::<shop::App>() }");
    let targets = [Target { library: Some("shop".to_owned()), file: library }, Target { library: None, file: program }];
    let package = Package::read("shop", folder.path(), &targets).unwrap();
    let plan = Plan::of(&package);
    let path = |file: usize| package.files[file].path.clone();
    let found: Vec<_> = plan.imports.keys().map(|(from, to)| (path(*from), path(*to))).collect();
    let pair = |from: &str, to: &str| (Path::new(from).to_path_buf(), Path::new(to).to_path_buf());
    assert_eq!(found, [pair("src/lib.rs", "src/app.rs"), pair("src/main.rs", "src/app.rs")]);
    assert_eq!(plan.rooms, ["src/lib.rs", "app", "src/main.rs"]);
}

#[test]
fn an_order_is_found_in_which_the_fewest_arrows_point_up() {
    // 0 needs 1 and 2, 1 needs 2, and 2 needs 0.
    let arrows = BTreeSet::from([(0, 1), (0, 2), (1, 2), (2, 0)]);
    let best = order(3, &arrows);
    assert_eq!(best, [2, 1, 0]);
    assert_eq!(up_arrows(&best, &arrows), [(2, 0)]);
    assert_eq!(floors(&best, &arrows), 3);
    // More than are tried out: a ring, in which one arrow has to point up.
    let ring: BTreeSet<(usize, usize)> = (0..30).map(|thing| (thing, (thing + 1) % 30)).collect();
    let good = order(30, &ring);
    assert_eq!(up_arrows(&good, &ring).len(), 1);
    assert_eq!(floors(&good, &ring), 30);
}

#[test]
fn the_table_counts_files_functions_circles_and_rooms() {
    let long = format!(
        "pub fn long() {{\n{}}}\n#[cfg(test)]\nmod tests {{ fn f() {{\n{}}} }}",
        "f();\n".repeat(39),
        "\n".repeat(90)
    );
    let short = format!("use crate::b::g; pub fn short() {{\n{}}}", "f();\n".repeat(38));
    let (_folder, package) = package(&[
        ("lib.rs", "mod a; mod b;"),
        ("a.rs", long.leak()),
        ("b.rs", "use crate::a::long; pub fn g() {}"),
        ("a/c.rs", ""),
    ]);
    let plan = Plan::of(&package);
    assert_eq!(figures(&package, &plan), [3, 1, 134, 1, 0, 3, 2, 1, 0]);
    assert!(table(&[package]).contains("src/a.rs: long has 41 lines"));
    let (_folder, package) = self::package(&[
        ("lib.rs", "mod b; mod a;"),
        ("a.rs", short.leak()),
        ("b.rs", "use crate::a::short; pub fn g() {}"),
    ]);
    let text = table(&[package]);
    assert!(text.contains("shop: a circle of 2 files"), "{text}");
    assert!(text.contains("shop: up from "), "{text}");
}
