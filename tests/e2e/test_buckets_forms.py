"""Uploads by forms of browsers: what a policy lets through, what is said of the rest, and how a form is answered."""
import base64
import html
import json
import uuid
from urllib.parse import parse_qs, urlsplit

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3", config=Config(signature_version="s3v4"))


@pytest.fixture
def bucket(s3):
    name = f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


def send(form, body=b"abcdef", name="my-file.txt", **changes):
    fields = {key: value for key, value in {**form["fields"], **changes}.items() if value is not None}
    return requests.post(form["url"], data=fields, files={"file": (name, body)}, allow_redirects=False)


def refused(answer, status, code):
    assert answer.status_code == status and f"<Code>{code}</Code>" in answer.text, answer.text
    return html.unescape(answer.text)


def test_a_form_puts_its_file(s3, bucket):
    form = s3.generate_presigned_post(bucket, "dir/${filename}")
    answer = send(form, name="C:\\x\\my file.txt")
    assert answer.status_code == 204 and answer.headers["ETag"] == '"e80b5017098950fc58aad83c8c14978e"'
    assert answer.headers["Location"].endswith(f"/{bucket}/dir/my%20file.txt")
    assert answer.headers["x-amz-checksum-type"] == "FULL_OBJECT"
    assert s3.get_object(Bucket=bucket, Key="dir/my file.txt")["Body"].read() == b"abcdef"


@pytest.mark.parametrize("version", ["s3", "s3v4"])
def test_both_versions_of_signatures(server, s3, bucket, version):
    form = server.client("s3", config=Config(signature_version=version)).generate_presigned_post(bucket, "k")
    assert send(form).status_code == 204
    mark = "signature" if version == "s3" else "x-amz-signature"
    told = refused(send(form, **{mark: "ab"}), 403, "SignatureDoesNotMatch")
    assert f"<StringToSign>{form['fields']['policy']}</StringToSign>" in told
    assert "<SignatureProvided>ab</SignatureProvided>" in told
    told = refused(send(form, **{mark: None}), 400, "InvalidArgument")
    named = "Signature" if version == "s3" else "X-Amz-Signature"
    assert f"Bucket POST must contain a field named '{named}'." in told
    only = {name: None for name in form["fields"] if name not in ("key", "policy")}
    refused(send(form, **only), 403, "AccessDenied")


def test_what_a_policy_says_holds(s3, bucket):
    fields = {"x-amz-meta-a": "1", "x-ignore-me": "?"}
    form = s3.generate_presigned_post(bucket, "k", fields, [["starts-with", "$X-Amz-Meta-A", "1"]])
    assert send(form, **{"x-amz-meta-a": "12"}).status_code == 204
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"a": "12"}
    told = refused(send(form, **{"x-amz-meta-a": "2"}), 403, "AccessDenied")
    assert 'Invalid according to Policy: Policy Condition failed: ["starts-with", "$X-Amz-Meta-A", "1"]' in told
    assert "Extra input fields: x-amz-meta-b" in refused(send(form, **{"x-amz-meta-b": "2"}), 403, "AccessDenied")
    old = s3.generate_presigned_post(bucket, "k", ExpiresIn=-1)
    assert "Invalid according to Policy: Policy expired." in refused(send(old), 403, "AccessDenied")
    two = s3.generate_presigned_post(bucket, "k", Conditions=[{"acl": "private", "x-amz-meta-a": "1"}])
    assert "exactly one property" in refused(send(two), 400, "InvalidPolicyDocument")


def test_files_have_the_size_that_a_policy_says(s3, bucket):
    form = s3.generate_presigned_post(bucket, "k", Conditions=[["content-length-range", 5, 10]])
    told = refused(send(form, b"a" * 12), 400, "EntityTooLarge")
    assert "<MaxSizeAllowed>10</MaxSizeAllowed>" in told and "<ProposedSize>12</ProposedSize>" in told
    told = refused(send(form, b"a"), 400, "EntityTooSmall")
    assert "<MinSizeAllowed>5</MinSizeAllowed>" in told and "<ProposedSize>1</ProposedSize>" in told
    with pytest.raises(ClientError):
        s3.head_object(Bucket=bucket, Key="k")
    assert send(form, b"a" * 10).status_code == 204


def test_a_form_says_how_it_is_answered(s3, bucket):
    def form(**fields):
        return s3.generate_presigned_post(bucket, "k<1", fields, [fields])

    created = send(form(success_action_status="201"))
    assert created.status_code == 201
    assert f"<Bucket>{bucket}</Bucket><Key>k&lt;1</Key><ETag>" in created.text
    answer = send(form(success_action_redirect="http://example.com/done?a=1"))
    assert answer.status_code == 303 and not answer.text
    asked = parse_qs(urlsplit(answer.headers["Location"]).query)
    etag = '"e80b5017098950fc58aad83c8c14978e"'
    assert asked == {"a": ["1"], "bucket": [bucket], "key": ["k<1"], "etag": [etag]}
    assert send(form(success_action_redirect="/relative")).status_code == 204


def test_tags_of_forms_are_a_document(s3, bucket):
    def form(document):
        return s3.generate_presigned_post(bucket, "k", {"tagging": document}, [{"tagging": document}])

    tags = "<Tagging><TagSet><Tag><Key>a b</Key><Value>1</Value></Tag></TagSet></Tagging>"
    assert send(form(tags)).status_code == 204
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == [{"Key": "a b", "Value": "1"}]
    refused(send(form("a=1")), 400, "MalformedXML")


def test_what_is_no_form_and_who_signs_nothing(s3, bucket):
    form = s3.generate_presigned_post(bucket, "k")
    told = requests.post(form["url"], data=b"x", headers={"Content-Type": "text/html"})
    assert "enclosure-type multipart/form-data" in refused(told, 412, "PreconditionFailed")
    nothing = requests.post(form["url"], files={"key": (None, "k")})
    refused(nothing, 400, "InvalidArgument")
    unsigned = {"url": form["url"], "fields": {"key": "k"}}
    refused(send(unsigned), 403, "AccessDenied")
    statement = {"Effect": "Allow", "Principal": "*", "Action": "s3:PutObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [statement]}))
    assert send(unsigned).status_code == 204
    policy = base64.b64decode(form["fields"]["policy"])
    assert json.loads(policy)["conditions"], "what the client signed"
