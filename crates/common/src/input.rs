//! JSON bodies, parsed at the edge into types that cannot be wrong, with every bad field reported at once.
//!
//! A request type implements [`FromFields`]: it asks [`Fields`] for each of its members by name and type. Each member
//! that is missing, of the wrong type, refused by its type, or unknown becomes a [`FieldError`]; the handler runs only
//! when there is none. (serde stops at the first; see `docs/decisions/0003-request-parsing.md`.)

use std::{ops::RangeInclusive, str::FromStr};

use serde_json::{Map, Value};
use validator::{ValidateLength, ValidateNonControlCharacter, ValidateRange};

pub use self::{
    json::{Json, MAX_BODY, MAX_DEPTH, RawBody, read_json},
    refusal::Refusal,
    rules::violation,
};
use crate::problem::{FieldError, FieldErrors};

mod json;
pub(crate) mod refusal;
mod rules;
mod visible;

/// Whether every store can hold the text: PostgreSQL cannot hold NUL. (Rust's text has no lone surrogates.)
pub fn is_storable(text: &str) -> bool {
    !text.contains('\0')
}

/// Whether every store can hold every text in a value, names of members included.
pub fn holds_storable_text(value: &Value) -> bool {
    match value {
        Value::String(text) => is_storable(text),
        Value::Array(items) => items.iter().all(holds_storable_text),
        Value::Object(members) => members.iter().all(|(name, value)| is_storable(name) && holds_storable_text(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Replaces NUL, which no store can hold, in text of another program, such as the reason of a decline. An event that
/// cannot be saved would be delivered again and again.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn control_character() -> Refusal {
    Refusal::new("control_character", "must not contain control characters")
}

/// One line of text: trimmed, `length` characters long, without control characters (PostgreSQL cannot hold NUL, and no
/// name has a line break), and without other invisible characters except where a script needs them. The maximum applies
/// before trimming too, so that a client can count the characters.
pub fn line(text: &str, length: RangeInclusive<usize>) -> Result<String, Refusal> {
    multiline_text(text, length).and_then(|text| {
        if text.contains(['\n', '\r', '\t']) {
            return Err(Refusal::new("control_character", "must be one line"));
        }
        Ok(text)
    })
}

/// Text that may have several lines, otherwise as [`line()`].
pub fn multiline_text(text: &str, length: RangeInclusive<usize>) -> Result<String, Refusal> {
    let (least, most) = (*length.start() as u64, *length.end() as u64);
    let is_short_enough = text.validate_length(None, Some(most), None);
    let text = text.trim();
    if !text.validate_length(Some(least), None, None) {
        let message =
            if least == 1 { "must not be empty".to_owned() } else { format!("must have at least {least} characters") };
        return Err(Refusal::new("too_short", message));
    }
    if !is_short_enough {
        return Err(Refusal::new("too_long", format!("must have at most {most} characters")));
    }
    if text.split(['\n', '\r', '\t']).any(|part| !part.validate_non_control_character()) {
        return Err(control_character());
    }
    visible::check(text)?;
    Ok(text.to_owned())
}

/// One member of a merge patch (RFC 7396).
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Absent: the value stays.
    #[default]
    Keep,
    /// `null`: the value is removed.
    Remove,
    /// The value is replaced.
    Set(T),
}

/// A type that is read from a JSON object.
pub trait FromFields: Sized {
    /// Reads every member. Read all of them before `?`, so that all refusals are reported.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The members of one JSON object, read by name; refusals are collected with their JSON Pointers.
#[derive(Debug)]
pub struct Fields<'a> {
    pointer: String,
    members: Map<String, Value>,
    errors: &'a mut FieldErrors,
}

impl Fields<'_> {
    /// Reads a `T` from a whole body, or returns all its errors, up to the limit of [`FieldErrors`].
    pub fn read<T: FromFields>(body: Value) -> Result<T, FieldErrors> {
        let mut errors = FieldErrors::default();
        let read = object(body, String::new(), &mut errors);
        match read {
            Some(value) if errors.is_empty() => Ok(value),
            _ => Err(errors),
        }
    }

    /// A required string, parsed into `T`.
    pub fn text<T: FromStr<Err = Refusal>>(&mut self, name: &str) -> Option<T> {
        let value = self.required(name)?;
        self.parse(name, value)
    }

    /// A string that may be absent or `null`.
    pub fn optional_text<T: FromStr<Err = Refusal>>(&mut self, name: &str) -> Option<Option<T>> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Some(None),
            Some(value) => self.parse(name, value).map(Some),
        }
    }

    /// A string member of a merge patch.
    pub fn patch_text<T: FromStr<Err = Refusal>>(&mut self, name: &str) -> Option<Patch<T>> {
        self.patch(name, |fields| fields.text(name))
    }

    /// A member of a merge patch, read by `read` when it is neither absent nor `null`.
    pub fn patch<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Patch<T>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(Patch::Remove);
        }
        Some(self.replaced(name, read)?.map_or(Patch::Keep, Patch::Set))
    }

    /// A member of a merge patch that can be replaced but not removed, read by `read` when it is present.
    pub fn replaced<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Option<T>> {
        match self.members.get(name) {
            None => Some(None),
            Some(Value::Null) => {
                self.members.remove(name);
                self.refuse(name, "required", "cannot be removed")
            }
            Some(_) => read(self).map(Some),
        }
    }

    /// `true` or `false`; absent or `null` means `false`.
    pub fn flag(&mut self, name: &str) -> Option<bool> {
        match self.members.remove(name) {
            None | Some(Value::Null) => Some(false),
            Some(Value::Bool(value)) => Some(value),
            Some(_) => self.refuse(name, "wrong_type", "must be true or false"),
        }
    }

    /// A required whole number.
    pub fn integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<i64> {
        let value = self.required(name)?;
        let number = value.as_i64().or_else(|| whole(&value));
        if number.is_none() && !is_huge(&value) {
            return self.refuse(name, "wrong_type", "must be a whole number");
        }
        let taken = number.filter(|n| n.validate_range(Some(*range.start()), Some(*range.end()), None, None));
        if taken.is_none() {
            return self.refuse(name, "out_of_range", format!("must be from {} to {}", range.start(), range.end()));
        }
        taken
    }

    /// A required list of at most `max` strings, each parsed into `T`.
    pub fn texts<T: FromStr<Err = Refusal>>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let items = self.list(name, max)?;
        let pointer = self.child(name);
        let parsed: Vec<Option<T>> = items
            .into_iter()
            .enumerate()
            .map(|(i, item)| parse(item, &format!("{pointer}/{i}"), self.errors))
            .collect();
        parsed.into_iter().collect()
    }

    /// A list of at most `max` strings that may be absent or `null`.
    pub fn optional_texts<T: FromStr<Err = Refusal>>(&mut self, name: &str, max: usize) -> Option<Option<Vec<T>>> {
        if self.is_absent(name) { Some(None) } else { self.texts(name, max).map(Some) }
    }

    /// A string member of a merge patch that can be replaced but not removed.
    pub fn replaced_text<T: FromStr<Err = Refusal>>(&mut self, name: &str) -> Option<Option<T>> {
        match self.patch_text(name)? {
            Patch::Keep => Some(None),
            Patch::Set(value) => Some(Some(value)),
            Patch::Remove => self.refuse(name, "required", "cannot be removed"),
        }
    }

    /// A required list of at most `max` objects.
    pub fn objects<T: FromFields>(&mut self, name: &str, max: usize) -> Option<Vec<T>> {
        let items = self.list(name, max)?;
        let pointer = self.child(name);
        let read: Vec<Option<T>> = items
            .into_iter()
            .enumerate()
            .map(|(i, item)| object(item, format!("{pointer}/{i}"), self.errors))
            .collect();
        read.into_iter().collect()
    }

    /// A list of at most `max` objects that may be absent or `null`.
    pub fn optional_objects<T: FromFields>(&mut self, name: &str, max: usize) -> Option<Option<Vec<T>>> {
        if self.is_absent(name) { Some(None) } else { self.objects(name, max).map(Some) }
    }

    /// A required object.
    pub fn object<T: FromFields>(&mut self, name: &str) -> Option<T> {
        let value = self.required(name)?;
        object(value, self.child(name), self.errors)
    }

    /// An object that may be absent or `null`.
    pub fn optional_object<T: FromFields>(&mut self, name: &str) -> Option<Option<T>> {
        if self.is_absent(name) { Some(None) } else { self.object(name).map(Some) }
    }

    /// An object, read by `read`. When it is absent or `null`, `read` gets an empty one, and reports its missing
    /// members.
    pub fn object_by<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let value = if self.is_absent(name) { Value::Object(Map::new()) } else { self.required(name)? };
        object_by(value, self.child(name), self.errors, read)
    }

    /// Whether the member is present.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member as raw JSON, to store it and read it again later.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Ignores a member that cannot be checked because another member is invalid.
    pub fn ignore(&mut self, name: &str) {
        self.members.remove(name);
    }

    /// A whole number that may be absent or `null`.
    pub fn optional_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<Option<i64>> {
        if self.is_absent(name) { Some(None) } else { self.integer(name, range).map(Some) }
    }

    /// A required object of at most `max` members with arbitrary names and string values, both parsed.
    pub fn text_map<K, V>(&mut self, name: &str, max: usize) -> Option<Vec<(K, V)>>
    where
        K: FromStr<Err = Refusal>,
        V: FromStr<Err = Refusal>,
    {
        self.map(name, max, |value| match value {
            Value::String(text) => text.parse(),
            _ => Err(Refusal::new("wrong_type", "must be a string")),
        })
    }

    /// A required object of at most `max` members with arbitrary names, each value read by `read`.
    pub fn map<K: FromStr<Err = Refusal>, V>(
        &mut self,
        name: &str,
        max: usize,
        read: impl Fn(Value) -> Result<V, Refusal>,
    ) -> Option<Vec<(K, V)>> {
        let value = self.required(name)?;
        let Value::Object(members) = value else {
            return self.refuse(name, "wrong_type", "must be an object");
        };
        if members.len() > max {
            return self.refuse(name, "too_many", format!("must have at most {max} members"));
        }
        let pointer = self.child(name);
        let mut parsed = Vec::with_capacity(members.len());
        for (key, value) in members {
            let pointer = join(&pointer, &key);
            let key = parse(Value::String(key), &pointer, self.errors);
            let is_storable = holds_storable_text(&value);
            let value = read(value).and_then(|value| if is_storable { Ok(value) } else { Err(control_character()) });
            parsed.push(key.zip(accepted(value, &pointer, self.errors)));
        }
        parsed.into_iter().collect()
    }

    /// Such an object that may be absent or `null`.
    pub fn optional_map<K: FromStr<Err = Refusal>, V>(
        &mut self,
        name: &str,
        max: usize,
        read: impl Fn(Value) -> Result<V, Refusal>,
    ) -> Option<Option<Vec<(K, V)>>> {
        if self.is_absent(name) { Some(None) } else { self.map(name, max, read).map(Some) }
    }

    /// Refuses a member by a rule of the request type, such as two members that contradict each other.
    pub fn refuse<T>(&mut self, name: &str, code: &'static str, message: impl Into<String>) -> Option<T> {
        let pointer = &self.pointer;
        self.errors.push(|| FieldError::new(join(pointer, name), code, message));
        None
    }

    /// As [`Self::refuse`] for a nested member, such as `/variants/1/sku`, that is invalid only beside its siblings.
    pub fn refuse_below<T>(&mut self, path: &str, code: &'static str, message: impl Into<String>) -> Option<T> {
        let pointer = &self.pointer;
        self.errors.push(|| FieldError::new(format!("{pointer}{path}"), code, message));
        None
    }

    /// Removes a `null` member, so that it is not reported as unknown.
    fn is_absent(&mut self, name: &str) -> bool {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
        }
        !self.members.contains_key(name)
    }

    fn required(&mut self, name: &str) -> Option<Value> {
        let value = self.members.remove(name);
        if value.is_none() {
            return self.refuse(name, "missing", "is required");
        }
        value
    }

    fn list(&mut self, name: &str, max: usize) -> Option<Vec<Value>> {
        match self.required(name)? {
            Value::Array(items) if items.len() <= max => Some(items),
            Value::Array(_) => self.refuse(name, "too_many", format!("must have at most {max} items")),
            _ => self.refuse(name, "wrong_type", "must be a list"),
        }
    }

    fn parse<T: FromStr<Err = Refusal>>(&mut self, name: &str, value: Value) -> Option<T> {
        let pointer = self.child(name);
        parse(value, &pointer, self.errors)
    }

    fn child(&self, name: &str) -> String {
        join(&self.pointer, name)
    }
}

/// Reads a whole number; `2.0` is one too (JSON Schema, 4.2.3). Decimals beyond 2^53, where they are not exact, are
/// refused.
fn whole(value: &Value) -> Option<i64> {
    let decimal = value.as_f64().filter(|decimal| decimal.fract() == 0.0 && decimal.abs() <= MOST_EXACT)?;
    format!("{decimal:.0}").parse().ok()
}

/// Whether a number is beyond what [`whole`] reads. Decimals that large are always whole, and out of every range.
fn is_huge(value: &Value) -> bool {
    value.as_f64().is_some_and(|decimal| decimal.abs() > MOST_EXACT)
}

/// Up to this limit a decimal is exactly the number that was written.
const MOST_EXACT: f64 = 9_007_199_254_740_992.0;

fn object<T: FromFields>(value: Value, pointer: String, errors: &mut FieldErrors) -> Option<T> {
    object_by(value, pointer, errors, |fields| T::from_fields(fields))
}

fn object_by<T>(
    value: Value,
    pointer: String,
    errors: &mut FieldErrors,
    read: impl FnOnce(&mut Fields<'_>) -> Option<T>,
) -> Option<T> {
    let Value::Object(members) = value else {
        errors.push(|| FieldError::new(pointer, "wrong_type", "must be an object"));
        return None;
    };
    let mut fields = Fields { pointer, members, errors };
    let read = read(&mut fields);
    let Fields { pointer, members, errors } = fields;
    for name in members.keys() {
        errors.push(|| FieldError::new(join(&pointer, name), "unknown_field", "is not a field of this request"));
    }
    read
}

fn parse<T: FromStr<Err = Refusal>>(value: Value, pointer: &str, errors: &mut FieldErrors) -> Option<T> {
    let read = match value {
        // Whatever its type accepts, a store must be able to hold it.
        Value::String(text) => {
            text.parse().and_then(|read| if is_storable(&text) { Ok(read) } else { Err(control_character()) })
        }
        _ => Err(Refusal::new("wrong_type", "must be a string")),
    };
    accepted(read, pointer, errors)
}

fn accepted<T>(read: Result<T, Refusal>, pointer: &str, errors: &mut FieldErrors) -> Option<T> {
    read.map_err(|refusal| errors.push(|| FieldError::new(pointer, refusal.code, refusal.message))).ok()
}

/// A JSON Pointer one level deeper; `~` and `/` in names are escaped as RFC 6901 says, long names are cut.
fn join(pointer: &str, name: &str) -> String {
    let name: String = name.chars().take(64).collect();
    format!("{pointer}/{}", name.replace('~', "~0").replace('/', "~1"))
}

#[cfg(test)]
mod tests;
