//! Parameters as Stripe takes them: form-encoded, nested by brackets (`metadata[order]`, `expand[]`); unknown ones are
//! refused.

use serde_json::{Map, Value, json};

use crate::refusal::Refusal;

/// The parameters of one call. Those that the endpoint does not read are refused at the end, as Stripe does.
#[derive(Debug, Clone, Default)]
pub(crate) struct Params {
    /// What they are nested in: `card`, so that one is named `card[token]`.
    within: String,
    members: Map<String, Value>,
}

/// What `metadata[...]` asks for: members to set, an empty one to unset; all are unset by `metadata=`.
#[derive(Debug, Clone, Default)]
pub(crate) struct Metadata {
    is_cleared: bool,
    members: Map<String, Value>,
}

impl Params {
    /// Reads `a=1&b[c]=2&d[]=3`.
    pub(crate) fn read(encoded: &[u8]) -> Result<Self, Refusal> {
        let mut root = json!({});
        for (name, value) in form_urlencoded::parse(encoded) {
            let keys: Vec<&str> = name.split('[').map(|key| key.trim_end_matches(']')).collect();
            if !insert(&mut root, &keys, &value) {
                return Err(Refusal::invalid_parameter(keys[0], format!("Invalid request: {name} is given twice.")));
            }
        }
        Ok(Self::of(root))
    }

    /// From JSON, for the control routes.
    pub(crate) fn of(value: Value) -> Self {
        match value {
            Value::Object(members) => Self { within: String::new(), members },
            _ => Self::default(),
        }
    }

    pub(crate) fn as_value(&self) -> Value {
        Value::Object(self.members.clone())
    }

    /// The same for the same parameters in any order.
    pub(crate) fn canonical(&self) -> String {
        let mut pairs = Vec::new();
        flatten("", &self.as_value(), &mut pairs);
        pairs.sort_unstable();
        form_urlencoded::Serializer::new(String::new()).extend_pairs(pairs).finish()
    }

    fn path(&self, name: &str) -> String {
        if self.within.is_empty() { name.to_owned() } else { format!("{}[{name}]", self.within) }
    }

    /// A text that cannot be unset.
    pub(crate) fn text(&mut self, name: &str) -> Result<Option<String>, Refusal> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::String(text)) if text.is_empty() => Err(Refusal::empty(&self.path(name))),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(scalar @ (Value::Bool(_) | Value::Number(_))) => Ok(Some(scalar.to_string())),
            Some(_) => Err(Refusal::invalid_parameter(&self.path(name), format!("Invalid string: {name}"))),
        }
    }

    /// A text, or null where an empty one unsets it.
    pub(crate) fn settable(&mut self, name: &str) -> Result<Option<Value>, Refusal> {
        if self.members.get(name).is_some_and(|value| *value == "") {
            self.members.remove(name);
            return Ok(Some(Value::Null));
        }
        Ok(self.text(name)?.map(Value::String))
    }

    pub(crate) fn required(&mut self, name: &str) -> Result<String, Refusal> {
        self.text(name)?.ok_or_else(|| Refusal::missing(&self.path(name)))
    }

    pub(crate) fn integer(&mut self, name: &str) -> Result<Option<i64>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        text.parse().map(Some).map_err(|_| Refusal::invalid_integer(&self.path(name), &text))
    }

    pub(crate) fn flag(&mut self, name: &str) -> Result<Option<bool>, Refusal> {
        match self.text(name)?.as_deref() {
            None => Ok(None),
            Some("false") => Ok(Some(false)),
            Some("true") => Ok(Some(true)),
            Some(other) => Err(Refusal::invalid_parameter(&self.path(name), format!("Invalid boolean: {other}"))),
        }
    }

    /// One of these words.
    pub(crate) fn word(&mut self, name: &str, words: &[&str]) -> Result<Option<String>, Refusal> {
        let Some(text) = self.text(name)? else { return Ok(None) };
        if words.contains(&text.as_str()) {
            return Ok(Some(text));
        }
        let path = self.path(name);
        let message = format!("Invalid {path}: must be one of {}", either(words));
        Err(Refusal::invalid_parameter(&path, message))
    }

    /// Parameters below a name.
    pub(crate) fn below(&mut self, name: &str) -> Result<Option<Self>, Refusal> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Object(members)) => Ok(Some(Self { within: self.path(name), members })),
            Some(_) => Err(Refusal::invalid_parameter(&self.path(name), "Invalid object".to_owned())),
        }
    }

    /// An object that is kept as it is given.
    pub(crate) fn verbatim(&mut self, name: &str) -> Result<Option<Value>, Refusal> {
        Ok(self.below(name)?.map(|below| Value::Object(below.members)))
    }

    /// `metadata[...]`: at most 50 texts of 500 characters, with names of 40
    /// (<https://docs.stripe.com/api/metadata>).
    pub(crate) fn metadata(&mut self) -> Result<Metadata, Refusal> {
        if self.members.get("metadata").is_some_and(|value| *value == "") {
            self.members.remove("metadata");
            return Ok(Metadata { is_cleared: true, ..Metadata::default() });
        }
        let members = self.below("metadata")?.unwrap_or_default().members;
        let refuse = |message: &str| Err(Refusal::invalid_parameter("metadata", message.to_owned()));
        if members.len() > 50 {
            return refuse("Metadata can have up to 50 keys.");
        }
        for (name, value) in &members {
            let Some(value) = value.as_str() else { return refuse("Metadata values must be strings.") };
            if name.chars().count() > 40 {
                return refuse("Metadata keys can have up to 40 characters.");
            }
            if value.chars().count() > 500 {
                return refuse("Metadata values can have up to 500 characters.");
            }
        }
        Ok(Metadata { is_cleared: false, members })
    }

    /// `name[]=...`, `name[0]=...`
    pub(crate) fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, Refusal> {
        let items: Vec<Value> = match self.members.remove(name) {
            None | Some(Value::Null) => return Ok(None),
            Some(Value::Array(items)) => items,
            Some(Value::Object(members)) => members.into_iter().map(|(_, value)| value).collect(),
            Some(_) => return Err(Refusal::invalid_parameter(&self.path(name), "Invalid array".to_owned())),
        };
        let texts: Option<Vec<String>> = items.iter().map(|item| item.as_str().map(str::to_owned)).collect();
        let refusal = || Refusal::invalid_parameter(&self.path(name), "Invalid array of strings".to_owned());
        texts.map(Some).ok_or_else(refusal)
    }

    /// Takes parameters away that Stripe knows and that make no difference here.
    pub(crate) fn ignore(&mut self, names: &[&str]) {
        for name in names {
            self.members.remove(*name);
        }
    }

    /// Refuses what is left.
    pub(crate) fn finish(self) -> Result<(), Refusal> {
        match self.members.keys().next() {
            None => Ok(()),
            Some(name) => Err(Refusal::unknown_parameter(&self.path(name))),
        }
    }
}

impl Metadata {
    /// `current` with the changes asked for.
    pub(crate) fn onto(self, current: &Value) -> Value {
        let mut merged = if self.is_cleared { Map::new() } else { current.as_object().cloned().unwrap_or_default() };
        for (name, value) in self.members {
            if value == "" {
                merged.remove(&name);
            } else {
                merged.insert(name, value);
            }
        }
        Value::Object(merged)
    }
}

/// `a, b, or c`
fn either(words: &[&str]) -> String {
    match words {
        [] => String::new(),
        [one] => (*one).to_owned(),
        [one, two] => format!("{one} or {two}"),
        [first @ .., last] => format!("{}, or {last}", first.join(", ")),
    }
}

/// False where the name has another shape already.
fn insert(into: &mut Value, keys: &[&str], value: &str) -> bool {
    let [key, rest @ ..] = keys else { return false };
    let Value::Object(members) = into else { return false };
    if rest.is_empty() {
        return members.insert((*key).to_owned(), json!(value)).is_none();
    }
    if rest == [""] {
        let items = members.entry((*key).to_owned()).or_insert_with(|| json!([]));
        return items.as_array_mut().map(|items| items.push(json!(value))).is_some();
    }
    insert(members.entry((*key).to_owned()).or_insert_with(|| json!({})), rest, value)
}

fn flatten(path: &str, value: &Value, pairs: &mut Vec<(String, String)>) {
    match value {
        Value::Object(members) => {
            for (name, value) in members {
                flatten(&format!("{path}[{name}]"), value, pairs);
            }
        }
        Value::Array(items) => {
            for (place, value) in items.iter().enumerate() {
                flatten(&format!("{path}[{place}]"), value, pairs);
            }
        }
        Value::String(text) => pairs.push((path.to_owned(), text.clone())),
        scalar => pairs.push((path.to_owned(), scalar.to_string())),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn code(refusal: &Refusal) -> (Value, Value) {
        let body = refusal.body();
        (body["error"]["code"].clone(), body["error"]["param"].clone())
    }

    #[test]
    fn brackets_nest_and_empty_ones_append() {
        let params = Params::read(b"amount=5&metadata[order]=a%26b&expand[]=x&expand[]=y&a[b][c]=1").unwrap();
        let expected =
            json!({"amount": "5", "metadata": {"order": "a&b"}, "expand": ["x", "y"], "a": {"b": {"c": "1"}}});
        assert_eq!(params.as_value(), expected);
    }

    #[test]
    fn one_name_has_one_shape() {
        for twice in ["a=1&a=2", "a=1&a[b]=2", "a[]=1&a=2", "a[b]=1&a[]=2"] {
            assert!(Params::read(twice.as_bytes()).is_err(), "{twice}");
        }
    }

    #[test]
    fn the_order_of_parameters_makes_no_other_request() {
        let canonical = |encoded: &str| Params::read(encoded.as_bytes()).unwrap().canonical();
        assert_eq!(canonical("a=1&b[c]=2&b[d]=3"), canonical("b[d]=3&b[c]=2&a=1"));
        assert_ne!(canonical("a[]=1&a[]=2"), canonical("a[]=2&a[]=1"));
        assert_ne!(canonical("a=1"), canonical("a=2"));
    }

    #[test]
    fn an_unknown_parameter_is_refused_by_its_full_name() {
        let mut params = Params::read(b"amount=5&card[token]=t&card[tokn]=t&amuont=6").unwrap();
        assert_eq!(params.integer("amount").unwrap(), Some(5));
        let mut card = params.below("card").unwrap().unwrap();
        assert_eq!(card.required("token").unwrap(), "t");
        assert_eq!(code(&card.finish().unwrap_err()), (json!("parameter_unknown"), json!("card[tokn]")));
        assert_eq!(code(&params.finish().unwrap_err()), (json!("parameter_unknown"), json!("amuont")));
    }

    #[test]
    fn an_empty_value_unsets_and_what_cannot_be_unset_refuses_it() {
        let mut params = Params::read(b"email=&amount=&metadata[a]=&metadata[b]=2").unwrap();
        assert_eq!(params.settable("email").unwrap(), Some(Value::Null));
        assert_eq!(code(&params.integer("amount").unwrap_err()).0, json!("parameter_invalid_empty"));
        let metadata = params.metadata().unwrap().onto(&json!({"a": "1", "c": "3"}));
        assert_eq!(metadata, json!({"b": "2", "c": "3"}));
    }
}
