//! PEM as Go reads it (encoding/pem): a block that cannot be read leaves the others of the file.

use tokio_rustls::rustls::pki_types::pem::PemObject;

const BEGIN: &[u8] = b"-----BEGIN ";

/// Everything of this kind that can be read, in the order of the file.
pub(super) fn all<T: PemObject>(pem: &[u8]) -> impl Iterator<Item = T> + '_ {
    let begins_line = |at: &usize| at.checked_sub(1).is_none_or(|before| pem[before] == b'\n');
    let starts = pem
        .windows(BEGIN.len())
        .enumerate()
        .filter(|(_, text)| *text == BEGIN)
        .map(|(at, _)| at)
        .filter(begins_line);
    let starts: Vec<usize> = starts.collect();
    let ends: Vec<usize> = starts.iter().skip(1).copied().chain([pem.len()]).collect();
    let blocks = starts.into_iter().zip(ends);
    blocks.filter_map(|(start, end)| T::from_pem_slice(&pem[start..end]).ok())
}

#[cfg(test)]
mod tests {
    use tokio_rustls::rustls::pki_types::CertificateDer;

    use super::*;

    /// What the certificates of a file hold.
    fn certificates(pem: &str) -> Vec<Vec<u8>> {
        all(pem.as_bytes())
            .map(|certificate: CertificateDer<'_>| certificate.to_vec())
            .collect()
    }

    #[test]
    fn what_cannot_be_read_leaves_the_rest() {
        let block = |text: &str| {
            format!("-----BEGIN CERTIFICATE-----\n{text}\n-----END CERTIFICATE-----\n")
        };
        let (one, two) = (block("AQ=="), block("Ag=="));
        let table = [
            ("a chain", format!("{one}{two}"), 2),
            (
                "words around it",
                format!("subject: a\n{one}and\n{two}end"),
                2,
            ),
            (
                "not base64",
                format!("{one}{}{two}", block("not!base64")),
                2,
            ),
            (
                "cut short at the end",
                format!("{one}{two}-----BEGIN CERTIFICATE-----\nMIIB\n"),
                2,
            ),
            (
                "cut short before another",
                format!("{one}-----BEGIN CERTIFICATE-----\nMIIB\n{two}"),
                2,
            ),
            (
                "another end",
                format!("-----BEGIN A-----\nabc\n-----END B-----\n{one}{two}"),
                2,
            ),
            (
                "another kind",
                format!("{one}-----BEGIN A-----\nAg==\n-----END A-----\n"),
                1,
            ),
            ("lines of Windows", one.replace('\n', "\r\n"), 1),
            ("no line begins with it", format!("x{one}"), 0),
            ("nothing", String::new(), 0),
        ];
        for (what, pem, expected) in table {
            let expected = &[vec![1], vec![2]][..expected];
            assert_eq!(certificates(&pem), expected, "{what}");
        }
    }
}
