//! Reads metrics out of log lines as `CloudWatch` does, and panics where a line breaks a rule of "Specification: Embedded
//! metric format" in its user guide.

use std::collections::BTreeMap;

use serde_json::Value;

/// The units that `CloudWatch` knows (`StandardUnit` in its API reference).
const UNITS: [&str; 27] = [
    "Seconds",
    "Microseconds",
    "Milliseconds",
    "Bytes",
    "Kilobytes",
    "Megabytes",
    "Gigabytes",
    "Terabytes",
    "Bits",
    "Kilobits",
    "Megabits",
    "Gigabits",
    "Terabits",
    "Percent",
    "Count",
    "Bytes/Second",
    "Kilobytes/Second",
    "Megabytes/Second",
    "Gigabytes/Second",
    "Terabytes/Second",
    "Bits/Second",
    "Kilobits/Second",
    "Megabits/Second",
    "Gigabits/Second",
    "Terabits/Second",
    "Count/Second",
    "None",
];

/// One value of one metric, by one set of dimensions.
#[derive(Debug, Clone, PartialEq)]
pub struct Datum {
    /// The namespace.
    pub namespace: String,
    /// The metric's name.
    pub name: String,
    /// The unit.
    pub unit: String,
    /// The dimensions with their values.
    pub dimensions: BTreeMap<String, String>,
    /// The value.
    pub value: f64,
}

/// The metrics of a line; a line without `_aws` has none.
pub fn data(line: &Value) -> Vec<Datum> {
    let Some(aws) = line.get("_aws") else { return Vec::new() };
    assert!(line.to_string().len() <= 1_048_576, "a line is at most 1 MB");
    let time = aws["Timestamp"].as_u64().expect("Timestamp is a whole number");
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis();
    let (fortnight, two_hours) = (14 * 24 * 3_600_000, 2 * 3_600_000);
    assert!(u128::from(time) + fortnight > now && u128::from(time) < now + two_hours, "Timestamp is in milliseconds");
    let directives = aws["CloudWatchMetrics"].as_array().expect("CloudWatchMetrics is an array");
    directives.iter().flat_map(|directive| of_directive(line, directive)).collect()
}

fn of_directive(line: &Value, directive: &Value) -> Vec<Datum> {
    let namespace = text(&directive["Namespace"]);
    let sets = directive["Dimensions"].as_array().expect("Dimensions is an array");
    let metrics = directive["Metrics"].as_array().expect("Metrics is an array");
    assert!(!sets.is_empty() && (1..=100).contains(&metrics.len()), "{directive}");
    let mut data = Vec::new();
    for set in sets {
        let names = set.as_array().expect("a set of dimensions is an array");
        assert!(names.len() <= 30, "a set has at most 30 dimensions");
        let dimensions = names.iter().map(text).map(|name| (name.clone(), text(&line[name.as_str()])));
        let dimensions: BTreeMap<_, _> = dimensions.collect();
        assert_eq!(dimensions.len(), names.len(), "a dimension stands once");
        for metric in metrics {
            let (name, unit) = (text(&metric["Name"]), text(&metric["Unit"]));
            assert!(UNITS.contains(&unit.as_str()), "{unit} is no unit");
            let value = line[name.as_str()].as_f64().unwrap_or_else(|| panic!("{name} is no member that is a number"));
            data.push(Datum { namespace: namespace.clone(), name, unit, dimensions: dimensions.clone(), value });
        }
    }
    data
}

/// Names, and the values of dimensions.
fn text(value: &Value) -> String {
    let text = value.as_str().unwrap_or_else(|| panic!("{value} is no text"));
    assert!((1..=1_024).contains(&text.chars().count()) && !text.trim().is_empty(), "{text:?}");
    assert!(text.is_ascii() && !text.starts_with(':') && !text.contains(char::is_control), "{text:?}");
    text.to_owned()
}
