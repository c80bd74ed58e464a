//! Pages of lists, newest first: <https://docs.stripe.com/api/pagination>.

use serde_json::{Value, json};

use crate::{
    form::Params,
    refusal::Refusal,
    world::{Answer, World, number},
};

/// Which page is asked for.
#[derive(Debug)]
pub(crate) struct Paging {
    limit: usize,
    /// The page begins after (below) it.
    after: Option<String>,
    /// The page ends before (above) it: those directly newer.
    before: Option<String>,
}

/// `created=...` or `created[gte]=...`, in seconds since 1970.
#[derive(Debug, Default)]
pub(crate) struct Created {
    from: Option<i64>,
    to: Option<i64>,
}

impl Paging {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        let limit = limit(params)?;
        let (after, before) = (params.text("starting_after")?, params.text("ending_before")?);
        if after.is_some() && before.is_some() {
            let message = "You cannot parameterize both starting_after and ending_before.".to_owned();
            return Err(Refusal::invalid_parameter("starting_after", message));
        }
        Ok(Self { limit, after, before })
    }
}

/// `limit`: 1 to 100, 10 where it is not given.
pub(crate) fn limit(params: &mut Params) -> Result<usize, Refusal> {
    match params.integer("limit")? {
        None => Ok(10),
        Some(limit) if limit < 1 => {
            Err(Refusal::out_of_range("limit", "This value must be greater than or equal to 1."))
        }
        Some(limit) if limit > 100 => {
            Err(Refusal::out_of_range("limit", "This value must be less than or equal to 100 (limit)."))
        }
        Some(limit) => Ok(usize::try_from(limit).unwrap_or(100)),
    }
}

impl Created {
    pub(crate) fn read(params: &mut Params) -> Result<Self, Refusal> {
        if params.as_value()["created"].is_string() {
            let at = params.integer("created")?;
            return Ok(Self { from: at, to: at });
        }
        let Some(mut bounds) = params.below("created")? else { return Ok(Self::default()) };
        let (above, from) = (bounds.integer("gt")?, bounds.integer("gte")?);
        let (below, to) = (bounds.integer("lt")?, bounds.integer("lte")?);
        bounds.finish()?;
        let from = from.max(above.map(|at| at.saturating_add(1)));
        let to = [to, below.map(|at| at.saturating_sub(1))].into_iter().flatten().min();
        Ok(Self { from, to })
    }

    pub(crate) fn has(&self, object: &Value) -> bool {
        let at = number(object, "created");
        self.from.is_none_or(|from| at >= from) && self.to.is_none_or(|to| at <= to)
    }
}

/// One page of the objects of a kind that are `in` the list. A cursor may be any object of the kind.
pub(crate) fn page(world: &World, kind: &str, url: &str, paging: &Paging, is_in: impl Fn(&Value) -> bool) -> Answer {
    let all: Vec<&Value> = world.all(kind).collect();
    let place = |id: &str, param: &str| {
        all.iter().position(|object| object["id"] == id).ok_or_else(|| Refusal::no_such(kind, id, Some(param)))
    };
    let limit = paging.limit;
    let (data, has_more) = if let Some(before) = &paging.before {
        let newer: Vec<&Value> =
            all[..place(before, "ending_before")?].iter().copied().filter(|object| is_in(object)).collect();
        (newer[newer.len().saturating_sub(limit)..].to_vec(), newer.len() > limit)
    } else {
        let start = match &paging.after {
            Some(after) => place(after, "starting_after")? + 1,
            None => 0,
        };
        let rest: Vec<&Value> = all[start..].iter().copied().filter(|object| is_in(object)).collect();
        (rest[..rest.len().min(limit)].to_vec(), rest.len() > limit)
    };
    Ok(json!({ "object": "list", "data": data, "has_more": has_more, "url": url }))
}
