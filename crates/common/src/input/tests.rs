use serde_json::json;

use super::*;
use crate::problem::MAX_ERRORS;

#[derive(Debug, PartialEq)]
struct Short(String);
impl FromStr for Short {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        line(text, 1..=5).map(Self)
    }
}

#[derive(Debug)]
struct Line {
    name: Short,
    count: i64,
}
impl FromFields for Line {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let name = fields.text("name");
        let count = fields.integer("count", 1..=9);
        Some(Self { name: name?, count: count? })
    }
}

#[derive(Debug)]
struct Basket {
    lines: Vec<Line>,
    note: Option<Short>,
    labels: Vec<(Short, Short)>,
}
impl FromFields for Basket {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let lines = fields.objects("lines", 2);
        let note = fields.optional_text("note");
        let labels = fields.text_map("labels", 2);
        Some(Self { lines: lines?, note: note?, labels: labels? })
    }
}

fn refusals(body: Value) -> Vec<(String, String)> {
    let errors = Fields::read::<Basket>(body).unwrap_err();
    errors.into_iter().map(|e| (e.pointer, e.code)).collect()
}

#[test]
fn a_good_body_is_read() {
    let body = json!({"lines": [{"name": " a ", "count": 3}], "note": null, "labels": {"x": "y"}});
    let basket = Fields::read::<Basket>(body).unwrap();
    assert_eq!((basket.lines[0].name.0.as_str(), basket.lines[0].count), ("a", 3));
    assert_eq!((basket.note, basket.labels.len()), (None, 1));
}

#[test]
fn every_bad_field_is_reported_at_once_with_its_pointer() {
    let body = json!({
        "lines": [{"name": "too long", "count": 0, "extra/ness": 1}, {"count": "3"}],
        "note": 5, "labels": {"toolong": ""}, "surprise": true
    });
    let expected = [
        ("/lines/0/name", "too_long"),
        ("/lines/0/count", "out_of_range"),
        ("/lines/0/extra~1ness", "unknown_field"),
        ("/lines/1/name", "missing"),
        ("/lines/1/count", "wrong_type"),
        ("/note", "wrong_type"),
        ("/labels/toolong", "too_long"),
        ("/labels/toolong", "too_short"),
        ("/surprise", "unknown_field"),
    ];
    assert_eq!(refusals(body), expected.map(|(p, c)| (p.to_owned(), c.to_owned())));
}

#[test]
fn wrong_shapes_are_refused_where_they_are() {
    assert_eq!(refusals(json!([])), [(String::new(), "wrong_type".to_owned())]);
    let body = json!({"lines": {}, "labels": []});
    assert_eq!(
        refusals(body),
        [("/lines", "wrong_type"), ("/labels", "wrong_type")].map(|(p, c)| (p.into(), c.into()))
    );
    let body = json!({"lines": [{}, {}, {}], "labels": {}});
    assert_eq!(refusals(body), [("/lines".to_owned(), "too_many".to_owned())]);
}

#[test]
fn a_number_with_a_fraction_is_of_the_wrong_type_and_a_whole_one_that_is_too_large_out_of_range() {
    let refused = |count: Value| {
        let found = refusals(json!({"lines": [{"name": "a", "count": count}], "labels": {}}));
        assert_eq!(found[0].0, "/lines/0/count");
        found[0].1.clone()
    };
    for count in [json!(1.5), json!(-0.1), json!(true), json!(null), json!("3")] {
        assert_eq!(refused(count.clone()), "wrong_type", "{count}");
    }
    for text in ["9223372036854775808", "-9223372036854775809", "18446744073709551616", "1e300", "-1e300", "1e16"] {
        let count = serde_json::from_str(text).unwrap();
        assert_eq!(refused(count), "out_of_range", "{text}");
    }
}

#[test]
fn text_is_trimmed_and_control_characters_are_refused() {
    assert_eq!(line("  a b ", 1..=9).unwrap(), "a b");
    assert_eq!(line("a\0b", 1..=9).unwrap_err().code, "control_character");
    assert_eq!(line("a\nb", 1..=9).unwrap_err().code, "control_character");
    assert_eq!(multiline_text("a\nb", 1..=9).unwrap(), "a\nb");
    assert_eq!(line("   ", 1..=9).unwrap_err().code, "too_short");
    assert_eq!(line("a         ", 1..=9).unwrap_err().code, "too_long", "a client may count by itself");
}

/// A type that takes every text.
#[derive(Debug)]
struct Free(String);
impl FromStr for Free {
    type Err = Refusal;
    fn from_str(text: &str) -> Result<Self, Refusal> {
        Ok(Self(text.to_owned()))
    }
}
impl FromFields for Free {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        fields.text("text")
    }
}

#[test]
fn text_that_a_store_cannot_hold_is_refused_wherever_it_stands() {
    let body = json!({
        "lines": [{"name": "a\0", "count": 1}], "note": "\0", "labels": {"a\0": "b", "c": "\0"}
    });
    let expected = [("/lines/0/name"), ("/note"), ("/labels/a\0"), ("/labels/c")]
        .map(|p| (p.to_owned(), "control_character".to_owned()));
    assert_eq!(refusals(body), expected);
    assert!(!holds_storable_text(&json!({"a": [{"b\0": 1}]})));
    let free = |text: &str| Fields::read::<Free>(json!({ "text": text })).map_err(|errors| errors[0].code.clone());
    assert_eq!((free("a").unwrap().0, free("a\0").unwrap_err().as_str()), ("a".to_owned(), "control_character"));
    assert_eq!((storable("a\0b"), storable("ab")), ("a\u{fffd}b".to_owned(), "ab".to_owned()));
    assert!(holds_storable_text(&json!({"a": [{"b": "\u{1}\u{fffe}"}], "n": null})));
}

#[test]
fn of_more_bad_fields_than_an_answer_lists_only_the_number_is_kept() {
    let mut body = json!({"lines": [], "labels": {}});
    for n in 0..1_000 {
        body[format!("surprise{n}")] = json!(n);
    }
    let errors = Fields::read::<Basket>(body).unwrap_err();
    assert_eq!((errors.len(), errors.omitted()), (MAX_ERRORS, 950));
    let many: Vec<FieldError> = errors.iter().cycle().take(51).cloned().collect();
    let cut = FieldErrors::from(many);
    assert_eq!((cut.len(), cut.omitted()), (MAX_ERRORS, 1));
}

#[derive(Debug, PartialEq)]
struct Parcel {
    first: Option<Short>,
    weight: Option<i64>,
    extras: Option<usize>,
}
impl FromFields for Parcel {
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self> {
        let first = fields.optional_object::<Line>("first");
        let weight = fields.optional_integer("weight", 1..=9);
        let extras = fields.optional_objects::<Line>("extras", 2);
        Some(Self { first: first?.map(|line| line.name), weight: weight?, extras: extras?.map(|lines| lines.len()) })
    }
}

#[test]
fn optional_members_may_be_absent_or_null_and_are_read_like_required_ones_otherwise() {
    let nothing = Parcel { first: None, weight: None, extras: None };
    assert_eq!(Fields::read::<Parcel>(json!({})).unwrap(), nothing);
    assert_eq!(Fields::read::<Parcel>(json!({"first": null, "weight": null, "extras": null})).unwrap(), nothing);
    let line = json!({"name": "a", "count": 1});
    let all = Fields::read::<Parcel>(json!({"first": line, "weight": 3, "extras": [line]})).unwrap();
    assert_eq!(all, Parcel { first: Some(Short("a".into())), weight: Some(3), extras: Some(1) });
    let errors = Fields::read::<Parcel>(json!({"first": {"name": "a"}, "weight": 0, "extras": [1]})).unwrap_err();
    let found: Vec<_> = errors.iter().map(|e| (e.pointer.as_str(), e.code.as_str())).collect();
    assert_eq!(found, [("/first/count", "missing"), ("/weight", "out_of_range"), ("/extras/0", "wrong_type")]);
}

#[test]
fn a_whole_number_may_be_written_with_decimals_that_say_nothing() {
    let count = |text: &str| {
        Fields::read::<Line>(serde_json::from_str(&format!(r#"{{"name": "a", "count": {text}}}"#)).unwrap())
    };
    for two in ["2", "2.0", "2e0", "0.2e1"] {
        assert_eq!(count(two).unwrap().count, 2, "{two}");
    }
    for other in ["2.5", "-0.1"] {
        assert_eq!(count(other).unwrap_err()[0].code, "wrong_type", "{other}");
    }
    for other in ["1e300", "9007199254740994.0", "18446744073709551615"] {
        assert_eq!(count(other).unwrap_err()[0].code, "out_of_range", "{other}");
    }
}
