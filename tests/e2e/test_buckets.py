"""Buckets: objects as clients know them, and uploads as events."""
import base64
import hashlib
import json
import uuid

import pytest
import requests
from botocore.exceptions import ClientError

OPEN = json.dumps({"Version": "2012-10-17", "Statement": [
    {"Effect": "Allow", "Principal": "*", "Action": "sqs:SendMessage", "Resource": "*"}]})


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3")


@pytest.fixture
def bucket(s3):
    name = f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


def code(error):
    return error.value.response["Error"]["Code"]


@pytest.mark.parametrize("asked, expected", [
    ("bytes=0-3", b"0123"), ("bytes=4-", b"456789"), ("bytes=-2", b"89"), ("bytes=8-99", b"89")])
def test_ranges(s3, bucket, asked, expected):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["Body"].read() == expected and answer["ResponseMetadata"]["HTTPStatusCode"] == 206


@pytest.mark.parametrize("condition, status", [
    (lambda tag: {"IfMatch": tag}, None), (lambda tag: {"IfMatch": '"no"'}, "412"),
    (lambda tag: {"IfNoneMatch": tag}, "304"), (lambda tag: {"IfNoneMatch": '"no"'}, None)])
def test_conditions(s3, bucket, condition, status):
    tag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    if status is None:
        assert s3.get_object(Bucket=bucket, Key="k", **condition(tag))["Body"].read() == b"x"
        return
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", **condition(tag))
    assert str(error.value.response["ResponseMetadata"]["HTTPStatusCode"]) == status


def test_an_object_is_what_was_put(s3, bucket):
    body = bytes(range(256)) * 1000
    put = s3.put_object(Bucket=bucket, Key="a b/ü.bin", Body=body, ContentType="x/y", Metadata={"m": "1"})
    assert put["ETag"].strip('"') == hashlib.md5(body).hexdigest()
    got = s3.get_object(Bucket=bucket, Key="a b/ü.bin")
    assert got["Body"].read() == body and (got["ContentType"], got["Metadata"]) == ("x/y", {"m": "1"})
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü.bin"})
    assert s3.head_object(Bucket=bucket, Key="copy")["ETag"] == put["ETag"]


def test_parts_become_one_object(s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="big")["UploadId"]
    parts, bodies = [], [b"a" * (5 << 20), b"b" * 10]
    for number, body in enumerate(bodies, 1):
        tag = s3.upload_part(Bucket=bucket, Key="big", UploadId=upload, PartNumber=number, Body=body)["ETag"]
        parts.append({"PartNumber": number, "ETag": tag})
    done = s3.complete_multipart_upload(Bucket=bucket, Key="big", UploadId=upload, MultipartUpload={"Parts": parts})
    assert done["ETag"].strip('"').endswith("-2")
    assert s3.get_object(Bucket=bucket, Key="big")["Body"].read() == b"".join(bodies)


def test_versions_are_kept_and_deletions_are_marks(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    first = s3.put_object(Bucket=bucket, Key="k", Body=b"1")["VersionId"]
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    mark = s3.delete_object(Bucket=bucket, Key="k")
    assert mark["DeleteMarker"] is True
    with pytest.raises(ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k")
    assert code(error) == "NoSuchKey"
    assert s3.get_object(Bucket=bucket, Key="k", VersionId=first)["Body"].read() == b"1"
    s3.delete_object(Bucket=bucket, Key="k", VersionId=mark["VersionId"])
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"2"


def test_listings_have_prefixes_and_pages(s3, bucket):
    for key in ("a/1", "a/2", "b/1", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    top = s3.list_objects_v2(Bucket=bucket, Delimiter="/")
    assert [p["Prefix"] for p in top["CommonPrefixes"]] == ["a/", "b/"] and [k["Key"] for k in top["Contents"]] == ["c"]
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, PaginationConfig={"PageSize": 1})
    assert [k["Key"] for page in pages for k in page["Contents"]] == ["a/1", "a/2", "b/1", "c"]


def test_a_presigned_url_needs_no_key(s3, bucket):
    url = s3.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.put(url, data=b"there", timeout=10).status_code == 200
    get = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert requests.get(get, timeout=10).content == b"there"
    assert requests.get(get.replace("Signature=", "Signature=0"), timeout=10).status_code == 403


@pytest.mark.parametrize("key, encoded, wanted", [
    ("in/a b+c/ü.txt", "in/a+b%2Bc/%C3%BC.txt", True), ("out/x.txt", None, False), ("in/x.bin", None, False)])
def test_uploads_are_events_with_encoded_keys(server, s3, bucket, key, encoded, wanted):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=bucket, Attributes={"Policy": OPEN})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={"QueueConfigurations": [{
        "QueueArn": arn, "Events": ["s3:ObjectCreated:Put"], "Filter": {"Key": {"FilterRules": [
            {"Name": "prefix", "Value": "in/"}, {"Name": "suffix", "Value": ".txt"}]}}}]})
    test = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5)["Messages"]
    assert json.loads(test[0]["Body"])["Event"] == "s3:TestEvent"
    s3.put_object(Bucket=bucket, Key=key, Body=b"12345")
    messages = sqs.receive_message(QueueUrl=url, WaitTimeSeconds=5 if wanted else 1).get("Messages", [])
    assert len(messages) == wanted
    if wanted:
        (record,) = json.loads(messages[0]["Body"])["Records"]
        assert (record["eventName"], record["s3"]["object"]["key"]) == ("ObjectCreated:Put", encoded)
        assert record["s3"]["object"]["size"] == 5


def test_bytes_stay_bytes_on_their_way_through_a_function(server, s3, bucket):
    function = server.create("import base64\ndef handler(event, context): return event\n")
    body = base64.b64encode(bytes(range(256))).decode()
    answer, _ = server.invoke(function, {"body": body, "isBase64Encoded": True})
    assert base64.b64decode(answer["body"]) == bytes(range(256))
