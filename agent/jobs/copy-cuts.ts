import type { ManifestObject } from '../../shared/model/manifest.ts'
import type { ObjectStoreCapabilities } from '../../shared/object-store/port.ts'

/** A part of the copy: so many parts of the original, so many bytes. */
export interface Cut {
  readonly parts: number
  readonly size: number
}

/**
 * How the copy of an object is cut: like the original, or several of its parts as one where the store takes fewer
 * or larger parts. All cuts but the last are equal when the original's parts are.
 */
export function copyCuts(
  { parts }: Pick<ManifestObject, 'parts'>,
  { maxParts, minPartSize }: Pick<ObjectStoreCapabilities, 'maxParts' | 'minPartSize'>,
): readonly Cut[] {
  const first = parts[0]?.size ?? 0
  const together = Math.max(
    Math.ceil(parts.length / maxParts),
    parts.length > 1 && first > 0 ? Math.ceil(minPartSize / first) : 1,
  )
  const cuts: Cut[] = []
  for (let at = 0; at < parts.length; at += together) {
    const group = parts.slice(at, at + together)
    cuts.push({ parts: group.length, size: group.reduce((sum, { size }) => sum + size, 0) })
  }
  return cuts
}
