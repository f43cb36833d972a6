"""The CDK with its own command line, unmodified: `cdk bootstrap`, `cdk deploy`, `cdk destroy`."""
import json
import subprocess
import textwrap

import pytest

from conftest import ACCOUNT, REGION, eventually

APP = """
    const cdk = require('aws-cdk-lib');
    const lambda = require('aws-cdk-lib/aws-lambda');
    const sqs = require('aws-cdk-lib/aws-sqs');
    const { HttpApi } = require('aws-cdk-lib/aws-apigatewayv2');
    const { HttpLambdaIntegration } = require('aws-cdk-lib/aws-apigatewayv2-integrations');
    const { SqsEventSource } = require('aws-cdk-lib/aws-lambda-event-sources');
    const { Provider } = require('aws-cdk-lib/custom-resources');
    class Part extends cdk.NestedStack {
      constructor(scope, id) {
        super(scope, id);
        this.jobs = new sqs.Queue(this, 'Jobs');
      }
    }
    class Shop extends cdk.Stack {
      constructor(scope, id) {
        super(scope, id);
        const code = lambda.Code.fromAsset('src');
        const runtime = lambda.Runtime.NODEJS_20_X;
        const part = new Part(this, 'Part');
        const web = new lambda.Function(this, 'Web', { runtime, code, handler: 'index.handler', environment: { WHO: process.env.WHO } });
        web.addEventSource(new SqsEventSource(part.jobs));
        const api = new HttpApi(this, 'Api', { defaultIntegration: new HttpLambdaIntegration('Own', web) });
        const onEventHandler = new lambda.Function(this, 'Maker', { runtime, code, handler: 'index.made' });
        const made = new cdk.CustomResource(this, 'Made', { serviceToken: onEventHandler.functionArn, properties: { Who: process.env.WHO } });
        new cdk.CfnOutput(this, 'Id', { value: api.apiId });
        new cdk.CfnOutput(this, 'Jobs', { value: part.jobs.queueUrl });
        new cdk.CfnOutput(this, 'Function', { value: web.functionName });
        new cdk.CfnOutput(this, 'Told', { value: made.getAttString('Told') });
      }
    }
    new Shop(new cdk.App(), 'ShopByCdk');
"""
CODE = """
    const https = require('https');
    exports.handler = async (event) => {
      if (event.Records) return console.log('job', event.Records[0].body);
      return { statusCode: 200, body: 'by ' + process.env.WHO };
    };
    exports.made = async (event) => {
      const body = JSON.stringify({ Status: 'SUCCESS', PhysicalResourceId: 'it', StackId: event.StackId, RequestId: event.RequestId,
        LogicalResourceId: event.LogicalResourceId, Data: { Told: event.RequestType + ' ' + event.ResourceProperties.Who } });
      const { hostname, pathname: path } = new URL(event.ResponseURL);
      await new Promise((resolve, reject) => https.request({ hostname, path, method: 'PUT' }, (r) => { r.resume(); resolve(); })
        .on('error', reject).end(body));
    };
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    folder = tmp_path_factory.mktemp("cdk")
    (folder / "src").mkdir()
    (folder / "app.js").write_text(textwrap.dedent(APP))
    (folder / "src" / "index.js").write_text(textwrap.dedent(CODE))
    (folder / "cdk.json").write_text(json.dumps({"app": "node app.js"}))
    packages = ["aws-cdk@2.1148.1", "aws-cdk-lib@2", "constructs@10"]
    subprocess.run(["npm", "install", "--silent", "--no-audit", "--no-fund", *packages], cwd=folder, check=True)
    return folder


def test_a_cdk_app_from_bootstrap_to_destroy(server, project):
    def cdk(*args, who="cdk"):
        environment = {**server.environment(), "CDK_DEFAULT_ACCOUNT": ACCOUNT, "CDK_DEFAULT_REGION": REGION, "WHO": who,
                       "CDK_DISABLE_CLI_TELEMETRY": "true"}
        done = subprocess.run(["npx", "cdk", *args], cwd=project, env=environment, capture_output=True, text=True, timeout=300)
        assert done.returncode == 0, done.stdout + done.stderr

    cfn = server.client("cloudformation")

    def outputs():
        [stack] = cfn.describe_stacks(StackName="ShopByCdk")["Stacks"]
        return {output["OutputKey"]: output["OutputValue"] for output in stack["Outputs"]}

    cdk("bootstrap")
    cdk("deploy", "--require-approval", "never")
    found = outputs()
    ask = lambda: server.http(f"{found['Id']}.execute-api.{REGION}.localhost").text
    assert ask() == "by cdk" and found["Told"] == "Create cdk"
    server.client("sqs").send_message(QueueUrl=found["Jobs"], MessageBody="one")
    eventually(lambda: "job one" in "".join(server.log_of(found["Function"])))
    cdk("deploy", "--require-approval", "never", who="again")
    assert ask() == "by again" and outputs()["Told"] == "Update again"
    cdk("destroy", "--force")
    with pytest.raises(cfn.exceptions.ClientError):
        outputs()
