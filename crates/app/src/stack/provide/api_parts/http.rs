//! Parts of HTTP APIs.

use ebb_sources::http_api::{
    Answer, Authorizer, Definition, Deployment, Integration, Model, Route, fresh_id,
};
use serde::de::DeserializeOwned;
use serde_json::{Map, Value as Json, json};

use super::super::super::Inner;
use super::super::super::record::MadeResource;
use super::super::{Made, Message, Properties, Wanted, said};
use super::{gone, members, read};

/// A part of an HTTP API.
pub(super) trait HttpPart: DeserializeOwned + Clone + Send + Sync {
    fn of(own: &Properties<'_>) -> Result<Self, Message>;
    fn all(definition: &mut Definition) -> &mut Vec<Self>;
    fn id(&mut self) -> &mut String;
}

impl HttpPart for Route {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &[]);
        given.remove("apiId");
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.routes
    }
    fn id(&mut self) -> &mut String {
        &mut self.route_id
    }
}

impl HttpPart for Integration {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &["TlsConfig"]);
        given.remove("apiId");
        // Templates have lists of changes where the API has maps.
        if let Some(Json::Object(all)) = given.get("responseParameters").cloned() {
            let changes = |value: &Json| -> Map<String, Json> {
                let list = value["ResponseParameters"].as_array().into_iter().flatten();
                list.filter_map(|one| Some((one["Destination"].as_str()?.to_owned(), one["Source"].clone())))
                    .collect()
            };
            let all: Map<String, Json> = all
                .iter()
                .map(|(status, value)| match value.get("ResponseParameters") {
                    Some(_) => (status.clone(), Json::Object(changes(value))),
                    None => (status.clone(), value.clone()),
                })
                .collect();
            given.insert("responseParameters".to_owned(), Json::Object(all));
        }
        if given.get("integrationType").and_then(Json::as_str) == Some("AWS_PROXY")
            && !given.contains_key("integrationSubtype")
        {
            given.entry("integrationMethod").or_insert_with(|| "POST".into());
        } else {
            given.entry("payloadFormatVersion").or_insert_with(|| "1.0".into());
        }
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.integrations
    }
    fn id(&mut self) -> &mut String {
        &mut self.integration_id
    }
}

impl HttpPart for Authorizer {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &["JwtConfiguration"]);
        given.remove("apiId");
        given.insert("identitySource".to_owned(), json!(own.texts("IdentitySource").unwrap_or_default()));
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.authorizers
    }
    fn id(&mut self) -> &mut String {
        &mut self.authorizer_id
    }
}

impl HttpPart for Model {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        model(own)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.models
    }
    fn id(&mut self) -> &mut String {
        &mut self.model_id
    }
}

impl HttpPart for Answer {
    fn of(own: &Properties<'_>) -> Result<Self, Message> {
        let mut given = members(own, &[]);
        given.remove("apiId");
        let (of, parent) = match given.remove("routeId") {
            Some(route) => ("route", Some(route)),
            None => ("integration", given.remove("integrationId")),
        };
        given.extend([("id".to_owned(), "".into()), ("of".to_owned(), of.into())]);
        given.insert("parent".to_owned(), parent.unwrap_or_default());
        read(given)
    }
    fn all(definition: &mut Definition) -> &mut Vec<Self> {
        &mut definition.answers
    }
    fn id(&mut self) -> &mut String {
        &mut self.id
    }
}

fn model(own: &Properties<'_>) -> Result<Model, Message> {
    let schema = own.document("Schema").unwrap_or_else(|| "{}".to_owned());
    let name = own.required("Name")?;
    let content = own.text("ContentType").unwrap_or_else(|| "application/json".to_owned());
    Ok(Model {
        model_id: String::new(),
        name,
        schema,
        content_type: content,
        description: own.text("Description"),
    })
}

pub(super) async fn put_http<T: HttpPart>(
    inner: &Inner,
    wanted: &Wanted<'_>,
    before: Option<&MadeResource>,
    attribute: &'static str,
) -> Result<Made, Message> {
    let own = wanted.properties();
    let mut part = T::of(&own)?;
    let id = before.map_or_else(|| fresh_id(7), |before| before.physical.clone());
    part.id().clone_from(&id);
    let api = own.required("ApiId")?;
    let edited = inner.services.http_apis.edit(&api, |api| {
        let all = T::all(&mut api.definition);
        all.retain_mut(|own| *own.id() != id);
        all.push(part.clone());
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(id.clone(), [(attribute, id)]))
}

pub(super) async fn delete_http<T: HttpPart>(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("ApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit(&api, |api| {
        T::all(&mut api.definition).retain_mut(|own| *own.id() != made.physical);
        api.definition.answers.retain(|answer| answer.parent != made.physical);
        Ok(())
    });
    gone(edited.await)
}

pub(super) async fn create_http_deployment(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let (id, now) = (fresh_id(6), inner.clock.now());
    let (description, stage) = (own.text("Description"), own.text("StageName"));
    let api = own.required("ApiId")?;
    let edited = inner.services.http_apis.edit(&api, |api| {
        api.deployments.push(Deployment {
            deployment_id: id.clone(),
            description: description.clone(),
            auto_deployed: false,
            created: now,
            definition: api.definition.clone(),
        });
        if let Some(stage) = api.stages.iter_mut().find(|own| Some(&own.stage_name) == stage.as_ref()) {
            stage.deployment_id = Some(id.clone());
        }
        Ok(())
    });
    edited.await.map_err(said)?;
    Ok(Made::new(id.clone(), [("DeploymentId", id)]))
}

pub(super) async fn delete_http_deployment(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let api = Properties::of(&made.properties).text("ApiId").unwrap_or_default();
    let edited = inner.services.http_apis.edit(&api, |api| {
        let used = api.stages.iter().any(|own| own.deployment_id.as_deref() == Some(&made.physical));
        api.deployments.retain(|own| used || own.deployment_id != made.physical);
        Ok(())
    });
    gone(edited.await)
}
