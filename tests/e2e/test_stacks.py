"""Projects that are templates: deployed whole, fed by real events, changed, and removed."""
import json

from conftest import eventually

SAM = """
Transform: AWS::Serverless-2016-10-31
Parameters:
  Stage: {Type: String, Default: dev, AllowedValues: [dev, prod]}
Globals:
  Function: {Runtime: python3.11, Timeout: 5, Environment: {Variables: {STAGE: !Ref Stage}}}
Resources:
  Jobs: {Type: 'AWS::SQS::Queue', Properties: {VisibilityTimeout: 60}}
  Work:
    Type: AWS::Serverless::Function
    Properties:
      CodeUri: src/
      Handler: app.work
      FunctionUrlConfig: {AuthType: NONE}
      Events:
        Jobs: {Type: SQS, Properties: {Queue: !GetAtt Jobs.Arn, BatchSize: 1}}
        Order: {Type: EventBridgeRule, Properties: {Pattern: {source: [shop]}}}
        Daily: {Type: Schedule, Properties: {Schedule: rate(1 day)}}
"""
CODE = "import os\ndef work(event, context):\n    print('WORKED', os.environ['STAGE'], event)\n    return 'ok'\n"


def project(folder, template=SAM):
    (folder / "src").mkdir(exist_ok=True)
    (folder / "src" / "app.py").write_text(CODE)
    (folder / "template.yaml").write_text(template)
    return folder


def functions(server, app):
    pages = server.client("lambda").get_paginator("list_functions").paginate()
    return [f for page in pages for f in page["Functions"] if f["FunctionName"].startswith(app)]


def test_a_template_is_deployed_fed_changed_and_removed(server, tmp_path):
    done = server.cli("deploy", project(tmp_path), "--name", "sam1", "--yes", "--parameter", "Stage=prod")
    assert done.returncode == 0, done.stderr
    [work] = functions(server, "sam1")
    assert work["FunctionName"].startswith("sam1-Work-") and work["Environment"]["Variables"] == {"STAGE": "prod"}
    sqs = server.client("sqs")
    [queue] = sqs.list_queues(QueueNamePrefix="sam1-Jobs-")["QueueUrls"]
    sqs.send_message(QueueUrl=queue, MessageBody="job-7")
    server.client("events").put_events(Entries=[{"Source": "shop", "DetailType": "Order", "Detail": '{"n": "order-8"}'}])
    log = lambda: server.cli("logs", work["FunctionName"]).stdout
    eventually(lambda: "WORKED prod" in log() and "job-7" in log() and "order-8" in log())

    plan = server.cli("deploy", tmp_path, "--name", "sam1", "--dry-run", "--parameter", "Stage=dev")
    assert "update Work (AWS::Lambda::Function) (Environment)" in plan.stdout, plan.stdout
    assert "keep   Jobs (AWS::SQS::Queue)" in plan.stdout
    server.cli("deploy", tmp_path, "--name", "sam1", "--yes")
    [changed] = functions(server, "sam1")
    assert changed["FunctionName"] == work["FunctionName"] and changed["Environment"]["Variables"] == {"STAGE": "dev"}

    assert "sam1" in server.cli("ls").stdout
    assert server.cli("rm", "sam1", "--yes").returncode == 0
    assert not functions(server, "sam1") and not sqs.list_queues(QueueNamePrefix="sam1-").get("QueueUrls")


def test_a_template_that_fails_changes_nothing_and_names_the_line(server, tmp_path):
    assert server.cli("deploy", project(tmp_path), "--name", "sam2", "--yes").returncode == 0
    before = functions(server, "sam2")
    for template, words in [
        (SAM.replace("python3.11", "cobol85"), ["template.yaml", "line 6", "cobol85"]),
        (SAM.replace("Timeout: 5", "Timeout: 5000"), ["template.yaml", "line 6", "5000"]),
        (SAM.replace("rate(1 day)", "never"), ["template.yaml", "line 18", "WorkDaily", "ScheduleExpression"]),
        (SAM + "  T: {Type: 'AWS::DynamoDB::GlobalTable'}\n", ["template.yaml", "line 19", "AWS::DynamoDB::GlobalTable"]),
        (SAM.replace("src/", "gone/"), ["template.yaml", "line 12", "gone"]),
        (SAM.replace("!Ref Stage", "!Ref Stag"), ["template.yaml", "line 6", "Stag"]),
    ]:
        done = server.cli("deploy", project(tmp_path, template), "--name", "sam2", "--yes")
        assert done.returncode == 1 and all(word in done.stderr for word in words), (words, done.stderr)
        after = functions(server, "sam2")
        assert [(f["CodeSha256"], f["Timeout"], f["Runtime"]) for f in after] == \
            [(f["CodeSha256"], f["Timeout"], f["Runtime"]) for f in before]
    skipped = server.cli("deploy", project(tmp_path, SAM + "  T: {Type: 'AWS::DynamoDB::GlobalTable'}\n"), "--name", "sam2",
                         "--yes", "--skip-unsupported", "--json")
    assert skipped.returncode == 0, skipped.stderr
    assert not any("GlobalTable" in step["function"] for step in json.loads(skipped.stdout)["steps"])
    server.cli("rm", "sam2", "--yes")


def test_a_function_in_typescript_is_bundled_as_sam_build_would(server, tmp_path):
    (tmp_path / "src").mkdir()
    (tmp_path / "src" / "greeting.ts").write_text("export const greeting = (name: string): string => `Hello, ${name}`;\n")
    (tmp_path / "src" / "app.ts").write_text("""
        import { greeting } from './greeting';
        import ms from 'ms';
        export const handler = async (event: { name: string }) => ({ said: greeting(event.name), ms: ms('1s') });
        """)
    (tmp_path / "src" / "package.json").write_text('{"dependencies": {"ms": "2.1.3"}}')
    template = """
Transform: AWS::Serverless-2016-10-31
Resources:
  Greet:
    Type: AWS::Serverless::Function
    Metadata: {BuildMethod: %s, BuildProperties: {Minify: true, Target: es2020, Sourcemap: true, EntryPoints: [app.ts]}}
    Properties: {CodeUri: src/, Handler: app.handler, Runtime: nodejs20.x}
"""
    (tmp_path / "template.yaml").write_text(template % "esbuild")
    done = server.cli("deploy", tmp_path, "--name", "sam-ts", "--yes")
    assert done.returncode == 0, done.stderr
    [greet] = functions(server, "sam-ts")
    assert server.invoke(greet["FunctionName"], {"name": "you"})[0] == {"said": "Hello, you", "ms": 1000}
    (tmp_path / "template.yaml").write_text(template % "makefile")
    refused = server.cli("deploy", tmp_path, "--name", "sam-ts", "--yes")
    assert refused.returncode != 0 and "BuildMethod makefile" in refused.stderr and "sam build" in refused.stderr


def test_what_a_template_says_of_its_buckets(server, tmp_path):
    (tmp_path / "template.yaml").write_text("""
Resources:
  Site:
    Type: AWS::S3::Bucket
    Properties:
      BucketName: said-of-buckets
      CorsConfiguration: {CorsRules: [{AllowedMethods: [GET], AllowedOrigins: ['*'], AllowedHeaders: ['*'], MaxAge: 60}]}
      LifecycleConfiguration: {Rules: [{Id: old, Status: Enabled, ExpirationInDays: 3, Prefix: tmp/}]}
      WebsiteConfiguration: {IndexDocument: index.html, ErrorDocument: lost.html}
      PublicAccessBlockConfiguration: {BlockPublicAcls: true}
      BucketEncryption: {ServerSideEncryptionConfiguration: [{ServerSideEncryptionByDefault: {SSEAlgorithm: AES256}}]}
      OwnershipControls: {Rules: [{ObjectOwnership: BucketOwnerEnforced}]}
""")
    s3, one = server.client("s3"), {"Bucket": "said-of-buckets"}
    assert server.cli("deploy", tmp_path, "--name", "said", "--yes").returncode == 0
    try:
        assert s3.get_bucket_cors(**one)["CORSRules"] == [
            {"AllowedHeaders": ["*"], "AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "MaxAgeSeconds": 60}]
        [rule] = s3.get_bucket_lifecycle_configuration(**one)["Rules"]
        assert (rule["ID"], rule["Expiration"], rule["Filter"]) == ("old", {"Days": 3}, {"Prefix": "tmp/"})
        assert s3.get_bucket_website(**one)["ErrorDocument"] == {"Key": "lost.html"}
        assert s3.get_public_access_block(**one)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
        [rule] = s3.get_bucket_encryption(**one)["ServerSideEncryptionConfiguration"]["Rules"]
        assert rule["ApplyServerSideEncryptionByDefault"] == {"SSEAlgorithm": "AES256"}
        assert s3.get_bucket_ownership_controls(**one)["OwnershipControls"]["Rules"] == [{"ObjectOwnership": "BucketOwnerEnforced"}]
    finally:
        server.cli("rm", "said", "--yes")
