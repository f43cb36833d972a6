//! What requests say of a stack.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::port::{OnFailure, Options, StackRequest};
use super::{CloudFormation, invalid};
use crate::wire::{AwsError, Tag, form_list};

/// The longest template in a request, in bytes. Source: CloudFormation user guide, "Understand CloudFormation quotas".
const BODY: usize = 51_200;

/// The members that requests about stacks and change sets share.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub(super) struct Wanted {
    #[serde(default)]
    pub(super) stack_name: String,
    template_body: Option<String>,
    #[serde(rename = "TemplateURL")]
    template_url: Option<String>,
    use_previous_template: Option<String>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    parameters: Vec<Parameter>,
    #[serde(default = "Vec::new", deserialize_with = "form_list")]
    capabilities: Vec<String>,
    #[serde(default, deserialize_with = "some_list")]
    tags: Option<Vec<Tag>>,
    #[serde(rename = "NotificationARNs", default = "Vec::new", deserialize_with = "form_list")]
    notification_arns: Vec<String>,
    #[serde(rename = "RoleARN")]
    role_arn: Option<String>,
    on_failure: Option<String>,
    disable_rollback: Option<String>,
    enable_termination_protection: Option<String>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    parameter_key: String,
    parameter_value: Option<String>,
    use_previous_value: Option<String>,
}

fn some_list<'de, D: serde::Deserializer<'de>>(deserializer: D) -> Result<Option<Vec<Tag>>, D::Error> {
    form_list(deserializer).map(Some)
}

pub(super) fn truth(text: Option<&str>) -> bool {
    text.is_some_and(|text| text.eq_ignore_ascii_case("true"))
}

impl Wanted {
    /// What the stack shall be, its template read from where it is.
    pub(super) async fn request(&self, state: &CloudFormation) -> Result<StackRequest, AwsError> {
        let mut parameters = BTreeMap::new();
        for own in &self.parameters {
            let value = match truth(own.use_previous_value.as_deref()) {
                true => None,
                false => Some(own.parameter_value.clone().unwrap_or_default()),
            };
            parameters.insert(own.parameter_key.clone(), value);
        }
        let on_failure = match (self.on_failure.as_deref(), truth(self.disable_rollback.as_deref())) {
            (Some(_), true) => {
                return Err(invalid("You cannot specify both DisableRollback and OnFailure"));
            }
            (Some("DO_NOTHING"), false) | (None, true) => OnFailure::DoNothing,
            (Some("DELETE"), false) => OnFailure::Delete,
            (Some("ROLLBACK") | None, false) => OnFailure::Rollback,
            (Some(other), false) => return Err(invalid(format!("OnFailure cannot be {other}"))),
        };
        Ok(StackRequest {
            template: self.template(state).await?,
            parameters,
            with_tags: self.tags.is_some(),
            options: Options {
                tags: self.tags.iter().flatten().map(|tag| (tag.key.clone(), tag.value.clone())).collect(),
                capabilities: self.capabilities.clone(),
                on_failure,
                termination_protection: truth(self.enable_termination_protection.as_deref()),
                role_arn: self.role_arn.clone(),
                notification_arns: self.notification_arns.clone(),
            },
        })
    }

    /// The template; nothing where that of the stack shall do.
    pub(super) async fn template(&self, state: &CloudFormation) -> Result<Option<String>, AwsError> {
        match (&self.template_body, &self.template_url) {
            (Some(_), Some(_)) => Err(invalid("Only one of TemplateBody and TemplateURL can be specified")),
            (Some(body), None) if body.len() > BODY => Err(invalid(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have \
                 length less than or equal to {BODY}"
            ))),
            (Some(body), None) => Ok(Some(state.stacks.with_parts(body.clone()).await?)),
            (None, Some(url)) => {
                let template = state.stacks.template_at(url.clone()).await?;
                Ok(Some(state.stacks.with_parts(template).await?))
            }
            (None, None) if truth(self.use_previous_template.as_deref()) => Ok(None),
            (None, None) => Err(invalid("Either Template URL or Template Body must be specified.")),
        }
    }
}
