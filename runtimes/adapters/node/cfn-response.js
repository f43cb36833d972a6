'use strict';
// The module `cfn-response` of functions whose code is in a template: says what became of a custom resource.
//
// Source: CloudFormation user guide, "cfn-response module" (2026-11).

exports.SUCCESS = 'SUCCESS';
exports.FAILED = 'FAILED';

exports.send = (event, context, responseStatus, responseData, physicalResourceId, noEcho) => {
  const body = JSON.stringify({
    Status: responseStatus,
    Reason: `See the details in CloudWatch Log Stream: ${context.logStreamName}`,
    PhysicalResourceId: physicalResourceId || context.logStreamName,
    StackId: event.StackId,
    RequestId: event.RequestId,
    LogicalResourceId: event.LogicalResourceId,
    NoEcho: noEcho || false,
    Data: responseData,
  });
  const address = new URL(event.ResponseURL);
  const { request } = require(address.protocol === 'https:' ? 'node:https' : 'node:http');
  const headers = { 'content-type': '', 'content-length': Buffer.byteLength(body) };
  return new Promise((resolve) => {
    const done = () => {
      context.done?.();
      resolve();
    };
    const asked = request(address, { method: 'PUT', headers }, (answer) => answer.resume().on('end', done));
    asked.on('error', (error) => {
      console.log(`send(..) failed executing request(..): ${error}`);
      done();
    });
    asked.end(body);
  });
};
