use proptest::prelude::*;

use super::*;

#[test]
fn names_have_their_documented_lengths() {
    let text = |length: usize| "a".repeat(length);
    assert!(FunctionName::parse(&text(64)).is_ok() && FunctionName::parse(&text(65)).is_err());
    assert!(AliasName::parse(&text(128)).is_ok() && AliasName::parse(&text(129)).is_err());
    assert!(LayerName::parse(&text(140)).is_ok() && LayerName::parse(&text(141)).is_err());
    assert!(FunctionName::parse("").is_err());
}

#[test]
fn versions_are_latest_or_counted_from_one() {
    for (text, expected) in [
        ("$LATEST", Some(Version::Latest)),
        ("1", Some(Version::Published(1))),
        ("120", Some(Version::Published(120))),
        ("0", None),
        ("01", None),
        ("", None),
        ("latest", None),
        ("99999999999999999999", None),
    ] {
        assert_eq!(Version::parse(text).ok(), expected, "{text}");
    }
}

#[test]
fn an_alias_is_never_taken_for_a_version() {
    assert!(AliasName::parse("2024").is_err());
    assert!(matches!(Qualifier::parse("2024"), Ok(Qualifier::Version(Version::Published(2024)))));
    assert!(matches!(Qualifier::parse("v2024"), Ok(Qualifier::Alias(_))));
    assert!(Qualifier::parse("$OTHER").is_err());
}

#[test]
fn a_digest_is_shown_as_the_service_shows_it() {
    let digest = Digest::of(b"");
    assert_eq!(digest.to_string(), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
    assert_eq!(digest.to_base64(), "47DEQpj8HBSa+/TImW+5JCeuQeRkm5NMpJWZG3hSuFU=");
}

#[test]
fn a_digest_is_64_hexadecimal_digits() {
    let zeros = "0".repeat(62);
    for (end, expected) in [("ff", true), ("FF", true), ("+f", false), ("fg", false), ("f", false)] {
        assert_eq!(Digest::parse_hex(&format!("{zeros}{end}")).is_ok(), expected, "{end}");
    }
}

proptest! {
    #[test]
    fn what_is_shown_is_read_back(bytes: Vec<u8>, text in r"\$LATEST|[1-9][0-9]{0,8}|[a-zA-Z_-][a-zA-Z0-9_-]{0,127}") {
        let digest = Digest::of(&bytes);
        prop_assert_eq!(Digest::parse_hex(&digest.to_string()).unwrap(), digest);
        prop_assert_eq!(Qualifier::parse(&text).unwrap().to_string(), text);
    }

    #[test]
    fn nothing_is_read_that_is_not_a_name(text in ".{0,70}") {
        let legal = (1..=64).contains(&text.len())
            && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-' || b == b'_');
        prop_assert_eq!(FunctionName::parse(&text).is_ok(), legal);
        let hex = text.len() == 64 && text.bytes().all(|b| b.is_ascii_hexdigit());
        prop_assert_eq!(Digest::parse_hex(&text).is_ok(), hex);
    }
}
