//! Lists under a strategic merge patch: which elements are the same, and in which order they end up.

use std::collections::{BTreeSet, HashMap, HashSet};

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
        let mut seen = HashSet::new();
        let both: Vec<Value> = live
            .iter()
            .chain(patch)
            .filter(|value| seen.insert(*value))
            .cloned()
            .collect();
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
    let mut items = KeyedItems::new(live.clone(), key);
    for item in &plain {
        items.merge(shape.items(), item)?;
    }
    Ok(arranged(&items.items, &plain, &live, Some(key)))
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
    let (mut deleted, mut replaced) = (HashSet::new(), false);
    for item in patch.iter().filter(|item| is_directive(item)) {
        match item[DIRECTIVE].as_str() {
            Some("delete") if item.get(key).is_none() => return Err(without_key(item, key)),
            Some("delete") => {
                deleted.insert(&item[key]);
            }
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
    let kept = live.iter().filter(|one| !deleted.contains(&one[key]));
    Ok((!replaced).then(|| kept.cloned().collect()))
}

/// A list whose elements are found by their key.
struct KeyedItems<'a> {
    key: &'a str,
    items: Vec<Value>,
    /// Nothing keeps the elements of a list that is not validated from having a key in common: the first is patched.
    places: HashMap<Value, BTreeSet<usize>>,
}

impl<'a> KeyedItems<'a> {
    fn new(items: Vec<Value>, key: &'a str) -> Self {
        let mut keyed = Self {
            key,
            items: Vec::with_capacity(items.len()),
            places: HashMap::new(),
        };
        for item in items {
            keyed.push(item);
        }
        keyed
    }

    fn merge(&mut self, shape: Shape, item: &Value) -> Result<(), PatchFault> {
        let Some(wanted) = item.get(self.key) else {
            return Err(without_key(item, self.key));
        };
        let found = self.places.get(wanted).and_then(BTreeSet::first);
        if let Some(&at) = found {
            return self.patch(shape, at, item);
        }
        if let Some(item) = fresh(item) {
            self.push(item);
        }
        Ok(())
    }

    fn push(&mut self, item: Value) {
        let at = self.items.len();
        self.place(item[self.key].clone(), at);
        self.items.push(item);
    }

    fn place(&mut self, identity: Value, at: usize) {
        self.places.entry(identity).or_default().insert(at);
    }

    fn patch(&mut self, shape: Shape, at: usize, item: &Value) -> Result<(), PatchFault> {
        let found = &mut self.items[at];
        if let (Some(fields), Some(patch)) = (found.as_object_mut(), item.as_object()) {
            merge_object(shape, fields, patch)?;
        }
        // A key that is an object may have been patched itself.
        let now = &found[self.key];
        if *now != item[self.key] {
            let now = now.clone();
            if let Some(places) = self.places.get_mut(&item[self.key]) {
                places.remove(&at);
            }
            self.place(now, at);
        }
        Ok(())
    }
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
    if set.all(|item| rest.any(|one| identity(one, key) == identity(item, key))) {
        return Ok(());
    }
    let list = |list: &[Value]| go_format::plain(&Value::Array(list.to_vec()));
    Err(PatchFault::Stumbled(format!(
        "The order in patch list:\n{}\n doesn't match $setElementOrder list:\n{}\n",
        list(patch),
        list(wanted)
    )))
}

/// What two elements have in common that are the same.
fn identity<'a>(item: &'a Value, key: Option<&str>) -> &'a Value {
    key.map_or(item, |key| &item[key])
}

/// Where each element is first.
fn places<'a>(list: &'a [Value], key: Option<&str>) -> HashMap<&'a Value, usize> {
    let mut places = HashMap::new();
    for (at, item) in list.iter().enumerate() {
        places.entry(identity(item, key)).or_insert(at);
    }
    places
}

/// Items in their order: those of the patch as the patch has them, the server's as the server had them; between the two,
/// what the server knew keeps its place, and what is new comes first.
fn arranged(items: &[Value], patch: &[Value], server: &[Value], key: Option<&str>) -> Vec<Value> {
    let (patched, known) = (places(patch, key), places(server, key));
    let in_patch = |item: &Value| patched.get(identity(item, key)).copied();
    let in_server = |item: &Value| known.get(identity(item, key)).copied();
    let (mut ours, mut theirs): (Vec<&Value>, Vec<&Value>) =
        items.iter().partition(|item| in_patch(item).is_some());
    ours.sort_by_cached_key(|item| in_patch(item));
    theirs.sort_by_cached_key(|item| in_server(item));
    let (mut ours, mut theirs) = (ours.into_iter().peekable(), theirs.into_iter().peekable());
    let mut arranged = Vec::with_capacity(items.len());
    while let (Some(own), Some(other)) = (ours.peek(), theirs.peek()) {
        let server_is_first = match (in_server(other), in_server(own)) {
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

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    /// As [`arranged`], with each place looked for anew.
    fn arranged_plainly(items: &[Value], patch: &[Value], server: &[Value]) -> Vec<Value> {
        let place = |list: &[Value], item: &Value| list.iter().position(|one| one == item);
        let (mut ours, mut theirs): (Vec<&Value>, Vec<&Value>) =
            items.iter().partition(|item| place(patch, item).is_some());
        ours.sort_by_key(|item| place(patch, item));
        theirs.sort_by_key(|item| place(server, item));
        let mut arranged = Vec::new();
        while let (Some(own), Some(other)) = (ours.first(), theirs.first()) {
            let places = place(server, other).zip(place(server, own));
            let next = if places.is_some_and(|(other, own)| other < own) {
                theirs.remove(0)
            } else {
                ours.remove(0)
            };
            arranged.push(next.clone());
        }
        arranged.extend(ours.into_iter().chain(theirs).cloned());
        arranged
    }

    fn numbers() -> impl Strategy<Value = Vec<Value>> {
        prop::collection::vec((0..9).prop_map(Value::from), 0..9)
    }

    proptest! {
        #[test]
        fn places_are_those_of_a_plain_search(items in numbers(), patch in numbers(), server in numbers()) {
            let expected = arranged_plainly(&items, &patch, &server);
            prop_assert_eq!(arranged(&items, &patch, &server, None), expected);
        }
    }

    #[test]
    fn the_first_element_with_the_key_is_patched() {
        let list = |value: Value| value.as_array().unwrap().clone();
        for (live, patch, expected) in [
            (
                json!([{"k": 1, "a": 1}, {"k": 1, "a": 2}]),
                json!([{"k": 1, "a": 3}, {"k": 1, "b": 4}, {"k": 2}, {"k": 2, "c": 5}]),
                json!([{"k": 1, "a": 3, "b": 4}, {"k": 1, "a": 2}, {"k": 2, "c": 5}]),
            ),
            // A key that the patch itself changes: the element is not found by the old one again.
            (
                json!([{"k": {"x": {"$patch": "delete", "y": 1}}}]),
                json!([{"k": {"x": {"$patch": "delete", "y": 1}}, "a": 1},
                    {"k": {"x": {}}, "b": 2}]),
                json!([{"k": {"x": {}}, "a": 1, "b": 2}]),
            ),
            // A null key is not kept.
            (
                json!([]),
                json!([{"k": null, "a": 1}, {"k": null, "b": 2}]),
                json!([{"a": 1, "b": 2}]),
            ),
        ] {
            let mut keyed = KeyedItems::new(list(live), "k");
            for item in list(patch) {
                assert!(keyed.merge(Shape::UNKNOWN, &item).is_ok(), "{item}");
            }
            assert_eq!(Value::from(keyed.items), expected);
        }
    }

    #[test]
    fn all_that_the_patch_deletes_is_gone() {
        let live = [
            json!({"k": 1}),
            json!({"k": 2}),
            json!({"k": 1, "a": 1}),
            json!({}),
        ];
        let delete = |key: i32| json!({"$patch": "delete", "k": key});
        let kept = |patch: &[Value]| directed(&live, patch, "k").ok().flatten();
        assert_eq!(
            kept(&[delete(1), delete(3)]),
            Some(vec![json!({"k": 2}), json!({})])
        );
        assert_eq!(kept(&[delete(1), json!({"$patch": "replace"})]), None);
    }
}
