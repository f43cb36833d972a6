"""Buckets: what clients ask for besides the objects themselves, and what errors tell."""
import base64
import hashlib
import json
import uuid
import zlib

import pytest
import requests
from botocore.config import Config
from botocore.exceptions import ClientError, ParamValidationError
from conftest import eventually

PART = 5 * 1024 * 1024
KEY = b"k" * 32
OWN_KEY = {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": KEY.decode()}


@pytest.fixture(scope="module")
def s3(server):
    return server.client("s3", config=Config(request_checksum_calculation="when_required"))


@pytest.fixture
def bucket(s3):
    name = f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name)
    return name


def refused(call, **arguments):
    with pytest.raises(ClientError) as error:
        call(**arguments)
    return error.value.response["Error"]


def sha256(data):
    return base64.b64encode(hashlib.sha256(data).digest()).decode()


def upload(s3, bucket, bodies, **begun):
    """Uploads parts, and gives the id and the parts as they are chosen in the end."""
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k", **begun)["UploadId"]
    where = {"Bucket": bucket, "Key": "k", "UploadId": upload}
    algorithm = {"ChecksumAlgorithm": begun["ChecksumAlgorithm"]} if "ChecksumAlgorithm" in begun else {}
    parts = []
    for number, body in enumerate(bodies, 1):
        part = s3.upload_part(**where, PartNumber=number, Body=body, **algorithm)
        checksum = {name: value for name, value in part.items() if name.startswith("Checksum")}
        parts.append({"PartNumber": number, "ETag": part["ETag"], **checksum})
    return where, parts


def test_objects_with_a_key_of_the_client(s3, bucket):
    told = s3.put_object(Bucket=bucket, Key="k", Body=b"x", **OWN_KEY)
    assert told["SSECustomerAlgorithm"] == "AES256" and "ServerSideEncryption" not in told
    assert s3.get_object(Bucket=bucket, Key="k", **OWN_KEY)["Body"].read() == b"x"
    assert refused(s3.get_object, Bucket=bucket, Key="k")["Code"] == "InvalidRequest"
    other = {**OWN_KEY, "SSECustomerKey": "o" * 32}
    assert refused(s3.get_object, Bucket=bucket, Key="k", **other)["Code"] == "AccessDenied"
    short = refused(s3.put_object, Bucket=bucket, Key="l", **{**OWN_KEY, "SSECustomerKey": "short"})
    assert short["Code"] == "InvalidArgument" and short["ArgumentName"] == "x-amz-server-side-encryption"
    assert refused(s3.copy_object, Bucket=bucket, Key="c", CopySource=f"{bucket}/k")["Code"] == "InvalidRequest"
    of_source = {f"CopySource{name}": value for name, value in OWN_KEY.items()}
    s3.copy_object(Bucket=bucket, Key="c", CopySource=f"{bucket}/k", **of_source)
    assert s3.get_object(Bucket=bucket, Key="c")["Body"].read() == b"x"


def test_encryption_by_keys_of_a_service_is_told(s3, bucket):
    key = "arn:aws:kms:us-east-1:000000000000:key/1234"
    kms = {"ServerSideEncryption": "aws:kms", "SSEKMSKeyId": key}
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", **kms)
    head = s3.head_object(Bucket=bucket, Key="k")
    assert (head["ServerSideEncryption"], head["SSEKMSKeyId"]) == ("aws:kms", key)
    default = {"SSEAlgorithm": "aws:kms", "KMSMasterKeyID": key}
    s3.put_bucket_encryption(Bucket=bucket, ServerSideEncryptionConfiguration={"Rules": [
        {"ApplyServerSideEncryptionByDefault": default, "BucketKeyEnabled": True}]})
    s3.put_object(Bucket=bucket, Key="d", Body=b"x")
    head = s3.head_object(Bucket=bucket, Key="d")
    assert head["ServerSideEncryption"] == "aws:kms" and head["BucketKeyEnabled"]


def test_checksum_of_the_checksums_of_parts(s3, bucket):
    bodies = [b"a" * PART, b"b"]
    where, parts = upload(s3, bucket, bodies, ChecksumAlgorithm="SHA256")
    assert parts[1]["ChecksumSHA256"] == sha256(b"b")
    without = [{name: part[name] for name in ("PartNumber", "ETag")} for part in parts]
    missing = refused(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": without})
    assert missing["Code"] == "InvalidRequest" and "missing for part 1" in missing["Message"]
    wrong = [parts[0], {**parts[1], "ChecksumSHA256": sha256(b"c")}]
    error = refused(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": wrong})
    assert (error["Code"], error["PartNumber"]) == ("InvalidPart", "2")
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    digests = b"".join(hashlib.sha256(body).digest() for body in bodies)
    assert (done["ChecksumSHA256"], done["ChecksumType"]) == (f"{sha256(digests)}-2", "COMPOSITE")
    told = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ETag", "Checksum", "ObjectParts"])
    assert told["ETag"] == done["ETag"].strip('"') and told["Checksum"]["ChecksumSHA256"] == sha256(digests)
    assert [part["Size"] for part in told["ObjectParts"]["Parts"]] == [PART, 1]
    last = s3.get_object(Bucket=bucket, Key="k", PartNumber=2, ChecksumMode="ENABLED")
    assert last["ChecksumSHA256"] == sha256(b"b") and last["PartsCount"] == 2


@pytest.mark.parametrize("begun, name", [
    ({"ChecksumAlgorithm": "CRC32", "ChecksumType": "FULL_OBJECT"}, "ChecksumCRC32"), ({}, "ChecksumCRC64NVME")])
def test_checksum_of_all_bytes_of_parts(s3, bucket, begun, name):
    bodies = [b"a" * PART, b"b"]
    where, parts = upload(s3, bucket, bodies, **begun)
    done = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    assert done["ChecksumType"] == "FULL_OBJECT" and "-" not in done[name]
    if name == "ChecksumCRC32":
        assert done[name] == base64.b64encode(zlib.crc32(b"".join(bodies)).to_bytes(4, "big")).decode()
    # What is put at once has the same.
    s3.put_object(Bucket=bucket, Key="whole", Body=b"".join(bodies), **(
        {"ChecksumAlgorithm": "CRC32"} if begun else {}))
    assert s3.head_object(Bucket=bucket, Key="whole", ChecksumMode="ENABLED")[name] == done[name]


def test_uploads_are_listed_page_by_page(s3, bucket):
    begun = [(key, s3.create_multipart_upload(Bucket=bucket, Key=key)["UploadId"]) for key in ("a", "a", "b/c", "d")]
    seen, markers = [], {}
    for _ in range(len(begun)):
        page = s3.list_multipart_uploads(Bucket=bucket, MaxUploads=1, **markers)
        seen += [(upload["Key"], upload["UploadId"]) for upload in page["Uploads"]]
        markers = {"KeyMarker": page["NextKeyMarker"], "UploadIdMarker": page["NextUploadIdMarker"]}
    assert not page["IsTruncated"] and sorted(seen) == sorted(begun)
    rolled = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/")
    assert [prefix["Prefix"] for prefix in rolled["CommonPrefixes"]] == ["b/"]
    wrong = refused(s3.list_multipart_uploads, Bucket=bucket, KeyMarker="a", UploadIdMarker=begun[3][1])
    assert (wrong["Code"], wrong["ArgumentName"]) == ("InvalidArgument", "upload-id-marker")


@pytest.mark.parametrize("asked", ["bytes=3-1", "bytes=-", "letters=0-1"])
def test_a_range_that_makes_no_sense_is_none(s3, bucket, asked):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    answer = s3.get_object(Bucket=bucket, Key="k", Range=asked)
    assert answer["Body"].read() == b"0123456789" and answer["ResponseMetadata"]["HTTPStatusCode"] == 200


def test_errors_tell_what_they_are_about(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")
    outside = refused(s3.get_object, Bucket=bucket, Key="k", Range="bytes=50-60")
    assert (outside["Code"], outside["ActualObjectSize"]) == ("InvalidRange", "10")
    version = refused(s3.get_object, Bucket=bucket, Key="k", VersionId="nonsense")
    assert (version["ArgumentName"], version["ArgumentValue"]) == ("versionId", "nonsense")
    number = refused(s3.upload_part, Bucket=bucket, Key="k", UploadId="u", PartNumber=10001, Body=b"")
    assert (number["ArgumentName"], number["ArgumentValue"]) == ("partNumber", "10001")
    grant = refused(s3.put_bucket_acl, Bucket=bucket, GrantRead="uri=http://nowhere")
    assert (grant["ArgumentName"], grant["ArgumentValue"]) == ("uri", "http://nowhere")
    class_ = refused(s3.put_object, Bucket=bucket, Key="k", StorageClass="ICE")
    assert (class_["Code"], class_["StorageClassRequested"]) == ("InvalidStorageClass", "ICE")
    owner = refused(s3.head_bucket, Bucket=bucket, ExpectedBucketOwner="111111111111")
    assert owner["Code"] == "403"


def test_buckets_have_the_region_that_they_are_made_in(server, s3):
    name = f"b-{uuid.uuid4().hex[:8]}"
    s3.create_bucket(Bucket=name, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    assert s3.get_bucket_location(Bucket=name)["LocationConstraint"] == "eu-west-1"
    assert s3.head_bucket(Bucket=name)["BucketRegion"] == "eu-west-1"
    listed = s3.list_buckets(BucketRegion="eu-west-1", Prefix=name)["Buckets"]
    assert [(bucket["Name"], bucket["BucketArn"]) for bucket in listed] == [(name, f"arn:aws:s3:::{name}")]
    nowhere = refused(s3.create_bucket, Bucket=f"{name}-2",
                      CreateBucketConfiguration={"LocationConstraint": "nowhere"})
    assert (nowhere["Code"], nowhere["LocationConstraint"]) == ("InvalidLocationConstraint", "nowhere")


def test_archived_objects_are_restored_first(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", StorageClass="GLACIER")
    assert refused(s3.get_object, Bucket=bucket, Key="k")["Code"] == "InvalidObjectState"
    restored = s3.restore_object(Bucket=bucket, Key="k", RestoreRequest={"Days": 1})
    assert restored["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert 'ongoing-request="false"' in s3.head_object(Bucket=bucket, Key="k")["Restore"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    s3.put_object(Bucket=bucket, Key="warm", Body=b"x")
    warm = refused(s3.restore_object, Bucket=bucket, Key="warm", RestoreRequest={"Days": 1})
    assert warm["Code"] == "InvalidObjectState"


def test_forms_say_what_the_object_is(s3, bucket):
    fields = {"Content-Type": "text/plain"}
    form = s3.generate_presigned_post(bucket, "k", Fields=fields, Conditions=[fields])
    assert requests.post(form["url"], data=form["fields"], files={"file": b"x"}).status_code == 204
    assert s3.head_object(Bucket=bucket, Key="k")["ContentType"] == "text/plain"


def test_named_configurations_are_kept(s3, bucket):
    put = lambda name: s3.put_bucket_metrics_configuration(  # noqa: E731
        Bucket=bucket, Id=name, MetricsConfiguration={"Id": name, "Filter": {"Prefix": "p"}})
    put("one"), put("two")
    listed = s3.list_bucket_metrics_configurations(Bucket=bucket)["MetricsConfigurationList"]
    assert [one["Id"] for one in listed] == ["one", "two"]
    s3.delete_bucket_metrics_configuration(Bucket=bucket, Id="one")
    missing = refused(s3.get_bucket_metrics_configuration, Bucket=bucket, Id="one")
    assert missing["Code"] == "NoSuchConfiguration"


def test_what_is_published_is_in_the_queues_when_that_is_answered(server):
    sns, sqs = server.client("sns"), server.client("sqs")
    name = f"prompt-{uuid.uuid4().hex[:8]}"
    topic = sns.create_topic(Name=name)["TopicArn"]
    queue = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    policy = ('{"Statement": [{"Effect": "Allow", "Principal": {"Service": "sns.amazonaws.com"}, '
              '"Action": "sqs:SendMessage", "Resource": "*"}]}')
    sqs.set_queue_attributes(QueueUrl=queue, Attributes={"Policy": policy})
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
    # No more than a good try: a slow disk may take longer than anybody waits.
    found = 0
    for _ in range(10):
        sns.publish(TopicArn=topic, Message="m")
        found += len(sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10).get("Messages", []))
    assert found >= 8


def test_what_a_policy_denies_to_everybody_the_owner_does_not_do_either(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    deny = {"Effect": "Deny", "Principal": "*", "Action": "s3:DeleteObject", "Resource": f"arn:aws:s3:::{bucket}/*"}
    s3.put_bucket_policy(Bucket=bucket, Policy=json.dumps({"Statement": [deny]}))
    assert refused(s3.delete_object, Bucket=bucket, Key="k")["Code"] == "AccessDenied"
    many = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k"}]})
    assert [error["Code"] for error in many["Errors"]] == ["AccessDenied"]
    s3.delete_bucket_policy(Bucket=bucket)
    s3.delete_object(Bucket=bucket, Key="k")


def test_versions_that_no_bucket_made_are_errors_and_those_that_are_gone_are_not(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    version = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["VersionId"]
    delete = lambda version: s3.delete_objects(  # noqa: E731
        Bucket=bucket, Delete={"Objects": [{"Key": "k", "VersionId": version}]})
    assert delete(version)["Deleted"] == delete(version)["Deleted"] == [{"Key": "k", "VersionId": version}]
    assert delete("nonsense")["Errors"][0]["Code"] == "NoSuchVersion"
    marker = refused(s3.list_object_versions, Bucket=bucket, VersionIdMarker=version)
    assert (marker["Code"], marker["ArgumentName"]) == ("InvalidArgument", "version-id-marker")


def test_copies_that_go_only_where_nothing_else_is(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    copy = lambda key, **only: s3.copy_object(Bucket=bucket, Key=key, CopySource=f"{bucket}/k", **only)  # noqa: E731
    try:
        copy("new", IfNoneMatch="*")
    except ParamValidationError:
        pytest.skip("this client does not know conditions of copies")
    assert refused(copy, key="new", IfNoneMatch="*")["Code"] == "PreconditionFailed"
    assert refused(copy, key="new", IfMatch='"other"')["Code"] == "PreconditionFailed"
    copy("new", IfMatch=etag)


def test_presigned_urls_that_are_not_right_tell_why(server, s3, bucket):
    new = server.client("s3", config=Config(signature_version="s3v4"))
    url = new.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "k", "ContentType": "a/b"})
    lacking = requests.put(url, data=b"x")
    assert lacking.status_code == 403 and "<CanonicalRequest>PUT\n" in lacking.text, lacking.text
    assert "<StringToSign>AWS4-HMAC-SHA256" in lacking.text and "<SignatureProvided>" in lacking.text
    typed = {"Content-Type": "a/b"}
    other = requests.put(url, data=b"x", headers={**typed, "x-amz-meta-b": "2"})
    assert "<HeadersNotSigned>x-amz-meta-b</HeadersNotSigned>" in other.text
    assert requests.put(url, data=b"x", headers=typed).status_code == 200
    halved = requests.get(url.split("&X-Amz-Signature")[0])
    assert halved.status_code == 400 and "AuthorizationQueryParametersError" in halved.text
    old = server.client("s3", config=Config(signature_version="s3"))
    url = old.generate_presigned_url("put_object", Params={"Bucket": bucket, "Key": "o", "Metadata": {"a": "1"}})
    assert requests.put(url, data=b"x").status_code == 200, "the older signature covers headers of the query"
    assert s3.head_object(Bucket=bucket, Key="o")["Metadata"] == {"a": "1"}


def test_what_is_told_of_objects_and_buckets(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Metadata={"text": "=?UTF-8?Q?=C3=A4_b?="})
    told = s3.head_object(Bucket=bucket, Key="k")
    assert told["Metadata"] == {"text": "=?UTF-8?Q?=C3=A4_b?="}
    listed = s3.list_objects_v2(Bucket=bucket)
    assert listed["Contents"][0]["LastModified"].microsecond == 0
    assert listed["ResponseMetadata"]["HTTPHeaders"]["x-amz-bucket-region"] == "us-east-1"
    # A date in the future is no condition.
    future = told["LastModified"].replace(year=told["LastModified"].year + 1)
    assert s3.head_object(Bucket=bucket, Key="k", IfModifiedSince=future)["ContentLength"] == 1
    ownership = s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]
    assert ownership == {"Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]}
    s3.delete_bucket_ownership_controls(Bucket=bucket)
    missing = refused(s3.get_bucket_ownership_controls, Bucket=bucket)
    assert missing["Code"] == "OwnershipControlsNotFoundError"
    old = f"b-{uuid.uuid4().hex[:8]}"
    server.client("s3", region_name="eu-west-1").create_bucket(
        Bucket=old, CreateBucketConfiguration={"LocationConstraint": "EU"})
    assert s3.get_bucket_location(Bucket=old)["LocationConstraint"] == "EU"


def test_tags_may_have_some_characters(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")

    def put(*tags):
        tag_set = {"TagSet": [{"Key": key, "Value": value} for key, value in tags]}
        return refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=tag_set)
    key = put(("a,b", "1"))
    assert (key["Code"], key["TagKey"], key["Message"]) == ("InvalidTag", "a,b", "The TagKey you have provided is invalid")
    value = put(("a", "1,2"))
    assert (value["Message"], value["TagValue"]) == ("The TagValue you have provided is invalid", "1,2")
    assert put(("a", "1"), ("a", "2"))["Message"] == "Cannot provide multiple Tags with the same key"
    header = refused(s3.put_object, Bucket=bucket, Key="l", Body=b"x", Tagging="a=1&a=2")
    assert (header["Code"], header["ArgumentName"]) == ("InvalidArgument", "x-amz-tagging")


def test_an_upload_does_not_overwrite_what_came_after_it_began(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    where, parts = upload(s3, bucket, [b"part"])
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    chosen = {"MultipartUpload": {"Parts": parts}}
    raced = refused(s3.complete_multipart_upload, **where, **chosen, IfMatch=etag)
    assert (raced["Code"], raced["Condition"], raced["Key"]) == ("ConditionalRequestConflict", "If-Match", "k")
    s3.delete_object(Bucket=bucket, Key="k")
    raced = refused(s3.complete_multipart_upload, **where, **chosen, IfNoneMatch="*")
    assert (raced["Code"], raced["Condition"]) == ("ConditionalRequestConflict", "If-None-Match")
    where, parts = upload(s3, bucket, [b"part"])
    s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, IfNoneMatch="*")


def test_notifications_reach_somebody(server, s3, bucket):
    sqs = server.client("sqs")
    arn = "arn:aws:sqs:us-east-1:000000000000:absent"

    def put(kind, member, arn, **over):
        configuration = {kind: [{member: arn, "Events": ["s3:ObjectCreated:*"]}]}
        s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration=configuration, **over)

    wrong = refused(put, kind="QueueConfigurations", member="QueueArn", arn="no-arn")
    assert (wrong["ArgumentName"], wrong["ArgumentValue"]) == ("Queue", "no-arn")
    absent = refused(put, kind="QueueConfigurations", member="QueueArn", arn=arn)
    assert absent["Message"] == "Unable to validate the following destination configurations"
    assert (absent["ArgumentName1"], absent["ArgumentValue1"]) == (arn, "The destination queue does not exist")
    function = server.create("def handler(event, context): pass")
    arn = server.client("lambda").get_function(FunctionName=function)["Configuration"]["FunctionArn"]
    unlet = refused(put, kind="LambdaFunctionConfigurations", member="LambdaFunctionArn", arn=arn)
    assert unlet["ArgumentName1"] == arn and "s3.amazonaws.com" in unlet["ArgumentValue1"]
    put("LambdaFunctionConfigurations", "LambdaFunctionArn", arn, SkipDestinationValidation=True)
    policy = {"Version": "2012-10-17", "Statement": []}
    queue = sqs.create_queue(QueueName=f"q-{bucket}", Attributes={"Policy": json.dumps(policy)})["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    unlet = refused(put, kind="QueueConfigurations", member="QueueArn", arn=arn)
    assert unlet["ArgumentValue1"].startswith("Permissions on the destination queue do not allow S3")


def test_deletions_are_told_whatever_was_there(server, s3, bucket):
    sqs = server.client("sqs")
    queue = sqs.create_queue(QueueName=f"deleted-{bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    s3.put_bucket_notification_configuration(Bucket=bucket, NotificationConfiguration={
        "QueueConfigurations": [{"QueueArn": arn, "Events": ["s3:ObjectRemoved:*"]}]})
    s3.put_object(Bucket=bucket, Key="there", Body=b"x")
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "there"}, {"Key": "never"}]})
    s3.delete_object(Bucket=bucket, Key="nor this")
    told = {}

    def all_told():
        for message in sqs.receive_message(QueueUrl=queue, MaxNumberOfMessages=10, WaitTimeSeconds=1).get("Messages", []):
            for record in json.loads(message["Body"]).get("Records", []):
                told[record["s3"]["object"]["key"]] = (record["eventName"], set(record["s3"]["object"]))
        return len(told) == 3
    eventually(all_told)
    assert told == dict.fromkeys(("there", "never", "nor+this"), ("ObjectRemoved:Delete", {"key", "sequencer"}))


def test_what_would_be_public_is_blocked(s3, bucket):
    public = json.dumps({"Statement": [{"Effect": "Allow", "Principal": "*", "Action": "s3:GetObject",
                                        "Resource": f"arn:aws:s3:::{bucket}/*"}]})
    s3.put_public_access_block(Bucket=bucket, PublicAccessBlockConfiguration={
        "BlockPublicPolicy": True, "BlockPublicAcls": True})
    assert refused(s3.put_bucket_policy, Bucket=bucket, Policy=public)["Code"] == "AccessDenied"
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read")["Code"] == "AccessDenied"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="private")
    s3.delete_public_access_block(Bucket=bucket)
    s3.put_bucket_policy(Bucket=bucket, Policy=public)
    s3.put_bucket_ownership_controls(Bucket=bucket, OwnershipControls={
        "Rules": [{"ObjectOwnership": "BucketOwnerEnforced"}]})
    listed = refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", ACL="public-read")
    assert listed["Code"] == "AccessControlListNotSupported"
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", ACL="bucket-owner-full-control")


def test_a_suspended_bucket_has_one_version_without_an_id(s3, bucket):
    def versioning(status):
        s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": status})

    def versions():
        listed = s3.list_object_versions(Bucket=bucket)
        return sorted((one["VersionId"] == "null", "Size" in one)
                      for one in listed.get("Versions", []) + listed.get("DeleteMarkers", []))
    s3.put_object(Bucket=bucket, Key="k", Body=b"0")
    versioning("Enabled")
    s3.put_object(Bucket=bucket, Key="k", Body=b"1")
    versioning("Suspended")
    s3.put_object(Bucket=bucket, Key="k", Body=b"2")
    assert versions() == [(False, True), (True, True)], "the first one had the same id"
    versioning("Enabled")
    s3.put_object(Bucket=bucket, Key="k", Body=b"3")
    versioning("Suspended")
    assert s3.delete_object(Bucket=bucket, Key="k")["VersionId"] == "null"
    assert versions() == [(False, True), (False, True), (True, False)]


def test_notifications_do_not_overlap(server, s3, bucket):
    sqs = server.client("sqs")
    url = sqs.create_queue(QueueName=f"overlap-{bucket}")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]

    def configure(*pairs):
        configurations = [
            {"QueueArn": arn, "Events": [event], "Filter": {"Key": {"FilterRules": [{"Name": "prefix", "Value": prefix}]}}}
            for event, prefix in pairs]
        s3.put_bucket_notification_configuration(
            Bucket=bucket, NotificationConfiguration={"QueueConfigurations": configurations})

    created = "s3:ObjectCreated:*"
    for pairs in [((created, "a"), ("s3:ObjectCreated:Put", "ab")), ((created, ""), (created, "b"))]:
        with pytest.raises(ClientError) as error:
            configure(*pairs)
        assert error.value.response["Error"]["Message"].startswith("Configurations overlap.")
    configure((created, "a/"), (created, "b/"), ("s3:ObjectRemoved:*", "a/"))


def test_buckets_are_made_with_tags(s3, bucket):
    name = f"{bucket}-tagged"
    made = {"Bucket": name, "CreateBucketConfiguration": {"Tags": [{"Key": "a", "Value": "1"}]}}
    s3.create_bucket(**made)
    assert s3.get_bucket_tagging(Bucket=name)["TagSet"] == [{"Key": "a", "Value": "1"}]
    assert refused(s3.create_bucket, **made)["Code"] == "BucketAlreadyOwnedByYou"
    made = {"Bucket": f"{name}-2", "CreateBucketConfiguration": {"Tags": [{"Key": "aws:a", "Value": "1"}]}}
    assert refused(s3.create_bucket, **made)["Code"] == "InvalidTag"


def test_pages_of_versions_go_on_behind_prefixes(s3, bucket):
    s3.put_bucket_versioning(Bucket=bucket, VersioningConfiguration={"Status": "Enabled"})
    for key in ["f/a/1", "f/a/2", "f/b", "f/c", "f/c"]:
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    seen, marker = [], {}
    for _ in range(4):
        page = s3.list_object_versions(Bucket=bucket, Prefix="f/", Delimiter="/", MaxKeys=1, **marker)
        seen += [entry["Prefix"] for entry in page.get("CommonPrefixes", [])]
        seen += [entry["Key"] for entry in page.get("Versions", [])]
        marker = {"KeyMarker": page.get("NextKeyMarker"), "VersionIdMarker": page.get("NextVersionIdMarker")}
        marker = {name: value for name, value in marker.items() if value}
    assert seen == ["f/a/", "f/b", "f/c", "f/c"] and not page["IsTruncated"]
    first = s3.list_object_versions(Bucket=bucket, Prefix="f/c", MaxKeys=1)
    s3.delete_object(Bucket=bucket, Key="f/c", VersionId=first["NextVersionIdMarker"])
    after = {"KeyMarker": first["NextKeyMarker"], "VersionIdMarker": first["NextVersionIdMarker"]}
    assert len(s3.list_object_versions(Bucket=bucket, Prefix="f/c", **after)["Versions"]) == 1


def test_what_clients_write_otherwise_is_taken(server, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"abc")["ETag"]
    for given in [etag.strip('"'), etag[1:]]:
        assert s3.get_object(Bucket=bucket, Key="k", IfMatch=given)["Body"].read() == b"abc"
        copy = {"Bucket": bucket, "Key": "l", "CopySource": f"{bucket}/k", "CopySourceIfMatch": given}
        assert s3.copy_object(**copy)["CopyObjectResult"]["ETag"] == etag
    # What has a body, too.
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"d", IfMatch="0" * 32)["Code"] == "PreconditionFailed"
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"def", IfMatch=etag.strip('"'))["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"def"
    forged = server.client("s3", aws_secret_access_key="wrong")
    assert refused(forged.put_object, Bucket=bucket, Key="k", Body=b"d", IfMatch="x")["Code"] == "SignatureDoesNotMatch"
    assert refused(s3.delete_object, Bucket=bucket, Key="l", IfMatch="0" * 32)["Code"] == "PreconditionFailed"
    both = refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1")
    assert both["Message"] == "Cannot specify both Range header and partNumber query parameter"
    source = refused(s3.copy_object, Bucket=bucket, Key="l", CopySource="wrongformat")
    assert (source["Message"], source["ArgumentName"]) == ("Invalid copy source object key", "x-amz-copy-source")


def test_an_upload_that_is_complete_may_be_completed_again(s3, bucket):
    where, parts = upload(s3, bucket, [b"x" * PART, b"y"])
    first = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts})
    again = s3.complete_multipart_upload(**where, MultipartUpload={"Parts": parts}, IfNoneMatch="*")
    assert again["ETag"] == first["ETag"] and again["Location"] == first["Location"]
    begun = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    error = refused(s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId=begun)
    assert (error["Code"], error["Message"]) == ("InvalidRequest", "You must specify at least one part")
    assert refused(s3.complete_multipart_upload, Bucket=bucket, Key="k", UploadId="none")["Code"] == "NoSuchUpload"
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    assert refused(s3.complete_multipart_upload, **where, MultipartUpload={"Parts": parts})["Code"] == "NoSuchUpload"


def test_copies_redirect_where_they_are_told_to(s3, bucket):
    s3.put_object(Bucket=bucket, Key="a", Body=b"x", WebsiteRedirectLocation="/old")
    source = {"Bucket": bucket, "Key": "a"}
    s3.copy_object(Bucket=bucket, Key="b", CopySource=source)
    s3.copy_object(Bucket=bucket, Key="c", CopySource=source, WebsiteRedirectLocation="/new")
    assert "WebsiteRedirectLocation" not in s3.head_object(Bucket=bucket, Key="b")
    assert s3.head_object(Bucket=bucket, Key="c")["WebsiteRedirectLocation"] == "/new"
    error = refused(s3.copy_object, Bucket=bucket, Key="d", CopySource={"Bucket": bucket, "Key": "gone"})
    assert (error["Code"], error["Key"]) == ("NoSuchKey", "gone")


def test_a_document_that_is_not_there_is_missed(s3, bucket):
    error = refused(s3.put_object_lock_configuration, Bucket=bucket)
    assert (error["Code"], error["Message"]) == ("MissingRequestBodyError", "Request Body is empty")
    error = refused(s3.put_object_lock_configuration, Bucket=bucket, ObjectLockConfiguration={})
    assert error["Code"] == "MalformedXML"
