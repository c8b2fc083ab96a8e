//! What must not be there twice on one network: the addresses and identifiers that VMs are given by name.

use serde_json::Value;

use crate::cluster::backup::BackupReader;

/// More than these are counted.
const NAMED: usize = 10;

/// MAC addresses and firmware UUIDs of the VMs of a backup, each with its VM, for a person to read.
#[must_use]
pub fn identities(backup: &BackupReader) -> Vec<String> {
    let mut all = Vec::new();
    for entry in &backup.entries {
        // A restore fails over what cannot be read.
        let Ok((_, manifest)) = backup.manifest(entry) else {
            continue;
        };
        let vm = format!("{}/{}", entry.namespace, entry.name);
        let mut found = Vec::new();
        collect(&manifest["spec"], &mut found);
        all.extend(
            found
                .into_iter()
                .map(|identity| format!("{identity} of {vm}")),
        );
    }
    if all.len() > NAMED {
        let more = all.len() - NAMED;
        all.truncate(NAMED);
        all.push(format!("and {more} more"));
    }
    all
}

fn collect(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::Object(fields) => {
            for (field, value) in fields {
                match (&**field, value) {
                    ("macAddress", Value::String(address)) => found.push(format!("MAC {address}")),
                    ("firmware", firmware) => {
                        let uuid = firmware["uuid"].as_str();
                        found.extend(uuid.map(|uuid| format!("UUID {uuid}")));
                    }
                    _ => collect(value, found),
                }
            }
        }
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn addresses_and_uuids_are_found_wherever_they_stand() {
        let spec = json!({"template": {"spec": {"domain": {
            "firmware": {"uuid": "5d307ca9"},
            "devices": {"interfaces": [{"macAddress": "02:00:00:00:00:01"}]},
        }}}});
        let mut found = Vec::new();
        collect(&spec, &mut found);
        found.sort();
        assert_eq!(found, ["MAC 02:00:00:00:00:01", "UUID 5d307ca9"]);
    }
}
