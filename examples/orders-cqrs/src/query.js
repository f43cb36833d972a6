// Answers questions, of what was made to be read.
const { GetObjectCommand, S3Client } = require('@aws-sdk/client-s3');

const s3 = new S3Client();

exports.handler = async ({ pathParameters: { id } }) => {
  const [placed, shipped] = await Promise.all([read(`${id}/placed`), read(`${id}/shipped`)]);
  if (placed === null) return { statusCode: 404, body: 'no such order' };
  return { id, item: placed.item, status: shipped === null ? 'placed' : 'shipped' };
};

async function read(Key) {
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket: process.env.VIEWS, Key }));
    return JSON.parse(await Body.transformToString());
  } catch (error) {
    if (error.name === 'NoSuchKey') return null;
    throw error;
  }
}
