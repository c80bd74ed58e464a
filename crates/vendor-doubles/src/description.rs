//! Checks JSON against a vendor's description, as far as the descriptions cut out here go: types, required and unknown
//! members, lengths, numbers of items, enumerations, references, and the formats and patterns that occur.

use serde_json::{Map, Value};

/// A rule that a value breaks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Breach {
    /// Where: `personalizations.0.to.0.email`.
    pub(crate) path: String,
    /// The rule.
    pub(crate) rule: String,
}

/// A vendor's description.
#[derive(Debug)]
pub(crate) struct Description(Value);

impl Description {
    /// One of the files beside this crate's sources.
    pub(crate) fn read(text: &str) -> Self {
        Self(serde_json::from_str(text).unwrap_or_default())
    }

    /// What stands under a name at its top.
    pub(crate) fn part(&self, name: &str) -> &Value {
        &self.0[name]
    }

    /// All rules of `schema` that `value` breaks.
    pub(crate) fn breaches(&self, schema: &Value, value: &Value) -> Vec<Breach> {
        let mut check = Check { description: self, breaches: Vec::new() };
        check.value(schema, value, "");
        check.breaches
    }

    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        match schema["$ref"].as_str().and_then(|name| name.strip_prefix('#')) {
            Some(pointer) => self.0.pointer(pointer).unwrap_or(&Value::Null),
            None => schema,
        }
    }
}

struct Check<'a> {
    description: &'a Description,
    breaches: Vec<Breach>,
}

impl Check<'_> {
    fn breach(&mut self, path: &str, rule: impl Into<String>) {
        self.breaches.push(Breach { path: path.to_owned(), rule: rule.into() });
    }

    fn value(&mut self, schema: &Value, value: &Value, path: &str) {
        let schema = self.description.resolve(schema);
        if value.is_null() && schema["nullable"] == true {
            return;
        }
        if let Some(allowed) = schema["enum"].as_array()
            && !allowed.contains(value)
        {
            self.breach(path, "is none of the words that are allowed");
        }
        match (schema["type"].as_str(), value) {
            (Some("object"), Value::Object(members)) => self.object(schema, members, path),
            (Some("array"), Value::Array(items)) => self.array(schema, items, path),
            (Some("string"), Value::String(text)) => self.text(schema, text, path),
            (Some("integer"), Value::Number(number)) if number.is_i64() || number.is_u64() => {}
            (Some("number"), Value::Number(_)) | (Some("boolean"), Value::Bool(_)) | (None, _) => {}
            (Some(kind), _) => self.breach(path, format!("must be of the type {kind}")),
        }
    }

    fn object(&mut self, schema: &Value, members: &Map<String, Value>, path: &str) {
        for name in schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            if !members.contains_key(name) {
                self.breach(&below(path, name), "is required");
            }
        }
        let Some(known) = schema["properties"].as_object() else {
            if schema["additionalProperties"].is_object() {
                let each = &schema["additionalProperties"];
                members.iter().for_each(|(name, value)| self.value(each, value, &below(path, name)));
            }
            return;
        };
        for (name, value) in members {
            match known.get(name) {
                Some(schema) => self.value(schema, value, &below(path, name)),
                None => self.breach(&below(path, name), "is not known"),
            }
        }
    }

    fn array(&mut self, schema: &Value, items: &[Value], path: &str) {
        if schema["maxItems"].as_u64().is_some_and(|most| items.len() as u64 > most) {
            self.breach(path, "has too many items");
        }
        let repeats = (1..items.len()).any(|at| items[..at].contains(&items[at]));
        if schema["uniqueItems"] == true && repeats {
            self.breach(path, "has an item twice");
        }
        for (at, item) in items.iter().enumerate() {
            self.value(&schema["items"], item, &below(path, &at.to_string()));
        }
    }

    fn text(&mut self, schema: &Value, text: &str, path: &str) {
        let length = text.chars().count() as u64;
        if schema["minLength"].as_u64().is_some_and(|least| length < least) {
            self.breach(path, "is too short");
        }
        if schema["maxLength"].as_u64().is_some_and(|most| length > most) {
            self.breach(path, "is too long");
        }
        if schema["pattern"].as_str().is_some_and(|pattern| !is_sid(text, pattern)) {
            self.breach(path, "does not have the form that it must have");
        }
        let is_well_formed = match schema["format"].as_str() {
            Some("email") => is_email(text),
            Some("uri") => !text.is_empty() && !text.contains(char::is_whitespace),
            _ => true,
        };
        if !is_well_formed {
            self.breach(path, "does not contain a valid address");
        }
    }
}

fn below(path: &str, name: &str) -> String {
    if path.is_empty() { name.to_owned() } else { format!("{path}.{name}") }
}

/// The one kind of pattern that occurs: `^AC[0-9a-fA-F]{32}$`, or several prefixes in brackets.
fn is_sid(text: &str, pattern: &str) -> bool {
    let Some(prefixes) = pattern.strip_prefix('^').and_then(|rest| rest.strip_suffix("[0-9a-fA-F]{32}$")) else {
        return false;
    };
    let mut prefixes = prefixes.trim_matches(['(', ')']).split('|');
    prefixes.any(|prefix| {
        let digits = text.strip_prefix(prefix).unwrap_or_default();
        digits.len() == 32 && digits.bytes().all(|byte| byte.is_ascii_hexdigit())
    })
}

/// What every mail server would call an address.
pub(crate) fn is_email(text: &str) -> bool {
    let is_word = |part: &str| !part.is_empty() && !part.contains(|c: char| c.is_whitespace() || c.is_control());
    let is_domain = |domain: &str| domain.contains('.') && domain.split('.').all(is_word);
    text.is_ascii()
        && text.split_once('@').is_some_and(|(local, domain)| is_word(local) && is_domain(domain))
        && text.matches('@').count() == 1
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn each_rule_is_broken_by_what_breaks_it() {
        let schema = json!({
            "type": "object", "required": ["a"],
            "properties": {
                "a": {"type": "string", "minLength": 1, "maxLength": 2}, "b": {"$ref": "#/components/word"},
                "c": {"type": "array", "maxItems": 2, "uniqueItems": true, "items": {"type": "integer"}},
                "d": {"type": "string", "pattern": "^(SM|MM)[0-9a-fA-F]{32}$", "nullable": true},
                "e": {"type": "string", "format": "email"}, "f": {"type": "object"}, "g": {"type": "boolean"}
            }
        });
        let text = json!({"components": {"word": {"type": "string", "enum": ["x", "y"]}}}).to_string();
        let description = Description::read(&text);
        let broken = |value: Value| -> Vec<String> {
            description.breaches(&schema, &value).into_iter().map(|breach| breach.path).collect()
        };
        let sid = format!("SM{}", "0a".repeat(16));
        let good = json!({"a": "1", "b": "x", "c": [1, 2], "d": sid, "e": "a@b.example", "f": {"any": 1}, "g": true});
        assert_eq!(broken(good), [""; 0]);
        assert_eq!(broken(json!({"a": "1", "d": null})), [""; 0]);
        for (value, path) in [
            (json!({}), "a"),
            (json!({"a": ""}), "a"),
            (json!({"a": "123"}), "a"),
            (json!({"a": 1}), "a"),
            (json!({"a": "1", "b": "z"}), "b"),
            (json!({"a": "1", "c": [1, 2, 3]}), "c"),
            (json!({"a": "1", "c": [1, 1]}), "c"),
            (json!({"a": "1", "c": [1, "2"]}), "c.1"),
            (json!({"a": "1", "c": [1.5]}), "c.0"),
            (json!({"a": "1", "d": "SM12"}), "d"),
            (json!({"a": "1", "d": sid.replace("SM", "AC")}), "d"),
            (json!({"a": "1", "e": "a@b"}), "e"),
            (json!({"a": "1", "g": "true"}), "g"),
            (json!({"a": "1", "z": 1}), "z"),
        ] {
            assert_eq!(broken(value.clone()), [path], "{value}");
        }
    }
}
