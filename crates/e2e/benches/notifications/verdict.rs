//! What became of every message, and why some were sent twice.

use std::{
    collections::{BTreeMap, HashMap, HashSet},
    time::Duration,
};

use notification_service::notifications::domain::{Channel, Record, State};
use serde_json::Value;
use uuid::Uuid;
use vendor_doubles::{Call, Vendor};

use crate::{office::Office, storm::Asked};

/// An event on a channel.
type Key = (Uuid, Channel);

/// What the functions logged, as far as it says why something was sent twice or was not clear.
#[derive(Default)]
struct Logged {
    /// A provider's answer was not there in time, or could not be understood.
    not_taken: HashSet<String>,
    /// A message was sent, and the table did not say so.
    unmarked: HashSet<String>,
    found: HashSet<String>,
    sent_again: HashSet<String>,
    unclear: HashSet<String>,
}

/// Fails where a key is neither reached nor dead, or is reached twice without a cause.
pub(crate) async fn judge(office: &Office, asked: &Asked, took: Duration) {
    let letters = letters(office).await;
    let reached = reached(office);
    let records = records(office, asked).await;
    let logged = logged(&office.log());
    print_storm(office, asked, took);

    let mut ends = BTreeMap::<String, usize>::new();
    for (event, channels) in &asked.events {
        for channel in channels {
            let key: Key = (*event, channel.parse().unwrap());
            let times = reached.get(&key).map_or(0, Vec::len);
            let reason = letters.get(&event.to_string());
            let record = records.get(&key);
            let end = end(&key, record, times, reason.map(String::as_str));
            *ends.entry(format!("{:<6} {end}", key.1.to_string())).or_default() += 1;
        }
    }
    println!("\nHow each message ended:");
    for (end, count) in &ends {
        println!("{count:>7}  {end}");
    }
    assert_eq!(letters.iter().filter(|(_, reason)| reason.starts_with("not_understood")).count(), asked.poisoned);
    println!("{:>7}  not understood: dead-lettered, each with what is wrong with it", asked.poisoned);

    print_twice(office, asked, &reached, &logged);
    print_unclear(&reached, &records, &logged);
    // What was kept to explain a failure.
    let _ = std::fs::remove_dir_all(&office.logs);
}

fn print_storm(office: &Office, asked: &Asked, took: Duration) {
    let keys: usize = asked.events.iter().map(|(_, channels)| channels.len()).sum();
    let messages = asked.events.len() + asked.poisoned;
    println!(
        "\n{messages} messages queued ({} of them delivered twice), {keys} mails and SMS to send; {} s",
        asked.twice,
        took.as_secs()
    );
    println!(
        "{} functions started, {} killed at work, holding {} events",
        office.starts(),
        asked.kills,
        asked.killed.len()
    );
    let calls = office.vendors.calls();
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

/// How a key ended; panics where it may not end so.
fn end(key: &Key, record: Option<&Record>, times: usize, dead: Option<&str>) -> String {
    let state = record.map(|record| record.state);
    match (state, times, dead) {
        (Some(State::Sent), 1.., _) => "reached".to_owned(),
        (Some(State::Refused), _, Some(reason)) if reason.starts_with("refused: ") => {
            let why = record.and_then(|record| record.last_error.as_deref()).unwrap_or_default();
            let by = record.and_then(|record| record.provider).map_or("the service".to_owned(), |by| by.to_string());
            let reached = if times > 0 { ", though an earlier try had reached its recipient" } else { "" };
            format!("refused by {by} ({why}): dead-lettered with that reason{reached}")
        }
        (_, times, Some(reason)) => {
            let kind = reason.split(':').next().unwrap_or_default();
            assert!(!kind.is_empty() && reason.len() > kind.len() + 2, "{key:?} is dead without a reason: {reason:?}");
            let reached = if times > 0 { "had reached its recipient, " } else { "" };
            format!("{reached}dead-lettered: {kind}")
        }
        (state, times, None) => panic!("{key:?} is lost: {state:?}, taken {times} times, and no dead letter"),
    }
}

/// The event's id and the reason of each dead letter; of several of one event, the first.
async fn letters(office: &Office) -> HashMap<String, String> {
    let mut letters = HashMap::new();
    for (body, reason) in office.dead_letters().await {
        letters.entry(body["event_id"].as_str().unwrap_or_default().to_owned()).or_insert(reason);
    }
    letters
}

/// The vendors' ids of what they took for each key, in the order in which they took it.
fn reached(office: &Office) -> HashMap<Key, Vec<String>> {
    let mut reached = HashMap::<Key, Vec<String>>::new();
    for record in office.vendors.records() {
        let from_callback = || record.callback.as_deref()?.split_once("event_id=").map(|(_, id)| id.to_owned());
        let event = record.tags.get("event_id").cloned().or_else(from_callback).unwrap();
        let channel = if record.vendor == Vendor::Twilio { Channel::Sms } else { Channel::Email };
        reached.entry((event.parse().unwrap(), channel)).or_default().push(record.id);
    }
    reached
}

async fn records(office: &Office, asked: &Asked) -> HashMap<Key, Record> {
    let mut records = HashMap::new();
    for (event, _) in &asked.events {
        for record in office.app.store.of_event(event.to_string().parse().unwrap()).await.unwrap() {
            records.insert((*event, record.key.channel), record);
        }
    }
    records
}

fn logged(log: &str) -> Logged {
    let mut logged = Logged::default();
    for line in log.lines() {
        let Ok(line) = serde_json::from_str::<Value>(line) else { continue };
        let Some(event) = line["event_id"].as_str() else { continue };
        let message = line["message"].as_str().unwrap_or_default();
        let kind = match message {
            "provider did not take it" => &mut logged.not_taken,
            "SMS was taken, though its answer was lost" => &mut logged.found,
            "SMS was not taken; it is sent again" => &mut logged.sent_again,
            message if message.starts_with("SMS stays unclear") => &mut logged.unclear,
            message if message.starts_with("message sent") && message != "message sent" => &mut logged.unmarked,
            message if message.starts_with("message waits") => {
                let is_unclear = line["reason"].as_str().is_some_and(|reason| reason.contains("is not clear since"));
                if !is_unclear {
                    continue;
                }
                &mut logged.unclear
            }
            _ => continue,
        };
        kind.insert(event.to_owned());
    }
    logged
}

fn print_twice(office: &Office, asked: &Asked, reached: &HashMap<Key, Vec<String>>, logged: &Logged) {
    let calls = office.vendors.calls();
    let faults: HashMap<&str, Option<&str>> =
        calls.iter().filter_map(|call| Some((call.message.as_deref()?, call.fault))).collect();
    let mut causes = BTreeMap::<(String, &str), usize>::new();
    let mut twice = BTreeMap::<String, usize>::new();
    for (key, ids) in reached.iter().filter(|(_, ids)| ids.len() > 1) {
        *twice.entry(key.1.to_string()).or_default() += 1;
        // The last one needs no excuse.
        for id in &ids[..ids.len() - 1] {
            let event = key.0.to_string();
            let cause = match faults.get(id.as_str()).copied().flatten() {
                Some("late") => "the vendor took it, and answered too late",
                Some("reset") => "the vendor took it, and its answer was lost",
                Some("answer") => "the vendor took it, and answered 500",
                _ if asked.killed.contains(&event) => "the function was killed between the vendor's yes and the mark",
                _ if logged.unmarked.contains(&event) => {
                    "the mark was not made: the table failed or the lease was over"
                }
                _ if logged.not_taken.contains(&event) => "this machine was too busy to take the answer in time",
                _ => panic!("{key:?} was sent twice ({ids:?}), and nothing explains it"),
            };
            *causes.entry((key.1.to_string(), cause)).or_default() += 1;
        }
    }
    println!("\nReached twice or more: {} mails, {} SMS", count(&twice, "email"), count(&twice, "sms"));
    assert_eq!(count(&twice, "sms"), 0, "an SMS costs money, and its vendor can be asked");
    for ((channel, cause), count) in causes {
        println!("{count:>7}  {channel:<6} {cause}");
    }
}

fn count(counts: &BTreeMap<String, usize>, name: &str) -> usize {
    counts.get(name).copied().unwrap_or_default()
}

fn print_unclear(reached: &HashMap<Key, Vec<String>>, records: &HashMap<Key, Record>, logged: &Logged) {
    let ever: HashSet<&String> = logged.unclear.iter().chain(&logged.found).chain(&logged.sent_again).collect();
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
