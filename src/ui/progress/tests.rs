use super::{state::LISTED, *};

fn state(headline: &str, missing: &[&str]) -> State {
    State {
        headline: headline.to_owned(),
        phase: None,
        missing: missing.iter().map(|text| (*text).to_owned()).collect(),
        brief: None,
    }
}

#[test]
fn who_sees_what() {
    use ProgressChoice::{Auto, Json, None, Plain};
    for (choice, quiet, terminal, expected) in [
        (Auto, false, true, Manner::Live),
        (Auto, false, false, Manner::Plain),
        (Plain, false, true, Manner::Plain),
        (None, false, true, Manner::Hidden),
        (Json, false, true, Manner::Plain),
        (Auto, true, true, Manner::Hidden),
        (Plain, true, false, Manner::Hidden),
    ] {
        assert_eq!(Manner::decide(choice, quiet, terminal), expected);
    }
}

#[test]
fn a_change_is_a_line_and_the_same_again_is_not() {
    let progress = Progress::recording(Language::Words);
    progress.state(&state("Installing", &["engine", "preflight check"]));
    progress.state(&state("Installing", &["engine", "preflight check"]));
    progress.happened(&Event::note("check passed"), "check passed");
    // Less is missing: no line.
    progress.state(&state("Installing", &["engine"]));
    progress.state(&state("Installing", &["engine", "12 pods"]));
    // Fewer are: none either.
    progress.state(&state("Installing", &["engine", "9 pods"]));
    progress.state(&state("Installing", &["engine", "9 pods", "images"]));
    assert_eq!(
        progress.recorded(),
        [
            "Installing: engine; preflight check\n",
            "check passed\n",
            "12 pods\n",
            "images\n"
        ]
    );
}

#[test]
fn the_first_line_says_what_it_is_about() {
    let progress = Progress::recording(Language::Words);
    for missing in ["engine", "check"] {
        progress.state(&State {
            phase: Some("Installing".to_owned()),
            ..state("Waiting until VM Runtime is ready", &[missing])
        });
    }
    assert_eq!(
        progress.recorded(),
        [
            "Waiting until VM Runtime is ready (Installing): engine\n",
            "Installing: check\n"
        ]
    );
}

#[test]
fn a_line_of_a_log_has_an_end() {
    let progress = Progress::recording(Language::Words);
    let long = "the controller has not looked at the change yet (generation 3, it has seen 2)";
    let check = format!(
        "preflight check vmruntime-preflight-check-{} is running",
        "0".repeat(36)
    );
    for (phase, missing) in [
        (
            "Fencing",
            vec![long, "the pods in vm-system have not been read yet"],
        ),
        ("Installing", vec![check.as_str()]),
        ("Installing", vec![check.as_str(), long, "a", "b"]),
        ("Odd", vec!["x y ".repeat(200).leak() as &str]),
    ] {
        progress.state(&State {
            phase: Some(phase.to_owned()),
            ..state("Waiting until VM Runtime is off", &missing)
        });
    }
    let recorded = progress.recorded();
    assert_eq!(
        recorded[..5],
        [
            "Waiting until VM Runtime is off (Fencing)\n",
            "Fencing: the controller has not looked at the change yet (generation 3, it has seen 2)\n",
            "Fencing: the pods in vm-system have not been read yet\n",
            "Installing: preflight check vmruntime-preflight-check-00000000000... is running\n",
            "Installing: the controller has not looked at the change yet (generation 3, it has seen 2); a; b\n",
        ]
    );
    assert!(
        recorded[5].ends_with("...\n") && recorded[5].len() == 99,
        "{recorded:?}"
    );
}

#[test]
fn objects_that_go_are_counted_in_a_log_and_named_to_programs() {
    let gone = Event::Removed {
        resource: "pods".to_owned(),
        namespace: None,
        name: "a".to_owned(),
    };
    for (language, lines) in [(Language::Words, 0), (Language::Events, 1)] {
        let progress = Progress::recording(language);
        progress.happened(&gone, "gone: pods a");
        assert_eq!(progress.recorded().len(), lines);
    }
}

#[test]
fn silence_is_broken_by_what_is_missing() {
    let progress = Progress::recording(Language::Words);
    progress.state(&state("Installing", &["engine"]));
    progress.inner.sign_of_life(Duration::from_secs(30));
    assert_eq!(progress.recorded().len(), 1, "a line was just written");
    progress.inner.sign_of_life(Duration::ZERO);
    assert_eq!(
        progress.recorded()[1],
        "still at it after 0s: Installing: engine\n"
    );
}

#[test]
fn the_live_region_stays_within_the_terminal() {
    let many: Vec<&str> = vec!["a node with a name that does not fit into the terminal"; 9];
    let text = state("Waiting until VM Runtime is ready on a cluster", &many).lines(40, "-");
    assert_eq!(text.lines().count(), 1 + LISTED + 1);
    assert!(
        text.lines()
            .all(|line| console::measure_text_width(line) <= 40),
        "{text}"
    );
    assert!(text.ends_with("and 3 more"), "{text}");
}

#[test]
fn programs_get_an_event_for_each() {
    let progress = Progress::recording(Language::Events);
    progress.step("Reading");
    progress.step("Reading");
    progress.state(&state("Installing", &["engine"]));
    progress.happened(&Event::FoundMore { count: 2 }, "2 more appeared");
    progress.inner.sign_of_life(Duration::ZERO);
    let found: Vec<serde_json::Value> = progress
        .recorded()
        .iter()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let types: Vec<_> = found.iter().map(|event| event["type"].as_str()).collect();
    assert_eq!(
        types,
        [
            Some("step"),
            Some("waiting"),
            Some("foundMore"),
            Some("heartbeat")
        ]
    );
    assert_eq!(found[3]["missing"], serde_json::json!(["engine"]));
    assert_eq!(found[3]["elapsedSeconds"], 0);
}
