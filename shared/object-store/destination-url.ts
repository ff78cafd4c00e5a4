import { AppError } from '../errors/index.ts'

/** Where a destination's URL points. */
export type Location =
  | { readonly kind: 's3'; readonly bucket: string; readonly prefix: string }
  | { readonly kind: 'directory'; readonly path: string }

const bucketShape = /^(?!\d+\.\d+\.\d+\.\d+$)[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]$/
const segmentShape = /^(?!\.{1,2}$)[A-Za-z0-9._~=+@,!()-]+$/

/**
 * Reads `s3://bucket`, `s3://bucket/prefix` or `file:///absolute/path`. Slashes at the end do not count.
 *
 * @throws AppError `destination.invalid`, saying what is wrong; the URL is shown without user information
 */
export function parseDestination(url: string): Location {
  if (url.startsWith('s3://')) return parseS3(url)
  if (url.startsWith('file:')) return parseFile(url)
  throw invalid(url, 'it must begin with s3:// or file:///')
}

function parseS3(url: string): Location {
  const rest = url.slice('s3://'.length)
  if (rest.includes('@') && (rest.split('/')[0] ?? '').includes('@'))
    throw invalid(url, 'credentials do not belong into a URL; use the environment or a credentials file')
  if (/[?#]/.test(rest))
    throw invalid(url, 'a query or fragment is not understood; set endpoint and region as options')
  const [bucket = '', ...segments] = rest.replace(/\/+$/, '').split('/')
  if (bucket === '') throw invalid(url, 'the bucket is missing')
  if (!bucketShape.test(bucket) || bucket.includes('..'))
    throw invalid(
      url,
      'the bucket name may hold 3 to 63 of a-z 0-9 . - and begins and ends with a letter or digit',
    )
  for (const segment of segments)
    if (!segmentShape.test(segment))
      throw invalid(
        url,
        segment === ''
          ? 'the prefix holds an empty part'
          : `the prefix part ${JSON.stringify(segment)} holds characters that do not survive in keys`,
      )
  const prefix = segments.join('/')
  if (prefix.length > 200) throw invalid(url, 'the prefix is longer than 200 characters')
  return { kind: 's3', bucket, prefix }
}

function parseFile(url: string): Location {
  if (!url.startsWith('file:///')) throw invalid(url, 'a directory needs an absolute path: file:///path')
  let path: string
  try {
    path = decodeURIComponent(url.slice('file://'.length))
  } catch {
    throw invalid(url, 'a % in the path is not followed by two hex digits')
  }
  path = path.replace(/\/+$/, '')
  if (path === '') throw invalid(url, 'the root folder cannot be a destination')
  if (path.includes('\0')) throw invalid(url, 'the path holds a NUL')
  if (path.split('/').some(part => part === '..' || part === '.'))
    throw invalid(url, 'the path must not hold . or ..')
  return { kind: 'directory', path }
}

function invalid(url: string, why: string): AppError {
  const shown = url.replace(/\/\/[^/]*@/, '//[redacted]@')
  return new AppError('destination.invalid', {
    message: `the destination is not valid: ${why}`,
    context: { url: shown },
  })
}
