//! What a deploy shows of an app that a template made.

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
