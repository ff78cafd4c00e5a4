import { AppError } from '../../shared/errors/index.ts'
import { manifestPrefix } from '../../shared/object-store/index.ts'

/** Where a manifest lies: the destination's URL and the key below it. */
export interface ManifestPlace {
  readonly destinationUrl: string
  readonly key: string
}

/**
 * Takes `s3://bucket/prefix/v1/manifests/YYYY/MM/DD/att_….json` apart, `file:///path/…` likewise: everything
 * before the last `v1/manifests/` is the destination.
 *
 * @throws AppError `usage.invalid`
 */
export function manifestPlace(url: string): ManifestPlace {
  const at = url.lastIndexOf(`/${manifestPrefix}`)
  if (at < 0 || !url.endsWith('.json'))
    throw new AppError('usage.invalid', {
      message: '--from is not the URL of a manifest',
      hint: `Give the whole URL as the backup printed it: s3://bucket/prefix/${manifestPrefix}2026/11/22/att_….json`,
      context: { from: url.replace(/\/\/[^/]*@/, '//[redacted]@') },
    })
  return { destinationUrl: url.slice(0, at), key: url.slice(at + 1) }
}

/** The URL of a key below a destination. */
export function urlOf(destinationUrl: string, key: string): string {
  return `${destinationUrl.replace(/\/+$/, '')}/${key}`
}
