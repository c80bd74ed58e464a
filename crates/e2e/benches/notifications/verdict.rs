//! What became of every message, and why some were sent twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use common::{contact::Channel, timestamp::Timestamp};
use notification_service::notifications::domain::{Record, State};
use serde_json::Value;
use uuid::Uuid;
use vendor_doubles::{Call, Vendor};

use crate::{
    asked::{Asked, Kill},
    fixture::QueueFixture,
};

/// What a killed function had sent may still be on its way to the vendor.
const ON_ITS_WAY: Duration = Duration::from_secs(1);

/// An event on a channel.
type Key = (Uuid, Channel);

/// A message that a vendor took.
struct Taken {
    vendor: Vendor,
    id: String,
    at: Timestamp,
}

/// What the functions logged, as far as it says why something was sent twice or was not clear.
#[derive(Default)]
struct Logged {
    /// How often a provider's answer was not there in time.
    lost: HashMap<(Uuid, String), usize>,
    /// How often a message was sent, and the table did not say so.
    unmarked: HashMap<Key, usize>,
    found: HashSet<Uuid>,
    sent_again: HashSet<Uuid>,
    unclear: HashSet<Uuid>,
}

/// Fails where a key is neither reached nor dead, or is reached twice without a cause.
pub(crate) async fn judge(fixture: &QueueFixture, asked: &Asked, took: Duration) {
    let letters = letters(fixture).await;
    let reached = reached(fixture);
    let records = records(fixture, asked).await;
    let logged = logged(&fixture.log());
    print_storm(fixture, asked, took);

    let mut ends = BTreeMap::<String, usize>::new();
    for (event, channels) in &asked.events {
        for channel in channels {
            let key: Key = (*event, channel.parse().unwrap());
            let taken = reached.get(&key).map_or(&[][..], Vec::as_slice);
            let reasons = letters.get(&event.to_string()).map_or(&[][..], Vec::as_slice);
            let end = end(&key, records.get(&key), taken, reasons);
            *ends.entry(format!("{:<6} {end}", key.1.to_string())).or_default() += 1;
        }
    }
    println!("\nHow each message ended:");
    for (end, count) in &ends {
        println!("{count:>7}  {end}");
    }
    let is_poisoned = |reasons: &[String]| reasons.iter().any(|reason| reason.starts_with("not_understood: "));
    assert_eq!(letters.values().filter(|reasons| is_poisoned(reasons)).count(), asked.poisoned);
    let understood = asked.events.iter().filter_map(|(event, _)| letters.get(&event.to_string()));
    assert_eq!(understood.filter(|reasons| is_poisoned(reasons)).count(), 0, "what is well formed is understood");
    println!("{:>7}  not understood: dead-lettered, each with what is wrong with it", asked.poisoned);

    let mut causes = Causes::of(fixture, asked, logged);
    print_twice(&mut causes, &reached, &records);
    print_unclear(&reached, &records, &causes.logged);
    // What was kept to explain a failure.
    let _ = std::fs::remove_dir_all(&fixture.logs);
}

fn print_storm(fixture: &QueueFixture, asked: &Asked, took: Duration) {
    let keys: usize = asked.events.iter().map(|(_, channels)| channels.len()).sum();
    let messages = asked.events.len() + asked.poisoned;
    println!(
        "\n{messages} messages queued ({} of them delivered twice), {keys} mails and SMS to send; {} s",
        asked.twice,
        took.as_secs()
    );
    println!(
        "{} functions started, {} killed at work, holding {} events",
        fixture.starts(),
        asked.kills.len(),
        asked.kills.iter().map(|kill| kill.events.len()).sum::<usize>()
    );
    let calls = fixture.vendors.calls();
    for vendor in [Vendor::Ses, Vendor::Sendgrid, Vendor::Twilio] {
        let posts: Vec<&Call> = calls.iter().filter(|call| call.vendor == vendor && call.method == "POST").collect();
        let struck =
            |late: bool| posts.iter().filter(move |call| call.fault.is_some_and(|fault| (fault == "late") == late));
        println!(
            "{:<9} asked {} times, failed {}, answered late {}, took {}",
            vendor.to_string(),
            posts.len(),
            struck(false).count(),
            struck(true).count(),
            posts.iter().filter(move |call| call.is_taken).count()
        );
    }
}

/// How a key ended; panics where it may not end so. Of an event's dead letters only what they say of this channel counts.
fn end(key: &Key, record: Option<&Record>, taken: &[Taken], reasons: &[String]) -> String {
    let state = record.map(|record| record.state);
    let of_an_earlier_try = if taken.is_empty() { "" } else { ", though an earlier try had reached its recipient" };
    match state {
        Some(State::Sent) => {
            let id = record.and_then(|record| record.provider_message_id.as_deref()).unwrap_or_default();
            assert!(
                taken.iter().any(|taken| is_the_same(taken, id)),
                "{key:?} is said to be sent as {id:?}, and was not"
            );
            "reached".to_owned()
        }
        Some(State::Refused) => {
            let why = record.and_then(|record| record.last_error.as_deref()).unwrap_or_default();
            let said = format!("{}: {why}", key.1);
            let says_so = |reason: &String| {
                reason
                    .strip_prefix("refused: ")
                    .is_some_and(|parts| parts == said || parts.split("; ").any(|part| part == said))
            };
            assert!(
                !why.is_empty() && reasons.iter().any(says_so),
                "{key:?} is refused ({why}), and its dead letter says {reasons:?}"
            );
            let by = record.and_then(|record| record.provider).map_or("the service".to_owned(), |by| by.to_string());
            format!("refused by {by} ({why}): dead-lettered with that reason{of_an_earlier_try}")
        }
        // Not claimed at all, or not handed over: given up with the whole message.
        None | Some(State::Waiting | State::Sending) => {
            let is_given_up =
                |reason: &String| reason.strip_prefix("given_up: ").is_some_and(|details| !details.is_empty());
            assert!(
                reasons.iter().any(is_given_up),
                "{key:?} is lost: {state:?}, and its dead letters say {reasons:?}"
            );
            format!("given up: dead-lettered with its reason{of_an_earlier_try}")
        }
        Some(State::Withheld | State::Suppressed) => {
            panic!("{key:?} met a limit that the proof does not set: {state:?}")
        }
    }
}

/// SendGrid's events have a longer id, which begins with the one it answers.
fn is_the_same(taken: &Taken, id: &str) -> bool {
    let is_longer = taken.vendor == Vendor::Sendgrid && !id.is_empty() && taken.id.starts_with(id);
    taken.id == id || is_longer
}

/// The reasons of each event's dead letters: one for each copy of its message that died.
async fn letters(fixture: &QueueFixture) -> HashMap<String, Vec<String>> {
    let mut letters = HashMap::<_, Vec<_>>::new();
    for (body, reason) in fixture.dead_letters().await {
        letters.entry(body["event_id"].as_str().unwrap_or_default().to_owned()).or_default().push(reason);
    }
    letters
}

/// What the vendors took for each key, in the order in which they took it.
fn reached(fixture: &QueueFixture) -> HashMap<Key, Vec<Taken>> {
    let mut reached = HashMap::<Key, Vec<Taken>>::new();
    for record in fixture.vendors.records() {
        let from_callback = || record.callback.as_deref()?.split_once("event_id=").map(|(_, id)| id.to_owned());
        let event = record.tags.get("event_id").cloned().or_else(from_callback).unwrap();
        let channel = if record.vendor == Vendor::Twilio { Channel::Sms } else { Channel::Email };
        let taken = Taken { vendor: record.vendor, id: record.id, at: record.at.into() };
        reached.entry((event.parse().unwrap(), channel)).or_default().push(taken);
    }
    reached
}

async fn records(fixture: &QueueFixture, asked: &Asked) -> HashMap<Key, Record> {
    let mut records = HashMap::new();
    for (event, _) in &asked.events {
        for record in fixture.app.db.of_event(event.to_string().parse().unwrap()).await.unwrap() {
            records.insert((*event, record.key.channel), record);
        }
    }
    records
}

fn logged(log: &str) -> Logged {
    let mut logged = Logged::default();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let Some(event) = line["event_id"].as_str().and_then(|event| event.parse::<Uuid>().ok()) else { continue };
        let (message, says) = (line["message"].as_str().unwrap_or_default(), |name: &str| line[name].as_str());
        match message {
            "provider did not take it" if says("error").is_some_and(|error| error.contains("no answer in time")) => {
                let provider = says("provider").unwrap_or_default().to_owned();
                *logged.lost.entry((event, provider)).or_default() += 1;
            }
            "SMS was taken, though its answer was lost" => drop(logged.found.insert(event)),
            "SMS was not taken; it is sent again" => drop(logged.sent_again.insert(event)),
            message if message.starts_with("SMS stays unclear") => drop(logged.unclear.insert(event)),
            message if message.starts_with("message sent") && message != "message sent" => {
                let channel = says("channel").and_then(|channel| channel.parse().ok()).unwrap();
                *logged.unmarked.entry((event, channel)).or_default() += 1;
            }
            message
                if message.starts_with("message waits")
                    && says("reason").is_some_and(|reason| reason.contains("is not clear since")) =>
            {
                logged.unclear.insert(event);
            }
            _ => {}
        }
    }
    logged
}

/// Why a message may have been sent once more. Each cause excuses one message, once: what two messages would need is none.
struct Causes<'a> {
    /// What went wrong on purpose with each call that had a message taken.
    faults: HashMap<String, &'static str>,
    kills: Vec<(&'a Kill, HashSet<Key>)>,
    logged: Logged,
}

impl<'a> Causes<'a> {
    fn of(fixture: &QueueFixture, asked: &'a Asked, mut logged: Logged) -> Self {
        let (mut faults, events) = (HashMap::new(), events_of(fixture));
        for call in fixture.vendors.calls() {
            let (Some(id), Some(fault)) = (call.message, call.fault) else { continue };
            // The service says of these what it says of a machine that is too busy: they are no excuse for another message.
            if let Some(event) = events.get(&id).filter(|_| ["late", "hang"].contains(&fault)) {
                let line = logged.lost.entry((*event, call.vendor.to_string())).or_default();
                *line = line.saturating_sub(1);
            }
            faults.insert(id, fault);
        }
        Self { faults, kills: asked.kills.iter().map(|kill| (kill, HashSet::new())).collect(), logged }
    }

    /// Why the key had this message although it had another one; panics where nothing explains it.
    fn explain(&mut self, key: &Key, taken: &Taken) -> &'static str {
        match self.faults.get(&taken.id).copied() {
            Some("late") => return "the vendor took it, and answered too late",
            Some("reset") => return "the vendor took it, and its answer was lost",
            Some("answer") => return "the vendor took it, and answered 500",
            _ => {}
        }
        let held = |kill: &Kill| {
            kill.events.contains(&key.0.to_string()) && kill.from <= taken.at && taken.at <= kill.until.plus(ON_ITS_WAY)
        };
        if let Some((_, used)) = self.kills.iter_mut().find(|(kill, used)| held(kill) && !used.contains(key)) {
            used.insert(*key);
            return "the function was killed between the vendor's yes and the mark";
        }
        if takes_one(self.logged.unmarked.get_mut(key)) {
            return "the mark was not made: the table failed or the lease was over";
        }
        if takes_one(self.logged.lost.get_mut(&(key.0, taken.vendor.to_string()))) {
            return "this machine was too busy to take the answer in time";
        }
        panic!("{key:?} was sent more than once ({} at {}), and nothing explains it", taken.id, taken.at);
    }
}

fn takes_one(left: Option<&mut usize>) -> bool {
    left.filter(|left| **left > 0).is_some_and(|left| {
        *left -= 1;
        true
    })
}

/// The event of each message that was taken, by the vendors' ids.
fn events_of(fixture: &QueueFixture) -> HashMap<String, Uuid> {
    let of_key = |(key, taken): (Key, Vec<Taken>)| taken.into_iter().map(move |taken| (taken.id, key.0));
    reached(fixture).into_iter().flat_map(of_key).collect()
}

fn print_twice(causes: &mut Causes<'_>, reached: &HashMap<Key, Vec<Taken>>, records: &HashMap<Key, Record>) {
    let mut explained = BTreeMap::<(String, &str), usize>::new();
    let mut twice = BTreeMap::<String, usize>::new();
    for (key, taken) in reached.iter().filter(|(_, taken)| taken.len() > 1) {
        *twice.entry(key.1.to_string()).or_default() += 1;
        // The one that the table names needs no excuse; where it names none, the last.
        let marked = records.get(key).and_then(|record| record.provider_message_id.as_deref()).unwrap_or_default();
        let named = taken.iter().position(|taken| is_the_same(taken, marked)).unwrap_or(taken.len() - 1);
        for (_, taken) in taken.iter().enumerate().filter(|(at, _)| *at != named) {
            *explained.entry((key.1.to_string(), causes.explain(key, taken))).or_default() += 1;
        }
    }
    println!("\nReached twice or more: {} mails, {} SMS", count(&twice, "email"), count(&twice, "sms"));
    assert_eq!(count(&twice, "sms"), 0, "an SMS costs money, and its vendor can be asked");
    for ((channel, cause), count) in explained {
        println!("{count:>7}  {channel:<6} {cause}");
    }
}

fn count(counts: &BTreeMap<String, usize>, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

fn print_unclear(reached: &HashMap<Key, Vec<Taken>>, records: &HashMap<Key, Record>, logged: &Logged) {
    let ever: HashSet<&Uuid> = logged.unclear.iter().chain(&logged.found).chain(&logged.sent_again).collect();
    let still: Vec<&Key> = records
        .iter()
        .filter(|((_, channel), record)| {
            *channel == Channel::Sms && record.unclear.is_some() && record.state != State::Sent
        })
        .map(|(key, _)| key)
        .collect();
    let had_it = still.iter().filter(|key| reached.contains_key(key)).count();
    println!("\nSMS of which it was not clear whether Twilio had taken them: {}", ever.len());
    println!("{:>7}  were found in Twilio's list, and not sent again", logged.found.len());
    println!("{:>7}  were not in the list after a minute, and sent again", logged.sent_again.len());
    println!("{:>7}  are unclear to the end, and dead-lettered; Twilio had taken {had_it} of them", still.len());
}
