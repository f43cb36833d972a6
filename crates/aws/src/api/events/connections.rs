//! Connections. What they authorize with is taken and never told.

use ebb_model::Secret;
use ebb_sources::bus::{
    Authorization, AuthorizationChange, AuthorizationKind, CallParameter, CallParameters, Connection,
    ConnectionChange, EventBuses, OAuthChange,
};
use http::{Response, StatusCode};
use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::{done_with, invalid, listed, present, required, seconds};
use crate::wire::{AwsError, Body, Call, json_response};

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Request {
    name: Option<String>,
    description: Option<String>,
    authorization_type: Option<String>,
    auth_parameters: Option<AuthParameters>,
    invocation_connectivity_parameters: Option<Value>,
    kms_key_identifier: Option<String>,
    name_prefix: Option<String>,
    connection_state: Option<String>,
    next_token: Option<String>,
    limit: Option<usize>,
}

#[derive(Deserialize, Default)]
#[serde(rename_all = "PascalCase")]
struct AuthParameters {
    basic_auth_parameters: Option<Basic>,
    #[serde(rename = "OAuthParameters")]
    oauth_parameters: Option<OAuthParameters>,
    api_key_auth_parameters: Option<ApiKey>,
    invocation_http_parameters: Option<HttpParameters>,
    connectivity_parameters: Option<Value>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Basic {
    username: Option<String>,
    password: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct ApiKey {
    api_key_name: Option<String>,
    api_key_value: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct OAuthParameters {
    client_parameters: Option<Client>,
    authorization_endpoint: Option<String>,
    http_method: Option<String>,
    #[serde(rename = "OAuthHttpParameters")]
    oauth_http_parameters: Option<HttpParameters>,
}

#[derive(Deserialize, Default)]
struct Client {
    #[serde(rename = "ClientID")]
    id: Option<String>,
    #[serde(rename = "ClientSecret")]
    secret: Option<Secret>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct HttpParameters {
    #[serde(default)]
    header_parameters: Vec<Parameter>,
    #[serde(default)]
    query_string_parameters: Vec<Parameter>,
    #[serde(default)]
    body_parameters: Vec<Parameter>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Parameter {
    key: Option<String>,
    value: Option<Secret>,
    #[serde(default)]
    is_value_secret: bool,
}

impl Request {
    fn name(&self) -> Result<String, AwsError> {
        required(self.name.clone(), "name")
    }

    fn kind(&self) -> Option<AuthorizationKind> {
        let text = self.authorization_type.as_deref()?;
        AuthorizationKind::ALL.into_iter().find(|kind| kind.as_str() == text)
    }

    fn change(self) -> Result<ConnectionChange, AwsError> {
        let kind = self.kind();
        let given = self.auth_parameters.unwrap_or_default();
        if self.invocation_connectivity_parameters.is_some() || given.connectivity_parameters.is_some() {
            return Err(invalid("ebb has no private endpoints: connectivity parameters are not implemented"));
        }
        let oauth = given.oauth_parameters.map(|oauth| {
            let client = oauth.client_parameters.unwrap_or_default();
            OAuthChange {
                client_id: client.id,
                client_secret: client.secret,
                endpoint: oauth.authorization_endpoint,
                method: oauth.http_method,
                parameters: oauth.oauth_http_parameters.map(HttpParameters::read),
            }
        });
        Ok(ConnectionChange {
            description: self.description,
            kind,
            authorization: AuthorizationChange {
                basic: given.basic_auth_parameters.map(|basic| (basic.username, basic.password)),
                api_key: given.api_key_auth_parameters.map(|key| (key.api_key_name, key.api_key_value)),
                oauth,
            },
            parameters: given.invocation_http_parameters.map(HttpParameters::read),
            kms_key: self.kms_key_identifier,
        })
    }
}

impl HttpParameters {
    fn read(self) -> CallParameters {
        let read = |parameters: Vec<Parameter>| {
            let one = |parameter: Parameter| CallParameter {
                key: parameter.key.unwrap_or_default(),
                value: parameter.value.unwrap_or_else(|| Secret::new(String::new())),
                is_secret: parameter.is_value_secret,
            };
            parameters.into_iter().map(one).collect()
        };
        CallParameters {
            headers: read(self.header_parameters),
            query: read(self.query_string_parameters),
            body: read(self.body_parameters),
        }
    }
}

pub(super) async fn create(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    let kind = required(request.kind(), "authorizationType")?;
    let connection = buses.create_connection(&name, kind, request.change()?).await?;
    let mut answer = changed(&buses, &connection);
    answer["LastAuthorizedTime"] = Value::Null;
    json_response(StatusCode::OK, &present(answer))
}

pub(super) async fn update(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let name = request.name()?;
    done_with(&changed(&buses, &*buses.update_connection(&name, request.change()?).await?))
}

pub(super) async fn deauthorize(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    done_with(&changed(&buses, &*buses.deauthorize_connection(&request.name()?).await?))
}

pub(super) async fn delete(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mut answer = changed(&buses, &*buses.delete_connection(&request.name()?).await?);
    answer["ConnectionState"] = "DELETING".into();
    done_with(&answer)
}

pub(super) async fn describe(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let connection = buses.connection(&request.name()?)?;
    let mut answer = shown(&buses, &connection);
    answer["Description"] = connection.description.clone().into();
    answer["KmsKeyIdentifier"] = connection.kms_key.clone().into();
    answer["AuthParameters"] = authorization(&connection);
    if connection.authorization.is_some() {
        answer["SecretArn"] = buses.connection_secret_arn(&connection).into();
    }
    done_with(&answer)
}

pub(super) async fn list(buses: EventBuses, call: Call) -> Result<Response<Body>, AwsError> {
    let request: Request = call.json()?;
    let mut all = buses.connections(request.name_prefix.as_deref().unwrap_or_default());
    all.retain(|connection| {
        request.connection_state.as_deref().is_none_or(|state| state == connection.state.as_str())
    });
    let page = (request.next_token.as_deref(), request.limit);
    listed(
        "Connections",
        all,
        page,
        |connection| connection.name.clone(),
        |connection| present(shown(&buses, connection)),
    )
}

fn shown(buses: &EventBuses, connection: &Connection) -> Value {
    let mut shown = changed(buses, connection);
    shown["Name"] = connection.name.as_str().into();
    shown["AuthorizationType"] = connection.kind.as_str().into();
    shown["StateReason"] = connection.reason.clone().into();
    shown
}

fn changed(buses: &EventBuses, connection: &Connection) -> Value {
    json!({
        "ConnectionArn": buses.connection_arn(connection),
        "ConnectionState": connection.state.as_str(),
        "CreationTime": seconds(connection.created),
        "LastModifiedTime": seconds(connection.modified),
        "LastAuthorizedTime": connection.authorized.map(seconds),
    })
}

/// What may be told of an authorization: not what is secret.
fn authorization(connection: &Connection) -> Value {
    let mut shown = Map::new();
    match &connection.authorization {
        None => {}
        Some(Authorization::Basic { username, .. }) => {
            shown.insert("BasicAuthParameters".to_owned(), json!({ "Username": username }));
        }
        Some(Authorization::ApiKey { name, .. }) => {
            shown.insert("ApiKeyAuthParameters".to_owned(), json!({ "ApiKeyName": name }));
        }
        Some(Authorization::OAuth(oauth)) => {
            let oauth = json!({
                "ClientParameters": { "ClientID": oauth.client_id },
                "AuthorizationEndpoint": oauth.endpoint,
                "HttpMethod": oauth.method,
                "OAuthHttpParameters": oauth.parameters.as_ref().map(parameters),
            });
            shown.insert("OAuthParameters".to_owned(), present(oauth));
        }
    }
    if let Some(given) = &connection.parameters {
        shown.insert("InvocationHttpParameters".to_owned(), parameters(given));
    }
    shown.into()
}

fn parameters(given: &CallParameters) -> Value {
    let list = |parameters: &[CallParameter]| {
        let one = |parameter: &CallParameter| {
            let value = (!parameter.is_secret).then(|| parameter.value.expose());
            present(json!({ "Key": parameter.key, "Value": value, "IsValueSecret": parameter.is_secret }))
        };
        (!parameters.is_empty()).then(|| parameters.iter().map(one).collect::<Vec<_>>())
    };
    present(json!({
        "HeaderParameters": list(&given.headers),
        "QueryStringParameters": list(&given.query),
        "BodyParameters": list(&given.body),
    }))
}
