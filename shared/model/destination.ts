/**
 * A destination: bucket + prefix + region + profile (architecture §2). Holds no secret: credentials stay
 * with agents.
 */
export interface Destination {
  readonly name: string
  /** `s3://bucket/prefix` or `file:///absolute/path`. */
  readonly url: string
  /** S3 endpoint of a foreign store; absent means AWS (or AWS_ENDPOINT_URL_S3). */
  readonly endpoint?: string
  readonly region?: string
  readonly profile: DestinationProfile
}

/** What is known of a kind of store; the data-path issue adds probing and more profiles. */
export const destinationProfiles = ['aws', 'generic', 'ceph', 'directory'] as const
export type DestinationProfile = (typeof destinationProfiles)[number]
