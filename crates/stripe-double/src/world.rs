//! All objects of one account, and their events. No I/O: the server locks it, never across an await.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use serde_json::{Value, json};

use crate::{cards::Behaviour, refusal::Refusal};

/// The version of Stripe's API.
pub const API_VERSION: &str = "2026-10-28.endive";

/// The answer of a call.
pub(crate) type Answer = Result<Value, Refusal>;

/// An account's objects by kind, each kind oldest first.
#[derive(Debug, Default)]
pub(crate) struct World {
    objects: BTreeMap<&'static str, Vec<Value>>,
    places: HashMap<String, (&'static str, usize)>,
    cards: HashMap<String, Card>,
    /// Delayed effects, with their times.
    due: Vec<(i64, Due)>,
    /// Number of changes so far.
    pub(crate) changes: u64,
    /// The time of the call in hand, in seconds since 1970.
    pub(crate) now: i64,
    /// The call in hand: its id and key.
    pub(crate) request: (Option<String>, Option<String>),
    /// How long a PaymentIntent is not found by search, in seconds.
    pub(crate) search_lag: i64,
    /// Whether events are posted somewhere.
    pub(crate) has_webhook: bool,
    /// Events of the call in hand, to be sent.
    pub(crate) news: Vec<Value>,
}

/// Data of a payment method's card that Stripe does not show.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Card {
    pub(crate) behaviour: Behaviour,
    /// It was used without a customer, or detached from one: it may not be used again.
    pub(crate) is_spent: bool,
    /// The cardholder agreed to payments without them.
    pub(crate) is_set_up: bool,
}

/// A delayed effect.
#[derive(Debug, Clone)]
pub(crate) enum Due {
    /// The bank settles a refund.
    Refund { id: String, status: &'static str },
    /// The bank decides a dispute.
    Dispute { id: String, outcome: &'static str },
}

impl World {
    /// A new id: the prefix and 24 characters.
    pub(crate) fn id(prefix: &str) -> String {
        format!("{prefix}_{}", random(24))
    }

    /// Keeps a new object.
    pub(crate) fn keep(&mut self, kind: &'static str, object: Value) -> Value {
        let objects = self.objects.entry(kind).or_default();
        self.places.insert(text(&object, "id").to_owned(), (kind, objects.len()));
        objects.push(object.clone());
        self.changes += 1;
        object
    }

    /// An object of any kind.
    pub(crate) fn any(&self, id: &str) -> Option<&Value> {
        self.places.get(id).map(|(kind, place)| &self.objects[kind][*place])
    }

    /// An object of that kind.
    pub(crate) fn find(&self, kind: &str, id: &str) -> Option<&Value> {
        self.places.get(id).filter(|(of, _)| *of == kind).map(|(of, place)| &self.objects[of][*place])
    }

    /// Takes a member away from an object, which must be there, and answers it as it is then.
    pub(crate) fn remove(&mut self, id: &str, member: &str) -> Value {
        let (kind, place) = self.places[id];
        let object = self.objects.get_mut(kind).and_then(|shelf| shelf.get_mut(place));
        let Some(Value::Object(members)) = object else { return Value::Null };
        members.remove(member);
        Value::Object(members.clone())
    }

    /// Schedules an effect in so many seconds.
    pub(crate) fn later(&mut self, seconds: i64, due: Due) {
        self.due.push((self.now + seconds, due));
    }

    /// Takes the oldest effect that is due.
    pub(crate) fn next_due(&mut self) -> Option<Due> {
        let due = self.due.iter().enumerate().filter(|(_, (at, _))| *at <= self.now);
        let (place, _) = due.min_by_key(|(place, (at, _))| (*at, *place))?;
        Some(self.due.remove(place).1)
    }

    /// An object that a path names, unless it is deleted.
    pub(crate) fn get(&self, kind: &str, id: &str) -> Answer {
        self.living(kind, id).ok_or_else(|| Refusal::no_such(kind, id, None))
    }

    /// An object that a parameter names, unless it is deleted.
    pub(crate) fn named(&self, kind: &str, id: &str, param: &str) -> Answer {
        self.living(kind, id).ok_or_else(|| Refusal::no_such(kind, id, Some(param)))
    }

    fn living(&self, kind: &str, id: &str) -> Option<Value> {
        self.find(kind, id).filter(|object| object["deleted"] != true).cloned()
    }

    /// Leaves no more of an object, which must be there, than that it is deleted.
    pub(crate) fn delete(&mut self, id: &str) -> Value {
        let (kind, place) = self.places[id];
        let stub = json!({ "id": id, "object": kind, "deleted": true });
        if let Some(object) = self.objects.get_mut(kind).and_then(|shelf| shelf.get_mut(place)) {
            *object = stub.clone();
        }
        self.changes += 1;
        stub
    }

    /// Changes members of an object, which must be there, and answers it as it is then.
    pub(crate) fn change(&mut self, id: &str, members: Value) -> Value {
        let (kind, place) = self.places[id];
        let object = self.objects.get_mut(kind).and_then(|shelf| shelf.get_mut(place));
        let (Some(object), Value::Object(members)) = (object, members) else { return Value::Null };
        for (name, value) in members {
            object[name] = value;
        }
        self.changes += 1;
        object.clone()
    }

    /// All objects of a kind, newest first.
    pub(crate) fn all(&self, kind: &str) -> impl Iterator<Item = &Value> {
        self.objects.get(kind).into_iter().flatten().rev()
    }

    /// How many there are of a kind.
    pub(crate) fn count(&self, kind: &str) -> usize {
        self.objects.get(kind).map_or(0, Vec::len)
    }

    /// The card of a payment method.
    pub(crate) fn card(&self, payment_method: &str) -> Card {
        self.cards.get(payment_method).copied().unwrap_or_default()
    }

    pub(crate) fn set_card(&mut self, payment_method: &str, card: Card) {
        self.cards.insert(payment_method.to_owned(), card);
    }

    /// Records an event about an object in its current state.
    pub(crate) fn record_event(&mut self, kind: &str, object: &Value) {
        self.note_event(kind, &json!({ "object": object }));
    }

    /// Records an event about a change of an object, with its previous state.
    pub(crate) fn record_change(&mut self, kind: &str, before: &Value, after: &Value) {
        self.note_event(kind, &json!({ "object": after, "previous_attributes": previous_attributes(before, after) }));
    }

    fn note_event(&mut self, kind: &str, data: &Value) {
        let (request, key) = self.request.clone();
        let event = json!({
            "id": Self::id("evt"), "object": "event", "api_version": API_VERSION, "created": self.now,
            "data": data, "livemode": false, "pending_webhooks": i32::from(self.has_webhook),
            "request": {"id": request, "idempotency_key": key}, "type": kind
        });
        let event = self.keep("event", event);
        self.news.push(event);
    }
}

/// The members of `before` that are not so `after`, as events show them: of objects in it their changed members only, null
/// for what is new (<https://docs.stripe.com/api/events/object#event_object-data-previous_attributes>).
fn previous_attributes(before: &Value, after: &Value) -> Value {
    let (Value::Object(old), Value::Object(new)) = (before, after) else { return before.clone() };
    let names: BTreeSet<&String> = old.keys().chain(new.keys()).collect();
    let changed = names.into_iter().filter_map(|name| {
        let (old, new) = (old.get(name).unwrap_or(&Value::Null), new.get(name).unwrap_or(&Value::Null));
        (old != new).then(|| (name.clone(), previous_attributes(old, new)))
    });
    Value::Object(changed.collect())
}

/// A member that is a text; empty where it is none.
pub(crate) fn text<'a>(object: &'a Value, member: &str) -> &'a str {
    object[member].as_str().unwrap_or_default()
}

/// A member that is a number; 0 where it is none.
pub(crate) fn number(object: &Value, member: &str) -> i64 {
    object[member].as_i64().unwrap_or_default()
}

/// So many random letters and digits.
pub(crate) fn random(length: usize) -> String {
    (0..length).map(|_| fastrand::alphanumeric()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn previous_attributes_are_what_changed_and_no_more() {
        let before = json!({"id": "cus_1", "name": null, "email": "a@x.example", "metadata": {"a": "1", "b": "2"},
            "items": [1, 2], "address": {"city": "Bonn"}, "gone": 1});
        let after = json!({"id": "cus_1", "name": "Ada", "email": "a@x.example", "metadata": {"a": "1", "c": "3"},
            "items": [1, 3], "address": null});
        let expected = json!({"name": null, "metadata": {"b": "2", "c": null}, "items": [1, 2],
            "address": {"city": "Bonn"}, "gone": 1});
        assert_eq!(previous_attributes(&before, &after), expected);
        assert_eq!(previous_attributes(&before, &before), json!({}));
    }
}
