use std::io::Seek as _;

use serde_json::{Value, json};

use super::*;

/// Four lines, and where each ends.
fn written() -> (Vec<u8>, Vec<usize>) {
    let mut text = Vec::new();
    let mut ends = vec![0];
    let mut mark = Mark::default();
    for number in 1..=4 {
        let (line, after) = seal(mark, &json!({"value": number})).unwrap();
        text.extend(line);
        ends.push(text.len());
        mark = after;
    }
    (text, ends)
}

fn read(text: &[u8]) -> (Vec<u64>, Vec<Fault>, End) {
    let mut lines = Lines::new(text);
    let (mut values, mut faults) = (Vec::new(), Vec::new());
    while let Some(found) = lines.next::<Value>().unwrap() {
        faults.extend(found.fault);
        values.extend(found.line.map(|line| {
            assert_eq!(line.value["value"], line.mark.lines);
            line.mark.lines
        }));
    }
    (values, faults, lines.end())
}

#[test]
fn what_was_written_is_read() {
    let (text, ends) = written();
    let (values, faults, end) = read(&text);
    assert_eq!((values, faults), (vec![1, 2, 3, 4], vec![]));
    assert_eq!((end.bytes, end.torn, end.open), (ends[4] as u64, 0, false));
    assert_eq!(read(b""), (vec![], vec![], End::default()));
}

#[test]
fn a_line_that_was_never_ended_is_torn_and_one_that_lacks_only_its_end_counts() {
    let (text, ends) = written();
    for cut in 0..text.len() {
        let whole = ends.iter().filter(|end| **end <= cut).count() - 1;
        let open = ends.contains(&(cut + 1));
        let (values, faults, end) = read(&text[..cut]);
        assert_eq!(values.len(), whole + usize::from(open), "cut at {cut}");
        assert_eq!(faults, [], "cut at {cut}");
        assert_eq!(end.open, open);
        assert_eq!(end.bytes + end.torn, cut as u64);
    }
}

#[test]
fn every_flipped_bit_is_a_fault_or_a_torn_end_and_costs_one_line() {
    let (text, ends) = written();
    for at in 0..text.len() {
        for bit in 0..8 {
            let mut changed = text.clone();
            changed[at] ^= 1 << bit;
            let (values, faults, end) = read(&changed);
            assert!(
                !faults.is_empty() || end.torn > 0,
                "bit {bit} of byte {at} went unseen"
            );
            // A lost line end joins two lines.
            let lost = 1 + usize::from(ends.contains(&(at + 1)));
            assert!(values.len() + lost >= 4, "byte {at}: only {values:?}");
        }
    }
}

#[test]
fn lost_doubled_moved_and_foreign_lines_are_named() {
    let (text, ends) = written();
    let line = |number: usize| &text[ends[number - 1]..ends[number]];
    let changed = |first, last| Fault::Changed { first, last };
    let all: [(&[usize], &[u64], &[Fault]); 6] = [
        (&[2, 3, 4], &[2, 3, 4], &[changed(1, Some(1))]),
        (&[1, 4], &[1, 4], &[changed(2, Some(3))]),
        (
            &[1, 2, 2, 3, 4],
            &[1, 2, 2, 3, 4],
            &[Fault::Misplaced { line: 2 }],
        ),
        (
            &[1, 3, 2, 4],
            &[1, 3, 2, 4],
            &[changed(2, Some(2)), Fault::Misplaced { line: 2 }],
        ),
        (&[1, 2], &[1, 2], &[]),
        (&[4], &[4], &[changed(1, Some(3))]),
    ];
    for (numbers, values, faults) in all {
        let text: Vec<&[u8]> = numbers.iter().map(|number| line(*number)).collect();
        let text = text.concat();
        let (found, wrong, _) = read(&text);
        assert_eq!(
            (&*found, &*wrong),
            (values, faults),
            "lines {numbers:?} of four"
        );
    }
    let inserted: Vec<u8> = [line(1), b"something\n\n", line(2)].concat();
    assert_eq!(read(&inserted).1, [Fault::Inserted { before: 2 }]);
    // Of another file, at the same place.
    let (other, _) = seal(Mark::default(), &json!({"value": 1, "other": true})).unwrap();
    let (_, faults, _) = read(&[&other, line(2)].concat());
    assert_eq!(faults, [changed(2, None)]);
}

#[test]
fn a_file_of_somebody_else_takes_no_memory_and_no_time() {
    let (_, faults, _) = read(b"the index\nof my own archive\n");
    let all = Fault::Changed {
        first: 1,
        last: None,
    };
    assert_eq!(faults, [all]);
    // It has no end.
    let mut lines = Lines::new(io::repeat(b'x'));
    let found = lines.next::<Value>().unwrap().unwrap();
    assert_eq!(found.fault, Some(all));
    assert!(lines.next::<Value>().unwrap().is_none());
    let too_long = seal(Mark::default(), &json!({"value": "x".repeat(LONGEST)}));
    assert_eq!(too_long.unwrap_err().kind(), io::ErrorKind::InvalidInput);
}

/// An empty file that is written to at its end.
fn appendable() -> File {
    let place = tempfile::tempdir().unwrap();
    let mut options = File::options();
    options.read(true).append(true).create_new(true);
    options.open(place.path().join("file")).unwrap()
}

#[test]
fn appending_cuts_back_what_was_torn_and_nothing_else() {
    let (text, _) = written();
    for cut in 1..=text.len() {
        let mut file = appendable();
        file.write_all(&text[..cut]).unwrap();
        let (before, _, end) = read(&text[..cut]);
        let mut appender = Appender::new(file.try_clone().unwrap(), end).unwrap();
        let next = end.mark.lines + 1;
        appender.append([&json!({"value": next})]).unwrap();
        appender.sync().unwrap();
        assert_eq!(appender.synced().lines, next);
        file.rewind().unwrap();
        let mut now = Vec::new();
        file.read_to_end(&mut now).unwrap();
        let (after, faults, _) = read(&now);
        assert_eq!(faults, [], "cut at {cut}");
        assert_eq!(after, [before, vec![next]].concat(), "cut at {cut}");
    }
}

#[test]
fn a_file_that_somebody_else_writes_to_is_not_appended_to() {
    let mut file = appendable();
    let mut appender = Appender::new(file.try_clone().unwrap(), End::default()).unwrap();
    file.write_all(b"mine").unwrap();
    assert!(appender.append([&json!({"value": 1})]).is_err());
    assert_eq!(file.metadata().unwrap().len(), 4);
}
