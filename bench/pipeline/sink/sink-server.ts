import { randomUUID } from 'node:crypto'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { readBody } from './body.ts'
import { complete, type SinkCounts, type SinkObject, type SinkUpload } from './objects.ts'
import { texts, type Xml, xml } from './xml.ts'

/** An answer of the sink. */
interface Reply {
  readonly status: number
  readonly headers?: Readonly<Record<string, string>>
  readonly body?: Buffer | string
}

interface Call {
  readonly request: IncomingMessage
  readonly bucket: string
  readonly key: string
  readonly query: URLSearchParams
}

const mostListed = 1_000

/**
 * An S3 server that speaks the protocol and drops the bytes: multipart uploads, whole objects, heads, lists,
 * deletes. Small objects are kept, so that manifests read back; of parts and large objects only size, tag and
 * checksum headers remain. Signatures are not checked. Path style; buckets are made by PUT.
 */
export function sinkServer(): Server {
  const sink = new Sink()
  const server = createServer({ keepAliveTimeout: 120_000, requestTimeout: 0, headersTimeout: 60_000 })
  server.on('connection', socket => {
    sink.connected(1)
    socket.once('close', () => sink.connected(-1))
  })
  server.on('request', (request, response) => {
    sink.answer(request).then(
      reply => send(request, response, reply),
      (thrown: unknown) => send(request, response, refused(500, 'InternalError', String(thrown))),
    )
  })
  return server
}

function send(request: IncomingMessage, response: ServerResponse, reply: Reply | undefined): void {
  if (reply === undefined || response.destroyed) return
  request.resume()
  const { body = '' } = reply
  const length = reply.headers?.['content-length'] ?? String(Buffer.byteLength(body))
  response.writeHead(reply.status, {
    'x-amz-request-id': randomUUID(),
    server: 'holdfast-sink',
    ...(typeof body === 'string' && body !== '' ? { 'content-type': 'application/xml' } : {}),
    ...reply.headers,
    ...(reply.status === 204 ? {} : { 'content-length': length }),
  })
  response.end(request.method === 'HEAD' ? undefined : body)
}

class Sink {
  readonly #buckets = new Map<string, Map<string, SinkObject>>()
  readonly #uploads = new Map<string, SinkUpload>()
  #requests = 0
  #bytes = 0
  #parts = 0
  #connections = 0
  #peakConnections = 0

  connected(change: 1 | -1): void {
    this.#connections += change
    this.#peakConnections = Math.max(this.#peakConnections, this.#connections)
  }

  /** Answers one request; undefined when its sender has gone. */
  async answer(request: IncomingMessage): Promise<Reply | undefined> {
    const url = new URL(request.url ?? '/', 'http://sink')
    if (url.pathname === '/-/sink')
      return ok(JSON.stringify(this.#counts()), { 'content-type': 'application/json' })
    this.#requests++
    const [, bucket = '', ...rest] = url.pathname.split('/')
    const call: Call = {
      request,
      bucket: decodeURIComponent(bucket),
      key: rest.map(decodeURIComponent).join('/'),
      query: url.searchParams,
    }
    if (call.bucket === '') return this.#listBuckets()
    if (call.key === '') return this.#ofBucket(call)
    const objects = this.#buckets.get(call.bucket)
    if (objects === undefined) return refused(404, 'NoSuchBucket')
    return call.query.has('uploadId') || call.query.has('uploads')
      ? this.#ofUpload(call, objects)
      : this.#ofObject(call, objects)
  }

  #counts(): SinkCounts {
    return {
      requests: this.#requests,
      bytes: this.#bytes,
      parts: this.#parts,
      openUploads: this.#uploads.size,
      objects: [...this.#buckets.values()].reduce((sum, objects) => sum + objects.size, 0),
      connections: this.#connections,
      peakConnections: this.#peakConnections,
    }
  }

  #listBuckets(): Reply {
    return answer('ListAllMyBucketsResult', {
      Owner: { ID: 'sink' },
      Buckets: {
        Bucket: [...this.#buckets.keys()].map(Name => ({ Name, CreationDate: new Date().toISOString() })),
      },
    })
  }

  async #ofBucket({ request, bucket, query }: Call): Promise<Reply | undefined> {
    const objects = this.#buckets.get(bucket)
    if (request.method === 'PUT') {
      if ((await readBody(request, true)) === undefined) return undefined
      if (query.size === 0 && objects === undefined) this.#buckets.set(bucket, new Map())
      return { status: 200 }
    }
    if (objects === undefined) return refused(404, 'NoSuchBucket')
    if (request.method === 'HEAD') return { status: 200 }
    if (request.method === 'POST' && query.has('delete')) {
      const body = await readBody(request, true)
      if (body === undefined) return undefined
      const keys = texts(body.bytes?.toString() ?? '', 'Key')
      for (const key of keys) objects.delete(key)
      return answer('DeleteResult', { Deleted: keys.map(Key => ({ Key })) })
    }
    if (request.method !== 'GET') return refused(501, 'NotImplemented')
    if (query.has('location')) return answer('LocationConstraint', '')
    if (query.has('uploads')) return this.#listUploads(bucket, query)
    if (query.has('versioning')) return answer('VersioningConfiguration', '')
    return list(bucket, objects, query)
  }

  #listUploads(bucket: string, query: URLSearchParams): Reply {
    const prefix = query.get('prefix') ?? ''
    const found = [...this.#uploads.values()].filter(
      each => each.bucket === bucket && each.key.startsWith(prefix),
    )
    return answer('ListMultipartUploadsResult', {
      Bucket: bucket,
      IsTruncated: false,
      Upload: found.map(({ key, id, startedAt }) => ({
        Key: key,
        UploadId: id,
        Initiated: startedAt.toISOString(),
      })),
    })
  }

  async #ofObject(
    { request, key, query }: Call,
    objects: Map<string, SinkObject>,
  ): Promise<Reply | undefined> {
    const found = objects.get(key)
    switch (request.method) {
      case 'PUT': {
        if (request.headers['x-amz-copy-source'] !== undefined) return refused(501, 'NotImplemented')
        const body = await readBody(request, true)
        if (body === undefined) return undefined
        if (request.headers['if-none-match'] === '*' && objects.has(key))
          return refused(412, 'PreconditionFailed')
        this.#bytes += body.size
        objects.set(key, { ...body, modifiedAt: new Date() })
        return { status: 200, headers: { etag: `"${body.etag}"`, ...body.checksums } }
      }
      case 'DELETE':
        objects.delete(key)
        return { status: 204 }
      case 'HEAD':
        return found === undefined
          ? { status: 404 }
          : { status: 200, headers: { ...told(found), 'content-length': String(found.size) } }
      case 'GET':
        if (found === undefined) return refused(404, 'NoSuchKey')
        if (query.has('tagging')) return answer('Tagging', { TagSet: '' })
        return found.bytes === undefined
          ? refused(501, 'NotImplemented', 'the sink dropped the bytes of this object')
          : ranged(found, found.bytes, request.headers.range)
      default:
        return refused(501, 'NotImplemented')
    }
  }

  async #ofUpload(call: Call, objects: Map<string, SinkObject>): Promise<Reply | undefined> {
    const { request, bucket, key, query } = call
    if (request.method === 'POST' && query.has('uploads')) {
      if ((await readBody(request, false)) === undefined) return undefined
      const id = randomUUID()
      this.#uploads.set(id, { id, bucket, key, startedAt: new Date(), parts: new Map() })
      return answer('InitiateMultipartUploadResult', { Bucket: bucket, Key: key, UploadId: id })
    }
    const upload = this.#uploads.get(query.get('uploadId') ?? '')
    if (request.method === 'PUT') {
      const body = await readBody(request, false)
      if (body === undefined) return undefined
      if (upload === undefined) return refused(404, 'NoSuchUpload')
      const { size, etag, checksums } = body
      this.#bytes += size
      this.#parts++
      upload.parts.set(Number(query.get('partNumber')), { size, etag, checksums })
      return { status: 200, headers: { etag: `"${etag}"`, ...checksums } }
    }
    if (upload === undefined) return refused(404, 'NoSuchUpload')
    if (request.method === 'DELETE') {
      this.#uploads.delete(upload.id)
      return { status: 204 }
    }
    if (request.method === 'GET')
      return answer('ListPartsResult', {
        Bucket: bucket,
        Key: key,
        UploadId: upload.id,
        IsTruncated: false,
        Part: [...upload.parts].map(([PartNumber, { size, etag }]) => ({
          PartNumber,
          Size: size,
          ETag: `"${etag}"`,
        })),
      })
    return await this.#complete(call, upload, objects)
  }

  async #complete(
    { request, bucket, key }: Call,
    upload: SinkUpload,
    objects: Map<string, SinkObject>,
  ): Promise<Reply | undefined> {
    const body = await readBody(request, true)
    if (body === undefined) return undefined
    const text = body.bytes?.toString() ?? ''
    const etags = texts(text, 'ETag')
    const named = texts(text, 'PartNumber').map((number, index) => ({
      number: Number(number),
      etag: (etags[index] ?? '').replaceAll('"', ''),
    }))
    const made = complete(upload, named)
    if (typeof made === 'string') return refused(400, made)
    this.#uploads.delete(upload.id)
    objects.set(key, made)
    const sum = made.checksums['x-amz-checksum-sha256']
    return answer('CompleteMultipartUploadResult', {
      Bucket: bucket,
      Key: key,
      ETag: `"${made.etag}"`,
      ...(sum === undefined ? {} : { ChecksumSHA256: sum, ChecksumType: 'COMPOSITE' }),
    })
  }
}

function list(bucket: string, objects: ReadonlyMap<string, SinkObject>, query: URLSearchParams): Reply {
  const prefix = query.get('prefix') ?? ''
  const delimiter = query.get('delimiter') ?? ''
  const after = query.get('continuation-token') ?? query.get('start-after') ?? query.get('marker') ?? ''
  const most = Math.min(mostListed, Number(query.get('max-keys') ?? mostListed))
  const folders = new Set<string>()
  const found: (readonly [string, SinkObject])[] = []
  for (const [key, object] of [...objects].sort(([a], [b]) => (a < b ? -1 : 1))) {
    if (!key.startsWith(prefix) || key <= after) continue
    const cut = delimiter === '' ? -1 : key.indexOf(delimiter, prefix.length)
    if (cut >= 0) folders.add(key.slice(0, cut + delimiter.length))
    else found.push([key, object])
  }
  const page = found.slice(0, most)
  const truncated = page.length < found.length
  return answer('ListBucketResult', {
    Name: bucket,
    Prefix: prefix,
    KeyCount: page.length,
    MaxKeys: most,
    IsTruncated: truncated,
    ...(truncated ? { NextContinuationToken: page.at(-1)?.[0] ?? '' } : {}),
    Contents: page.map(([Key, { size, etag, modifiedAt }]) => ({
      Key,
      Size: size,
      ETag: `"${etag}"`,
      LastModified: modifiedAt.toISOString(),
      StorageClass: 'STANDARD',
    })),
    CommonPrefixes: [...folders].map(Prefix => ({ Prefix })),
  })
}

function told({ etag, modifiedAt, checksums }: SinkObject): Record<string, string> {
  return {
    etag: `"${etag}"`,
    'last-modified': modifiedAt.toUTCString(),
    'accept-ranges': 'bytes',
    'content-type': 'application/octet-stream',
    ...checksums,
  }
}

function ranged(object: SinkObject, bytes: Buffer, range: string | undefined): Reply {
  const [, from, to] = /^bytes=(\d+)-(\d*)$/.exec(range ?? '') ?? []
  if (from === undefined) return { status: 200, headers: told(object), body: bytes }
  const start = Number(from)
  if (start >= bytes.length) return refused(416, 'InvalidRange')
  const end = Math.min(to ? Number(to) + 1 : bytes.length, bytes.length)
  return {
    status: 206,
    headers: { ...told(object), 'content-range': `bytes ${start}-${end - 1}/${bytes.length}` },
    body: bytes.subarray(start, end),
  }
}

function ok(body: string, headers: Readonly<Record<string, string>>): Reply {
  return { status: 200, headers, body }
}

function answer(root: string, content: Xml): Reply {
  return { status: 200, body: xml(root, content) }
}

function refused(status: number, code: string, message = code): Reply {
  return { status, body: xml('Error', { Code: code, Message: message }) }
}
