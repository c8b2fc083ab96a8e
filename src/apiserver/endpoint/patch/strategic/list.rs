//! Lists under a strategic merge patch: which elements are the same, and in which order they end up.

use serde_json::Value;

use super::{
    DIRECTIVE, Members, PatchFault, Shape, fresh, go_format, merge_object, unknown_directive,
};

/// The list with the patch merged in.
pub fn merged(shape: Shape, live: &[Value], patch: &[Value]) -> Result<Vec<Value>, PatchFault> {
    if !shape.is_merged() {
        return Ok(patch.to_vec());
    }
    let Some(key) = shape.merge_key() else {
        let mut both: Vec<Value> = Vec::new();
        for value in live.iter().chain(patch) {
            if !both.contains(value) {
                both.push(value.clone());
            }
        }
        return Ok(arranged(&both, patch, live, None));
    };
    let plain: Vec<Value> = patch
        .iter()
        .filter(|one| !is_directive(one))
        .cloned()
        .collect();
    let Some(live) = directed(live, patch, key)? else {
        return Ok(plain);
    };
    let mut items = live.clone();
    for item in &plain {
        merge_item(shape.items(), key, &mut items, item)?;
    }
    Ok(arranged(&items, &plain, &live, Some(key)))
}

fn is_directive(item: &Value) -> bool {
    item.get(DIRECTIVE).is_some()
}

fn without_key(item: &Value, key: &str) -> PatchFault {
    PatchFault::Stumbled(format!(
        "map: {} does not contain declared merge key: {key}",
        go_format::plain(item)
    ))
}

/// The list after the elements of the patch that are directives; none where it is to be replaced.
fn directed(live: &[Value], patch: &[Value], key: &str) -> Result<Option<Vec<Value>>, PatchFault> {
    let (mut items, mut replaced) = (live.to_vec(), false);
    for item in patch.iter().filter(|item| is_directive(item)) {
        match item[DIRECTIVE].as_str() {
            Some("delete") if item.get(key).is_none() => return Err(without_key(item, key)),
            Some("delete") => items.retain(|one| one[key] != item[key]),
            Some("replace") => replaced = true,
            Some("merge") => {
                let why = "merging lists cannot yet be specified in the patch";
                return Err(PatchFault::Stumbled(why.to_owned()));
            }
            Some(_) | None => {
                let members = item.as_object().cloned().unwrap_or_default();
                return Err(unknown_directive(&item[DIRECTIVE], &members));
            }
        }
    }
    Ok((!replaced).then_some(items))
}

fn merge_item(
    shape: Shape,
    key: &str,
    items: &mut Vec<Value>,
    item: &Value,
) -> Result<(), PatchFault> {
    if item.get(key).is_none() {
        return Err(without_key(item, key));
    }
    match items.iter_mut().find(|one| one[key] == item[key]) {
        Some(found) => {
            if let (Some(fields), Some(patch)) = (found.as_object_mut(), item.as_object()) {
                merge_object(shape, fields, patch)?;
            }
        }
        None => items.extend(fresh(item)),
    }
    Ok(())
}

/// `$setElementOrder`: the list, patched where the patch has it, in the order that the client saw.
pub fn order(
    shape: Shape,
    fields: &mut Members,
    field: &str,
    wanted: &Value,
    patch: Option<&Value>,
) -> Result<(), PatchFault> {
    let list = |value: &Value| -> Result<Vec<Value>, PatchFault> {
        let wrong = || {
            let found = go_format::type_of(value);
            PatchFault::Stumbled(format!(
                "expected a []interface {{}}, but received a {found}"
            ))
        };
        value.as_array().cloned().ok_or_else(wrong)
    };
    let key = shape.merge_key();
    let wanted = list(wanted)?;
    let live = fields.get(field).map(list).transpose()?;
    let patch = patch.map(list).transpose()?;
    if let Some(patch) = &patch {
        fits(patch, &wanted, key)?;
    }
    let server = live.clone().unwrap_or_default();
    let items = match (live, patch) {
        (None, None) => return Ok(()),
        (Some(live), None) => live,
        (None, Some(patch)) => patch.iter().filter_map(fresh).collect(),
        (Some(live), Some(patch)) => merged(shape, &live, &patch)?,
    };
    let items = arranged(&items, &wanted, &server, key);
    fields.insert(field.to_owned(), items.into());
    Ok(())
}

/// Does the order name all that the patch sets, in the patch's own order?
fn fits(patch: &[Value], wanted: &[Value], key: Option<&str>) -> Result<(), PatchFault> {
    if wanted.is_empty() {
        return Ok(());
    }
    let mut rest = wanted.iter();
    let mut set = patch.iter().filter(|item| !is_directive(item));
    if set.all(|item| rest.any(|one| is_same(one, item, key))) {
        return Ok(());
    }
    let list = |list: &[Value]| go_format::plain(&Value::Array(list.to_vec()));
    Err(PatchFault::Stumbled(format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        list(patch),
        list(wanted)
    )))
}

fn is_same(one: &Value, other: &Value, key: Option<&str>) -> bool {
    match key {
        Some(key) => one[key] == other[key],
        None => one == other,
    }
}

/// Items in their order: those of the patch as the patch has them, the server's as the server had them; between the two,
/// what the server knew keeps its place, and what is new comes first.
fn arranged(items: &[Value], patch: &[Value], server: &[Value], key: Option<&str>) -> Vec<Value> {
    let place = |list: &[Value], item: &Value| list.iter().position(|one| is_same(one, item, key));
    let (mut ours, mut theirs): (Vec<&Value>, Vec<&Value>) =
        items.iter().partition(|item| place(patch, item).is_some());
    ours.sort_by_key(|item| place(patch, item));
    theirs.sort_by_key(|item| place(server, item));
    let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    let mut arranged = Vec::with_capacity(items.len());
    while let (Some(own), Some(other)) = (ours.peek(), theirs.peek()) {
        let server_is_first = match (place(server, other), place(server, own)) {
            (Some(other), Some(own)) => other < own,
            _ => false,
        };
        let next = if server_is_first {
            theirs.next()
        } else {
            ours.next()
        };
        arranged.extend(next.cloned());
    }
    arranged.extend(ours.chain(theirs).cloned());
    arranged
}
