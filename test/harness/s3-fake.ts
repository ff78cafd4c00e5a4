import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'

import { crc32c, crc64nvme, joinCrc64nvme } from '../../shared/object-store/crc.ts'
import { parseS3Request, type S3Request } from './s3-operation.ts'

/** How a store of this kind behaves; defaults are those of AWS. */
export interface FakeS3Traits {
  readonly maxParts?: number
  readonly minPartSize?: number
  /** All parts but the last must be of equal size, as R2 wants. */
  readonly equalParts?: boolean
  /** `ignored`: accepted and dropped; `refused`: 400 for any such header, as B2. */
  readonly checksums?: 'verified' | 'ignored' | 'refused'
  readonly conditionalPut?: 'honoured' | 'ignored' | 'not-modified' | 'not-implemented'
  readonly deletes?: 'allowed' | 'denied'
  /** The only session token taken; another one has expired. */
  readonly sessionToken?: () => string
  readonly versioning?: 'Enabled' | 'Suspended'
  readonly objectLock?: boolean
  /** Days of an AbortIncompleteMultipartUpload rule for the whole bucket. */
  readonly abortUploadsAfterDays?: number
  /** Questions about the bucket itself are denied. */
  readonly bucketQuestions?: 'answered' | 'denied'
  /** Added to the Date header, ms. */
  readonly clockOffset?: number
  /** Uploads are listed by their exact key only, as MinIO does. */
  readonly listUploadsByKeyOnly?: boolean
  /** Signed body hashes are not looked at. */
  readonly ignoreBodyHash?: boolean
}

interface Stored {
  readonly bytes: Buffer
  readonly etag: string
  readonly checksum?: { readonly algorithm: Algorithm; readonly value: string; readonly type: string }
  readonly headers: Readonly<Record<string, string>>
}
interface Part {
  readonly bytes: Buffer
  readonly etag: string
  readonly checksum: string | undefined
}
interface Upload {
  readonly key: string
  readonly algorithm: Algorithm | undefined
  readonly parts: Map<number, Part>
  readonly headers: Readonly<Record<string, string>>
}
type Algorithm = 'sha256' | 'crc32c' | 'crc64nvme'

/** An S3 server in this process: the protocol's words and refusals, any bucket, no signatures. */
export interface FakeS3 extends AsyncDisposable {
  readonly endpoint: string
  readonly region: string
  readonly accessKeyId: string
  readonly secretAccessKey: string
  readonly requests: readonly S3Request[]
  readonly objects: ReadonlyMap<string, Stored>
  readonly uploads: ReadonlyMap<string, Upload>
  readonly retained: ReadonlyMap<string, string>
  traits: FakeS3Traits
  stop(): Promise<void>
}

const algorithms: readonly Algorithm[] = ['sha256', 'crc32c', 'crc64nvme']
const kept = /^x-amz-(server-side-encryption(-aws-kms-key-id)?|storage-class|tagging|expected-bucket-owner)$/

/** Starts it on a free port of 127.0.0.1. For what only a certain kind of store does, or what a real one is too slow for. */
export async function startFakeS3(traits: FakeS3Traits = {}): Promise<FakeS3> {
  const server = createServer({ keepAliveTimeout: 60_000 })
  const requests: S3Request[] = []
  const objects = new Map<string, Stored>()
  const uploads = new Map<string, Upload>()
  const retained = new Map<string, string>()
  const state = { traits }
  server.on('request', (request: IncomingMessage, response: ServerResponse) => {
    const { method = 'GET', url = '/' } = request
    const parsed = parseS3Request(method, url, request.headers)
    requests.push(parsed)
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('error', () => response.destroy())
    request.on('end', () => {
      const answer = answerTo(parsed, Buffer.concat(chunks), { ...state, objects, uploads, retained })
      const body = answer.body ?? ''
      response.writeHead(answer.status, {
        date: new Date(Date.now() + (state.traits.clockOffset ?? 0)).toUTCString(),
        'x-amz-request-id': randomUUID(),
        ...(answer.headers?.['content-length'] === undefined
          ? { 'content-length': Buffer.byteLength(body) }
          : {}),
        ...answer.headers,
      })
      response.end(method === 'HEAD' ? undefined : body)
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const stop = async () => {
    const closed = once(server, 'close')
    server.close()
    server.closeAllConnections()
    await closed
  }
  return {
    endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    region: 'us-east-1',
    accessKeyId: 'AKIAFAKE',
    secretAccessKey: 'fake',
    requests,
    objects,
    uploads,
    retained,
    get traits() {
      return state.traits
    },
    set traits(next) {
      state.traits = next
    },
    stop,
    [Symbol.asyncDispose]: stop,
  }
}

interface Answer {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: string | Buffer
}
interface World {
  readonly traits: FakeS3Traits
  readonly objects: Map<string, Stored>
  readonly uploads: Map<string, Upload>
  readonly retained: Map<string, string>
}

function answerTo(request: S3Request, body: Buffer, world: World): Answer {
  const { traits } = world
  const token = traits.sessionToken?.()
  if (token !== undefined && header(request, 'x-amz-security-token') !== token)
    return refusal(400, 'ExpiredToken')
  const hash = header(request, 'x-amz-content-sha256')
  if (
    hash !== undefined &&
    /^[0-9a-f]{64}$/.test(hash) &&
    traits.ignoreBodyHash !== true &&
    sum('sha256', body).toString('hex') !== hash
  )
    return refusal(400, 'XAmzContentSHA256Mismatch')
  const checksums = Object.keys(request.headers).filter(name => /^x-amz-(sdk-)?checksum/.test(name))
  if (traits.checksums === 'refused' && checksums.length > 0)
    return refusal(400, 'InvalidArgument', `Unsupported header '${checksums[0]}' received for this API call.`)
  switch (request.operation) {
    case 'ListObjects':
      return listObjects(request, world)
    case 'PutObject':
      return putObject(request, body, world)
    case 'GetObject':
    case 'HeadObject':
      return getObject(request, world)
    case 'DeleteObject':
      if (traits.deletes === 'denied') return refusal(403, 'AccessDenied')
      world.objects.delete(request.key)
      return { status: 204 }
    case 'CreateMultipartUpload':
      return createUpload(request, world)
    case 'UploadPart':
      return uploadPart(request, body, world)
    case 'CompleteMultipartUpload':
      return completeUpload(request, body.toString(), world)
    case 'AbortMultipartUpload':
      return world.uploads.delete(uploadId(request)) ? { status: 204 } : refusal(404, 'NoSuchUpload')
    case 'ListMultipartUploads':
      return listUploads(request, world)
    case 'ListParts':
      return listParts(request, world)
    default:
      return other(request, body, world)
  }
}

function putObject(request: S3Request, body: Buffer, { traits, objects }: World): Answer {
  if (header(request, 'if-none-match') === '*' && traits.conditionalPut !== 'ignored') {
    if (traits.conditionalPut === 'not-implemented') return refusal(501, 'NotImplemented')
    if (objects.has(request.key))
      return traits.conditionalPut === 'not-modified' ? { status: 304 } : refusal(412, 'PreconditionFailed')
  }
  const checked = checkedBody(request, body, traits)
  if (checked.answer !== undefined) return checked.answer
  const etag = md5(body)
  objects.set(request.key, {
    bytes: body,
    etag,
    headers: keptHeaders(request),
    ...(checked.algorithm === undefined
      ? {}
      : { checksum: { algorithm: checked.algorithm, value: checked.value, type: 'FULL_OBJECT' } }),
  })
  return { status: 200, headers: { etag, ...checked.echo } }
}

function getObject(request: S3Request, { objects, traits }: World): Answer {
  const found = objects.get(request.key)
  if (found === undefined) return refusal(404, 'NoSuchKey')
  const told =
    header(request, 'x-amz-checksum-mode') === 'ENABLED' &&
    found.checksum !== undefined &&
    traits.checksums !== 'ignored'
      ? {
          [`x-amz-checksum-${found.checksum.algorithm}`]: found.checksum.value,
          'x-amz-checksum-type': found.checksum.type,
        }
      : {}
  const headers = {
    etag: found.etag,
    'last-modified': new Date(0).toUTCString(),
    ...Object.fromEntries(Object.entries(found.headers).filter(([name]) => !name.endsWith('tagging'))),
    ...told,
  }
  const range = /^bytes=(\d+)-(\d*)$/.exec(header(request, 'range') ?? '')
  const bytes =
    range === null
      ? found.bytes
      : found.bytes.subarray(Number(range[1]), range[2] === '' ? undefined : Number(range[2]) + 1)
  if (range !== null && Number(range[1]) >= found.bytes.length) return refusal(416, 'InvalidRange')
  return {
    status: range === null ? 200 : 206,
    headers: { ...headers, 'content-length': String(bytes.length) },
    body: bytes,
  }
}

function createUpload(request: S3Request, { uploads, traits }: World): Answer {
  const id = randomUUID()
  const named = header(request, 'x-amz-checksum-algorithm')?.toLowerCase()
  uploads.set(id, {
    key: request.key,
    algorithm: traits.checksums === 'ignored' ? undefined : algorithms.find(each => each === named),
    parts: new Map(),
    headers: keptHeaders(request),
  })
  return xml('InitiateMultipartUploadResult', `<Key>${request.key}</Key><UploadId>${id}</UploadId>`)
}

function uploadPart(request: S3Request, body: Buffer, { uploads, traits }: World): Answer {
  const upload = uploads.get(uploadId(request))
  if (upload === undefined) return refusal(404, 'NoSuchUpload')
  const number = Number(request.query.get('partNumber'))
  if (number < 1 || number > (traits.maxParts ?? 10_000)) return refusal(400, 'InvalidArgument')
  const checked = checkedBody(request, body, traits)
  if (checked.answer !== undefined) return checked.answer
  const etag = md5(body)
  upload.parts.set(number, {
    bytes: body,
    etag,
    checksum: upload.algorithm === undefined ? undefined : sum(upload.algorithm, body).toString('base64'),
  })
  return { status: 200, headers: { etag, ...checked.echo } }
}

function completeUpload(request: S3Request, body: string, world: World): Answer {
  const { uploads, objects, traits } = world
  const upload = uploads.get(uploadId(request))
  if (upload === undefined) return refusal(404, 'NoSuchUpload')
  const named = [...body.matchAll(/<Part>(.*?)<\/Part>/gs)].map(([, part = '']) => ({
    number: Number(/<PartNumber>(\d+)</.exec(part)?.[1]),
    etag: (/<ETag>(.*?)<\/ETag>/.exec(part)?.[1] ?? '').replaceAll('&quot;', '"'),
  }))
  const parts: Part[] = []
  for (const { number, etag } of named) {
    const part = upload.parts.get(number)
    if (part === undefined || part.etag !== etag) return refusal(400, 'InvalidPart')
    parts.push(part)
  }
  if (parts.length === 0) return refusal(400, 'MalformedXML')
  const sizes = parts.slice(0, -1).map(part => part.bytes.length)
  if (sizes.some(size => size < (traits.minPartSize ?? 0))) return refusal(400, 'EntityTooSmall')
  if (traits.equalParts === true && new Set(sizes).size > 1)
    return refusal(400, 'InvalidPart', 'All non-trailing parts must have the same length.')
  const { algorithm } = upload
  const told = algorithm === undefined ? undefined : wholeChecksum(algorithm, parts)
  const claimed = algorithm === undefined ? undefined : header(request, `x-amz-checksum-${algorithm}`)
  if (claimed !== undefined && claimed !== told) return refusal(400, 'BadDigest')
  objects.set(upload.key, {
    bytes: Buffer.concat(parts.map(part => part.bytes)),
    etag: `"${createHash('md5')
      .update(Buffer.concat(parts.map(part => Buffer.from(part.etag.slice(1, -1), 'hex'))))
      .digest('hex')}-${parts.length}"`,
    headers: upload.headers,
    ...(algorithm === undefined || told === undefined
      ? {}
      : {
          checksum: {
            algorithm,
            value: told,
            type: algorithm === 'crc64nvme' ? 'FULL_OBJECT' : 'COMPOSITE',
          },
        }),
  })
  uploads.delete(uploadId(request))
  return xml('CompleteMultipartUploadResult', `<Key>${upload.key}</Key><ETag>&quot;x&quot;</ETag>`)
}

function listUploads(request: S3Request, { uploads, traits }: World): Answer {
  const prefix = request.query.get('prefix') ?? ''
  const fits = (key: string) =>
    traits.listUploadsByKeyOnly === true ? key === prefix : key.startsWith(prefix)
  const found = [...uploads].filter(([, { key }]) => fits(key))
  return xml(
    'ListMultipartUploadsResult',
    `<IsTruncated>false</IsTruncated>${found
      .map(([id, { key }]) => `<Upload><Key>${key}</Key><UploadId>${id}</UploadId></Upload>`)
      .join('')}`,
  )
}

function listParts(request: S3Request, { uploads }: World): Answer {
  const upload = uploads.get(uploadId(request))
  if (upload === undefined) return refusal(404, 'NoSuchUpload')
  const after = Number(request.query.get('part-number-marker') ?? 0)
  const rest = [...upload.parts].sort(([a], [b]) => a - b).filter(([number]) => number > after)
  const page = rest.slice(0, Number(request.query.get('max-parts') ?? 1_000))
  const element: Record<Algorithm, string> = {
    sha256: 'ChecksumSHA256',
    crc32c: 'ChecksumCRC32C',
    crc64nvme: 'ChecksumCRC64NVME',
  }
  const shown = page.map(([number, { bytes, etag, checksum }]) => {
    const told =
      upload.algorithm === undefined || checksum === undefined
        ? ''
        : `<${element[upload.algorithm]}>${checksum}</${element[upload.algorithm]}>`
    return `<Part><PartNumber>${number}</PartNumber><ETag>${etag.replaceAll('"', '&quot;')}</ETag><Size>${bytes.length}</Size>${told}</Part>`
  })
  return xml(
    'ListPartsResult',
    `<IsTruncated>${page.length < rest.length}</IsTruncated><NextPartNumberMarker>${page.at(-1)?.[0] ?? 0}</NextPartNumberMarker>${shown.join('')}`,
  )
}

function listObjects(request: S3Request, { objects }: World): Answer {
  const prefix = request.query.get('prefix') ?? ''
  const after = request.query.get('continuation-token') ?? ''
  const most = Number(request.query.get('max-keys') ?? 1_000)
  const keys = [...objects.keys()].filter(key => key.startsWith(prefix) && key > after).sort()
  const page = keys.slice(0, most)
  return xml(
    'ListBucketResult',
    `<IsTruncated>${page.length < keys.length}</IsTruncated>${
      page.length < keys.length ? `<NextContinuationToken>${page.at(-1)}</NextContinuationToken>` : ''
    }${page
      .map(key => `<Contents><Key>${key}</Key><Size>${objects.get(key)?.bytes.length ?? 0}</Size></Contents>`)
      .join('')}`,
  )
}

function other(request: S3Request, body: Buffer, { traits, objects, retained }: World): Answer {
  const asked = (name: string) => request.query.has(name)
  if (request.key !== '' && asked('retention')) {
    if (traits.objectLock !== true)
      return refusal(400, 'InvalidRequest', 'Bucket is missing Object Lock Configuration')
    if (!objects.has(request.key)) return refusal(404, 'NoSuchKey')
    retained.set(request.key, body.toString())
    return { status: 200 }
  }
  if (request.key !== '' && asked('tagging')) {
    const tags = new URLSearchParams(objects.get(request.key)?.headers['x-amz-tagging'] ?? '')
    return xml(
      'Tagging',
      `<TagSet>${[...tags].map(([Key, Value]) => `<Tag><Key>${Key}</Key><Value>${Value}</Value></Tag>`).join('')}</TagSet>`,
    )
  }
  if (traits.bucketQuestions === 'denied') return refusal(403, 'AccessDenied')
  if (asked('versioning'))
    return xml(
      'VersioningConfiguration',
      traits.versioning === undefined ? '' : `<Status>${traits.versioning}</Status>`,
    )
  if (asked('object-lock'))
    return traits.objectLock === true
      ? xml('ObjectLockConfiguration', '<ObjectLockEnabled>Enabled</ObjectLockEnabled>')
      : refusal(404, 'ObjectLockConfigurationNotFoundError')
  if (asked('lifecycle'))
    return traits.abortUploadsAfterDays === undefined
      ? refusal(404, 'NoSuchLifecycleConfiguration')
      : xml(
          'LifecycleConfiguration',
          `<Rule><ID>abort</ID><Filter><Prefix></Prefix></Filter><Status>Enabled</Status><AbortIncompleteMultipartUpload><DaysAfterInitiation>${traits.abortUploadsAfterDays}</DaysAfterInitiation></AbortIncompleteMultipartUpload></Rule>`,
        )
  return refusal(501, 'NotImplemented')
}

/** Verifies the checksum that came with a body; what is verified is told back. */
function checkedBody(
  request: S3Request,
  body: Buffer,
  traits: FakeS3Traits,
):
  | {
      readonly answer: Answer
      readonly algorithm?: undefined
      readonly value?: undefined
      readonly echo?: undefined
    }
  | {
      readonly answer?: undefined
      readonly algorithm: Algorithm | undefined
      readonly value: string
      readonly echo: Readonly<Record<string, string>>
    } {
  const given = header(request, 'content-md5')
  if (given !== undefined && createHash('md5').update(body).digest('base64') !== given)
    return { answer: refusal(400, 'BadDigest') }
  const algorithm = algorithms.find(each => header(request, `x-amz-checksum-${each}`) !== undefined)
  if (algorithm === undefined || traits.checksums === 'ignored')
    return { algorithm: undefined, value: '', echo: {} }
  const value = sum(algorithm, body).toString('base64')
  if (header(request, `x-amz-checksum-${algorithm}`) !== value) return { answer: refusal(400, 'BadDigest') }
  return { algorithm, value, echo: { [`x-amz-checksum-${algorithm}`]: value } }
}

function wholeChecksum(algorithm: Algorithm, parts: readonly Part[]): string {
  const sums = parts.map(part => sum(algorithm, part.bytes))
  if (algorithm === 'crc64nvme')
    return joinCrc64nvme(
      parts.map(({ bytes }, index) => ({ size: bytes.length, crc: sums[index] ?? Buffer.alloc(8) })),
    ).toString('base64')
  return `${sum(algorithm, Buffer.concat(sums)).toString('base64')}-${parts.length}`
}

function sum(algorithm: Algorithm, bytes: Buffer): Buffer {
  if (algorithm === 'sha256') return createHash('sha256').update(bytes).digest()
  return algorithm === 'crc32c' ? crc32c(bytes) : crc64nvme(bytes)
}

function md5(bytes: Buffer): string {
  return `"${createHash('md5').update(bytes).digest('hex')}"`
}

function header(request: S3Request, name: string): string | undefined {
  const value = request.headers[name]
  return Array.isArray(value) ? value[0] : value
}

function keptHeaders(request: S3Request): Readonly<Record<string, string>> {
  return Object.fromEntries(
    Object.entries(request.headers).flatMap(([name, value]) =>
      kept.test(name) && typeof value === 'string' ? [[name, value] as const] : [],
    ),
  )
}

function uploadId(request: S3Request): string {
  return request.query.get('uploadId') ?? ''
}

function xml(root: string, content: string): Answer {
  return {
    status: 200,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<${root} xmlns="http://s3.amazonaws.com/doc/2006-03-01/">${content}</${root}>`,
  }
}

function refusal(status: number, code: string, message = code): Answer {
  return {
    status,
    headers: { 'content-type': 'application/xml' },
    body: `<?xml version="1.0" encoding="UTF-8"?>\n<Error><Code>${code}</Code><Message>${message}</Message></Error>`,
  }
}
