"""What the AWS provider of Terraform calls for resources of ours: to make each, to read it back, to change it, to remove it.

The calls are those of the provider's own sources (hashicorp/terraform-provider-aws 6, `internal/service`), which cannot be
run here.
"""
import json
import uuid

import pytest
from botocore.exceptions import ClientError

from conftest import ACCOUNT, REGION, zipped

TRUST = json.dumps({"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]})


def name():
    return f"tf-{uuid.uuid4().hex[:10]}"


def gone(call, code, **arguments):
    """How the provider learns that something is not there, or is not configured."""
    with pytest.raises(ClientError) as raised:
        call(**arguments)
    assert raised.value.response["Error"]["Code"] == code, raised.value


def test_the_provider_itself(server):
    assert server.client("sts").get_caller_identity()["Account"] == ACCOUNT


def test_roles(server):
    iam, role = server.client("iam"), name()
    iam.create_role(RoleName=role, AssumeRolePolicyDocument=TRUST, Path="/", Tags=[{"Key": "k", "Value": "v"}], MaxSessionDuration=3600)
    read = iam.get_role(RoleName=role)["Role"]
    assert (read["Arn"], read["MaxSessionDuration"]) == (f"arn:aws:iam::{ACCOUNT}:role/{role}", 3600) and read["RoleId"]
    basic = "arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole"
    iam.attach_role_policy(RoleName=role, PolicyArn=basic)
    assert [p["PolicyArn"] for p in iam.list_attached_role_policies(RoleName=role)["AttachedPolicies"]] == [basic]
    iam.put_role_policy(RoleName=role, PolicyName="own", PolicyDocument=TRUST)
    assert iam.get_role_policy(RoleName=role, PolicyName="own")["PolicyName"] == "own"
    assert iam.list_role_policies(RoleName=role)["PolicyNames"] == ["own"]
    iam.tag_role(RoleName=role, Tags=[{"Key": "k2", "Value": "v2"}])
    iam.untag_role(RoleName=role, TagKeys=["k"])
    assert iam.list_role_tags(RoleName=role)["Tags"] == [{"Key": "k2", "Value": "v2"}]
    policy = iam.create_policy(PolicyName=role, PolicyDocument=TRUST, Path="/")["Policy"]["Arn"]
    version = iam.get_policy(PolicyArn=policy)["Policy"]["DefaultVersionId"]
    assert iam.get_policy_version(PolicyArn=policy, VersionId=version)["PolicyVersion"]["Document"]
    assert iam.list_policy_versions(PolicyArn=policy)["Versions"]
    iam.delete_policy(PolicyArn=policy)
    gone(iam.get_policy, "NoSuchEntity", PolicyArn=policy)
    assert iam.list_instance_profiles_for_role(RoleName=role)["InstanceProfiles"] == []
    iam.detach_role_policy(RoleName=role, PolicyArn=basic)
    iam.delete_role_policy(RoleName=role, PolicyName="own")
    iam.delete_role(RoleName=role)
    gone(iam.get_role, "NoSuchEntity", RoleName=role)


def test_functions_with_permissions_and_mappings(server):
    lam, sqs, own = server.lam, server.client("sqs"), name()
    code = zipped({"app.py": "def handler(event, context):\n    return 1\n"})
    made = lam.create_function(FunctionName=own, Role=f"arn:aws:iam::{ACCOUNT}:role/x", Runtime="python3.11", Handler="app.handler",
                               Code={"ZipFile": code}, MemorySize=128, Timeout=3, Publish=False, PackageType="Zip",
                               Architectures=["x86_64"], Environment={"Variables": {"A": "1"}}, Tags={"k": "v"})
    lam.get_waiter("function_active_v2").wait(FunctionName=own, WaiterConfig={"Delay": 1})
    read = lam.get_function(FunctionName=own)
    assert read["Tags"] == {"k": "v"} and read["Configuration"]["CodeSha256"] == made["CodeSha256"] and read["Code"]["Location"]
    assert not lam.get_function_code_signing_config(FunctionName=own).get("CodeSigningConfigArn")
    assert [v["Version"] for v in lam.list_versions_by_function(FunctionName=own, MaxItems=10000)["Versions"]] == ["$LATEST"]
    assert lam.get_function_concurrency(FunctionName=own).get("ReservedConcurrentExecutions") is None
    lam.update_function_configuration(FunctionName=own, Timeout=5)
    lam.get_waiter("function_updated_v2").wait(FunctionName=own, WaiterConfig={"Delay": 1})
    lam.add_permission(FunctionName=own, StatementId="s", Action="lambda:InvokeFunction", Principal="apigateway.amazonaws.com")
    [statement] = json.loads(lam.get_policy(FunctionName=own)["Policy"])["Statement"]
    assert statement["Sid"] == "s"
    queue = sqs.create_queue(QueueName=own)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    mapping = lam.create_event_source_mapping(FunctionName=own, EventSourceArn=arn, BatchSize=5, Enabled=True)["UUID"]
    assert lam.get_event_source_mapping(UUID=mapping)["BatchSize"] == 5
    url = lam.create_function_url_config(FunctionName=own, AuthType="NONE")["FunctionUrl"]
    assert lam.get_function_url_config(FunctionName=own)["FunctionUrl"] == url
    lam.delete_function_url_config(FunctionName=own)
    lam.delete_event_source_mapping(UUID=mapping)
    lam.remove_permission(FunctionName=own, StatementId="s")
    gone(lam.get_policy, "ResourceNotFoundException", FunctionName=own)
    lam.delete_function(FunctionName=own)
    gone(lam.get_function, "ResourceNotFoundException", FunctionName=own)
    sqs.delete_queue(QueueUrl=queue)


def test_http_apis(server):
    api = server.client("apigatewayv2")
    made = api.create_api(Name=name(), ProtocolType="HTTP", CorsConfiguration={"AllowOrigins": ["*"]}, Tags={"k": "v"})["ApiId"]
    read = api.get_api(ApiId=made)
    assert read["Tags"] == {"k": "v"} and read["CorsConfiguration"]["AllowOrigins"] == ["*"] and read["RouteSelectionExpression"]
    integration = api.create_integration(ApiId=made, IntegrationType="AWS_PROXY", PayloadFormatVersion="2.0", ConnectionType="INTERNET",
                                         IntegrationUri=f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:x")["IntegrationId"]
    assert api.get_integration(ApiId=made, IntegrationId=integration)["TimeoutInMillis"] == 30000
    route = api.create_route(ApiId=made, RouteKey="GET /a", Target=f"integrations/{integration}", AuthorizationType="NONE")["RouteId"]
    assert api.get_route(ApiId=made, RouteId=route)["RouteKey"] == "GET /a"
    stage = api.create_stage(ApiId=made, StageName="$default", AutoDeploy=True, Tags={"s": "t"})
    assert api.get_stage(ApiId=made, StageName="$default")["Tags"] == {"s": "t"} and stage["AutoDeploy"]
    authorizer = api.create_authorizer(ApiId=made, AuthorizerType="JWT", IdentitySource=["$request.header.Authorization"], Name="j",
                                       JwtConfiguration={"Audience": ["a"], "Issuer": "https://example.com"})["AuthorizerId"]
    assert api.get_authorizer(ApiId=made, AuthorizerId=authorizer)["Name"] == "j"
    api.delete_authorizer(ApiId=made, AuthorizerId=authorizer)
    api.delete_stage(ApiId=made, StageName="$default")
    api.delete_route(ApiId=made, RouteId=route)
    api.delete_integration(ApiId=made, IntegrationId=integration)
    api.delete_api(ApiId=made)
    gone(api.get_api, "NotFoundException", ApiId=made)


def test_rest_apis(server):
    api = server.client("apigateway")
    made = api.create_rest_api(name=name(), endpointConfiguration={"types": ["REGIONAL"]}, tags={"k": "v"})
    rest, root = made["id"], made["rootResourceId"]
    assert api.get_rest_api(restApiId=rest)["rootResourceId"] == root
    resource = api.create_resource(restApiId=rest, parentId=root, pathPart="a")["id"]
    assert api.get_resource(restApiId=rest, resourceId=resource)["path"] == "/a"
    one = dict(restApiId=rest, resourceId=resource, httpMethod="GET")
    api.put_method(**one, authorizationType="NONE", apiKeyRequired=False)
    assert api.get_method(**one)["authorizationType"] == "NONE"
    api.put_integration(**one, type="MOCK", requestTemplates={"application/json": '{"statusCode": 200}'})
    assert api.get_integration(**one)["type"] == "MOCK"
    api.put_method_response(**one, statusCode="200")
    api.put_integration_response(**one, statusCode="200")
    assert api.get_method_response(**one, statusCode="200") and api.get_integration_response(**one, statusCode="200")
    deployment = api.create_deployment(restApiId=rest)["id"]
    assert api.get_deployment(restApiId=rest, deploymentId=deployment, embed=["apisummary"])["id"] == deployment
    api.create_stage(restApiId=rest, stageName="s", deploymentId=deployment)
    assert api.get_stage(restApiId=rest, stageName="s")["deploymentId"] == deployment
    api.delete_stage(restApiId=rest, stageName="s")
    api.delete_rest_api(restApiId=rest)
    gone(api.get_rest_api, "NotFoundException", restApiId=rest)


def test_queues_and_topics(server):
    sqs, sns, own = server.client("sqs"), server.client("sns"), name()
    queue = sqs.create_queue(QueueName=own, Attributes={"VisibilityTimeout": "45", "SqsManagedSseEnabled": "true"}, tags={"k": "v"})["QueueUrl"]
    read = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["All"])["Attributes"]
    for attribute in ("QueueArn", "VisibilityTimeout", "DelaySeconds", "MaximumMessageSize", "MessageRetentionPeriod", "ReceiveMessageWaitTimeSeconds", "SqsManagedSseEnabled"):
        assert read[attribute], attribute
    assert sqs.list_queue_tags(QueueUrl=queue)["Tags"] == {"k": "v"}
    topic = sns.create_topic(Name=own, Attributes={"DisplayName": "d"}, Tags=[{"Key": "k", "Value": "v"}])["TopicArn"]
    attributes = sns.get_topic_attributes(TopicArn=topic)["Attributes"]
    assert attributes["DisplayName"] == "d" and json.loads(attributes["Policy"]) and attributes["Owner"] == ACCOUNT
    assert sns.list_tags_for_resource(ResourceArn=topic)["Tags"] == [{"Key": "k", "Value": "v"}]
    subscription = sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=read["QueueArn"], ReturnSubscriptionArn=True,
                                 Attributes={"RawMessageDelivery": "true"})["SubscriptionArn"]
    assert sns.get_subscription_attributes(SubscriptionArn=subscription)["Attributes"]["PendingConfirmation"] == "false"
    sns.unsubscribe(SubscriptionArn=subscription)
    gone(sns.get_subscription_attributes, "NotFound", SubscriptionArn=subscription)
    sns.delete_topic(TopicArn=topic)
    gone(sns.get_topic_attributes, "NotFound", TopicArn=topic)
    sqs.delete_queue(QueueUrl=queue)
    gone(sqs.get_queue_attributes, "AWS.SimpleQueueService.NonExistentQueue", QueueUrl=queue, AttributeNames=["All"])


def test_buckets(server):
    s3, own = server.client("s3"), name()
    s3.create_bucket(Bucket=own)
    s3.head_bucket(Bucket=own)
    one = {"Bucket": own}
    gone(s3.get_bucket_policy, "NoSuchBucketPolicy", **one)
    assert s3.get_bucket_acl(**one)["Owner"]
    gone(s3.get_bucket_cors, "NoSuchCORSConfiguration", **one)
    gone(s3.get_bucket_website, "NoSuchWebsiteConfiguration", **one)
    assert s3.get_bucket_versioning(**one).get("Status") is None
    assert s3.get_bucket_accelerate_configuration(**one).get("Status") is None
    assert s3.get_bucket_request_payment(**one)["Payer"] == "BucketOwner"
    assert s3.get_bucket_logging(**one).get("LoggingEnabled") is None
    gone(s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration", **one)
    gone(s3.get_bucket_replication, "ReplicationConfigurationNotFoundError", **one)
    assert s3.get_bucket_encryption(**one)["ServerSideEncryptionConfiguration"]["Rules"]
    gone(s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError", **one)
    assert "LocationConstraint" in s3.get_bucket_location(**one)
    gone(s3.get_bucket_tagging, "NoSuchTagSet", **one)
    s3.put_bucket_tagging(**one, Tagging={"TagSet": [{"Key": "k", "Value": "v"}]})
    s3.put_public_access_block(**one, PublicAccessBlockConfiguration={"BlockPublicAcls": True, "IgnorePublicAcls": True, "BlockPublicPolicy": True, "RestrictPublicBuckets": True})
    assert s3.get_public_access_block(**one)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    s3.put_bucket_notification_configuration(**one, NotificationConfiguration={"EventBridgeConfiguration": {}})
    assert "EventBridgeConfiguration" in s3.get_bucket_notification_configuration(**one)
    s3.delete_bucket(**one)
    gone(s3.head_bucket, "404", **one)


def test_rules_schedules_and_log_groups(server):
    events, logs, own = server.client("events"), server.client("logs"), name()
    arn = events.put_rule(Name=own, ScheduleExpression="rate(5 minutes)", State="ENABLED", Tags=[{"Key": "k", "Value": "v"}])["RuleArn"]
    assert events.describe_rule(Name=own, EventBusName="default")["Arn"] == arn
    assert events.list_tags_for_resource(ResourceARN=arn)["Tags"] == [{"Key": "k", "Value": "v"}]
    put = events.put_targets(Rule=own, Targets=[{"Id": "t", "Arn": f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:x"}])
    assert put["FailedEntryCount"] == 0 and events.list_targets_by_rule(Rule=own)["Targets"][0]["Id"] == "t"
    events.remove_targets(Rule=own, Ids=["t"])
    events.delete_rule(Name=own)
    gone(events.describe_rule, "ResourceNotFoundException", Name=own)
    logs.create_log_group(logGroupName=own, tags={"k": "v"})
    logs.put_retention_policy(logGroupName=own, retentionInDays=7)
    [group] = logs.describe_log_groups(logGroupNamePrefix=own)["logGroups"]
    assert group["retentionInDays"] == 7
    assert logs.list_tags_for_resource(resourceArn=group["arn"].removesuffix(":*"))["tags"] == {"k": "v"}
    logs.delete_log_group(logGroupName=own)
