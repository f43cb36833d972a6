"""IAM: roles and policies are kept for the tools that make them."""
import json

import pytest

TRUST = {"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": {"Service": "lambda.amazonaws.com"}, "Action": "sts:AssumeRole"}]}
ALLOW = {"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "sqs:*", "Resource": "*"}]}


@pytest.fixture(scope="module")
def iam(server):
    return server.client("iam")


def test_roles_have_policies_of_their_own_and_managed_ones(server, iam):
    made = iam.create_role(RoleName="worker", Path="/app/", AssumeRolePolicyDocument=json.dumps(TRUST), Description="works",
                           MaxSessionDuration=7200, Tags=[{"Key": "a", "Value": "1"}])["Role"]
    assert made["Arn"] == "arn:aws:iam::000000000000:role/app/worker" and made["RoleId"].startswith("AROA")
    with pytest.raises(iam.exceptions.EntityAlreadyExistsException):
        iam.create_role(RoleName="worker", AssumeRolePolicyDocument=json.dumps(TRUST))
    found = iam.get_role(RoleName="worker")["Role"]
    assert found["AssumeRolePolicyDocument"] == TRUST and found["MaxSessionDuration"] == 7200 and found["Tags"] == [{"Key": "a", "Value": "1"}]
    assert "worker" in [role["RoleName"] for role in iam.list_roles(PathPrefix="/app/")["Roles"]]

    iam.put_role_policy(RoleName="worker", PolicyName="inline", PolicyDocument=json.dumps(ALLOW))
    assert iam.list_role_policies(RoleName="worker")["PolicyNames"] == ["inline"]
    assert iam.get_role_policy(RoleName="worker", PolicyName="inline")["PolicyDocument"] == ALLOW
    policy = iam.create_policy(PolicyName="managed", PolicyDocument=json.dumps(ALLOW), Description="d")["Policy"]
    iam.attach_role_policy(RoleName="worker", PolicyArn=policy["Arn"])
    iam.attach_role_policy(RoleName="worker", PolicyArn="arn:aws:iam::aws:policy/service-role/AWSLambdaBasicExecutionRole")
    attached = iam.list_attached_role_policies(RoleName="worker")["AttachedPolicies"]
    assert [one["PolicyName"] for one in attached] == ["managed", "AWSLambdaBasicExecutionRole"]
    assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["AttachmentCount"] == 1
    assert iam.list_entities_for_policy(PolicyArn=policy["Arn"])["PolicyRoles"][0]["RoleName"] == "worker"

    iam.create_policy_version(PolicyArn=policy["Arn"], PolicyDocument=json.dumps(TRUST | {"Id": "two"}), SetAsDefault=True)
    assert iam.get_policy(PolicyArn=policy["Arn"])["Policy"]["DefaultVersionId"] == "v2"
    assert iam.get_policy_version(PolicyArn=policy["Arn"], VersionId="v1")["PolicyVersion"]["Document"] == ALLOW
    for call in [lambda: iam.delete_role(RoleName="worker"), lambda: iam.delete_policy(PolicyArn=policy["Arn"])]:
        with pytest.raises(iam.exceptions.DeleteConflictException):
            call()
    iam.update_role(RoleName="worker", Description="rests")
    iam.update_assume_role_policy(RoleName="worker", PolicyDocument=json.dumps(ALLOW))
    assert iam.get_role(RoleName="worker")["Role"]["Description"] == "rests"
    for one in attached:
        iam.detach_role_policy(RoleName="worker", PolicyArn=one["PolicyArn"])
    iam.delete_role_policy(RoleName="worker", PolicyName="inline")
    assert iam.list_instance_profiles_for_role(RoleName="worker")["InstanceProfiles"] == []
    iam.delete_role(RoleName="worker")
    iam.delete_policy_version(PolicyArn=policy["Arn"], VersionId="v1")
    iam.delete_policy(PolicyArn=policy["Arn"])
    for call in [lambda: iam.get_role(RoleName="worker"), lambda: iam.get_policy(PolicyArn=policy["Arn"])]:
        with pytest.raises(iam.exceptions.NoSuchEntityException):
            call()


def test_what_is_no_policy_is_refused(iam):
    for document in ["no json", "{}", '{"Statement": [{"Action": "*"}]}']:
        with pytest.raises(iam.exceptions.MalformedPolicyDocumentException):
            iam.create_role(RoleName="bad", AssumeRolePolicyDocument=document)
    with pytest.raises(iam.exceptions.ClientError, match="GetUser"):
        iam.get_user()
