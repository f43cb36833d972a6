const { S3Client, GetObjectCommand, ListObjectsV2Command, PutObjectCommand } = require('@aws-sdk/client-s3');
const { SQSClient, SendMessageCommand } = require('@aws-sdk/client-sqs');

const s3 = new S3Client();
const sqs = new SQSClient();
const { BUCKET: Bucket, QUEUE: QueueUrl } = process.env;

exports.shorten = async ({ pathParameters: { code }, body, isBase64Encoded }) => {
  const url = isBase64Encoded ? Buffer.from(body, 'base64').toString() : body;
  if (!URL.canParse(url)) return { statusCode: 400, body: 'the body must be a URL' };
  await s3.send(new PutObjectCommand({ Bucket, Key: `links/${code}`, Body: url }));
  return { statusCode: 201, body: JSON.stringify({ code, url }) };
};

exports.follow = async ({ pathParameters: { code } }) => {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `links/${code}` }));
    await sqs.send(new SendMessageCommand({ QueueUrl, MessageBody: code }));
    return { statusCode: 302, headers: { location: await Body.transformToString() } };
  } catch (error) {
    if (error.name !== 'NoSuchKey') throw error;
    return { statusCode: 404, body: 'no such link' };
  }
};

// Each click is an object: none is lost where two are counted at once, and none counts twice.
exports.clicks = async ({ pathParameters: { code } }) => {
  const { KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `clicks/${code}/` }));
  return { clicks: KeyCount };
};
