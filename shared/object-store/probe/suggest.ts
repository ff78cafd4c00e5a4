import type { ChecksumMode, DestinationProfile } from '../../model/destination.ts'
import { type S3Profile, s3Profiles } from '../profile.ts'
import type { ProbeAnswer, ProbeCheck, ProbeFinding, Suggestion } from './finding.ts'

/** What is known of a store besides what it did. */
export interface StoreTraces {
  readonly endpoint?: string | undefined
  /** The `Server` header. */
  readonly server?: string | undefined
}

const hosts: readonly (readonly [RegExp, keyof typeof s3Profiles])[] = [
  [/(^|\.)amazonaws\.com(\.cn)?$/, 'aws'],
  [/(^|\.)r2\.cloudflarestorage\.com$/, 'r2'],
  [/(^|\.)backblazeb2\.com$/, 'b2'],
  [/(^|\.)scw\.cloud$/, 'scaleway'],
]

/** Best first: SHA-256 costs nothing, since every part has one in the manifest anyway. */
const preferred = ['sha256', 'crc32c', 'crc64nvme'] as const

/**
 * The profile and checksum that fit what was tried; undefined when the ones in use do. A kind of store that
 * can be told by its name is named, as long as it did what its profile says.
 */
export function suggest(
  profile: keyof typeof s3Profiles,
  checksum: ChecksumMode,
  findings: readonly ProbeFinding[],
  traces: StoreTraces,
): Suggestion | undefined {
  const answers = new Map<ProbeCheck, ProbeAnswer>(findings.map(({ check, answer }) => [check, answer]))
  if (answers.get('put') !== 'yes') return undefined
  const vendor = vendorOf(traces)
  const fits = (name: keyof typeof s3Profiles) => contradictions(s3Profiles[name], answers)
  const candidate: keyof typeof s3Profiles =
    vendor !== undefined && fits(vendor).length === 0
      ? vendor
      : fits(profile).length === 0
        ? profile
        : 'generic'
  const best = preferred.find(mode => answers.get(`checksum-${mode}`) === 'yes') ?? 'none'
  const usual = s3Profiles[candidate].checksum
  const keep = candidate === profile && worksAs(checksum, answers) && (checksum !== 'none' || best === 'none')
  const wanted = keep ? checksum : worksAs(usual, answers) && usual !== 'none' ? usual : best
  if (candidate === profile && wanted === checksum) return undefined
  return {
    profile: candidate satisfies DestinationProfile,
    ...(wanted === usual ? {} : { checksum: wanted }),
    reasons: [
      ...(candidate === profile
        ? []
        : [
            ...fits(profile),
            ...(candidate === vendor ? [`the endpoint is ${s3Profiles[candidate].title}`] : []),
          ]),
      ...(wanted === checksum
        ? []
        : [
            wanted === 'none'
              ? 'no checksum is verified by the server'
              : `checksum ${wanted} is verified by the server`,
          ]),
    ],
  }
}

function worksAs(mode: ChecksumMode, answers: ReadonlyMap<ProbeCheck, ProbeAnswer>): boolean {
  return mode === 'none' || answers.get(`checksum-${mode}`) === 'yes'
}

/** Where a store did not do what a profile says of it. */
function contradictions(profile: S3Profile, answers: ReadonlyMap<ProbeCheck, ProbeAnswer>): string[] {
  const conditional = answers.get('conditional-put')
  return [
    ...(profile.conditionalPut && (conditional === 'no' || conditional === 'ignored')
      ? [`If-None-Match is ${conditional === 'no' ? 'refused' : 'ignored'}`]
      : []),
    ...(profile.checksum !== 'none' && answers.get(`checksum-${profile.checksum}`) === 'no'
      ? [`checksum ${profile.checksum} is refused`]
      : []),
    ...(profile.maxParts > 1_000 && answers.get('part-numbers') === 'no'
      ? [`it does not take ${profile.maxParts} parts`]
      : []),
  ]
}

function vendorOf({ endpoint, server }: StoreTraces): keyof typeof s3Profiles | undefined {
  if (endpoint === undefined) return 'aws'
  const host = hostOf(endpoint)
  const named = hosts.find(([pattern]) => pattern.test(host))?.[1]
  if (named !== undefined) return named
  if (/minio/i.test(server ?? '')) return 'minio'
  return /ceph/i.test(server ?? '') ? 'ceph' : undefined
}

function hostOf(endpoint: string): string {
  try {
    return new URL(endpoint).hostname
  } catch {
    return ''
  }
}
