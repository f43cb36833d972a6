"""Buckets: objects as clients know them, and uploads as events."""
import base64
import datetime
import hashlib
import json
import uuid

import pytest
import requests
from botocore.exceptions import ClientError
from conftest import eventually

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
    head = s3.head_object(Bucket=bucket, Key="k", Range=asked)
    assert head["ContentLength"] == len(expected) and head["ResponseMetadata"]["HTTPStatusCode"] == 206


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


def test_tags_of_the_system_are_refused_on_buckets(s3, bucket):
    with pytest.raises(ClientError) as error:
        s3.put_bucket_tagging(Bucket=bucket, Tagging={"TagSet": [{"Key": "aws:k", "Value": "v"}]})
    assert code(error) == "InvalidTag"


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


def public(s3, bucket):
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Version": "2012-10-17", "Statement": [
        {"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject", "Resource": f"arn:aws:s3:::{bucket}/*"}]}))


@pytest.mark.parametrize("port", ["edge", "api"])
def test_a_bucket_answers_browsers(server, s3, bucket, port):
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "IndexDocument": {"Suffix": "index.html"}, "ErrorDocument": {"Key": "error.html"},
        "RoutingRules": [
            {"Condition": {"KeyPrefixEquals": "old/"}, "Redirect": {"ReplaceKeyPrefixWith": "new/"}},
            {"Condition": {"KeyPrefixEquals": "lost/", "HttpErrorCodeReturnedEquals": "404"},
             "Redirect": {"ReplaceKeyWith": "found.html", "HttpRedirectCode": "302"}}]})
    public(s3, bucket)
    for key, body in [("index.html", "home"), ("docs/index.html", "docs"), ("error.html", "sorry"), ("a b.txt", "space")]:
        s3.put_object(Bucket=bucket, Key=key, Body=body, ContentType="text/html")
    s3.put_object(Bucket=bucket, Key="moved", WebsiteRedirectLocation="https://example.com/there")
    host = f"{bucket}.s3-website.localhost"

    def get(path, method="GET"):
        return requests.request(method, getattr(server, port) + path, headers={"Host": host}, allow_redirects=False)

    for path, status, said in [("/", 200, "home"), ("/docs/", 200, "docs"), ("/a%20b.txt", 200, "space"),
                               ("/nothing", 404, "sorry")]:
        answer = get(path)
        assert (answer.status_code, answer.text) == (status, said), path
    assert get("/").headers["content-type"] == "text/html"
    for path, status, to in [("/docs", 302, "/docs/"), ("/old/x", 301, f"http://{host}/new/x"),
                             ("/lost/x", 302, f"http://{host}/found.html"), ("/moved", 301, "https://example.com/there")]:
        answer = get(path)
        assert (answer.status_code, answer.headers["location"]) == (status, to), path
    assert get("/", "POST").status_code == 405
    assert get("/", "HEAD").headers["content-length"] == "4"


def test_a_website_shows_what_everybody_may_read(server, s3, bucket):
    host = {"Host": f"{bucket}.s3-website.localhost"}
    assert "NoSuchWebsiteConfiguration" in requests.get(server.edge, headers=host).text
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={"IndexDocument": {"Suffix": "index.html"}})
    s3.put_object(Bucket=bucket, Key="index.html", Body="home")
    assert requests.get(server.edge, headers=host).status_code == 403
    s3.put_object_acl(Bucket=bucket, Key="index.html", ACL="public-read")
    assert requests.get(server.edge, headers=host).text == "home"
    answer = requests.get(server.edge, headers={"Host": "no-such-bucket.s3-website.localhost"})
    assert answer.status_code == 404 and "NoSuchBucket" in answer.text
    s3.put_bucket_website(Bucket=bucket, WebsiteConfiguration={
        "RedirectAllRequestsTo": {"HostName": "example.com", "Protocol": "https"}})
    answer = requests.get(server.edge + "/a?b=1", headers=host, allow_redirects=False)
    assert (answer.status_code, answer.headers["location"]) == (301, "https://example.com/a?b=1")


def test_objects_expire_by_rules(s3, bucket):
    for key in ["tmp/a", "tmp/b", "keep/a"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x", Tagging="team=b" if key == "tmp/b" else "team=a")
    past = "2020-01-01T00:00:00Z"
    rule = {"ID": "old", "Status": "Enabled", "Expiration": {"Date": past},
            "Filter": {"And": {"Prefix": "tmp/", "Tags": [{"Key": "team", "Value": "a"}]}}}
    later = {"ID": "later", "Status": "Enabled", "Filter": {"Prefix": "keep/"}, "Expiration": {"Days": 3}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule, later]})
    eventually(lambda: [o["Key"] for o in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["keep/a", "tmp/b"])
    head = s3.head_object(Bucket=bucket, Key="keep/a")
    assert 'rule-id="later"' in head["Expiration"] and "00:00:00 GMT" in head["Expiration"]
    assert "Expiration" not in s3.head_object(Bucket=bucket, Key="tmp/b")


def test_where_versions_are_kept_an_object_expires_under_a_marker(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    rule = {"ID": "r", "Status": "Enabled", "Filter": {}, "Expiration": {"Date": "2020-01-01T00:00:00Z"}}
    s3.put_bucket_lifecycle_configuration(Bucket=bucket, LifecycleConfiguration={"Rules": [rule]})
    eventually(lambda: "DeleteMarkers" in s3.list_object_versions(Bucket=bucket))
    assert len(s3.list_object_versions(Bucket=bucket)["Versions"]) == 1


def test_what_is_locked_stays(s3):
    bucket = f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=bucket, ObjectLockEnabledForBucket=True)
    assert s3.get_bucket_versioning(Bucket=bucket)["Status"] == "Enabled"
    until = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(days=1)
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x", ObjectLockMode="GOVERNANCE",
                            ObjectLockRetainUntilDate=until)["VersionId"]
    head = s3.head_object(Bucket=bucket, Key="k")
    assert head["ObjectLockMode"] == "GOVERNANCE" and abs(head["ObjectLockRetainUntilDate"] - until).total_seconds() < 1
    one = {"Bucket": bucket, "Key": "k", "VersionId": version}
    with pytest.raises(ClientError) as error:
        s3.delete_object(**one)
    assert code(error) == "AccessDenied"
    s3.put_object_legal_hold(**one, LegalHold={"Status": "ON"})
    with pytest.raises(ClientError) as error:
        s3.delete_object(**one, BypassGovernanceRetention=True)
    assert code(error) == "AccessDenied"
    s3.put_object_legal_hold(**one, LegalHold={"Status": "OFF"})
    assert s3.get_object_legal_hold(**one)["LegalHold"]["Status"] == "OFF"
    # A delete without a version hides it, and removes nothing.
    assert s3.delete_object(Bucket=bucket, Key="k")["DeleteMarker"]
    s3.delete_object(**one, BypassGovernanceRetention=True)
    with pytest.raises(ClientError) as error:
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Suspended"})
    assert code(error) == "InvalidBucketState"
    s3.put_object_lock_configuration(Bucket=bucket, ObjectLockConfiguration={
        "ObjectLockEnabled": "Enabled", "Rule": {"DefaultRetention": {"Mode": "COMPLIANCE", "Days": 1}}})
    version = s3.put_object(Bucket=bucket, Key="d", Body=b"x")["VersionId"]
    kept = s3.get_object_retention(Bucket=bucket, Key="d", VersionId=version)["Retention"]
    assert kept["Mode"] == "COMPLIANCE"
    with pytest.raises(ClientError) as error:
        s3.delete_object(Bucket=bucket, Key="d", VersionId=version, BypassGovernanceRetention=True)
    assert code(error) == "AccessDenied"


def test_lists_grant_what_they_say(s3, bucket, server):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    url = f"{server.api}/{bucket}/k"
    assert requests.get(url).status_code == 403
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert requests.get(url).text == "x"
    permissions = [grant["Permission"] for grant in s3.get_object_acl(Bucket=bucket, Key="k")["Grants"]]
    assert permissions == ["FULL_CONTROL", "READ"]
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={"IgnorePublicAcls": True, "BlockPublicAcls": True})
    assert requests.get(url).status_code == 403
    with pytest.raises(ClientError) as error:
        s3.put_object_acl(Bucket=bucket, Key="k", ACL="public-read")
    assert code(error) == "AccessDenied"
