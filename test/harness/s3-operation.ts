/** Operations of S3 that matter to a backup, told apart by method, path and query (path style). */
export type S3Operation =
  | 'PutObject'
  | 'GetObject'
  | 'HeadObject'
  | 'DeleteObject'
  | 'DeleteObjects'
  | 'ListObjects'
  | 'CreateMultipartUpload'
  | 'UploadPart'
  | 'CompleteMultipartUpload'
  | 'AbortMultipartUpload'
  | 'ListMultipartUploads'
  | 'ListParts'
  | 'other'

/** One request as the proxy saw it. */
export interface S3Request {
  readonly operation: S3Operation
  readonly method: string
  readonly bucket: string
  /** Decoded key; empty for requests on the bucket. */
  readonly key: string
  readonly query: URLSearchParams
  readonly headers: Readonly<Record<string, string | string[] | undefined>>
}

/** Which requests a rule is for; every given part must match. A string `query` is the name of a parameter that must be there. */
export interface S3Matcher {
  readonly operation?: S3Operation
  readonly method?: string
  readonly bucket?: string
  readonly key?: string | RegExp
  readonly query?: string | Readonly<Record<string, string | true>>
}

/** Reads a request line and headers as an S3 request of path style. */
export function parseS3Request(method: string, target: string, headers: S3Request['headers']): S3Request {
  const [path = '', search = ''] = target.split('?', 2)
  const [, bucket = '', ...rest] = path.split('/')
  const key = rest.map(decodeURIComponent).join('/')
  const query = new URLSearchParams(search)
  return {
    operation: operationOf(method, key, query),
    method,
    bucket: decodeURIComponent(bucket),
    key,
    query,
    headers,
  }
}

function operationOf(method: string, key: string, query: URLSearchParams): S3Operation {
  const upload = query.has('uploadId')
  if (key === '') {
    if (method === 'GET' && query.has('uploads')) return 'ListMultipartUploads'
    if (method === 'POST' && query.has('delete')) return 'DeleteObjects'
    const listing = ['list-type', 'prefix', 'delimiter', 'marker', 'max-keys'].some(name => query.has(name))
    return method === 'GET' && (listing || query.size === 0) ? 'ListObjects' : 'other'
  }
  if (method === 'POST' && query.has('uploads')) return 'CreateMultipartUpload'
  if (method === 'POST' && upload) return 'CompleteMultipartUpload'
  if (method === 'PUT' && upload) return 'UploadPart'
  if (method === 'DELETE' && upload) return 'AbortMultipartUpload'
  if (method === 'GET' && upload) return 'ListParts'
  const sub = ['tagging', 'acl', 'retention', 'legal-hold', 'attributes'].some(name => query.has(name))
  if (sub) return 'other'
  const plain: Record<string, S3Operation> = {
    PUT: 'PutObject',
    GET: 'GetObject',
    HEAD: 'HeadObject',
    DELETE: 'DeleteObject',
  }
  return plain[method] ?? 'other'
}

/** Whether the request is one that the matcher means. */
export function matchesS3(matcher: S3Matcher, request: S3Request): boolean {
  const { operation, method, bucket, key, query } = matcher
  if (operation !== undefined && operation !== request.operation) return false
  if (method !== undefined && method !== request.method) return false
  if (bucket !== undefined && bucket !== request.bucket) return false
  if (typeof key === 'string' && key !== request.key) return false
  if (key instanceof RegExp && !key.test(request.key)) return false
  const wanted = typeof query === 'string' ? { [query]: true as const } : (query ?? {})
  return Object.entries(wanted).every(([name, value]) =>
    value === true ? request.query.has(name) : request.query.get(name) === value,
  )
}
