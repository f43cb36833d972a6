//! The schedules of apps: a group of the scheduler for each app that has any.

use std::collections::BTreeMap;
use std::sync::Arc;

use ebb_model::Timestamp;
use ebb_sources::schedule::{APP_GROUP_PREFIX, Schedule, ScheduleTarget, SchedulerError};
use serde_json::Map;

use super::{AppError, Apps};
use crate::plan::Plan;

/// The group of an app's schedules. The store that it is in has no other users of this prefix.
fn group_of(app: &str) -> String {
    format!("{APP_GROUP_PREFIX}{app}")
}

impl Apps {
    /// Makes the schedules of an app what its plan says, and leaves alone those that are so already: a rate counts from
    /// the last change.
    pub(super) async fn set_schedules(&self, plan: &Plan) -> Result<(), AppError> {
        let group = group_of(&plan.app);
        let wanted: BTreeMap<String, Schedule> =
            self.wanted(plan, &group).into_iter().map(|schedule| (schedule.name.clone(), schedule)).collect();
        let present = self.present(&group);
        if wanted.is_empty() && present.is_empty() {
            return Ok(());
        }
        let scheduler = &self.inner.scheduler;
        match scheduler.create_group(&group, BTreeMap::new()).await {
            Ok(_) | Err(SchedulerError::Conflict(_)) => {}
            Err(error) => return Err(failed(&plan.app, &error)),
        }
        for (name, schedule) in &wanted {
            let changed = match present.get(name) {
                Some(before) if same(before, schedule) => continue,
                Some(_) => scheduler.update(schedule.clone()).await,
                None => scheduler.create(schedule.clone()).await,
            };
            changed.map_err(|error| failed(&plan.app, &error))?;
        }
        for name in present.keys().filter(|name| !wanted.contains_key(*name)) {
            match scheduler.delete(&group, name).await {
                Ok(()) | Err(SchedulerError::NotFound(_)) => {}
                Err(error) => return Err(failed(&plan.app, &error)),
            }
        }
        Ok(())
    }

    /// Removes the schedules of an app.
    pub(super) async fn delete_schedules(&self, app: &str) -> Result<(), AppError> {
        match self.inner.scheduler.delete_group(&group_of(app)).await {
            Ok(()) | Err(SchedulerError::NotFound(_)) => Ok(()),
            Err(error) => Err(failed(app, &error)),
        }
    }

    fn present(&self, group: &str) -> BTreeMap<String, Arc<Schedule>> {
        let all = self.inner.scheduler.schedules().into_iter();
        all.filter(|schedule| schedule.group == group).map(|one| (one.name.clone(), one)).collect()
    }

    fn wanted(&self, plan: &Plan, group: &str) -> Vec<Schedule> {
        let mut wanted = Vec::new();
        for (index, planned) in plan.schedules.iter().enumerate() {
            let function = plan.functions.iter().find(|function| function.name == planned.function);
            let Some(name) = function.and_then(|function| plan.function_name(function).ok()) else {
                continue;
            };
            wanted.push(Schedule {
                group: group.to_owned(),
                name: format!("schedule-{index}"),
                expression: planned.expression.clone(),
                timezone: None,
                start: None,
                end: None,
                enabled: true,
                description: None,
                window_minutes: None,
                delete_after: false,
                kms_key: None,
                target: ScheduleTarget {
                    arn: self.inner.catalog.arn(&name, None).to_string(),
                    role: self.role(),
                    input: Some(planned.input.clone()),
                    dead_letter: None,
                    retry: None,
                    message_group: None,
                    event: None,
                    parameters: Map::new(),
                },
                created: Timestamp(0),
                modified: Timestamp(0),
                fired: None,
                client_token: None,
            });
        }
        wanted
    }
}

fn same(before: &Schedule, after: &Schedule) -> bool {
    before.expression == after.expression && before.target == after.target && before.enabled == after.enabled
}

fn failed(app: &str, error: &SchedulerError) -> AppError {
    AppError::Internal(format!("the schedules of app {app} could not be set: {error}"))
}
