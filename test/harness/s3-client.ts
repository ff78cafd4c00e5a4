import { S3Client } from '@aws-sdk/client-s3'

/** The account that the test clusters are made with; `deploy/services/ceph user` creates it. */
export const s3Account = {
  region: 'us-east-1',
  accessKeyId: 'AKIATEST',
  secretAccessKey: 'secretsecret',
} as const

/** A client for a test server (path style, since 127.0.0.1 has no subdomains). The caller destroys it. */
export function s3Client(endpoint: string): S3Client {
  const { region, accessKeyId, secretAccessKey } = s3Account
  return new S3Client({
    endpoint,
    region,
    forcePathStyle: true,
    credentials: { accessKeyId, secretAccessKey },
  })
}
