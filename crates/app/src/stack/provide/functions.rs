//! Functions and layers.

use std::io::Write as _;

use bytes::Bytes;
use ebb_invoker::catalog::{
    CatalogError, CodeSource, CodeUpdate, LoggingInput, NewFunction, NewLayerVersion, NotFound,
    SettingsInput, Target,
};
use ebb_model::{FunctionName, LayerVersionArn, limits};
use zip::ZipWriter;
use zip::write::SimpleFileOptions;

use super::super::Inner;
use super::super::record::MadeResource;
use super::{Made, Message, Properties, Wanted, said};

pub(super) async fn create(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let catalog = &inner.services.catalog;
    let name = wanted.named("FunctionName");
    let new = NewFunction {
        name: name.clone(),
        settings: settings(inner, wanted)?,
        code: Some(code(inner, wanted, "Code").await?),
        package_type: wanted.properties().text("PackageType"),
        tags: wanted.properties().tags(),
        publish: false,
        app: wanted.owner.app.clone(),
    };
    let (function, version) = catalog.create(new).await.map_err(said)?;
    let target = Target { name: function.name.clone(), qualifier: None };
    let finished = async {
        if let Some(limit) = wanted.properties().number("ReservedConcurrentExecutions")? {
            catalog.set_reserved_concurrency(&target, Some(limit)).await.map_err(said)?;
        }
        catalog.prepared(&version).await.map_err(said)
    };
    if let Err(message) = finished.await {
        catalog.delete(&target).await.map_err(said)?;
        return Err(message);
    }
    Ok(made(inner, &target.name))
}

pub(super) async fn update(
    inner: &Inner,
    before: &MadeResource,
    wanted: &Wanted<'_>,
) -> Result<Made, Message> {
    let catalog = &inner.services.catalog;
    let target = target(&before.physical)?;
    let function = catalog.function(&target.name).map_err(said)?;
    // It may still be in preparation; how that ends does not matter any more.
    let _ = catalog.prepared(&function.latest).await;
    catalog.update_settings(&target, &settings(inner, wanted)?, None).await.map_err(said)?;
    settled(inner, &target.name).await?;
    let update = CodeUpdate { code: Some(code(inner, wanted, "Code").await?), ..CodeUpdate::default() };
    catalog.update_code(&target, update).await.map_err(said)?;
    settled(inner, &target.name).await?;
    let limit = wanted.properties().number("ReservedConcurrentExecutions")?;
    if limit.is_some() || before.properties.get("ReservedConcurrentExecutions").is_some() {
        catalog.set_reserved_concurrency(&target, limit).await.map_err(said)?;
    }
    let arn = catalog.arn(&target.name, None).to_string();
    let tags = wanted.properties().tags();
    let present = catalog.tags(&arn).map_err(said)?;
    let gone: Vec<String> = present.into_keys().filter(|key| !tags.contains_key(key)).collect();
    if !gone.is_empty() {
        catalog.untag(&arn, &gone).await.map_err(said)?;
    }
    if !tags.is_empty() {
        catalog.tag(&arn, &tags).await.map_err(said)?;
    }
    Ok(made(inner, &target.name))
}

pub(super) async fn delete(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    match inner.services.catalog.delete(&target(&made.physical)?).await {
        Ok(()) | Err(CatalogError::NotFound(_)) => Ok(()),
        Err(error) => Err(said(error)),
    }
}

/// Waits until a function can run as it is now.
async fn settled(inner: &Inner, name: &FunctionName) -> Result<(), Message> {
    let function = inner.services.catalog.function(name).map_err(said)?;
    inner.services.catalog.prepared(&function.latest).await.map(drop).map_err(said)
}

fn made(inner: &Inner, name: &FunctionName) -> Made {
    Made::new(name.to_string(), [("Arn", inner.services.catalog.arn(name, None).to_string())])
}

/// A function by its name or ARN.
pub(super) fn target(name: &str) -> Result<Target, Message> {
    let name = name.rsplit(":function:").next().unwrap_or(name);
    let name = name.split(':').next().unwrap_or(name);
    Ok(Target { name: FunctionName::parse(name).map_err(said)?, qualifier: None })
}

/// All settings: what the properties do not say is as it is for a new function.
fn settings(inner: &Inner, wanted: &Wanted<'_>) -> Result<SettingsInput, Message> {
    let own = wanted.properties();
    let mut environment = own.inner("Environment").map("Variables");
    environment.extend(wanted.environment.clone());
    let logging = own.inner("LoggingConfig");
    let role = format!("arn:aws:iam::{}:role/ebb-app", inner.services.catalog.account());
    Ok(SettingsInput {
        runtime: own.text("Runtime"),
        handler: own.text("Handler"),
        role: Some(own.text("Role").unwrap_or(role)),
        description: Some(own.text("Description").unwrap_or_default()),
        timeout_seconds: Some(match wanted.inspect {
            // Somebody looks at it, and takes their time.
            Some(_) => (*limits::TIMEOUT_SECONDS.end()).into(),
            None => own.number("Timeout")?.unwrap_or(3),
        }),
        inspect: wanted.inspect,
        memory_mib: Some(own.number("MemorySize")?.unwrap_or(128)),
        ephemeral_storage_mib: Some(own.inner("EphemeralStorage").number("Size")?.unwrap_or(512)),
        environment: Some(environment),
        layers: Some(own.texts("Layers").unwrap_or_default()),
        architectures: own.texts("Architectures"),
        tracing: Some(own.inner("TracingConfig").text("Mode").unwrap_or_else(|| "PassThrough".to_owned())),
        logging: own.get("LoggingConfig").map(|_| LoggingInput {
            format: logging.text("LogFormat"),
            application_level: logging.text("ApplicationLogLevel"),
            system_level: logging.text("SystemLogLevel"),
            group: logging.text("LogGroup"),
        }),
        dead_letter: Some(own.inner("DeadLetterConfig").text("TargetArn").unwrap_or_default()),
        snap_start: own.inner("SnapStart").text("ApplyOn"),
        stored: ["VpcConfig", "KmsKeyArn", "FileSystemConfigs", "ImageConfig"]
            .into_iter()
            .filter_map(|name| Some((name.to_owned(), own.get(name)?.clone())))
            .collect(),
        server: None,
        instance_concurrency: None,
    })
}

/// Where the code of a function or layer is.
async fn code(inner: &Inner, wanted: &Wanted<'_>, property: &str) -> Result<CodeSource, Message> {
    let of = wanted.properties().inner(property).text("Of");
    if let Some(digest) = wanted.packages.get(of.as_deref().unwrap_or(wanted.logical)) {
        return inner.services.catalog.package(*digest).await.map(CodeSource::Zip).map_err(said);
    }
    let own = wanted.properties();
    let code = own.inner(property);
    if let Some(text) = code.text("ZipFile") {
        return inline(&text, &own).map(CodeSource::Zip);
    }
    if let Some(image) = code.text("ImageUri") {
        return Ok(CodeSource::Image(image));
    }
    match (code.text("S3Bucket"), code.text("S3Key")) {
        (Some(bucket), Some(key)) => {
            Ok(CodeSource::Object { bucket, key, version: code.text("S3ObjectVersion") })
        }
        _ => Err(format!("the property {property} says neither S3Bucket and S3Key nor ZipFile")),
    }
}

/// What code in templates finds beside itself. Source: CloudFormation user guide, "cfn-response module" (2026-11).
const NODE_RESPONSE: &str = include_str!("../../../../../runtimes/adapters/node/cfn-response.js");
const PYTHON_RESPONSE: &str = include_str!("../../../../../runtimes/adapters/python/cfnresponse.py");

/// A zip with the one file that a template holds itself, and the module that answers for custom resources.
fn inline(text: &str, own: &Properties<'_>) -> Result<Bytes, Message> {
    let runtime = own.text("Runtime").unwrap_or_default();
    let (file, beside) = if runtime.starts_with("python") {
        ("index.py", ("cfnresponse.py", PYTHON_RESPONSE))
    } else if runtime.starts_with("nodejs") {
        ("index.js", ("cfn-response.js", NODE_RESPONSE))
    } else {
        return Err(format!("ZipFile holds code for nodejs and python, not for {runtime}"));
    };
    let mut writer = ZipWriter::new(std::io::Cursor::new(Vec::new()));
    let options =
        SimpleFileOptions::default().last_modified_time(zip::DateTime::default()).unix_permissions(0o644);
    for (file, text) in [(file, text), beside] {
        let written = writer.start_file(file, options).and_then(|()| Ok(writer.write_all(text.as_bytes())?));
        written.map_err(said)?;
    }
    Ok(writer.finish().map_err(said)?.into_inner().into())
}

pub(super) async fn create_layer(inner: &Inner, wanted: &Wanted<'_>) -> Result<Made, Message> {
    let own = wanted.properties();
    let new = NewLayerVersion {
        name: own.text("LayerName").unwrap_or_else(|| wanted.name.clone()),
        content: Some(code(inner, wanted, "Content").await?),
        description: own.text("Description").unwrap_or_default(),
        license: own.text("LicenseInfo"),
        compatible_runtimes: own.texts("CompatibleRuntimes").unwrap_or_default(),
        compatible_architectures: own.texts("CompatibleArchitectures").unwrap_or_default(),
    };
    let version = inner.services.catalog.publish_layer(new).await.map_err(said)?;
    let arn = version.arn.to_string();
    Ok(Made::new(arn.clone(), [("LayerVersionArn", arn)]))
}

pub(super) async fn delete_layer(inner: &Inner, made: &MadeResource) -> Result<(), Message> {
    let arn = LayerVersionArn::parse(&made.physical).map_err(said)?;
    let deleted = inner
        .services
        .catalog
        .delete_layer_version(arn.layer.name.as_str(), i64::try_from(arn.version).unwrap_or(i64::MAX))
        .await;
    match deleted {
        Ok(()) | Err(CatalogError::NotFound(NotFound::LayerVersion(_))) => Ok(()),
        Err(error) => Err(said(error)),
    }
}
