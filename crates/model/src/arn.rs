//! Amazon Resource Names of functions and layers, and the forms in which callers name a function.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::ids::{AccountId, FunctionName, InvalidName, LayerName, Qualifier, Region};

/// The full name of a function, with the qualifier that was asked for.
///
/// `arn:aws:lambda:REGION:ACCOUNT:function:NAME[:QUALIFIER]`
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FunctionArn {
    /// Where it runs.
    pub region: Region,
    /// Who owns it.
    pub account: AccountId,
    /// Its name.
    pub name: FunctionName,
    /// The version or alias, where one was named.
    pub qualifier: Option<Qualifier>,
}

impl FunctionArn {
    /// The same function without, or with another, qualifier.
    #[must_use]
    pub fn qualified(&self, qualifier: Option<Qualifier>) -> Self {
        Self { qualifier, ..self.clone() }
    }
}

impl fmt::Display for FunctionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:lambda:{}:{}:function:{}", self.region, self.account, self.name)?;
        match &self.qualifier {
            Some(qualifier) => write!(f, ":{qualifier}"),
            None => Ok(()),
        }
    }
}

/// How a caller names a function: by name, by partial ARN (`ACCOUNT:function:NAME`, `function:NAME`) or by ARN, each
/// with an optional `:QUALIFIER`.
///
/// Source: the Lambda API reference, `Invoke`, parameter `FunctionName`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FunctionReference {
    /// Its name.
    pub name: FunctionName,
    /// The qualifier inside the reference.
    pub qualifier: Option<Qualifier>,
    /// The account, where the reference says it.
    pub account: Option<AccountId>,
    /// The region, where the reference says it.
    pub region: Option<Region>,
}

/// A reference to a function that cannot be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum InvalidReference {
    /// The whole has none of the documented forms.
    #[error("{0:?} names no function: give a name, a partial ARN or an ARN")]
    Form(String),
    /// A part of it is malformed.
    #[error(transparent)]
    Part(#[from] InvalidName),
    /// The reference has one qualifier and the `Qualifier` parameter another.
    #[error("The derived qualifier from the function name does not match the specified qualifier.")]
    QualifierMismatch,
}

impl FunctionReference {
    /// A function by its bare name.
    #[must_use]
    pub fn named(name: FunctionName) -> Self {
        Self { name, qualifier: None, account: None, region: None }
    }

    /// Reads any of the documented forms.
    ///
    /// # Errors
    /// [`InvalidReference`] where `text` has none of them.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let parts: Vec<&str> = text.split(':').collect();
        let (region, account, rest): (Option<&str>, Option<&str>, &[&str]) = match parts.as_slice() {
            ["arn", partition, "lambda", region, account, "function", rest @ ..]
                if partition.starts_with("aws") && !rest.is_empty() =>
            {
                (Some(region), Some(account), rest)
            }
            // The service takes an ARN whose `function` is the name, too.
            ["arn", partition, "lambda", region, account, _] if partition.starts_with("aws") => {
                (Some(region), Some(account), &parts[5..])
            }
            ["function", rest @ ..] if !rest.is_empty() && parts.len() > 1 => (None, None, rest),
            [account, "function", rest @ ..] => (None, Some(account), rest),
            // The service's pattern lets each part be left out, so these are names with an account before them.
            [region, account, "function", rest @ ..] if is_account(account) => {
                (Some(region), Some(account), rest)
            }
            [account, rest @ ..] if is_account(account) && !rest.is_empty() => (None, Some(account), rest),
            rest => (None, None, rest),
        };
        let (name, qualifier) = match rest {
            [name] => (*name, None),
            [name, qualifier] => (*name, Some(*qualifier)),
            _ => return Err(InvalidReference::Form(text.to_owned())),
        };
        Ok(Self {
            name: FunctionName::parse(name)?,
            qualifier: qualifier.map(Qualifier::parse).transpose()?,
            account: account.map(AccountId::parse).transpose()?,
            region: region.map(Region::parse).transpose()?,
        })
    }

    /// Adds the separate `Qualifier` parameter of an operation.
    ///
    /// # Errors
    /// [`InvalidReference::QualifierMismatch`] where the reference already has a different one.
    pub fn with_qualifier(mut self, qualifier: Option<Qualifier>) -> Result<Self, InvalidReference> {
        match (&self.qualifier, qualifier) {
            (Some(own), Some(given)) if *own != given => Err(InvalidReference::QualifierMismatch),
            (None, given @ Some(_)) => {
                self.qualifier = given;
                Ok(self)
            }
            _ => Ok(self),
        }
    }
}

fn is_account(text: &str) -> bool {
    AccountId::parse(text).is_ok()
}

/// The full name of a layer: `arn:aws:lambda:REGION:ACCOUNT:layer:NAME`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerArn {
    /// Where it is kept.
    pub region: Region,
    /// Who owns it.
    pub account: AccountId,
    /// Its name.
    pub name: LayerName,
}

impl LayerArn {
    /// Reads `arn:aws:lambda:REGION:ACCOUNT:layer:NAME`.
    ///
    /// # Errors
    /// [`InvalidReference`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        match text.split(':').collect::<Vec<_>>().as_slice() {
            ["arn", partition, "lambda", region, account, "layer", name] if partition.starts_with("aws") => {
                Ok(Self {
                    region: Region::parse(region)?,
                    account: AccountId::parse(account)?,
                    name: LayerName::parse(name)?,
                })
            }
            _ => Err(InvalidReference::Form(text.to_owned())),
        }
    }
}

impl fmt::Display for LayerArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "arn:aws:lambda:{}:{}:layer:{}", self.region, self.account, self.name)
    }
}

/// The full name of one version of a layer: [`LayerArn`] and `:VERSION`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct LayerVersionArn {
    /// The layer.
    pub layer: LayerArn,
    /// Its version, counted from 1.
    pub version: u64,
}

impl LayerVersionArn {
    /// Reads `arn:aws:lambda:REGION:ACCOUNT:layer:NAME:VERSION`.
    ///
    /// # Errors
    /// [`InvalidReference`] for anything else.
    pub fn parse(text: &str) -> Result<Self, InvalidReference> {
        let form = || InvalidReference::Form(text.to_owned());
        let (layer, version) = text.rsplit_once(':').ok_or_else(form)?;
        Ok(Self { layer: LayerArn::parse(layer)?, version: version.parse().map_err(|_| form())? })
    }
}

impl fmt::Display for LayerVersionArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}", self.layer, self.version)
    }
}

#[cfg(test)]
mod tests;
