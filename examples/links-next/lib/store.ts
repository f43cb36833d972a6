import {
  CreateBucketCommand, GetObjectCommand, ListObjectsV2Command, NoSuchKey, PutObjectCommand, S3Client,
} from '@aws-sdk/client-s3';

const s3 = new S3Client({});
const Bucket = 'links-next';
const ready = s3.send(new CreateBucketCommand({ Bucket }));

export async function read(code: string): Promise<string | undefined> {
  await ready;
  try {
    const { Body } = await s3.send(new GetObjectCommand({ Bucket, Key: `links/${code}` }));
    return await Body?.transformToString();
  } catch (error) {
    if (error instanceof NoSuchKey) return undefined;
    throw error;
  }
}

export async function write(code: string, url: string): Promise<void> {
  await ready;
  await s3.send(new PutObjectCommand({ Bucket, Key: `links/${code}`, Body: url }));
}

// Each click is an object: none is lost where two are counted at once.
export async function count(code: string): Promise<void> {
  await s3.send(new PutObjectCommand({ Bucket, Key: `clicks/${code}/${crypto.randomUUID()}`, Body: '' }));
}

export async function clicks(code: string): Promise<number> {
  await ready;
  const { KeyCount } = await s3.send(new ListObjectsV2Command({ Bucket, Prefix: `clicks/${code}/` }));
  return KeyCount ?? 0;
}
