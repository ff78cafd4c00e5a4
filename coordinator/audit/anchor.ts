import { anchorPrefix } from '../../shared/object-store/keys.ts'
import type { Millis } from '../../shared/time/index.ts'
import { type ChainHead, canonicalJson } from './chain.ts'

/** A head of the chain as it was kept outside the store: whoever rewrites the chain cannot rewrite it too. */
export interface Anchor extends ChainHead {
  /** Of the store: a new one since it was put back from a copy. */
  readonly incarnation: string
}

/** Whose anchors. */
export interface AnchorPlace {
  readonly fleetId: string
  readonly incarnation: string
}

const digits = 12
const keyShape = /^(?<incarnation>[^/]+)\/(?<seq>\d{12,16})-(?<hash>[0-9a-f]{64})\.json$/

/** Anchors of a fleet lie below it, those of each incarnation of its store apart. */
export function anchorFolder({ fleetId }: Pick<AnchorPlace, 'fleetId'>): string {
  return `${anchorPrefix}${fleetId}/`
}

/**
 * Where a head is anchored. The key says all there is to compare, so that a listing verifies a chain; the same
 * head has the same key and the same bytes, however often it is written.
 */
export function anchorKey(place: AnchorPlace, head: ChainHead): string {
  return `${anchorFolder(place)}${place.incarnation}/${String(head.seq).padStart(digits, '0')}-${head.hash}.json`
}

/** What stands in it, for people and other tools. @param at when the row was written, ms UTC */
export function anchorContent(place: AnchorPlace, head: ChainHead & { readonly at: Millis }): Uint8Array {
  const told = {
    format: 'holdfast-audit-anchor-v1',
    fleet_id: place.fleetId,
    incarnation: place.incarnation,
    seq: head.seq,
    at: head.at,
    hash: head.hash,
  }
  return new TextEncoder().encode(`${canonicalJson(told)}\n`)
}

/** The anchor a key tells of; undefined for what is none. */
export function anchorOf(key: string, place: Pick<AnchorPlace, 'fleetId'>): Anchor | undefined {
  const folder = anchorFolder(place)
  const found = key.startsWith(folder) ? keyShape.exec(key.slice(folder.length))?.groups : undefined
  const { incarnation, seq, hash } = found ?? {}
  if (incarnation === undefined || seq === undefined || hash === undefined) return undefined
  const number = Number(seq)
  return Number.isSafeInteger(number) && number > 0 ? { incarnation, seq: number, hash } : undefined
}
