//! Parameters of the parameter store.

use ebb_model::{NewParameter, ParameterError, ParameterKind};

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Wanted, said};

pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    put(inner, wanted, wanted.named("Name"), false).await
}

pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    put(inner, wanted, before.physical.clone(), true).await
}

async fn put(inner: &Inner, wanted: &Wanted<'_>, name: String, overwrite: bool) -> Result<Made, Message> {
    let own = wanted.properties();
    let kind = match own.required("Type")?.as_str() {
        "String" => ParameterKind::String,
        "StringList" => ParameterKind::StringList,
        other => {
            return Err(format!(
                "the Type of a parameter of a template is String or StringList, not {other}"
            ));
        }
    };
    let new = NewParameter {
        name: name.clone(),
        kind: Some(kind),
        value: own.required("Value")?,
        description: own.text("Description"),
        allowed_pattern: own.text("AllowedPattern"),
        tags: Some(own.tags()),
        overwrite,
    };
    let (kind, value) = (own.required("Type")?, new.value.clone());
    inner.services.parameters.put(new).await.map_err(|error| match error {
        ParameterError::Exists => format!("{name} already exists"),
        other => other.to_string(),
    })?;
    Ok(Made::new(name, [("Type", kind), ("Value", value)]))
}

pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    inner.services.parameters.delete(&made.physical).await.map(drop).map_err(said)
}
