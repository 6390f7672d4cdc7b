//! PEM: blocks of base64 between `-----BEGIN X-----` and `-----END X-----`.
//!
//! In a properties file line breaks often become spaces, so any white space separates, as it does for Kafka.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;

const BEGIN: &str = "-----BEGIN ";
const END: &str = "-----END ";
const DASHES: &str = "-----";

/// One block.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Block<'a> {
    /// What it is, such as `CERTIFICATE`.
    pub(super) label: &'a str,
    /// Whether headers say that a password protects it.
    pub(super) encrypted: bool,
    /// The bytes.
    pub(super) bytes: Vec<u8>,
}

/// All blocks of a text; whatever stands between them is passed over.
pub(super) fn blocks(text: &str) -> Result<Vec<Block<'_>>, String> {
    let mut found = Vec::new();
    let mut rest = text;
    while let Some((_, after)) = rest.split_once(BEGIN) {
        let (label, after) = after
            .split_once(DASHES)
            .ok_or_else(|| "its PEM text is cut off within a BEGIN line".to_owned())?;
        let (body, after) = after
            .split_once(END)
            .ok_or_else(|| format!("its PEM block {label} has no end"))?;
        let encrypted = label == "ENCRYPTED PRIVATE KEY" || body.contains("Proc-Type:");
        let digits: String = body.split_whitespace().collect();
        let bytes = if encrypted {
            Vec::new()
        } else {
            STANDARD
                .decode(digits)
                .map_err(|_| format!("its PEM block {label} is not base64"))?
        };
        found.push(Block {
            label,
            encrypted,
            bytes,
        });
        rest = after;
    }
    Ok(found)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_are_found_in_one_line_or_many() {
        let block = |label, encrypted, bytes: &[u8]| Block {
            label,
            encrypted,
            bytes: bytes.to_vec(),
        };
        for text in [
            "-----BEGIN A-----\nAQID\nBA==\n-----END A-----\n",
            "-----BEGIN A-----\r\nAQIDBA==\r\n-----END A-----",
            "Bag Attributes: x\n-----BEGIN A----- AQID BA== -----END A-----",
        ] {
            assert_eq!(
                blocks(text).unwrap(),
                [block("A", false, &[1, 2, 3, 4])],
                "{text}"
            );
        }
        let old = "-----BEGIN RSA PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: x\n\nAQ==\n-----END RSA PRIVATE KEY-----\
                   -----BEGIN A-----\nAQ==\n-----END A-----";
        assert_eq!(
            blocks(old).unwrap(),
            [block("RSA PRIVATE KEY", true, &[]), block("A", false, &[1])]
        );
        assert_eq!(blocks("no PEM at all").unwrap(), []);
    }

    #[test]
    fn what_is_cut_off_or_damaged_is_refused() {
        for (text, expected) in [
            ("-----BEGIN A", "cut off"),
            ("-----BEGIN A-----\nAQ==", "no end"),
            ("-----BEGIN A-----\n*\n-----END A-----", "not base64"),
        ] {
            let error = blocks(text).unwrap_err();
            assert!(error.contains(expected), "{error}");
        }
    }
}
