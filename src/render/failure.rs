//! A failure as people read it: `error:`, `caused by:`, `hint:`.

use super::{
    clean::{clean, clean_lines},
    page::Page,
    style::Tone,
};
use crate::failure::{Failure, Hint};

/// Writes the three kinds of lines. Hints are commands to paste: they are never wrapped.
pub fn write(page: &mut Page, failure: &Failure) {
    let failure = failure.bounded();
    labelled(page, &Tone::Bad.of("error:"), &failure.message);
    for cause in &failure.causes {
        labelled(page, "caused by:", cause);
    }
    for hint in &failure.hints {
        let text = broken_before_command(hint, page.style.width);
        labelled(page, &Tone::Good.of("hint:"), &text);
    }
}

/// Where a hint does not fit on one line, its command gets a line of its own, so that it can be copied as a whole. On a
/// terminal, what a command prints would push the error off the screen.
fn broken_before_command(hint: &Hint, width: Option<usize>) -> String {
    /// Columns of `hint: `.
    const LABEL: usize = 6;
    let hint = match width {
        Some(_) => &Hint {
            printed: None,
            ..hint.clone()
        },
        None => hint,
    };
    let whole = hint.to_string();
    let fits = width.is_none_or(|width| console::measure_text_width(&whole) + LABEL <= width);
    match &hint.command {
        Some(command) if !fits && !hint.why.is_empty() => {
            let end = if hint.why.ends_with('?') { "" } else { ":" };
            format!("{}{end}\n{command}", hint.why)
        }
        Some(_) | None => whole,
    }
}

/// A warning is one line of the same shape.
pub fn warning(page: &mut Page, text: &str) {
    labelled(page, &Tone::Warning.of("warning:"), &clean(text));
}

/// Further lines of a text stand under its first one.
fn labelled(page: &mut Page, label: &str, text: &str) {
    let indent = console::measure_text_width(label) + 1;
    let text = clean_lines(text);
    let mut lines = text.lines();
    page.line(format!("{label} {}", lines.next().unwrap_or_default()));
    for line in lines {
        page.line(format!("{:indent$}{line}", ""));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        command_id::CommandId,
        failure::{Kind, Reason, kubectl},
        render::{Style, paint},
    };

    #[test]
    fn an_error_without_end_is_cut() {
        let mut failure = Failure::new(Kind::Denied, Reason::Forbidden, "m".repeat(100_000));
        failure.causes = vec!["c".repeat(100_000); 70];
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        write(&mut page, &failure);
        let text = page.finish();
        assert!(text.len() < 300_000, "{} bytes", text.len());
        assert!(text.contains("(cut, 100000 bytes in all)"));
        assert!(text.ends_with("caused by: and 20 more\n"));
    }

    #[test]
    fn an_error_has_three_kinds_of_lines() {
        let failure = Failure::new(
            Kind::Denied,
            Reason::Forbidden,
            "could not read VMRuntime vmruntime",
        )
        .caused_by("vmruntimes \"vmruntime\" is forbidden:\n\x1b[2JUser \"eve\"")
        .hint(Hint::run("", CommandId::AuthCheck))
        .hint(Hint::run(
            "to look at it as it is now",
            kubectl("get vmruntime vmruntime"),
        ))
        .hint(
            Hint::run("the role", CommandId::AuthCheck.with("--role")).printing("kind: R\n".into()),
        );
        let mut page = Page::new(Style {
            width: Some(40),
            unicode: true,
        });
        write(&mut page, &failure);
        warning(&mut page, "odd\nvalue");
        assert_eq!(
            paint(&page.finish(), false),
            "error: could not read VMRuntime vmruntime\n\
             caused by: vmruntimes \"vmruntime\" is forbidden:\n           User \"eve\"\n\
             hint: bmctl auth check\n\
             hint: to look at it as it is now:\n      kubectl get vmruntime vmruntime\n\
             hint: the role: bmctl auth check --role\n\
             warning: odd value\n"
        );
        let mut page = Page::new(Style {
            width: None,
            unicode: true,
        });
        write(&mut page, &failure);
        let text = paint(&page.finish(), false);
        assert!(text.ends_with("hint: the role:\n      kind: R\n"), "{text}");
    }
}
