//! The question before something is changed that nobody has named one by one.

use super::Context;
use crate::{
    failure::{Failure, Kind, Reason},
    ui::Answer,
};

/// Asks for a typed `yes`. `what` is changed, for the error where nobody is there to answer.
pub async fn given(context: &Context, question: &str, what: &str) -> Result<(), Failure> {
    let (kind, reason, message) = match context.ui.ask_for_word(question, "yes").await {
        Answer::Confirmed => return Ok(()),
        Answer::Interrupted => (
            Kind::Interrupted,
            Reason::Interrupted,
            "interrupted: nothing was changed".to_owned(),
        ),
        Answer::Declined => (
            Kind::Refused,
            Reason::NotConfirmed,
            "not confirmed; nothing was changed".to_owned(),
        ),
        Answer::NobodyThere => (
            Kind::Refused,
            Reason::NotConfirmed,
            format!(
                "{what} must be confirmed, and there is no terminal to ask on; nothing was changed"
            ),
        ),
    };
    let failure = Failure::new(kind, reason, message);
    Err(if kind == Kind::Refused {
        failure.hint("to confirm it beforehand, add --yes to the command")
    } else {
        failure
    })
}
