//! What a deploy shows of an app that a template made.

use std::collections::BTreeSet;

use ebb_model::RuntimeName;

use super::{Apps, ShownOutput, Url};
use crate::plan::{Ignored, Plan};
use crate::stack::StackOutput;

impl Apps {
    /// What the app's template says about what was made.
    pub(super) fn outputs(&self, plan: &Plan) -> Vec<ShownOutput> {
        let Some(Ok(stack)) = plan.stack.as_ref().map(|_| self.inner.stacks.get(&plan.app)) else {
            return Vec::new();
        };
        let shown =
            |output: &StackOutput| ShownOutput { name: output.name.clone(), value: output.value.clone() };
        stack.outputs.iter().map(shown).collect()
    }

    /// What of the project is not deployed, and why.
    pub(super) fn ignored(&self, plan: &Plan) -> Vec<Ignored> {
        let skipped = plan.stack.iter().flat_map(|stack| self.inner.stacks.skipped(&plan.app, stack));
        let skipped = skipped.map(|(logical, kind)| Ignored {
            path: logical,
            reason: format!("ebb has no resources of type {kind} yet"),
        });
        plan.ignored.iter().cloned().chain(skipped).collect()
    }

    /// The app's runtimes that an interpreter of another version runs.
    pub(super) async fn stand_ins(&self, plan: &Plan) -> Vec<String> {
        let planned = plan.functions.iter().map(|function| function.runtime.clone());
        let in_stack = plan.stack.iter().flat_map(|stack| self.inner.stacks.runtimes(&plan.app, stack));
        let names: BTreeSet<String> = planned.chain(in_stack).collect();
        let catalog = self.inner.catalog.clone();
        let found = tokio::task::spawn_blocking(move || {
            let known = names.iter().filter_map(|name| RuntimeName::parse(name).ok());
            known.filter_map(|name| Some(format!("{name} is run by {}", catalog.stand_in(name)?))).collect()
        });
        // They are for people to know: a deploy does not fail for them.
        found.await.unwrap_or_default()
    }

    /// Where the APIs of the app's template answer.
    pub(super) fn stack_url(&self, plan: &Plan) -> Option<Url> {
        plan.stack.as_ref()?;
        let stack = self.inner.stacks.get(&plan.app).ok()?;
        let is_api = |kind: &str| kind == "AWS::ApiGatewayV2::Api" || kind == "AWS::ApiGateway::RestApi";
        let has_api = stack.resources.values().any(|made| is_api(&made.kind));
        let url = format!("{}/", self.url(&plan.app).trim_end_matches('/'));
        has_api.then(|| Url { function: plan.app.clone(), route: "/*".to_owned(), url })
    }
}
