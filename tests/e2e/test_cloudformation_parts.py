"""What templates are made of beside plain resources: functions that make resources, stacks in stacks, stored values."""
import textwrap
import uuid

import pytest
from botocore.exceptions import ClientError, WaiterError

from conftest import eventually

CUSTOM = """
Resources:
  Maker:
    Type: AWS::Lambda::Function
    Properties:
      Runtime: %(runtime)s
      Handler: index.handler
      Role: !Sub 'arn:aws:iam::${AWS::AccountId}:role/r'
      Code: {ZipFile: %(code)s}
  Made:
    Type: Custom::Thing
    Properties: {ServiceToken: !GetAtt Maker.Arn, ServiceTimeout: 20, Size: %(size)s, Flag: true}
Outputs:
  Id: {Value: !Ref Made}
  Told: {Value: !GetAtt Made.Told}
"""
PYTHON = r"""
import cfnresponse
def handler(event, context):
    print('asked to', event['RequestType'], event.get('PhysicalResourceId'))
    size = event['ResourceProperties']['Size']
    if size == '13':
        raise Exception('unlucky')
    if size == '14':
        return cfnresponse.send(event, context, cfnresponse.FAILED, {}, 'thing-14', reason='too large')
    data = {'Told': event['RequestType'] + size + event['ResourceProperties']['Flag']}
    cfnresponse.send(event, context, cfnresponse.SUCCESS, data, 'thing-' + size)
"""
NODE = r"""
const response = require('cfn-response');
exports.handler = (event, context) => {
  const size = event.ResourceProperties.Size;
  response.send(event, context, response.SUCCESS, { Told: event.RequestType + size + event.ResourceProperties.Flag }, 'thing-' + size);
};
"""
# As the handlers of the CDK answer: by `https`, without the port.
CDK = r"""
const https = require('https'), url = require('url');
exports.handler = async (event) => {
  const size = event.ResourceProperties.Size;
  const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'thing-' + size, StackId: event.StackId,
    RequestId: event.RequestId, LogicalResourceId: event.LogicalResourceId,
    Data: { Told: event.RequestType + size + event.ResourceProperties.Flag } });
  const to = url.parse(event.ResponseURL);
  await new Promise((resolve, reject) => {
    const request = https.request({ hostname: to.hostname, path: to.path, method: 'PUT',
      headers: { 'content-type': '', 'content-length': Buffer.byteLength(body) } }, (r) => { r.resume(); resolve(); });
    request.on('error', reject);
    request.end(body);
  });
};
"""


def name():
    return f"s{uuid.uuid4().hex[:10]}"


def quoted(code):
    return '"' + code.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'


@pytest.fixture(scope="module")
def cfn(server):
    return server.client("cloudformation")


def wait(cfn, what, stack):
    cfn.get_waiter(what).wait(StackName=stack, WaiterConfig={"Delay": 0.1, "MaxAttempts": 300})


def outputs(cfn, stack):
    [found] = cfn.describe_stacks(StackName=stack)["Stacks"]
    return {output["OutputKey"]: output["OutputValue"] for output in found["Outputs"]}


@pytest.mark.parametrize("runtime, code", [("python3.11", PYTHON), ("nodejs20.x", NODE), ("nodejs20.x", CDK)],
                         ids=["python", "node", "cdk"])
def test_functions_make_change_and_delete_resources(server, cfn, runtime, code):
    stack = name()
    template = lambda size: CUSTOM % {"runtime": runtime, "code": quoted(code), "size": size}
    cfn.create_stack(StackName=stack, TemplateBody=template(1))
    wait(cfn, "stack_create_complete", stack)
    assert outputs(cfn, stack) == {"Id": "thing-1", "Told": "Create1true"}
    cfn.update_stack(StackName=stack, TemplateBody=template(2))
    wait(cfn, "stack_update_complete", stack)
    assert outputs(cfn, stack) == {"Id": "thing-2", "Told": "Update2true"}
    function = cfn.describe_stack_resource(StackName=stack, LogicalResourceId="Maker")["StackResourceDetail"]["PhysicalResourceId"]
    if code == PYTHON:
        # Another name is another resource: the one before is deleted.
        assert "asked to Delete thing-1" in "".join(server.log_of(function))
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", stack)


@pytest.mark.parametrize("size, words", [(13, "unlucky"), (14, "too large")])
def test_a_function_that_fails_undoes_the_change(cfn, size, words):
    stack = name()
    cfn.create_stack(StackName=stack, TemplateBody=CUSTOM % {"runtime": "python3.11", "code": quoted(PYTHON), "size": size})
    with pytest.raises(WaiterError):
        wait(cfn, "stack_create_complete", stack)
    eventually(lambda: cfn.describe_stacks(StackName=stack)["Stacks"][0]["StackStatus"] == "ROLLBACK_COMPLETE")
    events = cfn.describe_stack_events(StackName=stack)["StackEvents"]
    [failed] = [event for event in events if event["ResourceStatus"] == "CREATE_FAILED"]
    assert failed["LogicalResourceId"] == "Made" and words in failed["ResourceStatusReason"], failed


CHILD = """
Parameters: {Seconds: {Type: Number}, Names: {Type: CommaDelimitedList}}
Resources: {Jobs: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: !Ref Seconds}}}
Outputs: {Queue: {Value: !Ref Jobs}, First: {Value: !Select [0, !Ref Names]}}
"""
PARENT = """
Resources:
  Part:
    Type: AWS::CloudFormation::Stack
    Properties:
      TemplateURL: !Sub 'https://s3.${AWS::Region}.${AWS::URLSuffix}/%s/part.yaml'
      Parameters: {Seconds: %s, Names: [a, b]}
  After: {Type: 'AWS::SSM::Parameter', Properties: {Type: String, Value: !GetAtt Part.Outputs.Queue}}
Outputs: {Queue: {Value: !GetAtt Part.Outputs.Queue}, First: {Value: !GetAtt Part.Outputs.First}, Part: {Value: !Ref Part}}
"""


def test_stacks_nest_with_templates_in_buckets(server, cfn):
    bucket, stack = name(), name()
    s3, sqs = server.client("s3"), server.client("sqs")
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="part.yaml", Body=CHILD)
    made = cfn.create_stack(StackName=stack, TemplateBody=PARENT % (bucket, 41))
    wait(cfn, "stack_create_complete", stack)
    found = outputs(cfn, stack)
    seconds = lambda: sqs.get_queue_attributes(QueueUrl=found["Queue"], AttributeNames=["VisibilityTimeout"])["Attributes"]["VisibilityTimeout"]
    assert found["First"] == "a" and seconds() == "41"
    [part] = cfn.describe_stacks(StackName=found["Part"])["Stacks"]
    assert (part["ParentId"], part["StackStatus"]) == (made["StackId"], "CREATE_COMPLETE")
    assert part["StackName"].startswith(f"{stack}-Part-")
    cfn.update_stack(StackName=stack, TemplateBody=PARENT % (bucket, 42))
    wait(cfn, "stack_update_complete", stack)
    assert outputs(cfn, stack)["Queue"] == found["Queue"] and seconds() == "42"
    # One that cannot be changed leaves all as it was.
    s3.put_object(Bucket=bucket, Key="part.yaml", Body=CHILD.replace("!Ref Seconds", "'never'"))
    cfn.update_stack(StackName=stack, TemplateBody=PARENT % (bucket, 43))
    with pytest.raises(WaiterError):
        wait(cfn, "stack_update_complete", stack)
    assert seconds() == "42"
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", stack)
    assert cfn.describe_stacks(StackName=found["Part"])["Stacks"][0]["StackStatus"] == "DELETE_COMPLETE"
    with pytest.raises(sqs.exceptions.QueueDoesNotExist):
        seconds()


def test_templates_make_and_read_parameters(server, cfn):
    ssm, stack, key = server.client("ssm"), name(), f"/{name()}"
    ssm.put_parameter(Name=f"{key}/given", Value="one", Type="String")
    ssm.put_parameter(Name=f"{key}/given", Value="two", Type="String", Overwrite=True)
    template = textwrap.dedent("""
        Parameters: {Given: {Type: 'AWS::SSM::Parameter::Value<String>', Default: KEY/given}}
        Resources:
          Own: {Type: 'AWS::SSM::Parameter', Properties: {Name: KEY/own, Type: String, Value: !Sub '${Given}-{{resolve:ssm:KEY/given:1}}'}}
        Outputs: {Own: {Value: !GetAtt Own.Value}}
    """).replace("KEY", key)
    cfn.create_stack(StackName=stack, TemplateBody=template)
    wait(cfn, "stack_create_complete", stack)
    assert ssm.get_parameter(Name=f"{key}/own")["Parameter"]["Value"] == "two-one"
    with pytest.raises(ClientError, match="not in the parameter store"):
        cfn.create_stack(StackName=name(), TemplateBody=template.replace("Default: ", "Default: /none"))
    cfn.delete_stack(StackName=stack)
    wait(cfn, "stack_delete_complete", stack)
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.get_parameter(Name=f"{key}/own")


def test_the_parameter_store(server):
    ssm, key = server.client("ssm"), f"/{name()}"
    for part, kind in (("a", "String"), ("b/c", "SecureString"), ("b/d", "StringList")):
        ssm.put_parameter(Name=f"{key}/{part}", Value=f"{part},x", Type=kind, Description="d", Tags=[{"Key": "k", "Value": part}])
    with pytest.raises(ssm.exceptions.ParameterAlreadyExists):
        ssm.put_parameter(Name=f"{key}/a", Value="2", Type="String")
    assert ssm.put_parameter(Name=f"{key}/a", Value="2", Overwrite=True)["Version"] == 2
    names = lambda answer: [one["Name"][len(key) + 1:] for one in answer["Parameters"]]
    assert names(ssm.get_parameters_by_path(Path=key)) == ["a"]
    assert names(ssm.get_parameters_by_path(Path=key, Recursive=True)) == ["a", "b/c", "b/d"]
    pages = ssm.get_paginator("get_parameters_by_path").paginate(Path=key, Recursive=True, PaginationConfig={"PageSize": 1})
    assert [one for page in pages for one in names(page)] == ["a", "b/c", "b/d"]
    several = ssm.get_parameters(Names=[f"{key}/a", "/none"])
    assert (names(several), several["InvalidParameters"]) == (["a"], ["/none"])
    assert [one["Value"] for one in ssm.get_parameter_history(Name=f"{key}/a")["Parameters"]] == ["a,x", "2"]
    assert ssm.get_parameter(Name=f"{key}/a:1")["Parameter"]["Value"] == "a,x"
    described = ssm.describe_parameters(ParameterFilters=[{"Key": "Path", "Option": "Recursive", "Values": [f"{key}/b"]}])
    assert [(one["Type"], one["Description"]) for one in described["Parameters"]] == [("SecureString", "d"), ("StringList", "d")]
    assert ssm.list_tags_for_resource(ResourceType="Parameter", ResourceId=f"{key}/a")["TagList"] == [{"Key": "k", "Value": "a"}]
    assert ssm.delete_parameters(Names=[f"{key}/a", f"{key}/b/c", "/none"])["InvalidParameters"] == ["/none"]
    ssm.delete_parameter(Name=f"{key}/b/d")
    with pytest.raises(ssm.exceptions.ParameterNotFound):
        ssm.delete_parameter(Name=f"{key}/b/d")


POLICIES = """
Resources:
  One: {Type: 'AWS::SQS::Queue', Properties: {QueueName: %(name)s-1.fifo, FifoQueue: true %(more)s}}
  Two: {Type: 'AWS::SQS::Queue', Properties: {QueueName: %(name)s-2}}
  Own:
    Type: AWS::SQS::QueueInlinePolicy
    Properties:
      Queue: !Ref One
      PolicyDocument: {Statement: [{Effect: Allow, Principal: '*', Action: 'sqs:SendMessage', Resource: '*'}]}
  Kept:
    Type: AWS::Events::Archive
    Properties:
      ArchiveName: %(name)s
      SourceArn: !Sub 'arn:aws:events:${AWS::Region}:${AWS::AccountId}:event-bus/default'
      EventPattern: {source: [%(name)s]}
      RetentionDays: %(days)s
"""


def test_policies_of_one_queue_and_archives(server):
    cfn, sqs, events = (server.client(service) for service in ("cloudformation", "sqs", "events"))
    name = f"p{uuid.uuid4().hex[:8]}"
    more = ", ContentBasedDeduplication: true, DelaySeconds: 5"
    cfn.create_stack(StackName=name, TemplateBody=POLICIES % {"name": name, "days": 3, "more": more})
    cfn.get_waiter("stack_create_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    url = sqs.get_queue_url(QueueName=f"{name}-1.fifo")["QueueUrl"]

    def attributes():
        return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]

    assert "sqs:SendMessage" in attributes()["Policy"] and attributes()["ContentBasedDeduplication"] == "true"
    assert events.describe_archive(ArchiveName=name)["RetentionDays"] == 3
    cfn.update_stack(StackName=name, TemplateBody=POLICIES % {"name": name, "days": 7, "more": ""})
    cfn.get_waiter("stack_update_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    assert (attributes()["ContentBasedDeduplication"], attributes()["DelaySeconds"]) == ("false", "0")
    assert events.describe_archive(ArchiveName=name)["RetentionDays"] == 7
    cfn.delete_stack(StackName=name)
    cfn.get_waiter("stack_delete_complete").wait(StackName=name, WaiterConfig={"Delay": 1})
    with pytest.raises(events.exceptions.ResourceNotFoundException):
        events.describe_archive(ArchiveName=name)
