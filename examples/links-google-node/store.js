const {
  CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, PutObjectCommand, S3Client,
} = require('@aws-sdk/client-s3');
const { CreateTopicCommand, PublishCommand, SNSClient } = require('@aws-sdk/client-sns');

const [s3, sns] = [new S3Client(), new SNSClient()];
const Bucket = 'links-google-node';
const ready = s3.send(new CreateBucketCommand({ Bucket }));
const topic = sns.send(new CreateTopicCommand({ Name: 'link-clicks' }));

exports.read = async (code) => {
  await ready;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `links/${code}` }));
    return await Body.transformToString();
  } catch (error) {
    if (error.name !== 'NoSuchKey') throw error;
    return undefined;
  }
};

exports.write = async (code, url) => {
  await ready;
  await s3.send(new PutObjectCommand({ Bucket, Key: `links/${code}`, Body: url }));
};

exports.publish = async (code) => {
  const { TopicArn } = await topic;
  await sns.send(new PublishCommand({ TopicArn, Message: code }));
};

// Each click is an object: none is lost where two are counted at once, and none counts twice.
exports.count = async (code, id) => {
  await ready;
  await s3.send(new PutObjectCommand({ Bucket, Key: `clicks/${code}/${id}`, Body: '' }));
};

exports.clicks = async (code) => {
  await ready;
  const { KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `clicks/${code}/` }));
  return KeyCount;
};
