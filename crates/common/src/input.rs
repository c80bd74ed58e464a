//! JSON bodies, parsed at the edge into types that cannot be wrong, with every bad field reported at once.
//!
//! A request type implements [`FromFields`]: it asks [`Fields`] for each of its members by name and kind. Whatever is
//! missing, of the wrong kind, refused by its type, or not asked for at all becomes one [`FieldError`]; the handler runs
//! only when there is none. (serde stops at the first; see `docs/decisions/0003-request-parsing.md`.)

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

/// Whether that is so of every text in a value, names of members included.
pub fn holds_storable_text(value: &Value) -> bool {
    match value {
        Value::String(text) => is_storable(text),
        Value::Array(items) => items.iter().all(holds_storable_text),
        Value::Object(members) => members.iter().all(|(name, value)| is_storable(name) && holds_storable_text(value)),
        Value::Null | Value::Bool(_) | Value::Number(_) => true,
    }
}

/// Text of a stranger's program, such as the reason for a decline, with what no store can hold replaced: an event that
/// cannot be saved would come again for ever.
pub fn storable(text: &str) -> String {
    text.replace('\0', "\u{fffd}")
}

fn control_character() -> Refusal {
    Refusal::new("control_character", "must not contain control characters")
}

/// One line of text: trimmed, `length` characters long, without control characters (PostgreSQL cannot hold NUL, and no
/// name has a line break) and other characters that cannot be seen, but where a script needs them. The most counts before
/// trimming, too, so that a client can count by itself.
pub fn line(text: &str, length: RangeInclusive<usize>) -> Result<String, Refusal> {
    multiline_text(text, length).and_then(|text| {
        if text.contains(['\n', '\r', '\t']) {
            return Err(Refusal::new("control_character", "must be one line"));
        }
        Ok(text)
    })
}

/// Text that may have several lines, otherwise like [`line()`].
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

/// What a merge patch (RFC 7396) says about one member.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub enum Patch<T> {
    /// Not mentioned: stays as it is.
    #[default]
    Keep,
    /// `null`: removed.
    Remove,
    /// Replaced.
    Set(T),
}

/// A type that is read from a JSON object.
pub trait FromFields: Sized {
    /// Asks for every member. Ask for all of them before giving up with `?`, so that all refusals are reported.
    fn from_fields(fields: &mut Fields<'_>) -> Option<Self>;
}

/// The members of one JSON object, handed out by name; refusals are collected with their JSON Pointers.
#[derive(Debug)]
pub struct Fields<'a> {
    pointer: String,
    members: Map<String, Value>,
    errors: &'a mut FieldErrors,
}

impl Fields<'_> {
    /// Reads a `T` from a whole body, or says everything that is wrong with it, up to the limit of [`FieldErrors`].
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

    /// A member of a merge patch, read by `read` where it is neither absent nor `null`.
    pub fn patch<T>(&mut self, name: &str, read: impl FnOnce(&mut Self) -> Option<T>) -> Option<Patch<T>> {
        if self.members.get(name).is_some_and(Value::is_null) {
            self.members.remove(name);
            return Some(Patch::Remove);
        }
        Some(self.replaced(name, read)?.map_or(Patch::Keep, Patch::Set))
    }

    /// A member of a merge patch that can be replaced and not removed, read by `read` where it is there.
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

    /// A string member of a merge patch that can be replaced and not removed.
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

    /// An object, read by `read`; where it is absent or `null`, `read` gets one without members, and names what it lacks.
    pub fn object_by<T>(&mut self, name: &str, read: impl FnOnce(&mut Fields<'_>) -> Option<T>) -> Option<T> {
        let value = if self.is_absent(name) { Value::Object(Map::new()) } else { self.required(name)? };
        object_by(value, self.child(name), self.errors, read)
    }

    /// Whether the member is there.
    pub fn has(&self, name: &str) -> bool {
        self.members.contains_key(name)
    }

    /// A member as it was written, where what is read has to be kept and read again.
    pub fn raw(&self, name: &str) -> Option<&Value> {
        self.members.get(name)
    }

    /// Takes a member away without a look at it, where nothing can be said of it before something else is right.
    pub fn ignore(&mut self, name: &str) {
        self.members.remove(name);
    }

    /// A whole number that may be absent or `null`.
    pub fn optional_integer(&mut self, name: &str, range: RangeInclusive<i64>) -> Option<Option<i64>> {
        if self.is_absent(name) { Some(None) } else { self.integer(name, range).map(Some) }
    }

    /// A required object of at most `max` members with free names and string values, both parsed.
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

    /// A required object of at most `max` members with free names, each value read by `read`.
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

    /// Such an object, which may be absent or `null`.
    pub fn optional_map<K: FromStr<Err = Refusal>, V>(
        &mut self,
        name: &str,
        max: usize,
        read: impl Fn(Value) -> Result<V, Refusal>,
    ) -> Option<Option<Vec<(K, V)>>> {
        if self.is_absent(name) { Some(None) } else { self.map(name, max, read).map(Some) }
    }

    /// Refuses a member for a reason of the request type's own, such as two members that contradict each other.
    pub fn refuse<T>(&mut self, name: &str, code: &'static str, message: impl Into<String>) -> Option<T> {
        let pointer = &self.pointer;
        self.errors.push(|| FieldError::new(join(pointer, name), code, message));
        None
    }

    /// Like [`Self::refuse`] for something below, such as `/variants/1/sku`, found wrong only beside its siblings.
    pub fn refuse_below<T>(&mut self, path: &str, code: &'static str, message: impl Into<String>) -> Option<T> {
        let pointer = &self.pointer;
        self.errors.push(|| FieldError::new(format!("{pointer}{path}"), code, message));
        None
    }

    /// Takes a `null` away, so that it is not reported as unknown.
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

/// `2.0` is a whole number, too (JSON Schema, 4.2.3). Beyond 2^53, where decimals are not exact, it is none of ours.
fn whole(value: &Value) -> Option<i64> {
    let decimal = value.as_f64().filter(|decimal| decimal.fract() == 0.0 && decimal.abs() <= MOST_EXACT)?;
    format!("{decimal:.0}").parse().ok()
}

/// A number beyond what [`whole`] reads. So far from zero every decimal is whole, and no range of ours reaches there.
fn is_huge(value: &Value) -> bool {
    value.as_f64().is_some_and(|decimal| decimal.abs() > MOST_EXACT)
}

/// Up to here a decimal is the number that was written.
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
        // Whatever its type takes, a store has to hold it.
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
