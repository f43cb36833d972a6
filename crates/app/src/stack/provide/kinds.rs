//! What is known of each type of resource: its properties, and which of them cannot be changed.

use ebb_model::RuntimeName;
use serde_json::Value as Json;

use super::super::Inner;
use super::properties::Properties;
use super::{Made, Message, Wanted};

/// A type of resource.
struct Kind {
    name: &'static str,
    /// Properties that must be there.
    required: &'static [&'static str],
    /// Properties that may be there.
    optional: &'static [&'static str],
    /// Properties whose change needs another resource in its place; `*` for all.
    replacing: &'static [&'static str],
    /// The property that holds its name, and is its physical id.
    named: Option<&'static str>,
}

const FUNCTION: &str = "AWS::Lambda::Function";

const KINDS: &[Kind] = &[
    Kind {
        name: FUNCTION,
        required: &["Code"],
        optional: &[
            "Architectures",
            "CodeSigningConfigArn",
            "DeadLetterConfig",
            "Description",
            "Environment",
            "EphemeralStorage",
            "FileSystemConfigs",
            "FunctionName",
            "Handler",
            "ImageConfig",
            "KmsKeyArn",
            "Layers",
            "LoggingConfig",
            "MemorySize",
            "PackageType",
            "RecursiveLoop",
            "ReservedConcurrentExecutions",
            "Role",
            "Runtime",
            "RuntimeManagementConfig",
            "SnapStart",
            "Tags",
            "Timeout",
            "TracingConfig",
            "VpcConfig",
        ],
        replacing: &["FunctionName", "PackageType"],
        named: Some("FunctionName"),
    },
    Kind {
        name: "AWS::Lambda::Version",
        required: &["FunctionName"],
        optional: &["CodeSha256", "Description", "ProvisionedConcurrencyConfig", "RuntimePolicy"],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::Alias",
        required: &["FunctionName", "FunctionVersion", "Name"],
        optional: &["Description", "ProvisionedConcurrencyConfig", "RoutingConfig"],
        replacing: &["FunctionName", "Name"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::Permission",
        required: &["Action", "FunctionName", "Principal"],
        optional: &[
            "EventSourceToken",
            "FunctionUrlAuthType",
            "InvokedViaFunctionUrl",
            "PrincipalOrgID",
            "SourceAccount",
            "SourceArn",
        ],
        replacing: &["FunctionName"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::EventSourceMapping",
        required: &["FunctionName"],
        optional: &[
            "BatchSize",
            "Enabled",
            "EventSourceArn",
            "FilterCriteria",
            "FunctionResponseTypes",
            "MaximumBatchingWindowInSeconds",
            "ScalingConfig",
            "Tags",
        ],
        replacing: &["EventSourceArn"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::EventInvokeConfig",
        required: &["FunctionName", "Qualifier"],
        optional: &["DestinationConfig", "MaximumEventAgeInSeconds", "MaximumRetryAttempts"],
        replacing: &["FunctionName", "Qualifier"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::Url",
        required: &["AuthType", "TargetFunctionArn"],
        optional: &["Cors", "InvokeMode", "Qualifier"],
        replacing: &["TargetFunctionArn", "Qualifier"],
        named: None,
    },
    Kind {
        name: "AWS::Lambda::LayerVersion",
        required: &["Content"],
        optional: &[
            "CompatibleArchitectures",
            "CompatibleRuntimes",
            "Description",
            "LayerName",
            "LicenseInfo",
        ],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::SQS::Queue",
        required: &[],
        optional: &[
            "ContentBasedDeduplication",
            "DeduplicationScope",
            "DelaySeconds",
            "FifoQueue",
            "FifoThroughputLimit",
            "KmsDataKeyReusePeriodSeconds",
            "KmsMasterKeyId",
            "MaximumMessageSize",
            "MessageRetentionPeriod",
            "QueueName",
            "ReceiveMessageWaitTimeSeconds",
            "RedriveAllowPolicy",
            "RedrivePolicy",
            "SqsManagedSseEnabled",
            "Tags",
            "VisibilityTimeout",
        ],
        replacing: &["QueueName", "FifoQueue"],
        named: Some("QueueName"),
    },
    Kind {
        name: "AWS::SQS::QueuePolicy",
        required: &["PolicyDocument", "Queues"],
        optional: &[],
        replacing: &["Queues"],
        named: None,
    },
    Kind {
        name: "AWS::Events::EventBus",
        required: &["Name"],
        optional: &[
            "DeadLetterConfig",
            "Description",
            "EventSourceName",
            "KmsKeyIdentifier",
            "LogConfig",
            "Policy",
            "Tags",
        ],
        replacing: &["Name"],
        named: Some("Name"),
    },
    Kind {
        name: "AWS::Events::Rule",
        required: &[],
        optional: &[
            "Description",
            "EventBusName",
            "EventPattern",
            "Name",
            "RoleArn",
            "ScheduleExpression",
            "State",
            "Tags",
            "Targets",
        ],
        replacing: &["Name", "EventBusName"],
        named: Some("Name"),
    },
    Kind {
        name: "AWS::Scheduler::Schedule",
        required: &["FlexibleTimeWindow", "ScheduleExpression", "Target"],
        optional: &[
            "Description",
            "EndDate",
            "GroupName",
            "KmsKeyArn",
            "Name",
            "ScheduleExpressionTimezone",
            "StartDate",
            "State",
        ],
        replacing: &["Name", "GroupName"],
        named: Some("Name"),
    },
    Kind {
        name: "AWS::Scheduler::ScheduleGroup",
        required: &[],
        optional: &["Name", "Tags"],
        replacing: &["*"],
        named: Some("Name"),
    },
    Kind {
        name: "AWS::S3::Bucket",
        required: &[],
        optional: &[
            "AccelerateConfiguration",
            "AccessControl",
            "BucketEncryption",
            "BucketName",
            "CorsConfiguration",
            "LifecycleConfiguration",
            "LoggingConfiguration",
            "NotificationConfiguration",
            "ObjectLockEnabled",
            "OwnershipControls",
            "PublicAccessBlockConfiguration",
            "Tags",
            "VersioningConfiguration",
            "WebsiteConfiguration",
        ],
        replacing: &["BucketName"],
        named: Some("BucketName"),
    },
    Kind {
        name: "AWS::S3::BucketPolicy",
        required: &["Bucket", "PolicyDocument"],
        optional: &[],
        replacing: &["Bucket"],
        named: None,
    },
    Kind {
        name: "AWS::Logs::LogGroup",
        required: &[],
        optional: &[
            "DataProtectionPolicy",
            "FieldIndexPolicies",
            "KmsKeyId",
            "LogGroupClass",
            "LogGroupName",
            "RetentionInDays",
            "Tags",
        ],
        replacing: &["LogGroupName"],
        named: Some("LogGroupName"),
    },
    Kind {
        name: "AWS::ApiGatewayV2::Api",
        required: &[],
        optional: &[
            "ApiKeySelectionExpression",
            "Body",
            "CorsConfiguration",
            "Description",
            "DisableExecuteApiEndpoint",
            "DisableSchemaValidation",
            "FailOnWarnings",
            "Name",
            "ProtocolType",
            "RouteKey",
            "RouteSelectionExpression",
            "Tags",
            "Target",
            "Version",
        ],
        replacing: &["ProtocolType"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Stage",
        required: &["ApiId", "StageName"],
        optional: &[
            "AccessLogSettings",
            "AutoDeploy",
            "DefaultRouteSettings",
            "DeploymentId",
            "Description",
            "RouteSettings",
            "StageVariables",
            "Tags",
        ],
        replacing: &["ApiId", "StageName"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::RestApi",
        required: &[],
        optional: &[
            "ApiKeySourceType",
            "BinaryMediaTypes",
            "Body",
            "Description",
            "DisableExecuteApiEndpoint",
            "EbbCors",
            "EndpointConfiguration",
            "FailOnWarnings",
            "MinimumCompressionSize",
            "Mode",
            "Name",
            "Parameters",
            "Policy",
            "Tags",
        ],
        replacing: &[],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Deployment",
        required: &["RestApiId"],
        optional: &["Description", "StageDescription", "StageName"],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Stage",
        required: &["RestApiId", "StageName"],
        optional: &[
            "AccessLogSetting",
            "DeploymentId",
            "Description",
            "MethodSettings",
            "Tags",
            "TracingEnabled",
            "Variables",
        ],
        replacing: &["RestApiId", "StageName"],
        named: None,
    },
    Kind {
        name: "AWS::SNS::Topic",
        required: &[],
        optional: &[
            "ArchivePolicy",
            "ContentBasedDeduplication",
            "DataProtectionPolicy",
            "DeliveryStatusLogging",
            "DisplayName",
            "FifoThroughputScope",
            "FifoTopic",
            "KmsMasterKeyId",
            "SignatureVersion",
            "Subscription",
            "Tags",
            "TopicName",
            "TracingConfig",
        ],
        replacing: &["TopicName", "FifoTopic"],
        named: Some("TopicName"),
    },
    Kind {
        name: "AWS::SNS::Subscription",
        required: &["Protocol", "TopicArn"],
        optional: &[
            "DeliveryPolicy",
            "Endpoint",
            "FilterPolicy",
            "FilterPolicyScope",
            "RawMessageDelivery",
            "RedrivePolicy",
            "Region",
            "ReplayPolicy",
            "SubscriptionRoleArn",
        ],
        replacing: &["Endpoint", "Protocol", "TopicArn"],
        named: None,
    },
    Kind {
        name: "AWS::SNS::TopicPolicy",
        required: &["PolicyDocument", "Topics"],
        optional: &[],
        replacing: &["Topics"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Route",
        required: &["ApiId", "RouteKey"],
        optional: &[
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "ModelSelectionExpression",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RouteResponseSelectionExpression",
            "Target",
        ],
        replacing: &["ApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Integration",
        required: &["ApiId", "IntegrationType"],
        optional: &[
            "ConnectionId",
            "ConnectionType",
            "ContentHandlingStrategy",
            "CredentialsArn",
            "Description",
            "IntegrationMethod",
            "IntegrationSubtype",
            "IntegrationUri",
            "PassthroughBehavior",
            "PayloadFormatVersion",
            "RequestParameters",
            "RequestTemplates",
            "ResponseParameters",
            "TemplateSelectionExpression",
            "TimeoutInMillis",
            "TlsConfig",
        ],
        replacing: &["ApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Authorizer",
        required: &["ApiId", "AuthorizerType", "Name"],
        optional: &[
            "AuthorizerCredentialsArn",
            "AuthorizerPayloadFormatVersion",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerUri",
            "EnableSimpleResponses",
            "IdentitySource",
            "IdentityValidationExpression",
            "JwtConfiguration",
        ],
        replacing: &["ApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Model",
        required: &["ApiId", "Name", "Schema"],
        optional: &["ContentType", "Description"],
        replacing: &["ApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGatewayV2::Deployment",
        required: &["ApiId"],
        optional: &["Description", "StageName"],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Resource",
        required: &["ParentId", "PathPart", "RestApiId"],
        optional: &[],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Method",
        required: &["HttpMethod", "ResourceId", "RestApiId"],
        optional: &[
            "ApiKeyRequired",
            "AuthorizationScopes",
            "AuthorizationType",
            "AuthorizerId",
            "Integration",
            "MethodResponses",
            "OperationName",
            "RequestModels",
            "RequestParameters",
            "RequestValidatorId",
        ],
        replacing: &["HttpMethod", "ResourceId", "RestApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Authorizer",
        required: &["RestApiId", "Type"],
        optional: &[
            "AuthType",
            "AuthorizerCredentials",
            "AuthorizerResultTtlInSeconds",
            "AuthorizerUri",
            "IdentitySource",
            "IdentityValidationExpression",
            "Name",
            "ProviderARNs",
        ],
        replacing: &["RestApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::RequestValidator",
        required: &["RestApiId"],
        optional: &["Name", "ValidateRequestBody", "ValidateRequestParameters"],
        replacing: &["Name", "RestApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Model",
        required: &["RestApiId"],
        optional: &["ContentType", "Description", "Name", "Schema"],
        replacing: &["ContentType", "Name", "RestApiId"],
        named: Some("Name"),
    },
    Kind {
        name: "AWS::ApiGateway::GatewayResponse",
        required: &["ResponseType", "RestApiId"],
        optional: &["ResponseParameters", "ResponseTemplates", "StatusCode"],
        replacing: &["ResponseType", "RestApiId"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::ApiKey",
        required: &[],
        optional: &[
            "CustomerId",
            "Description",
            "Enabled",
            "GenerateDistinctId",
            "Name",
            "StageKeys",
            "Tags",
            "Value",
        ],
        replacing: &["GenerateDistinctId", "Name", "Value"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::UsagePlan",
        required: &[],
        optional: &["ApiStages", "Description", "Quota", "Tags", "Throttle", "UsagePlanName"],
        replacing: &[],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::UsagePlanKey",
        required: &["KeyId", "KeyType", "UsagePlanId"],
        optional: &[],
        replacing: &["*"],
        named: None,
    },
    Kind {
        name: "AWS::ApiGateway::Account",
        required: &[],
        optional: &["CloudWatchRoleArn"],
        replacing: &[],
        named: None,
    },
    // Kept and answered by the IAM API; ebb enforces no roles.
    Kind {
        name: "AWS::IAM::Role",
        required: &["AssumeRolePolicyDocument"],
        optional: &[
            "Description",
            "ManagedPolicyArns",
            "MaxSessionDuration",
            "Path",
            "PermissionsBoundary",
            "Policies",
            "RoleName",
            "Tags",
        ],
        replacing: &["RoleName", "Path"],
        named: Some("RoleName"),
    },
    Kind {
        name: "AWS::IAM::Policy",
        required: &["PolicyDocument", "PolicyName"],
        optional: &["Groups", "Roles", "Users"],
        replacing: &[],
        named: Some("PolicyName"),
    },
    Kind {
        name: "AWS::IAM::ManagedPolicy",
        required: &["PolicyDocument"],
        optional: &["Description", "Groups", "ManagedPolicyName", "Path", "Roles", "Users"],
        replacing: &["ManagedPolicyName", "Path"],
        named: Some("ManagedPolicyName"),
    },
    Kind {
        name: "AWS::IAM::InstanceProfile",
        required: &["Roles"],
        optional: &["InstanceProfileName", "Path"],
        replacing: &["InstanceProfileName"],
        named: Some("InstanceProfileName"),
    },
    // It only tells which tool made the template.
    Kind { name: "AWS::CDK::Metadata", required: &[], optional: &["Analytics"], replacing: &[], named: None },
    Kind {
        name: "AWS::CloudFormation::WaitConditionHandle",
        required: &[],
        optional: &[],
        replacing: &[],
        named: None,
    },
];

fn find(name: &str) -> Option<&'static Kind> {
    KINDS.iter().find(|kind| kind.name == name)
}

pub(in super::super) fn is_supported(kind: &str) -> bool {
    find(kind).is_some()
}

/// Whether it has code that the client packs.
pub(in super::super) fn has_code(kind: &str) -> bool {
    kind == FUNCTION || kind == "AWS::Lambda::LayerVersion"
}

/// Whether these changes need another resource in its place.
pub(in super::super) fn replaces(kind: &str, changed: &[String]) -> bool {
    let fixed = find(kind).map(|kind| kind.replacing).unwrap_or_default();
    fixed.contains(&"*") || changed.iter().any(|property| fixed.contains(&property.as_str()))
}

pub(super) fn name_property(kind: &str) -> Option<&'static str> {
    find(kind).and_then(|kind| kind.named)
}

/// Refuses what can be refused before anything is changed.
pub(in super::super) fn check(kind: &str, logical: &str, properties: &Json) -> Result<(), Message> {
    let Some(known) = find(kind) else { return Err(format!("ebb has no resources of type {kind}")) };
    let own = Properties::of(properties);
    let is_known =
        |name: &String| known.required.contains(&name.as_str()) || known.optional.contains(&name.as_str());
    if let Some(unknown) = own.keys().find(|name| !is_known(name)) {
        return Err(format!("{logical}: {kind} has no property {unknown} in ebb"));
    }
    if let Some(missing) = known.required.iter().find(|name| own.get(name).is_none()) {
        return Err(format!("{logical}: {kind} needs the property {missing}"));
    }
    if kind == FUNCTION
        && let Some(runtime) = own.text("Runtime")
        && runtime != super::super::world::UNKNOWN
        && RuntimeName::parse(&runtime).is_err()
    {
        return Err(format!("{logical}: {runtime} is no runtime of Lambda"));
    }
    Ok(())
}

/// A resource that is only kept.
pub(super) fn stored(inner: &Inner, wanted: &Wanted<'_>) -> Made {
    let account = inner.services.catalog.account();
    let path = wanted.properties().text("Path").unwrap_or_else(|| "/".to_owned());
    match wanted.kind {
        "AWS::IAM::InstanceProfile" => {
            let name = wanted.named("InstanceProfileName");
            let arn = format!("arn:aws:iam::{account}:instance-profile{path}{name}");
            Made::new(name, [("Arn", arn)])
        }
        _ => Made::new(wanted.name.clone(), []),
    }
}
