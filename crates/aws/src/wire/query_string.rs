//! Query strings and form bodies: pairs in order, decoded.

use percent_encoding::percent_decode_str;

/// The pairs of a query string, in the order in which they were sent, percent-decoded.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct QueryString(Vec<(String, String)>);

impl QueryString {
    /// Reads a query string; `+` stands for itself, as in URLs that AWS signs.
    #[must_use]
    pub fn parse(raw: &str) -> Self {
        Self::pairs(raw, decode)
    }

    /// Reads a form body (`application/x-www-form-urlencoded`); `+` stands for a space.
    #[must_use]
    pub fn parse_form(raw: &str) -> Self {
        Self::pairs(raw, |text| decode(&text.replace('+', " ")))
    }

    fn pairs(raw: &str, decode: impl Fn(&str) -> String) -> Self {
        let pairs = raw.split('&').filter(|pair| !pair.is_empty()).map(|pair| {
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            (decode(name), decode(value))
        });
        Self(pairs.collect())
    }

    /// The first value under `name`.
    #[must_use]
    pub fn get(&self, name: &str) -> Option<&str> {
        self.0.iter().find(|(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every value under `name`, in order.
    pub fn all<'a>(&'a self, name: &str) -> impl Iterator<Item = &'a str> {
        self.0.iter().filter(move |(key, _)| key == name).map(|(_, value)| value.as_str())
    }

    /// Every pair, in order.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &str)> {
        self.0.iter().map(|(name, value)| (name.as_str(), value.as_str()))
    }
}

fn decode(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}
