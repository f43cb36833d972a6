//! Tags of buses and rules.

use std::collections::BTreeMap;

use super::{BusError, DEFAULT_BUS, EventBuses};

/// What an ARN names.
enum Tagged {
    Bus(String),
    Rule { bus: String, name: String },
}

impl EventBuses {
    /// The tags of what an ARN names.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub fn tags(&self, arn: &str) -> Result<BTreeMap<String, String>, BusError> {
        Ok(match tagged(arn)? {
            Tagged::Bus(name) => self.bus(&name)?.tags.clone(),
            Tagged::Rule { bus, name } => self.rule(Some(&bus), &name)?.tags.clone(),
        })
    }

    /// Changes the tags of what an ARN names.
    ///
    /// # Errors
    /// [`BusError::NotFound`].
    pub async fn change_tags(
        &self,
        arn: &str,
        change: impl Fn(&mut BTreeMap<String, String>),
    ) -> Result<(), BusError> {
        match tagged(arn)? {
            Tagged::Bus(name) => {
                let edit = |bus: &mut super::Bus| {
                    change(&mut bus.tags);
                    Ok(())
                };
                self.edit_bus(&name, edit).await.map(drop)
            }
            Tagged::Rule { bus, name } => {
                let edit = |rule: &mut super::Rule| {
                    change(&mut rule.tags);
                    Ok(())
                };
                self.edit_rule(Some(&bus), &name, edit).await.map(drop)
            }
        }
    }
}

fn tagged(arn: &str) -> Result<Tagged, BusError> {
    let resource = arn.splitn(6, ':').nth(5).unwrap_or_default();
    match resource.split_once('/') {
        Some(("event-bus", name)) => Ok(Tagged::Bus(name.to_owned())),
        Some(("rule", name)) => Ok(match name.rsplit_once('/') {
            Some((bus, name)) => Tagged::Rule { bus: bus.to_owned(), name: name.to_owned() },
            None => Tagged::Rule { bus: DEFAULT_BUS.to_owned(), name: name.to_owned() },
        }),
        _ => Err(BusError::NotFound(format!("Resource {arn} does not exist."))),
    }
}
