//! Credentials that this process sends. A server, a proxy or a plugin may repeat one in what it says, and what they say is
//! shown, logged and kept by CI systems: whoever shows words from outside hides these first.

use std::{
    borrow::Cow,
    collections::VecDeque,
    sync::{PoisonError, RwLock},
};

/// What stands where a credential was.
const HIDDEN: &str = "(a credential, not shown)";

/// Shorter ones are parts of ordinary words.
const SHORTEST: usize = 12;

/// Those of as many clusters as one run works on at once, and the last of a controller's, which are renewed by the hour.
const MOST: usize = 64;

static SENT: RwLock<VecDeque<String>> = RwLock::new(VecDeque::new());

/// From now on this one is hidden.
pub fn sent(credential: &str) {
    if credential.len() < SHORTEST {
        return;
    }
    let mut sent = SENT.write().unwrap_or_else(PoisonError::into_inner);
    if sent.iter().any(|one| one == credential) {
        return;
    }
    if sent.len() == MOST {
        sent.pop_front();
    }
    sent.push_back(credential.to_owned());
}

/// The text without any of them.
#[must_use]
pub fn hidden(text: &str) -> Cow<'_, str> {
    let sent = SENT.read().unwrap_or_else(PoisonError::into_inner);
    let mut text = Cow::Borrowed(text);
    for credential in sent.iter() {
        if text.contains(credential) {
            text = Cow::Owned(text.replace(credential, HIDDEN));
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The list is the process's: other tests use other words.
    #[test]
    fn what_was_sent_is_hidden() {
        let said = "no user has the token hunter2-hunter2, nor hunter2";
        assert!(matches!(hidden(said), Cow::Borrowed(same) if same == said));
        sent("hunter2-hunter2");
        sent("hunter2");
        assert_eq!(
            hidden(said),
            "no user has the token (a credential, not shown), nor hunter2"
        );
    }
}
