const { S3Client, PutObjectCommand } = require('@aws-sdk/client-s3');

const s3 = new S3Client();

exports.countClick = async ({ Records }) => {
  for (const { body, messageId } of Records) {
    await s3.send(new PutObjectCommand({ Bucket: process.env.BUCKET, Key: `clicks/${body}/${messageId}`, Body: '' }));
  }
};

exports.heartbeat = async ({ time }) => console.log('links are served', time);
