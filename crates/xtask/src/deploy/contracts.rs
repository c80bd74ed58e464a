//! Migrations that take away. The version before goes on while a new one is deployed, and comes back when that fails: so a
//! migration may only take away what the code that is deployed already does without.
//!
//! Such a migration says since when, in its first line: `-- contracts after NNNN`. NNNN is the migration that came with the
//! first code that needs no more of what goes. It waits until that code is deployed: a deployment of both is refused.

use anyhow::{Result, bail};

/// A file of `migrations/`, with its text.
#[derive(Debug, Clone)]
pub(crate) struct Migration {
    pub(crate) name: String,
    pub(crate) text: String,
}

const MARK: &str = "-- contracts after ";
/// Statements of SQL that can break code older than the migration.
const TAKES_AWAY: [&str; 10] = [
    "DROP TABLE",
    "DROP COLUMN",
    "DROP TYPE",
    "DROP VIEW",
    "DROP FUNCTION",
    "DROP DEFAULT",
    "RENAME TO",
    "RENAME COLUMN",
    "SET NOT NULL",
    "SET DATA TYPE",
];

/// Refuses new migrations that would come too early. `deployed` are the names of those that the deployed code came with.
pub(crate) fn check(new: &[Migration], deployed: &[String]) -> Result<()> {
    for migration in new.iter().filter(|migration| migration.name.ends_with(".up.sql")) {
        let name = &migration.name;
        let Some(statement) = takes_away(&migration.text) else { continue };
        let Some(since) = since(&migration.text) else {
            bail!(
                "{name} has `{statement}`: say after which migration the code needs it no more (`{MARK}NNNN` in its first line)"
            );
        };
        if !deployed.iter().any(|known| number(known) == Some(since)) {
            bail!(
                "{name} takes away what the deployed code still needs: deploy the commit that brought {since:04} first"
            );
        }
    }
    Ok(())
}

/// The first statement of the text that takes something away.
fn takes_away(text: &str) -> Option<&'static str> {
    let code: Vec<&str> = text.lines().map(|line| line.split("--").next().unwrap_or_default()).collect();
    let code = code.join(" ").to_uppercase();
    let words = code.split_whitespace().collect::<Vec<_>>().join(" ");
    TAKES_AWAY.into_iter().find(|statement| words.contains(statement))
}

fn since(text: &str) -> Option<u32> {
    text.lines().next()?.strip_prefix(MARK)?.trim().parse().ok()
}

fn number(name: &str) -> Option<u32> {
    name.rsplit('/').next()?.split('_').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::fs;
    use std::path::Path;

    use super::*;

    fn migration(text: &str) -> Vec<Migration> {
        vec![Migration { name: "migrations/user/0012_x.up.sql".to_owned(), text: text.to_owned() }]
    }

    fn deployed(names: &[&str]) -> Vec<String> {
        names.iter().map(|name| format!("migrations/user/{name}.up.sql")).collect()
    }

    #[test]
    fn a_migration_that_only_adds_may_come_with_the_code_that_needs_it() {
        let text = "-- DROP TABLE is only spoken of\nALTER TABLE users ADD COLUMN x text;\nALTER TABLE users DROP CONSTRAINT y;";
        check(&migration(text), &[]).unwrap();
    }

    #[test]
    fn what_takes_away_says_since_when_it_is_not_needed() {
        for text in
            ["DROP TABLE x;", "alter table x\n  drop\n  column y;", "ALTER TABLE x ALTER COLUMN y SET NOT NULL;"]
        {
            let refusal = check(&migration(text), &deployed(&["0011_y"])).unwrap_err().to_string();
            assert!(refusal.contains("-- contracts after NNNN"), "{refusal}");
        }
    }

    #[test]
    fn what_takes_away_waits_until_the_code_without_it_is_deployed() {
        let new = migration("-- contracts after 0011\nALTER TABLE users DROP COLUMN phone;");
        let refusal = check(&new, &deployed(&["0010_w"])).unwrap_err().to_string();
        assert!(refusal.ends_with("deploy the commit that brought 0011 first"), "{refusal}");
        check(&new, &deployed(&["0010_w", "0011_y"])).unwrap();
    }

    #[test]
    fn the_way_back_may_take_away() {
        let back = Migration { name: "migrations/user/0012_x.down.sql".to_owned(), text: "DROP TABLE x;".to_owned() };
        check(&[back], &[]).unwrap();
    }

    #[test]
    fn every_migration_of_this_tree_adds_or_says_since_when_it_may_take_away() {
        let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../migrations");
        let mut seen = 0;
        for service in fs::read_dir(folder).unwrap().flatten() {
            for file in fs::read_dir(service.path()).unwrap().flatten() {
                let name = file.path().display().to_string();
                let text = fs::read_to_string(file.path()).unwrap();
                if name.ends_with(".up.sql") {
                    assert!(takes_away(&text).is_none() || since(&text).is_some(), "{name}");
                    seen += 1;
                }
            }
        }
        assert!(seen > 10, "{seen}");
    }
}
