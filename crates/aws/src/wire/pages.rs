//! Pages of lists: a token names the item that the last page ended with.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;

/// The part of a list that a request asks for.
#[derive(Debug, Clone)]
pub struct PageRequest {
    after: Option<String>,
    size: usize,
}

/// A token that no page gave.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct InvalidToken;

impl PageRequest {
    /// At most `size` items, after those of the page that gave `token`.
    ///
    /// # Errors
    /// [`InvalidToken`].
    pub fn new(token: Option<&str>, size: usize) -> Result<Self, InvalidToken> {
        let read =
            |token: &str| URL_SAFE_NO_PAD.decode(token).ok().and_then(|bytes| String::from_utf8(bytes).ok());
        let token = token.filter(|token| !token.is_empty());
        let after = token.map(|token| read(token).ok_or(InvalidToken)).transpose()?;
        Ok(Self { after, size })
    }

    /// Cuts the page out of the whole list, which `key` tells the items of apart, and gives the token of the next.
    ///
    /// Where the item that the last page ended with was removed meanwhile, the list starts anew.
    pub fn cut<T>(&self, items: Vec<T>, key: impl Fn(&T) -> String) -> (Vec<T>, Option<String>) {
        let start = match &self.after {
            None => 0,
            Some(after) => items.iter().position(|item| key(item) == *after).map_or(0, |at| at + 1),
        };
        let more = items.len() > start + self.size;
        let page: Vec<T> = items.into_iter().skip(start).take(self.size).collect();
        let next = page.last().filter(|_| more).map(|last| URL_SAFE_NO_PAD.encode(key(last)));
        (page, next)
    }
}
