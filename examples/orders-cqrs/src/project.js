// Makes of events what is read. Each kind of event has an object of its own: their order does not matter.
const { PutObjectCommand, S3Client } = require('@aws-sdk/client-s3');

const s3 = new S3Client();

exports.handler = async ({ 'detail-type': type, detail, time }) => {
  const part = type === 'OrderPlaced' ? 'placed' : 'shipped';
  const Body = JSON.stringify({ ...detail, at: time });
  await s3.send(new PutObjectCommand({ Bucket: process.env.VIEWS, Key: `${detail.id}/${part}`, Body }));
};
